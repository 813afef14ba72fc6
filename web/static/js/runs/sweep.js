// A sweep from the form: ranges of parameters, the number of combinations, and the request.
import { combinationsOf, countOf, stepped } from "../inputs.js";
import { readRankAxes } from "../portfolios/sharing.js";

const MOST_LEGS = 500; // of a portfolio, and portfolios of a sweep
const MOST_TRIED = 200_000; // combinations, before the rule's constraints

// A line of three fields for each number of the rule, empty at first; inputs.fast is the input `fast` of a custom rule,
// whose line comes and goes with it.
export function showAxes(form) {
  const place = form.querySelector("[data-axes]");
  const params = form.querySelector("#rule-params");
  const { rule } = params.dataset; // the rule of the current fields; another may just have been chosen
  const numbers = [...params.querySelectorAll('input[type="number"][data-path]')].filter(
    (input) => !input.closest(".member"),
  );
  form.querySelector("#sweep").hidden = !numbers.length;
  const lines = new Map([...place.children].map((line) => [line.dataset.of, line]));
  const axes = numbers.map((input) => [`${rule} ${input.dataset.path}`, input]);
  if (axes.map(([key]) => key).join() === [...lines.keys()].join()) return;
  place.replaceChildren(...axes.map(([key, input]) => lines.get(key) ?? axisLine(key, input)));
}

function axisLine(key, input) {
  const line = document.getElementById("sweep-axis").content.firstElementChild.cloneNode(true);
  const name = input.dataset.path.replace("params.", "");
  Object.assign(line.dataset, { of: key, name });
  line.querySelector("[data-of-axis]").textContent = name;
  for (const field of line.querySelectorAll("input")) field.setAttribute("aria-label", `${name} ${field.dataset.axis}`);
  line.querySelector('[data-axis="step"]').value = input.step === "any" ? "" : input.step;
  return line;
}

// { period: { min: 5, max: 15, step: 5 } } of the lines with both ends; without a step, one value.
export function readAxes(form) {
  if (form.querySelector("#rule").hidden) return readRankAxes(form);
  const axes = {};
  for (const line of form.querySelectorAll("[data-axes] [data-name]")) {
    const [min, max, step] = ["from", "to", "step"].map(
      (name) => line.querySelector(`[data-axis="${name}"]`).valueAsNumber,
    );
    if (Number.isFinite(min) && Number.isFinite(max))
      axes[line.dataset.name] = step > 0 && max >= min ? { min, max, step } : min;
  }
  return axes;
}

function valuesOf(axis) {
  if (Array.isArray(axis)) return axis;
  return axis.step ? stepped(axis.min, axis.max, axis.step, MOST_TRIED + 1) : [axis];
}

// Number of combinations that the rule itself allows ("fast < slow").
function countAllowed(form, values, params) {
  const conditions = conditionsOf(form).map((condition) => condition.split(" < "));
  const isAllowed = (each) =>
    conditions.every((names) => {
      const [left, right] = names.map((name) => each[name] ?? params[name]);
      return !(left >= right);
    });
  return combinationsOf(values).filter(isAllowed).length;
}

function conditionsOf(form) {
  if (form.querySelector("#rule").hidden) return [];
  const rule = CSS.escape(form.elements.rule_type.value);
  return JSON.parse(document.querySelector(`template[data-rule="${rule}"]`)?.dataset.constraints ?? "[]");
}

export function describeSweep(form, params, tickers) {
  const axes = Object.fromEntries(Object.entries(readAxes(form)).map(([name, axis]) => [name, valuesOf(axis)]));
  const lengths = Object.entries(axes).map(([name, values]) => `${values.length} ${name}`);
  const product = countOf(axes);
  const count = product > MOST_TRIED ? product : countAllowed(form, axes, params);
  const leftOut = product > count ? ` with ${conditionsOf(form).join(" and ")}` : "";
  const { how, most } = chosenWay(form);
  const tooMany = count > most ? `; the limit is ${most.toLocaleString("en")}` : "";
  const words = `${lengths.join(" × ")} = ${count.toLocaleString("en")} combinations${leftOut}${tooMany}`;
  form.querySelector("[data-count]").textContent = lengths.length ? words : "";
  const button = form.querySelector('.actions [type="submit"]');
  const many =
    how === "screens"
      ? `Scan ${count.toLocaleString("en")} combinations`
      : `Run ${count.toLocaleString("en")} backtests`;
  button.textContent = lengths.length ? many : "Run backtest";
  button.disabled = lengths.length > 0 && (count > most || count === 0);
  if (!tickers) return;
  if (form.querySelector("#rule").hidden) {
    button.textContent = lengths.length ? `Run ${product.toLocaleString("en")} portfolios` : "Run portfolio";
    button.disabled = product > MOST_LEGS;
    return;
  }
  const legs = tickers * (lengths.length ? count : 1);
  button.textContent = "Run portfolio";
  button.disabled = legs > MOST_LEGS || legs === 0;
}

// API of a sweep, screens or batches, and the most combinations that it accepts.
export function chosenWay(form) {
  const { value, dataset } = form.querySelector('[name="how"]:checked');
  return { how: value, most: Number(dataset.most) };
}

// The request with ranges, which the server expands; without charts, which nobody would look at.
export function sweepOf(form, request, parameters) {
  return { base: { ...request, charts: false }, parameters, where: conditionsOf(form), run_cap: chosenWay(form).most };
}

// Faults of a sweep, such as "parameters.fast" and "base.fee_rate", by field of the form.
export function fieldFaults(errors) {
  const field = (place) => place.replace(/^parameters\./, "params.").replace(/^(base|portfolio)\./, "");
  return Object.fromEntries(Object.entries(errors).map(([place, text]) => [field(place), text]));
}
