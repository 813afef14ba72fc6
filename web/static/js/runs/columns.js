// Which columns of the list of runs are shown; the browser remembers those that are not as the page sends them.
const KEY = "hidden-columns"; // named when none was hidden at first

function turned() {
  return (localStorage.getItem(KEY) ?? "").split(" ").filter(Boolean);
}

function show() {
  const table = document.querySelector("table[data-columns]");
  if (!table) return;
  for (const box of document.querySelectorAll("input[data-column]")) {
    box.checked = box.defaultChecked !== turned().includes(box.dataset.column);
    for (const cell of table.querySelectorAll(`[data-col="${box.dataset.column}"]`)) cell.hidden = !box.checked;
  }
}

function onChange({ target }) {
  const name = target.dataset?.column;
  if (!name) return;
  const others = turned().filter((each) => each !== name);
  localStorage.setItem(KEY, (target.checked === target.defaultChecked ? others : [...others, name]).join(" "));
  show();
}

export function startColumns() {
  show();
  document.addEventListener("change", onChange);
  document.addEventListener("swapped", show);
}
