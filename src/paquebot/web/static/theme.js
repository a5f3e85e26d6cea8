// Runs before the page is painted: where nobody chose a theme, the system's is followed, also when it changes.
(() => {
  const root = document.documentElement;
  if (!root.hasAttribute("data-follow-system")) return;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  follow();
  dark.addEventListener("change", follow);
})();
