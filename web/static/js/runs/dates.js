// Dates that fit the chosen ticker: its range, quick ranges counted back from its last day, its timeframes.
function rangesOf(form) {
  const option = form.elements.ticker.selectedOptions[0];
  return option ? JSON.parse(option.dataset.ranges) : {};
}

function showTimeframes(form, ranges) {
  const select = form.elements.timeframe;
  for (const option of select.options) {
    option.disabled = !(option.value in ranges);
    option.hidden = option.disabled;
  }
  if (!(select.value in ranges)) select.value = Object.keys(ranges)[0] ?? "1d";
}

function yearsBefore(day, years) {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCFullYear(date.getUTCFullYear() - years);
  return date.toISOString().slice(0, 10);
}

function startOf(range, years) {
  if (years === "all") return range.first_date;
  const start = yearsBefore(range.last_date, Number(years));
  return start < range.first_date ? range.first_date : start;
}

const FIRST_YEARS = 5; // the latest years, by default
const WIDTH = 96; // of the picture, in its own units
const HEIGHT = 22;

// All prices as a line, with the chosen part marked.
function drawShape(form, { sparkline, first_date: first, last_date: last }) {
  const picture = form.querySelector("#price-shape");
  const { levels } = picture.dataset;
  const heights = [...sparkline].map((letter) => levels.indexOf(letter) / (levels.length - 1));
  const points = heights.map(
    (height, at) =>
      `${((at * WIDTH) / (heights.length - 1)).toFixed(1)},${(HEIGHT - height * (HEIGHT - 2)).toFixed(1)}`,
  );
  picture.querySelector("polyline").setAttribute("points", points.join(" "));
  const [begin, stop, from, to] = [first, last, form.elements.start_date.value, form.elements.end_date.value].map(
    Date.parse,
  );
  const place = (day) => WIDTH * Math.min(Math.max((day - begin) / (stop - begin), 0), 1) || 0;
  picture.querySelector("rect").setAttribute("x", place(from));
  picture.querySelector("rect").setAttribute("width", Math.max(place(to) - place(from), 0));
}

function markQuickRange(form, range) {
  drawShape(form, range);
  const { start_date: start, end_date: end } = form.elements;
  for (const button of form.querySelectorAll("[data-years]")) {
    const { years } = button.dataset;
    const isShorter = years === "all" || range.first_date < yearsBefore(range.last_date, Number(years));
    const chosen = isShorter && end.value === range.last_date && start.value === startOf(range, years);
    button.setAttribute("aria-pressed", String(chosen));
  }
}

// Fills in the ticker's last years, except for the dates in `start` and `end`.
export function showDates(form, start, end) {
  const ranges = rangesOf(form);
  showTimeframes(form, ranges);
  const range = ranges[form.elements.timeframe.value];
  if (!range) return;
  const from = form.elements.start_date;
  const to = form.elements.end_date;
  from.value = start ?? startOf(range, FIRST_YEARS);
  to.value = end ?? range.last_date;
  const note = range.closes_only ? "; closes only, so stops and targets trigger at closes" : "";
  const [ticker, bars] = [form.elements.ticker.value, range.bars.toLocaleString("en")];
  form.querySelector("#h-range").textContent =
    `${ticker} has ${bars} bars from ${range.first_date} to ${range.last_date}${note}`;
  markQuickRange(form, range);
  bind(form);
}

function bind(form) {
  if (form.dataset.datesBound) return;
  form.dataset.datesBound = "yes";
  const current = () => rangesOf(form)[form.elements.timeframe.value];
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-years]");
    if (button) showDates(form, startOf(current(), button.dataset.years), current().last_date);
  });
  form.addEventListener("input", (event) => {
    if (["start_date", "end_date"].includes(event.target.name)) markQuickRange(form, current());
  });
}
