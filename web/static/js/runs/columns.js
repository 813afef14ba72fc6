// Which columns of the list of runs are shown; the browser remembers it.
const KEY = "hidden-columns";

function hidden() {
  return (localStorage.getItem(KEY) ?? "").split(" ").filter(Boolean);
}

function show() {
  const table = document.querySelector("table[data-columns]");
  if (!table) return;
  for (const box of document.querySelectorAll("input[data-column]")) box.checked = !hidden().includes(box.dataset.column);
  for (const cell of table.querySelectorAll("[data-col]")) cell.hidden = hidden().includes(cell.dataset.col);
}

function onChange({ target }) {
  const name = target.dataset?.column;
  if (!name) return;
  const others = hidden().filter((each) => each !== name);
  localStorage.setItem(KEY, (target.checked ? others : [...others, name]).join(" "));
  show();
}

export function startColumns() {
  show();
  document.addEventListener("change", onChange);
  document.addEventListener("swapped", show);
}
