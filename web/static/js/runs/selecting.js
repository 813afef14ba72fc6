// Remembers the selected runs of a filter across pages and refreshes, names them, and changes all of them.
import { announce } from "../announce.js";
import { confirmDeletion } from "../deleting.js";
import { fieldValue } from "../inputs.js";
import { sendJson } from "../requests.js";
import { refresh } from "../swap.js";

const KEY = "ticked-runs";
const LEAST = 2;
const MOST = 5; // runs that can be compared
const NAMED = 5; // runs named above the list; others are counted
let isBusy = false; // while the server changes runs
let isLeft = false; // leaving the page, so a missing response means nothing

// [{ id, name, state }], with the states on the page
function ticked() {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  return kept.filter === filter() ? kept.runs.map((run) => (boxOf(run) ? described(boxOf(run)) : run)) : [];
}

function filter() {
  return document.getElementById("chosen-runs")?.dataset.filter;
}

function boxOf({ id }) {
  return document.querySelector(`#row-${CSS.escape(id)} [name="run"]`);
}

// The selection of another filter is dropped.
function forgetOthers() {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  if (document.getElementById("runs-list") && kept.filter !== filter()) sessionStorage.removeItem(KEY);
}

function keep(runs) {
  sessionStorage.setItem(KEY, JSON.stringify({ filter: filter(), runs }));
  show();
}

function described(box) {
  return { id: box.value, name: box.dataset.name, state: box.dataset.state };
}

function show() {
  const form = document.getElementById("chosen-runs");
  forgetOthers();
  if (!form) return;
  const runs = ticked();
  const ids = runs.map(({ id }) => id);
  const boxes = [...form.querySelectorAll('input[name="run"]')];
  for (const box of boxes) box.checked = ids.includes(box.value);
  form.querySelector("[data-all]").checked = boxes.every((box) => box.checked);
  form.querySelector("[data-chosen]").hidden = !runs.length;
  const more = runs.length > NAMED ? ` and ${runs.length - NAMED} more` : "";
  form.querySelector("[data-names]").textContent =
    runs
      .slice(0, NAMED)
      .map(({ name }) => name)
      .join(", ") + more;
  form.querySelector("[data-hint]").textContent = hint(runs);
  offer(form.querySelector("[data-compare]"), "Compare", runs.filter(isCompleted).length, !hint(runs));
  for (const button of form.querySelectorAll("[data-runs]")) {
    const count = changeable(button).length;
    offer(button, button.dataset.word, count, count > 0 && !isBusy);
  }
}

// Selected runs that a button's action changes.
function changeable(button) {
  return ticked().filter(({ state }) => button.dataset.states.split(" ").includes(state));
}

function isCompleted({ state }) {
  return state === "completed";
}

function offer(button, word, count, isPossible) {
  button.disabled = !isPossible;
  button.textContent = count ? `${word} ${count}` : word;
}

// Reason why these runs cannot be compared; empty if they can.
function hint(runs) {
  const completed = runs.filter(isCompleted).length;
  if (completed > MOST) return `At most 5 runs can be compared; deselect ${completed - MOST}.`;
  if (completed >= LEAST) return "";
  return completed === 1 ? "Choose one more completed run to compare." : "Choose 2 to 5 runs to compare.";
}

function onChange({ target }) {
  const form = target.closest("#chosen-runs");
  if (target.closest("#chosen-runs, #runs-filter")) tell("");
  if (target.name === "run" && form) {
    const others = ticked().filter((run) => run.id !== target.value);
    keep(target.checked ? [...others, described(target)] : others);
  } else if (target.matches("[data-all]") && form) {
    const boxes = [...form.querySelectorAll('input[name="run"]')];
    const others = ticked().filter((run) => !boxes.some((box) => box.value === run.id));
    keep(target.checked ? [...others, ...boxes.map(described)] : others);
  }
}

function onSubmit(event) {
  if (event.target.id !== "chosen-runs") return;
  event.preventDefault();
  const query = ticked()
    .filter(isCompleted)
    .map(({ id }) => `run=${encodeURIComponent(id)}`)
    .join("&");
  sessionStorage.removeItem(KEY);
  location.assign(`${event.target.action}?${query}`);
}

async function onClick({ target }) {
  if (target.closest("[data-none]")) keep([]);
  const button = target.closest("[data-runs], [data-as]");
  if (button?.dataset.runs) await changeAll(button);
  else if (button) await tagAll(button);
}

async function changeAll(button) {
  const { word, doing, done, deletes } = button.dataset;
  const runs = changeable(button);
  if (deletes) {
    const values = { run_ids: runs.map(({ id }) => id) };
    const { isConfirmed, fault } = await confirmDeletion(counted(runs.length), button.dataset.runs, values, "POST");
    if (fault) tell(fault, "selection-fault");
    if (!isConfirmed) return;
  } else if (runs.length > 1 && !window.confirm(`${word} ${runs.length} runs?`)) return;
  isBusy = true;
  tell(`${doing} ${counted(runs.length)}…`);
  const body = await sendTicked(button.dataset.runs, runs);
  isBusy = false;
  if (body) tell(`${counted(body.changed ?? runs.length)} ${done}.${leftWords(body.left ?? {})}`);
  show();
  await refresh("runs-list");
}

function counted(runs) {
  return runs === 1 ? "1 run" : `${runs} runs`;
}

function leftWords(left) {
  const words = Object.entries(left).map(([state, count]) => `${count} ${state}`);
  return words.length ? ` Unchanged: ${words.join(", ")}.` : "";
}

// Returns the response, or null after a fault, which is shown. The selection is cleared, and restored after a fault.
async function sendTicked(url, runs, values = {}) {
  const before = sessionStorage.getItem(KEY);
  keep([]);
  const { ok, body } = await sendJson(url, { run_ids: runs.map(({ id }) => id), ...values }, { outlives: true });
  if (ok) return body;
  if (isLeft) return null;
  sessionStorage.setItem(KEY, before);
  show();
  tell(Object.values(body.errors ?? { body: body.error })[0], "selection-fault");
  return null;
}

// Shows and announces a sentence, replacing the previous one.
function tell(words, id = "selection-status") {
  for (const place of document.querySelectorAll("#selection-status, #selection-fault")) {
    place.textContent = place.id === id ? words : "";
    place.hidden = !place.textContent;
  }
  if (id === "selection-status" && words) announce(words);
}

// A field with buttons: each sends the selected runs, and the field's value under its own name.
async function tagAll(button) {
  const group = button.closest("[data-bulk]");
  const input = group.querySelector("input");
  const words = fieldValue(input);
  if (!words) return input.focus();
  const runs = ticked();
  const body = await sendTicked(group.dataset.bulk, runs, { [button.dataset.as]: words });
  if (!body) return input.focus();
  input.value = "";
  tell(`${body.changed} of ${counted(runs.length)} changed.`);
  return refresh("runs-list");
}

function onKey(event) {
  if (event.key === "Enter" && event.target.matches("[data-bulk] input"))
    event.target.closest("[data-bulk]").querySelector("[data-as]").click();
}

show();
for (const kind of ["pagehide", "pageshow"])
  addEventListener(kind, () => {
    isLeft = kind === "pagehide";
  });
document.addEventListener("keydown", onKey);
document.addEventListener("change", onChange);
document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);
document.addEventListener("swapped", show);
