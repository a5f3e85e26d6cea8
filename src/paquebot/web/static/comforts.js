// Comforts of the data pages: columns dragged into order, files dropped, a query refreshed by Ctrl+Enter. All of it works without.
(() => {
  const ready = (root) => root.querySelectorAll?.("[data-ordering]").forEach((form) => form.classList.add("ordering-ready"));
  ready(document);
  document.addEventListener("htmx:load", (event) => ready(event.target.parentElement ?? document));

  // Dragging: the item follows the pointer among its neighbours; letting go saves.
  let dragged = null;
  document.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-ordering] .grip");
    if (!grip || event.button > 0) return;
    event.preventDefault();
    dragged = { item: grip.closest("[data-item]"), form: grip.closest("form"), before: order(grip.closest("form")) };
    dragged.item.classList.add("dragged");
  });
  document.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const { item } = dragged;
    const middle = (other) => other.getBoundingClientRect().top + other.offsetHeight / 2;
    const { previousElementSibling: above, nextElementSibling: below } = item;
    if (above && event.clientY < middle(above)) above.before(item);
    else if (below && event.clientY > middle(below)) below.after(item);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      if (!dragged) return;
      const { item, form, before } = dragged;
      item.classList.remove("dragged");
      dragged = null;
      if (order(form) !== before) form.requestSubmit();
    });
  }
  const order = (form) => [...form.querySelectorAll("[name=column]")].map((field) => field.value).join("\n");

  // The focus follows a column that was moved by its button.
  let follow = null;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ordering] [name=move]");
    if (button?.getAttribute("aria-disabled")) event.preventDefault();
    else if (button) follow = button.value;
  });
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
  document.addEventListener("submit", (event) => {
    const waiting = event.target.querySelector?.("[data-sending]");
    if (waiting) waiting.hidden = false;
  });

  // A new project begins with the time zone of whoever makes it.
  const zones = document.querySelector("select[data-timezone]");
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zones && zones.value === "UTC" && [...zones.options].some((option) => option.value === own)) zones.value = own;
})();
