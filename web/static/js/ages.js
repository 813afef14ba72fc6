// Keeps "3 min ago" current while the page stays open, and counts the seconds of a wait.
const STEPS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

function ageText(seconds) {
  for (const [step, unit] of STEPS) if (seconds >= step) return `${Math.floor(seconds / step)} ${unit} ago`;
  return seconds >= 1 ? `${Math.floor(seconds)} s ago` : "just now";
}

function elapsedText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} min`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-age]"))
    write(time, ageText((Date.now() - Date.parse(time.dateTime)) / 1000));
  for (const clock of document.querySelectorAll("[data-since]"))
    write(clock, elapsedText((Date.now() - Date.parse(clock.dataset.since)) / 1000));
}

tick();
setInterval(tick, 1000);
document.addEventListener("swapped", tick);
