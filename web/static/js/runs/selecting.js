// Remembers which runs are ticked, across pages of the list and its refreshes, names them, and acts on all of them.
import { announce } from "../announce.js";
import { valueOf } from "../inputs.js";
import { sendJson } from "../requests.js";
import { refresh } from "../swap.js";

const KEY = "ticked-runs";
const LEAST = 2;
const MOST = 5; // that can be compared
const LIVING = ["pending", "running"];
const ENDED_BADLY = ["failed", "cancelled"];

// [{ id, name, state }]
function ticked() {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
}

function keep(runs) {
  sessionStorage.setItem(KEY, JSON.stringify(runs));
  show();
}

function described(box) {
  return { id: box.value, name: box.dataset.name, state: box.dataset.state };
}

function show() {
  const form = document.getElementById("chosen-runs");
  if (!form) return;
  const shown = new Map([...form.querySelectorAll('input[name="run"]')].map((box) => [box.value, box]));
  const runs = ticked().map((run) => (shown.has(run.id) ? described(shown.get(run.id)) : run)); // states move on
  const ids = runs.map(({ id }) => id);
  for (const box of shown.values()) box.checked = ids.includes(box.value);
  form.querySelector("[data-chosen]").hidden = !runs.length;
  form.querySelector("[data-names]").textContent = runs.map(({ name }) => name).join(", ");
  form.querySelector("[data-hint]").textContent = hint(runs);
  offer(form.querySelector("[data-compare]"), "Compare", runs.filter(isCompleted).length, !hint(runs));
  for (const [action, states] of [["cancel", LIVING], ["retry", ENDED_BADLY]]) {
    const count = runs.filter(({ state }) => states.includes(state)).length;
    offer(form.querySelector(`[data-each="${action}"]`), action === "cancel" ? "Cancel" : "Retry", count, count > 0);
  }
}

function isCompleted({ state }) {
  return state === "completed";
}

function offer(button, word, count, isPossible) {
  button.disabled = !isPossible;
  button.textContent = count ? `${word} ${count}` : word;
}

// Why these runs cannot be compared; nothing when they can.
function hint(runs) {
  const completed = runs.filter(isCompleted).length;
  if (completed > MOST) return `At most five runs can be compared; untick ${completed - MOST}.`;
  if (completed >= LEAST) return "";
  return completed === 1 ? "Tick one more completed run to compare." : "Tick two to five completed runs to compare them.";
}

function onChange({ target }) {
  const form = target.closest("#chosen-runs");
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
  const query = ticked().filter(isCompleted).map(({ id }) => `run=${encodeURIComponent(id)}`).join("&");
  sessionStorage.removeItem(KEY);
  location.assign(`${event.target.action}?${query}`);
}

async function onClick({ target }) {
  if (target.closest("[data-none]")) keep([]);
  const button = target.closest("[data-each], [data-as]");
  if (button?.dataset.each) await actOnEach(button, button.dataset.each);
  else if (button) await sendAll(button);
}

// A group of a field and buttons: each sends the ticked runs, and what the field holds under a name of its own.
async function sendAll(button) {
  const group = button.closest("[data-bulk]");
  const input = group.querySelector("input");
  const words = valueOf(input);
  if (!words) return input.focus();
  const ids = ticked().map(({ id }) => id);
  const { ok, body } = await sendJson(group.dataset.bulk, { run_ids: ids, [button.dataset.as]: words });
  const fault = document.getElementById("chosen-fault");
  fault.textContent = ok ? "" : Object.values(body.errors ?? { body: body.error })[0];
  if (!ok) return input.focus();
  input.value = "";
  announce(`${body.changed} of ${ids.length} runs changed`);
  return refresh("runs-list");
}

async function actOnEach(button, action) {
  button.disabled = true;
  const states = action === "cancel" ? LIVING : ENDED_BADLY;
  let done = 0;
  for (const { id } of ticked().filter((run) => states.includes(run.state))) {
    const { ok } = await sendJson(`/api/runs/${id}/${action}`, null);
    done += ok ? 1 : 0;
  }
  announce(`${done} runs ${action === "cancel" ? "cancelled" : "wait again"}`);
  keep([]);
  await refresh("runs-list");
}

function onKey(event) {
  if (event.key === "Enter" && event.target.matches("[data-bulk] input")) event.target.closest("[data-bulk]").querySelector("[data-as]").click();
}

show();
document.addEventListener("keydown", onKey);
document.addEventListener("change", onChange);
document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);
document.addEventListener("swapped", show);
