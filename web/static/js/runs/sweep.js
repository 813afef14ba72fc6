// A sweep from the form: ranges of a rule's parameters, how many runs they make, and all of them as one batch.
import { combinationsOf, countOf, stepped } from "../inputs.js";

const MOST_RUNS = 20_000; // of one bulk submission
const MOST_TRIED = 10 * MOST_RUNS; // combinations, of which the rule may allow fewer

// One line of three fields for each number that the chosen rule takes, empty at first; inputs.fast is the input `fast`
// of a rule of one's own, whose line comes and goes with it.
export function showAxes(form) {
  const place = form.querySelector("[data-axes]");
  const params = form.querySelector("#rule-params");
  const { rule } = params.dataset; // whose fields are there; another one may just be chosen
  const numbers = [...params.querySelectorAll('input[type="number"][data-path]')].filter((input) => !input.closest(".member"));
  form.querySelector("#sweep").hidden = !numbers.length;
  const lines = new Map([...place.children].map((line) => [line.dataset.of, line]));
  const wanted = numbers.map((input) => [`${rule} ${input.dataset.path}`, input]);
  if (wanted.map(([key]) => key).join() === [...lines.keys()].join()) return;
  place.replaceChildren(...wanted.map(([key, input]) => lines.get(key) ?? axisLine(key, input)));
}

function axisLine(key, input) {
  const line = document.getElementById("sweep-axis").content.firstElementChild.cloneNode(true);
  const name = input.dataset.path.replace("params.", "");
  Object.assign(line.dataset, { of: key, name });
  line.querySelector("legend").textContent = name;
  for (const field of line.querySelectorAll("input")) field.setAttribute("aria-label", `${name} ${field.dataset.axis}`);
  line.querySelector('[data-axis="step"]').value = input.step === "any" ? "" : input.step;
  return line;
}

// { period: [5, 10, 15] } of the lines that have both ends.
export function readAxes(form) {
  const axes = {};
  for (const line of form.querySelectorAll("[data-axes] [data-name]")) {
    const [from, to, step] = ["from", "to", "step"].map((name) => line.querySelector(`[data-axis="${name}"]`).valueAsNumber);
    if (Number.isFinite(from) && Number.isFinite(to)) axes[line.dataset.name] = valuesOf(from, to, step);
  }
  return axes;
}

function valuesOf(from, to, step) {
  return step > 0 && to >= from ? stepped(from, to, step, MOST_RUNS + 1) : [from];
}

// Each combination of the values that the rule itself allows ("fast < slow").
function allowed(form, axes, params) {
  const conditions = conditionsOf(form).map((condition) => condition.split(" < "));
  const isAllowed = (each) => conditions.every((names) => {
    const [left, right] = names.map((name) => each[name] ?? params[name]);
    return !(left >= right);
  });
  return combinationsOf(axes).filter(isAllowed);
}

// `params` with these values in their places; an input keeps its bounds.
function withValues(params, values) {
  const filled = structuredClone(params);
  for (const [name, value] of Object.entries(values)) {
    const [place, key] = name.startsWith("inputs.") ? [filled.inputs, name.slice("inputs.".length)] : [filled, name];
    place[key] = place[key]?.value === undefined ? value : { ...place[key], value };
  }
  return filled;
}

function conditionsOf(form) {
  const rule = CSS.escape(form.elements.rule_type.value);
  return JSON.parse(document.querySelector(`template[data-rule="${rule}"]`)?.dataset.constraints ?? "[]");
}

export function describeSweep(form, params) {
  const axes = readAxes(form);
  const lengths = Object.entries(axes).map(([name, values]) => `${values.length} ${name}`);
  const product = countOf(axes);
  const count = product > MOST_TRIED ? product : allowed(form, axes, params).length;
  const leftOut = product > count ? ` with ${conditionsOf(form).join(" and ")}` : "";
  const tooMany = count > MOST_RUNS ? `, and at most ${MOST_RUNS.toLocaleString("en")} go into a batch` : "";
  const words = `${lengths.join(" × ")} = ${count.toLocaleString("en")} runs${leftOut}${tooMany}`;
  form.querySelector("[data-count]").textContent = lengths.length ? words : "";
  const button = form.querySelector('.actions [type="submit"]');
  button.textContent = lengths.length ? `Run ${count.toLocaleString("en")} backtests` : "Run backtest";
  button.disabled = lengths.length > 0 && (count > MOST_RUNS || count === 0);
}

// The request with each allowed combination of the values, without pictures, which nobody would look at.
export function requestsOf(form, request, axes) {
  return allowed(form, axes, request.params).map((values) => ({ ...request, charts: false, params: withValues(request.params, values) }));
}

// Faults of single runs, "3.params.fast", at the field that they are about; each is told once.
export function foldFaults(errors) {
  return Object.fromEntries(Object.entries(errors).map(([place, text]) => [place.replace(/^\d+\./, ""), text]));
}
