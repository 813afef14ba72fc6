// The form of a new study: the server expands its combinations and estimates the cost before it can be started.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { axisOf, fieldValue } from "../inputs.js";
import { sendJson, sendOnce } from "../requests.js";
import { visit } from "../swap.js";

const SELECTING = new Set(["walk_forward", "selection"]); // kinds that judge the choice among combinations
const ONE_COMBINATION =
  "There is only 1 combination, so there is nothing to select. Give a parameter several values, such as 10:30:5, " +
  "or choose the kind holdout.";

function request(form, base) {
  const body = { base: { ...base } };
  for (const input of form.querySelectorAll("[name]"))
    if (!input.closest("[hidden]")) body[input.name] = fieldValue(input);
  for (const input of form.querySelectorAll("[data-base]")) body.base[input.dataset.base] = fieldValue(input);
  body.constraints = body.constraints
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
  return body;
}

// The request: a sweep with a section `study`, or the combinations of a batch of runs.
function studyRequest(form, batch) {
  if (batch?.portfolio) {
    const { base, name, metric, constraints, ...study } = request(form, batch.base);
    const sweep = { method: "list", parameters: batch.combinations, portfolio: batch.portfolio };
    return { ...sweep, base: { ...base, rule_type: undefined }, name, metric, constraints, study };
  }
  if (batch) return { ...request(form, batch.base), combinations: batch.combinations };
  const inputs = [...form.querySelectorAll("[data-axis]")].filter((input) => !input.closest("[hidden]"));
  const parameters = Object.fromEntries(inputs.map((input) => [input.dataset.axis, axisOf(input.value.trim())]));
  const { base, name, metric, constraints, ...study } = request(form, { size_type: "percent" });
  return { base, name, metric, constraints, parameters, study };
}

function costText({ runs, combinations, windows, permutations, seconds, waiting }) {
  const orders = permutations ? ` and ${permutations.toLocaleString("en")} shuffles` : "";
  const parts = `${windows.length > 1 ? `${windows.length} folds` : "1 training part"}${orders}`;
  const time =
    seconds === null
      ? "duration unknown until a batch has run"
      : `about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} at the current speed`;
  const behind = waiting ? `, behind ${waiting} waiting runs` : "";
  const [jobs, tried] = [runs.training + runs.test, combinations].map((count) => count.toLocaleString("en"));
  const noun = combinations === 1 ? "combination" : "combinations";
  return `${jobs} Jobs: ${tried} ${noun} × ${parts}, plus ${runs.test} on test parts; ${time}${behind}.`;
}

export function startStudyForm(form) {
  const batch = JSON.parse(form.dataset.batch ?? "null");
  const address = batch?.portfolio ? at("/api/portfolios/study") : at("/api/studies");
  const box = form.querySelector("#study-cost");
  const start = form.querySelector("[type=submit]");
  const choose = (name, value) => {
    for (const part of form.querySelectorAll(`[data-${name}]`)) part.hidden = part.dataset[name] !== value;
  };
  const say = (text, css) => {
    box.hidden = false;
    box.className = `notice ${css}`;
    box.textContent = text;
    announce(text);
  };
  const faults = (body) =>
    say(
      Object.entries(body.errors ?? {})
        .slice(0, 5)
        .map(([place, fault]) => `${place}: ${fault}`)
        .join(" · ") || body.error,
      "bad",
    );
  const dates = () => {
    const { first, last } = form.querySelector("#s-ticker").selectedOptions[0]?.dataset ?? {};
    form.querySelector("#s-start").value = first ?? "";
    form.querySelector("#s-end").value = last ?? "";
  };
  const showParts = () => {
    choose("kind", form.querySelector("#s-kind").value);
    choose("rule", form.querySelector("#s-rule")?.value);
  };
  form.addEventListener("input", () => {
    start.disabled = true;
    showParts();
  });
  form.querySelector("#s-ticker")?.addEventListener("change", dates);
  form.querySelector("#study-plan").addEventListener("click", async () => {
    const { ok, body } = await sendJson(`${address}?dry_run=true`, studyRequest(form, batch));
    const kind = form.querySelector("#s-kind").value;
    const isOne = ok && body.combinations === 1 && SELECTING.has(kind);
    start.disabled = !ok || isOne;
    if (isOne) say(ONE_COMBINATION, "bad");
    else if (ok) say(costText(body), "good");
    else faults(body);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    const { ok, body } = await sendOnce(address, studyRequest(form, batch));
    if (ok) await visit(body.page_url);
    else faults(body);
  });
  if (!batch) dates();
  showParts();
}
