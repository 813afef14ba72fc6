// Remembers which runs are ticked for comparison, across pages of the list, and says how many more are needed.
const KEY = "compared-runs";
const LEAST = 2;
const MOST = 5;

function chosen() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
}

function show() {
  const form = document.getElementById("compare-form");
  if (!form) return;
  const runs = chosen();
  for (const box of form.querySelectorAll('input[name="run"]')) {
    box.checked = runs.includes(box.value);
    box.disabled = !box.checked && runs.length >= MOST;
  }
  const fits = runs.length >= LEAST && runs.length <= MOST;
  form.querySelector("[data-compare]").disabled = !fits;
  form.querySelector("[data-compare]").textContent = runs.length ? `Compare ${runs.length}` : "Compare";
  form.querySelector("[data-compare-hint]").textContent =
    runs.length === 0 ? "Tick two to five completed runs to compare them." : runs.length < LEAST ? "One more is needed." : "";
}

function onChange(event) {
  const box = event.target;
  if (box.name !== "run" || !box.closest("#compare-form")) return;
  const others = chosen().filter((run) => run !== box.value);
  sessionStorage.setItem(KEY, JSON.stringify(box.checked ? [...others, box.value].slice(0, MOST) : others));
  show();
}

function onSubmit(event) {
  if (event.target.id !== "compare-form") return;
  event.preventDefault();
  const query = chosen().map((run) => `run=${encodeURIComponent(run)}`).join("&");
  sessionStorage.removeItem(KEY);
  location.assign(`${event.target.action}?${query}`);
}

export function startComparing() {
  show();
  document.addEventListener("change", onChange);
  document.addEventListener("submit", onSubmit);
  document.addEventListener("swapped", show);
}
