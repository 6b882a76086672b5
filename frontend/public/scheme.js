// Before the first paint: the theme this browser was last set to, so that nothing flashes.
(function () {
  var kept = null;
  try {
    kept = localStorage.getItem("carrel-scheme");
  } catch {
    // Storage may be refused; the system's theme is used then.
  }
  var dark =
    kept === "dark" || (kept !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
