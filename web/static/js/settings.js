// What a reader chooses for all pages: the theme, and whether single keys do something. Cookies keep it, so that the
// server renders the next page so from its first byte.
const YEAR_S = 31_536_000;

// Which media each palette is for, by theme; print is always light. The server writes the same into a new page.
const MEDIA = {
  system: { light: "(prefers-color-scheme: light), print", dark: "screen and (prefers-color-scheme: dark)" },
  light: { light: "all", dark: "not all" },
  dark: { light: "print", dark: "screen" },
};

export function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; samesite=strict`;
}

function onChange({ target }) {
  if (target.dataset.setting === "theme") {
    keep("theme", target.value);
    document.documentElement.dataset.theme = target.value;
    for (const link of document.querySelectorAll("[data-palette]")) link.media = MEDIA[target.value][link.dataset.palette];
  } else if (target.dataset.setting === "shortcuts") {
    keep("shortcuts", target.checked ? "on" : "off");
    document.documentElement.classList.toggle("shortcuts-off", !target.checked);
  }
}

export function startSettings() {
  document.addEventListener("change", onChange);
}
