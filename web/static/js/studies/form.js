// The form of a new study: its combinations are made here; the server says what it costs before it can be started.
import { announce } from "../announce.js";
import { sendJson, sendOnce } from "../requests.js";
import { visit } from "../swap.js";

const MOST = 100000; // combinations; the server accepts fewer

function plain(text) {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

// 14 -> [14]; "10, 20" -> [10, 20]; 5:25:5 -> [5, 10, 15, 20, 25]
function axisValues(text) {
  const range = text.split(":").map((part) => Number(part));
  if (range.length !== 3 || range.some((part) => !Number.isFinite(part)) || range[2] <= 0) return text.split(",").map((part) => plain(part.trim()));
  const [first, last, step] = range;
  const count = Math.min(Math.floor((last - first) / step + 1e-9) + 1, MOST);
  return Array.from({ length: Math.max(count, 0) }, (_, number) => Number((first + number * step).toPrecision(12)));
}

function combinationsOf(axes) {
  return Object.entries(axes).reduce(
    (found, [name, values]) => (found.length * values.length > MOST ? found : found.flatMap((each) => values.map((value) => ({ ...each, [name]: value })))),
    [{}],
  );
}

function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  return input.type === "number" ? Number(input.value) : input.value.trim();
}

function request(form) {
  const asked = { base: { size_type: "percent" } };
  for (const input of form.querySelectorAll("[name]")) if (!input.closest("[hidden]")) asked[input.name] = valueOf(input);
  for (const input of form.querySelectorAll("[data-base]")) asked.base[input.dataset.base] = valueOf(input);
  asked.constraints = asked.constraints.split(",").map((each) => each.trim()).filter(Boolean);
  const axes = [...form.querySelectorAll("[data-axis]")].filter((input) => !input.closest("[hidden]"));
  asked.combinations = combinationsOf(Object.fromEntries(axes.map((input) => [input.dataset.axis, axisValues(input.value.trim())])));
  return asked;
}

function costText({ runs, combinations, windows, seconds, waiting }) {
  const parts = windows.length > 1 ? `${windows.length} folds` : "1 training part";
  const time = seconds === null ? "how long it takes is not known before a batch has run" : `about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} at the pace of the latest batch`;
  const behind = waiting ? `, behind ${waiting} waiting runs` : "";
  return `${(runs.training + runs.test).toLocaleString("en")} Jobs: ${combinations.toLocaleString("en")} combinations × ${parts}, and ${runs.test} on test parts; ${time}${behind}.`;
}

export function startStudyForm(form) {
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
  const faults = (body) => say(Object.entries(body.errors ?? {}).slice(0, 5).map(([place, fault]) => `${place}: ${fault}`).join(" · ") || body.error, "bad");
  const dates = () => {
    const { first, last } = form.querySelector("#s-ticker").selectedOptions[0]?.dataset ?? {};
    form.querySelector("#s-start").value = first ?? "";
    form.querySelector("#s-end").value = last ?? "";
  };
  form.addEventListener("input", () => {
    start.disabled = true;
    choose("kind", form.querySelector("#s-kind").value);
    choose("rule", form.querySelector("#s-rule").value);
  });
  form.querySelector("#s-ticker").addEventListener("change", dates);
  form.querySelector("#study-plan").addEventListener("click", async () => {
    const { ok, body } = await sendJson("/api/studies?dry_run=true", request(form));
    start.disabled = !ok;
    if (ok) say(costText(body), "good");
    else faults(body);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    const { ok, body } = await sendOnce("/api/studies", request(form));
    if (ok) await visit(body.page_url);
    else faults(body);
  });
  dates();
  choose("kind", form.querySelector("#s-kind").value);
  choose("rule", form.querySelector("#s-rule").value);
}
