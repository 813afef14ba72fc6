// The editor of a rule of one's own: a field for each input that the texts name, and what the form's check has found.
import { make } from "../elements.js";
import { showFault } from "./faults.js";
import { numberOf } from "../inputs.js";

const PARTS = { value: "value", min: "from", max: "to" };
let fields = 0;

// The inputs of the editor in `place` as the request has them; nothing for other rules.
export function readInputs(place) {
  if (!place.querySelector("[data-formula]")) return {};
  const inputs = {};
  for (const field of place.querySelectorAll("[data-input]")) {
    const [value, min, max] = [...field.querySelectorAll("input")].map(numberOf);
    if (value === null) continue;
    const bounds = Object.fromEntries(Object.entries({ min, max }).filter(([, bound]) => bound !== null));
    inputs[field.dataset.input] = Object.keys(bounds).length ? { value, ...bounds } : value;
  }
  return { inputs };
}

function partOf(name, part, given) {
  const input = make("input", {
    type: "number",
    step: "any",
    className: "form-control",
    autocomplete: "off",
    id: `i-${++fields}`,
    value: given ?? "",
  });
  if (part === "value") input.dataset.path = `params.inputs.${name}`;
  else input.ariaLabel = `${name} ${PARTS[part]}`;
  return make("div", {}, make("label", { htmlFor: input.id }, part === "value" ? name : PARTS[part]), input);
}

function fieldOf(name, given) {
  const values = typeof given === "object" && given !== null ? given : { value: given };
  const fault = make("p", { className: "fault" });
  fault.dataset.fault = `params.inputs.${name}`;
  const field = make(
    "div",
    { className: "field formula-input" },
    ...Object.keys(PARTS).map((part) => partOf(name, part, values[part])),
    fault,
  );
  field.dataset.input = name;
  return field;
}

// Writes as typing does, so that Ctrl+Z takes it back.
function write(area, text) {
  area.focus();
  if (!document.execCommand("insertText", false, text)) area.setRangeText(text);
}

export function startFormula(editor, params) {
  const texts = [...editor.querySelectorAll("textarea")];
  const list = editor.querySelector("[data-inputs]");
  const state = editor.querySelector("[data-formula-state]");
  const known = new Map(
    Object.entries(params.inputs ?? (params.buy === undefined ? JSON.parse(editor.dataset.inputs) : {})),
  );
  let current = texts[0];

  // A name that goes and comes back finds its number again.
  function showInputs(names) {
    for (const [name, given] of Object.entries(readInputs(editor.parentElement).inputs)) known.set(name, given);
    const shown = [...list.children].map((field) => field.dataset.input);
    if (names.join() === shown.join()) return;
    const kept = new Map([...list.children].map((field) => [field.dataset.input, field]));
    list.replaceChildren(...names.map((name) => kept.get(name) ?? fieldOf(name, known.get(name))));
    editor.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function tell(found) {
    for (const line of editor.querySelectorAll(".fault")) showFault(line, found.errors[line.dataset.fault] ?? "");
    for (const area of texts) {
      if (found.errors[area.dataset.path]) area.setAttribute("aria-invalid", "true");
      else area.removeAttribute("aria-invalid");
    }
    const shown = new Set([...editor.querySelectorAll(".fault")].map((line) => line.dataset.fault));
    const others = Object.entries(found.errors).filter(([field]) => !shown.has(field));
    const bars = found.lookback_bars === 1 ? "1 bar" : `${found.lookback_bars} bars`;
    const ready = found.warnings.join(" · ") || `✓ Ready. Warm-up: ${bars}.`;
    state.textContent = found.valid ? ready : others.map(([, text]) => text).join(" · ");
    state.classList.toggle("caution", found.warnings.length > 0);
  }

  function begin(example) {
    for (const [name, given] of Object.entries(example.inputs)) known.set(name, given);
    list.replaceChildren(...Object.entries(example.inputs).map(([name, given]) => fieldOf(name, given)));
    for (const area of [...texts].reverse()) {
      area.select();
      write(area, example[area.dataset.param]);
    }
  }

  list.replaceChildren(...[...known].map(([name, given]) => fieldOf(name, given)));
  editor.addEventListener("checked", ({ detail: { ok, body } }) => {
    if (ok) tell(body);
    else state.textContent = body.error;
    if (body.inputs) showInputs(body.inputs);
  });
  editor.addEventListener("focusin", (event) => {
    if (texts.includes(event.target)) current = event.target;
  });
  editor.addEventListener("click", (event) => {
    const insert = event.target.closest("[data-insert]");
    const example = event.target.closest("[data-example]");
    if (insert) write(current, insert.dataset.insert);
    if (example) begin(JSON.parse(example.dataset.example));
  });
}
