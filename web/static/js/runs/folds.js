// Summary line of each fold of the form: the fields that it always names, and those that differ from the defaults.
const SIGNS = { money: "", percent: "%", "basis points": "bps" }; // of units, after a value

function numberText(input) {
  const unit = input.closest(".field").querySelector(".unit").textContent;
  if (unit.startsWith("= ")) return unit.slice(2); // a fraction as percent
  return `${Number(input.value).toLocaleString("en", { maximumFractionDigits: 6 })} ${SIGNS[unit] ?? unit}`.trim();
}

function titleOf(input) {
  return input
    .closest(".field")
    .querySelector("label > span, .field-label")
    .textContent.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

function isDefault(input) {
  if (input.type === "checkbox") return input.checked === input.defaultChecked;
  if (input.options) return Boolean(input.selectedOptions[0]?.defaultSelected);
  return input.value === input.defaultValue;
}

function fieldText(input) {
  if (input.type === "checkbox") return `${input.checked ? "" : "no "}${titleOf(input)}`;
  if (input.options) return input.selectedOptions[0].textContent;
  return `${titleOf(input)} ${input.type === "number" ? numberText(input) : input.value.trim()}`;
}

export function describeFolds(form) {
  for (const fold of form.querySelectorAll("[data-always]")) {
    const always = fold.dataset.always.split(" ");
    const inputs = [...fold.querySelectorAll("[data-field]")].filter(
      (input) => always.includes(input.name) || !isDefault(input),
    );
    const words = inputs.filter((input) => input.value.trim() !== "").map(fieldText);
    fold.querySelector("[data-summary]").textContent = words.join(" · ") || fold.dataset.unset;
  }
}

// Opens the fold of a faulty field.
export function unfold(element) {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
}
