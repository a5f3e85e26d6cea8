// What the pages do beyond links and forms. Everything here is a comfort: each page can be read and saved without it.
(() => {
  const menus = () => document.querySelectorAll("details[data-menu][open]");
  const closeMenus = (except) => menus().forEach((menu) => menu !== except && menu.removeAttribute("open"));
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");

  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details[data-menu]"));
    if (!event.target.closest("[data-search]")) clearResults();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") escape();
    const asked = (event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing(event.target));
    if (asked) {
      event.preventDefault();
      openSearch();
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") walk(event);
  });

  function escape() {
    for (const menu of menus()) {
      const inside = menu.contains(document.activeElement);
      menu.removeAttribute("open");
      if (inside) menu.querySelector("summary").focus();
    }
    if (document.activeElement?.closest("[data-search]")) {
      clearResults();
      document.querySelector("[data-search] input").focus();
    }
  }

  function openSearch() {
    const field = document.querySelector("[data-search] input");
    if (field && field.offsetParent !== null) {
      field.focus();
      field.select();
    } else document.querySelector(".search-link")?.click();
  }

  function clearResults() {
    document.getElementById("search-results")?.replaceChildren();
  }

  // Up and down arrows walk through the lines of an open menu and through what the search found.
  function walk(event) {
    const list = event.target.closest("details[data-menu][open], [data-search]");
    if (!list) return;
    const stops = [...list.querySelectorAll("summary, .menu-line, [data-search] input, .found a")];
    const next = stops[stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  }

  // A box marked data-choose-all follows and leads the boxes it names; data-chosen tells how many are chosen.
  document.addEventListener("change", (event) => {
    const all = document.querySelector("[data-choose-all]");
    if (!all) return;
    const boxes = [...document.querySelectorAll(`input[name="${all.dataset.chooseAll}"]`)];
    if (event.target === all) boxes.forEach((box) => (box.checked = all.checked));
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && !all.checked;
    const count = document.querySelector("[data-chosen]");
    count.hidden = false;
    count.textContent = `${chosen} / ${boxes.length}`;
  });

  // A button marked data-copy copies that text, and says so.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });

  // Where one is stands in view, in the tabs and in the bar of a phone, which are wider than it.
  for (const current of document.querySelectorAll(".tabs [aria-current], .rail [aria-current]")) {
    const row = current.parentElement;
    row.scrollLeft = current.offsetLeft - row.offsetLeft - (row.clientWidth - current.offsetWidth) / 2;
  }
})();
