// The editor of a custom rule, a formula or Python: a field for each input in the texts, and the result of the check.
import { make } from "../elements.js";
import { startCode } from "./code.js";
import { showFault } from "./faults.js";
import { numberOf } from "../inputs.js";

const CALLED = { on_bar: "on_bar is called once a bar", signals: "signals is called once, with all bars" };
const PARTS = { value: "value", min: "from", max: "to" };
let fields = 0;

// Inputs of the editor in `place`, as in the request; nothing for other rules. The fields follow the texts with the
// next check: one whose name has gone from them is left out.
export function readInputs(place) {
  if (!place.querySelector("[data-formula]")) return {};
  const text = [...place.querySelectorAll("textarea")].map((area) => area.value).join("\n");
  const named = Object.entries(inputsIn(place)).filter(([name]) => new RegExp(`\\b${name}\\b`, "i").test(text));
  return { inputs: Object.fromEntries(named) };
}

function inputsIn(place) {
  const inputs = {};
  for (const field of place.querySelectorAll("[data-input]")) {
    const [value, min, max] = [...field.querySelectorAll("input")].map(numberOf);
    if (value === null) continue;
    const bounds = Object.fromEntries(Object.entries({ min, max }).filter(([, bound]) => bound !== null));
    inputs[field.dataset.input] = Object.keys(bounds).length ? { value, ...bounds } : value;
  }
  return inputs;
}

function partOf(name, part, value) {
  const input = make("input", {
    type: "number",
    step: "any",
    className: "form-control",
    autocomplete: "off",
    id: `i-${++fields}`,
    value: value ?? "",
  });
  if (part === "value") input.dataset.path = `params.inputs.${name}`;
  else input.ariaLabel = `${name} ${PARTS[part]}`;
  return make("div", {}, make("label", { htmlFor: input.id }, part === "value" ? name : PARTS[part]), input);
}

function fieldOf(name, value) {
  const values = typeof value === "object" && value !== null ? value : { value };
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

// Inserts like typing, so that Ctrl+Z undoes it.
function write(area, text) {
  area.focus();
  if (!document.execCommand("insertText", false, text)) area.setRangeText(text);
}

export function startFormula(editor, params) {
  const texts = [...editor.querySelectorAll("textarea")];
  const code = "code" in editor.dataset ? startCode(texts[0]) : null;
  const list = editor.querySelector("[data-inputs]");
  const state = editor.querySelector("[data-formula-state]");
  const values = new Map(
    Object.entries(params.inputs ?? (params.buy === undefined ? JSON.parse(editor.dataset.inputs) : {})),
  );
  let current = texts[0];

  // A name that is removed and typed again gets its number back.
  function keepFields(names) {
    for (const [name, value] of Object.entries(inputsIn(editor))) values.set(name, value);
    const present = [...list.children].map((field) => field.dataset.input);
    if (names.join() === present.join()) return;
    const kept = new Map([...list.children].map((field) => [field.dataset.input, field]));
    list.replaceChildren(...names.map((name) => kept.get(name) ?? fieldOf(name, values.get(name))));
    editor.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // An empty field means the default of the code.
  function showInputs(names, defaults) {
    keepFields(names);
    for (const input of list.querySelectorAll("[data-path]"))
      input.placeholder = defaults[input.dataset.path.replace("params.inputs.", "")] ?? "";
  }

  // The columns of the ticker's own prices, which the rule can name: `column` in the text stands for the name.
  function showColumns(names) {
    const place = editor.querySelector("[data-columns]");
    const buttons = names.map((name) => {
      const text = place.dataset.columns.replace("column", name);
      const button = make("button", { type: "button" }, make("code", {}, text), " a column of these prices");
      button.dataset.insert = text;
      return button;
    });
    place.replaceChildren(...buttons);
  }

  function tell(check) {
    for (const line of editor.querySelectorAll(".fault")) showFault(line, check.errors[line.dataset.fault] ?? "");
    for (const area of texts) {
      if (check.errors[area.dataset.path]) area.setAttribute("aria-invalid", "true");
      else area.removeAttribute("aria-invalid");
    }
    const fieldNames = new Set([...editor.querySelectorAll(".fault")].map((line) => line.dataset.fault));
    const others = Object.entries(check.errors).filter(([field]) => !fieldNames.has(field));
    const place = check.places["params.code"];
    code?.mark(place && { ...place, text: check.errors["params.code"] });
    const bars = check.lookback_bars === 1 ? "1 bar" : `${check.lookback_bars} bars`;
    const facts = CALLED[check.python?.function] ?? `Warm-up: ${bars}`;
    const ready = check.warnings.join(" · ") || `✓ Ready. ${facts}.`;
    state.textContent = check.valid ? ready : others.map(([, text]) => text).join(" · ");
    state.classList.toggle("caution", check.warnings.length > 0);
  }

  function begin(example) {
    if (code) values.clear(); // the code has its own defaults
    for (const [name, value] of Object.entries(example.inputs)) values.set(name, value);
    list.replaceChildren(...Object.entries(example.inputs).map(([name, value]) => fieldOf(name, value)));
    for (const area of [...texts].reverse()) {
      if (code?.write(example[area.dataset.param], true)) continue;
      area.select();
      write(area, example[area.dataset.param]);
    }
  }

  list.replaceChildren(...[...values].map(([name, value]) => fieldOf(name, value)));
  editor.addEventListener("checked", ({ detail: { ok, body } }) => {
    if (ok) {
      tell(body);
      showColumns(body.columns);
    } else state.textContent = body.error;
    if (body.inputs) showInputs(body.inputs, body.python?.defaults ?? {});
  });
  editor.addEventListener("focusin", (event) => {
    if (texts.includes(event.target)) current = event.target;
  });
  editor.addEventListener("click", (event) => {
    const insert = event.target.closest("[data-insert]");
    const example = event.target.closest("[data-example]");
    if (insert && !code?.write(insert.dataset.insert)) write(current, insert.dataset.insert);
    if (example) begin(JSON.parse(example.dataset.example));
  });
}
