// Buttons for the latest day, week, month … of a chart.
import { make } from "../elements.js";

const DAY_S = 86_400;
const SPANS = [
  ["1D", 1],
  ["1W", 7],
  ["1M", 31],
  ["3M", 92],
  ["6M", 183],
  ["1Y", 365],
  ["3Y", 1096],
  ["10Y", 3653],
];
const FEWEST_POINTS = 5;
const MOVES = ["wheel", "pointerdown", "keydown"]; // of the chart: afterwards no range button is pressed

// `go(days)` shows that many latest days; null, the initial state, shows everything. Returns a function to call when
// another range is shown.
export function drawRanges(element, { times, total }, go) {
  const whole = (times.at(-1) - times[0]) / DAY_S;
  const perDay = total / Math.max(whole, 1);
  const fitting = SPANS.filter(([, days]) => days < whole && days * perDay >= FEWEST_POINTS);
  const buttons = [...fitting, ["All", null]].map(([name]) =>
    make("button", { type: "button", className: "btn btn-quiet btn-sm" }, name),
  );
  const mark = (chosen) => {
    for (const button of buttons) button.ariaPressed = button === chosen;
  };
  buttons.forEach((button, at) => {
    button.addEventListener("click", () => {
      mark(button);
      go(fitting[at]?.[1] ?? null);
    });
  });
  mark(buttons.at(-1));
  for (const move of MOVES) element.querySelector(".stage").addEventListener(move, () => mark(null), { passive: true });
  element.querySelector(".ranges").replaceChildren(...buttons);
  return () => mark(null);
}

// The first point of that many latest days.
export function firstOf(times, days) {
  return Math.max(
    times.findIndex((time) => time >= times.at(-1) - days * DAY_S),
    0,
  );
}
