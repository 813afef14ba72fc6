// Several tickers, or the runs of a batch, in one account: how they share it, and how that is sent.
import { at } from "../addresses.js";
import { announce } from "../announce.js";
import { showFaults } from "../runs/faults.js";
import { fieldValue } from "../inputs.js";
import { sendOnce } from "../requests.js";
import { visit } from "../swap.js";

// Values by name of those fields that are shown; optional ones that are empty are left out.
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

// Fields that one mode alone has are hidden in the other.
export function showMode(root) {
  const { value } = root.querySelector('[data-sharing] [name="mode"]');
  for (const each of root.querySelectorAll("[data-only]"))
    each.hidden = each.dataset.only !== "" && each.dataset.only !== value;
}

export function tickersOf(form) {
  return [...form.querySelectorAll('#together [name="together"]:checked')].map((box) => box.value);
}

export function describeTogether(form, request) {
  showMode(form);
  const count = tickersOf(form).length;
  const shared = readSharing(form).mode === "shared";
  const fitting =
    request.size_type === "percent"
      ? Math.floor(100 / request.position_size)
      : Math.floor(request.initial_capital / request.position_size);
  const size =
    request.size_type === "percent" ? `${request.position_size}% of equity` : `${request.position_size} in cash`;
  const words = shared
    ? `Each position is ${size}, so about ${fitting} fit at once.`
    : "Each ticker gets its own share of the capital.";
  form.querySelector("[data-together]").textContent = count
    ? `${count} ${count === 1 ? "ticker" : "tickers"}. ${words}`
    : "";
  showFit(form, shared && fitting < count ? count : 0, request);
  return count;
}

// A size of which as many positions fit as there are tickers, by one click.
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
