// Portfolio of several tickers, or of the runs of a batch: the sharing fields, and the request.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { showFaults } from "../runs/faults.js";
import { axisOf, fieldValue } from "../inputs.js";
import { sendOnce } from "../requests.js";
import { visit } from "../swap.js";

// Values of the visible fields by name, without empty optional ones.
export function readFields(inputs) {
  const values = {};
  for (const input of inputs) {
    const value = fieldValue(input);
    if (value || value === 0 || value === false || !("optional" in input.dataset)) values[input.name] = value;
  }
  return values;
}

export function readSharing(root) {
  return readFields(
    [...root.querySelectorAll("[data-sharing] [data-field]")].filter((input) => !input.closest("[hidden]")),
  );
}

// { top: [3, 5], "inputs.n": { min: 20, max: 120, step: 20 } } of the lines of a rotation's sweep with a value.
export function readRankAxes(form) {
  const axes = {};
  for (const { dataset, value } of form.querySelectorAll("[data-rank-axis]"))
    for (const text of value.split(";").map((each) => each.trim())) {
      const [, name, values] =
        dataset.rankAxis === "inputs" ? (text.match(/^(\w+)\s*=(.*)$/) ?? [text, "", text]) : [text, "", text];
      if (text) axes[[dataset.rankAxis, name].filter(Boolean).join(".")] = axisOf(values.trim());
    }
  return axes;
}

// Hides the fields and ways of rebalancing of other modes.
export function showMode(root) {
  const mode = root.querySelector('[data-sharing] [name="mode"]').value;
  for (const each of root.querySelectorAll("[data-only]"))
    each.hidden = each.dataset.only !== "" && !each.dataset.only.split(" ").includes(mode);
  const rebalance = root.querySelector('[data-sharing] [name="rebalance"]');
  for (const option of rebalance.options)
    option.hidden = option.disabled = option.value === (mode === "ranked" ? "never" : "ranking");
  if (rebalance.selectedOptions[0].disabled) rebalance.value = mode === "ranked" ? "monthly" : "never";
}

export function tickersOf(form) {
  return [...form.querySelectorAll('#together [name="together"]:checked')].map((box) => box.value);
}

export function describeTogether(form, request) {
  showMode(form);
  const count = tickersOf(form).length;
  const { mode } = readSharing(form);
  const shared = mode === "shared";
  form.querySelector("#rule").hidden = count > 0 && mode === "ranked";
  const fitting =
    request.size_type === "percent"
      ? Math.floor(100 / request.position_size)
      : Math.floor(request.initial_capital / request.position_size);
  const size =
    request.size_type === "percent" ? `${request.position_size}% of equity` : `${request.position_size} in cash`;
  const words = {
    shared: `Each position is ${size}, so about ${fitting} fit at once.`,
    sleeves: "Each ticker gets its own share of the capital.",
    ranked: "At each rebalancing the best by score are bought, without a rule.",
  }[mode];
  form.querySelector("[data-together]").textContent = count
    ? `${count} ${count === 1 ? "ticker" : "tickers"}. ${words}`
    : "";
  showFit(form, shared && fitting < count ? count : 0, request);
  return count;
}

// One click sets a size at which all tickers fit.
function showFit(form, count, request) {
  const button = form.querySelector("[data-fit]");
  button.hidden = !count;
  if (!count) return;
  const isPercent = request.size_type === "percent";
  const part = Math.floor((isPercent ? 10_000 : 100 * request.initial_capital) / count) / 100;
  button.textContent = isPercent ? `Use ${part}% each` : `Use ${part} each`;
  button.onclick = () => {
    const input = form.elements.position_size;
    input.value = part;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
}

export function startPortfolioForm(form) {
  showMode(form);
  form.addEventListener("change", () => showMode(form));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const line of form.querySelectorAll(".fault")) line.textContent = "";
    const terms = [...form.querySelectorAll("[data-field]")].filter((input) => !input.closest("[data-sharing]"));
    const values = { batch_id: form.dataset.batch, ...readFields(terms), ...readSharing(form) };
    const { ok, body } = await sendOnce(at("/api/portfolios"), values);
    if (ok) return visit(body.page_url);
    const left = showFaults(form, body.errors ?? {});
    form.querySelector("[data-fault='']").textContent = left.join(" · ") || (body.errors ? "" : body.error);
    announce(body.error);
  });
}
