// Settings for all pages: theme, single-key shortcuts and definitions. They are cookies, so that the server renders
// the next page with them.
import { at } from "./addresses.js";

const YEAR_S = 31_536_000;

export function keep(name, value) {
  document.cookie = `${name}=${value}; path=${at("/")}; max-age=${YEAR_S}; samesite=strict`;
}

function onChange({ target }) {
  if (target.dataset.setting === "theme") {
    keep("theme", target.value);
    document.documentElement.dataset.theme = target.value;
  } else if (target.dataset.setting === "shortcuts") {
    keep("shortcuts", target.checked ? "on" : "off");
    document.documentElement.classList.toggle("shortcuts-off", !target.checked);
  } else if (target.dataset.setting === "definitions") {
    keep("definitions", target.checked ? "on" : "off");
    document.documentElement.classList.toggle("with-definitions", target.checked);
  }
}

document.addEventListener("change", onChange);
