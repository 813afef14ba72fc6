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
  const input = document.querySelector("#mkdocs-search-query");
  const results = document.querySelector("#mkdocs-search-results");
  const listen = input.addEventListener.bind(input);
  let isLoaded = false;
  // MkDocs begins to listen once its index is loaded: what was typed before is then searched for
  input.addEventListener = (kind, ...rest) => {
    listen(kind, ...rest);
    isLoaded = true;
    input.dispatchEvent(new Event(kind));
  };
  listen("input", () => {
    if (!isLoaded) results.textContent = "Loading the index…";
  });
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
});
