// Buttons for the latest day, week, month … of what a chart shows.
import { make } from "../elements.js";

const DAY_S = 86_400;
const SPANS = [["1D", 1], ["1W", 7], ["1M", 31], ["3M", 92], ["6M", 183], ["1Y", 365], ["3Y", 1096], ["10Y", 3653]];
const FEWEST_POINTS = 5;

// `go(days)` shows the latest so many days, or everything for null.
export function drawRanges(element, { times, total }, go) {
  const whole = (times.at(-1) - times[0]) / DAY_S;
  const perDay = total / Math.max(whole, 1);
  const fitting = SPANS.filter(([, days]) => days < whole && days * perDay >= FEWEST_POINTS);
  const buttons = [...fitting, ["All", null]].map(([name, days]) => {
    const onclick = () => go(days);
    return make("button", { type: "button", className: "btn btn-quiet btn-sm", onclick }, name);
  });
  element.querySelector(".ranges").replaceChildren(...buttons);
}

// The first point of the latest so many days.
export function firstOf(times, days) {
  return Math.max(times.findIndex((time) => time >= times.at(-1) - days * DAY_S), 0);
}
