// Comforts of some pages: fields and columns dragged into order, files dropped, a query refreshed by Ctrl+Enter. All of it works
// without.
(() => {
  const ready = () => {
    document.querySelectorAll("[data-ordering]").forEach((list) => list.classList.add("ordering-ready"));
    document.querySelectorAll("[data-tick], [data-untick]").forEach((button) => (button.hidden = false));
    document.querySelectorAll("[data-ticked]").forEach(count);
  };
  for (const event of ["htmx:load", "paquebot:shown"]) document.addEventListener(event, ready);
  const boxes = (one) => [...one.closest("form").querySelectorAll(one.dataset.tick ?? one.dataset.untick ?? one.dataset.ticked)];
  function count(place) {
    const all = boxes(place);
    place.textContent = `${all.filter((box) => box.checked).length} / ${all.length}`;
  }
  ready();

  // Every box of a list ticked or not at once, and how many are.
  document.addEventListener("change", (event) => event.target.closest("form")?.querySelectorAll("[data-ticked]").forEach(count));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tick], [data-untick]");
    if (!button) return;
    boxes(button).forEach((box) => (box.checked = "tick" in button.dataset));
    changed(button);
  });
  const changed = (element) => {
    for (const kind of ["input", "change"]) element.dispatchEvent(new Event(kind, { bubbles: true }));
  };

  // Dragging: the item follows the pointer among its neighbours; letting go saves where the list is a form of its own, and is one
  // more change of the form it stands in otherwise.
  let dragged = null;
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-ordering] .grip");
    if (!grip || event.button > 0) return;
    event.preventDefault();
    const list = grip.closest("[data-ordering]");
    dragged = { item: grip.closest("[data-item]"), list, before: order(list) };
    dragged.item.classList.add("dragged");
  });
  document.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const { item } = dragged;
    const middle = (other) => other.getBoundingClientRect().top + other.offsetHeight / 2;
    const { previousElementSibling: above, nextElementSibling: below } = item;
    if (above?.matches("[data-item]") && event.clientY < middle(above)) above.before(item);
    else if (below && event.clientY > middle(below)) below.after(item);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      if (!dragged) return;
      const { item, list, before } = dragged;
      item.classList.remove("dragged");
      dragged = null;
      ends(list);
      if (order(list) === before) return;
      if (list.matches("form")) list.requestSubmit();
      else changed(item);
    });
  }
  const order = (list) => [...list.querySelectorAll("[name=column], [name=line]")].map((field) => field.value).join("\n");
  function ends(list) {
    const items = [...list.querySelectorAll("[data-item]")];
    items.forEach((item, place) => {
      const [up, down] = item.querySelectorAll("[name=move]");
      up?.toggleAttribute("aria-disabled", place === 0);
      down?.toggleAttribute("aria-disabled", place === items.length - 1);
      for (const button of [up, down]) if (button?.hasAttribute("aria-disabled")) button.setAttribute("aria-disabled", "true");
    });
  }

  // The focus follows a column that was moved by its button.
  let follow = null;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ordering] [name=move]");
    if (button?.getAttribute("aria-disabled")) event.preventDefault();
    else if (button && !button.closest("form[data-ordering]")) step(event, button);
    else if (button) follow = button.value;
  });
  // In a form that is saved later the line moves here and now.
  function step(event, button) {
    event.preventDefault();
    const item = button.closest("[data-item]");
    const up = button.value.startsWith("up");
    const other = up ? item.previousElementSibling : item.nextElementSibling;
    if (up) other.before(item);
    else other.after(item);
    ends(item.closest("[data-ordering]"));
    button.focus();
    changed(item);
  }
  document.addEventListener("htmx:afterSettle", (event) => {
    if (!event.target.querySelector?.("[data-ordering]")) return;
    if (follow) [...document.querySelectorAll("[name=move]")].find((button) => button.value === follow)?.focus();
    follow = null;
  });

  // Ctrl+Enter refreshes what a query finds.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    const button = event.target.closest("form")?.querySelector("[name=do][value=try]");
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // A file dropped on its place is chosen.
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const place = event.target.closest?.("[data-drop]");
      if (!place) return;
      event.preventDefault();
      place.classList.toggle("drop-over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files.length) place.querySelector("input[type=file]").files = event.dataTransfer.files;
    });
  }

  // A new project begins with the time zone of whoever makes it.
  const zones = document.querySelector("select[data-timezone]");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zones && zones.value === "UTC" && [...zones.options].some((option) => option.value === own)) zones.value = own;
})();
