// Before anything is drawn: the theme that was chosen in the dashboard, whose cookie says it.
const theme = /(?:^|; )theme=(light|dark)/.exec(document.cookie)?.[1];
if (theme) {
  for (const link of document.querySelectorAll("[data-palette]")) {
    link.media = link.dataset.palette === theme ? "all" : "not all";
  }
}

var base_url = document.documentElement.dataset.base; // MkDocs' search looks there for its index

addEventListener("DOMContentLoaded", () => {
  const wide = matchMedia("(min-width: 60rem)");
  const pages = document.querySelector("nav details");
  const show = () => (pages.open ||= wide.matches); // on a phone the list of pages is folded in
  wide.addEventListener("change", show);
  show();
  for (const table of document.querySelectorAll("main table, main pre")) {
    table.tabIndex = 0; // may be wider than a phone: scrolled by keys too
  }
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
});
