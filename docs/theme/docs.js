// Before anything is drawn: the theme that was chosen in the dashboard, whose cookie says it.
document.documentElement.dataset.theme = /(?:^|; )theme=(light|dark)/.exec(document.cookie)?.[1] ?? "system";

var base_url = document.documentElement.dataset.base; // MkDocs' search looks there for its index

addEventListener("DOMContentLoaded", () => {
  const wide = matchMedia("(min-width: 60rem)");
  const fold = () => (document.querySelector("nav details").open = wide.matches); // on a phone it is long
  wide.addEventListener("change", fold);
  fold();
  for (const table of document.querySelectorAll("main table, main pre")) {
    table.tabIndex = 0; // may be wider than a phone: scrolled by keys too
  }
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
});
