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

function markQuickRange(form, range) {
  const { start_date: start, end_date: end } = form.elements;
  for (const button of form.querySelectorAll("[data-years]")) {
    const chosen = end.value === range.last_date && start.value === startOf(range, button.dataset.years);
    button.setAttribute("aria-pressed", String(chosen));
  }
}

// Prefills the ticker's whole range unless both dates are given; keeps what the user chose while it overlaps.
export function showDates(form, start, end) {
  const ranges = rangesOf(form);
  showTimeframes(form, ranges);
  const range = ranges[form.elements.timeframe.value];
  if (!range) return;
  const from = form.elements.start_date;
  const to = form.elements.end_date;
  from.value = start ?? range.first_date;
  to.value = end ?? range.last_date;
  const known = range.closes_only ? "; closes only, so a stop or target is seen at a close alone" : "";
  form.querySelector("#h-range").textContent =
    `${form.elements.ticker.value} has ${range.bars.toLocaleString("en")} bars from ${range.first_date} to ${range.last_date}${known}`;
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
