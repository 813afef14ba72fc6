// A sweep from the form: ranges of a rule's parameters, how many runs they make, and all of them as one batch.
import { combinationsOf, countOf, stepped } from "../inputs.js";

const MOST_RUNS = 20_000; // of one bulk submission
const MOST_TRIED = 10 * MOST_RUNS; // combinations, of which the rule may allow fewer

// One line of three fields for each number that the chosen rule takes, empty at first.
export function showAxes(form) {
  const place = form.querySelector("[data-axes]");
  const { rule } = form.querySelector("#rule-params").dataset; // whose fields are there; another one may just be chosen
  if (place.dataset.rule === rule) return;
  place.dataset.rule = rule;
  const line = document.getElementById("sweep-axis");
  const numbers = [...form.querySelectorAll('#rule-params > * [data-param][type="number"]')].filter((input) => !input.closest(".member"));
  place.replaceChildren(...numbers.map((input) => axisLine(line, input)));
  form.querySelector("#sweep").hidden = !numbers.length;
}

function axisLine(line, input) {
  const axis = line.content.cloneNode(true);
  axis.querySelector("fieldset").dataset.param = input.dataset.param;
  axis.querySelector("legend").textContent = input.dataset.param;
  for (const field of axis.querySelectorAll("input")) field.setAttribute("aria-label", `${input.dataset.param} ${field.dataset.axis}`);
  axis.querySelector('[data-axis="step"]').value = input.step === "any" ? "" : input.step;
  return axis;
}

// { period: [5, 10, 15] } of the lines that have both ends.
export function readAxes(form) {
  const axes = {};
  for (const line of form.querySelectorAll("[data-axes] [data-param]")) {
    const [from, to, step] = ["from", "to", "step"].map((name) => line.querySelector(`[data-axis="${name}"]`).valueAsNumber);
    if (Number.isFinite(from) && Number.isFinite(to)) axes[line.dataset.param] = valuesOf(from, to, step);
  }
  return axes;
}

function valuesOf(from, to, step) {
  return step > 0 && to >= from ? stepped(from, to, step, MOST_RUNS + 1) : [from];
}

// Each combination of the values that the rule itself allows ("fast < slow"), on top of the other params.
function allowed(form, axes, params) {
  const conditions = conditionsOf(form).map((condition) => condition.split(" < "));
  return combinationsOf(axes, params).filter((each) => conditions.every(([left, right]) => !(each[left] >= each[right])));
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
  return allowed(form, axes, request.params).map((params) => ({ ...request, charts: false, params }));
}

// Faults of single runs, "3.params.fast", at the field that they are about; each is told once.
export function foldFaults(errors) {
  return Object.fromEntries(Object.entries(errors).map(([place, text]) => [place.replace(/^\d+\./, ""), text]));
}
