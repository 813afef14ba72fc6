// Filters of the list of runs, saved by name in this browser.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { make } from "../elements.js";

const KEY = "saved-filters";

// Filters and order of the list, without the page.
function shownQuery() {
  const query = new URLSearchParams(location.search);
  for (const name of ["after", "before"]) query.delete(name);
  return `?${query}`;
}

// [{ name, query }], the newest last
function saved() {
  return JSON.parse(localStorage.getItem(KEY) ?? "[]");
}

function keep(filters) {
  localStorage.setItem(KEY, JSON.stringify(filters));
  show();
}

function show() {
  const place = document.querySelector("[data-saved]");
  if (!place) return;
  const links = saved().map(({ name, query }) => {
    const link = make("a", { className: "btn btn-quiet btn-sm", href: at(`/runs${query}`) }, name);
    if (query === shownQuery()) link.ariaCurrent = "true";
    const remove = make(
      "button",
      { type: "button", className: "btn btn-quiet btn-sm", ariaLabel: `Delete filter ${name}` },
      "✕",
    );
    remove.addEventListener("click", () => keep(saved().filter((each) => each.name !== name)));
    return make("span", { className: "segments" }, link, remove);
  });
  place.replaceChildren(...links);
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-save-filter]")) return;
  const name = window.prompt("Filter name")?.trim().slice(0, 40);
  if (!name) return;
  keep([...saved().filter((each) => each.name !== name), { name, query: shownQuery() }]);
  announce(`Filter ${name} saved`);
});
document.addEventListener("swapped", show);
show();
