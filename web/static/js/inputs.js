// Values of form fields, as JSON.
export function numberOf(input) {
  if (input.validity.badInput) return "not a number";
  return input.value === "" ? null : Number(input.value);
}

export function fieldValue(input) {
  if (input.type === "checkbox") return input.checked;
  if ("words" in input.dataset) return wordsOf(input.value);
  if ("object" in input.dataset) return numbersOf(input.value);
  return input.type === "number" ? numberOf(input) : input.value.trim();
}

// "n = 126, k = 0.5" -> { n: 126, k: 0.5 }; null for none, the text for anything else, which the server refuses
function numbersOf(text) {
  const parts = (wordsOf(text) ?? []).map((part) => part.split("=").map((each) => each.trim()));
  if (parts.some(([name, value]) => !name || !value || Number.isNaN(Number(value)))) return text;
  return parts.length ? Object.fromEntries(parts.map(([name, value]) => [name, Number(value)])) : null;
}

// "trend, 2026" -> ["trend", "2026"]; null for none
function wordsOf(text) {
  const words = text
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  return words.length ? words : null;
}

function plain(text) {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

// 14 -> [14]; "10, 20" -> [10, 20]; 5:25:5 -> { min: 5, max: 25, step: 5 }
export function axisOf(text) {
  const [min, max, step, ...more] = text.split(":").map((part) => Number(part));
  if (step > 0 && Number.isFinite(max - min) && !more.length) return { min, max, step };
  return text.split(",").map((part) => plain(part.trim()));
}

// Numbers in steps, both ends included: at most `most`, none if the end is below the start.
export function stepped(from, to, step, most) {
  const count = Math.min(Math.floor((to - from) / step + 1e-9) + 1, most);
  return Array.from({ length: Math.max(count, 0) }, (_, at) => Number((from + at * step).toPrecision(12)));
}

export function countOf(axes) {
  return Object.values(axes).reduce((count, values) => count * values.length, 1);
}

// { fast: [5, 10], slow: [20] } -> [{ fast: 5, slow: 20 }, { fast: 10, slow: 20 }]
export function combinationsOf(axes) {
  return Object.entries(axes).reduce(
    (combinations, [name, values]) =>
      combinations.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))),
    [{}],
  );
}
