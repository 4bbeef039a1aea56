// Before the first paint: the theme that was chosen, else the device's.
const chosen = localStorage.getItem("switchboard:theme");
document.documentElement.dataset.theme =
  chosen ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
