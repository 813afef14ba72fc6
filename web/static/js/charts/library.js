// The charts library, its colours and its numbers. The library is a classic script that leaves one global name.
let loading = null;

export function loadLibrary() {
  loading ??= import("../lightweight-charts.js").then(() => window.LightweightCharts);
  return loading;
}

// Colours come from the style sheet, so that a theme is a matter of CSS; the library wants them as text.
export function coloursOf(element) {
  const style = getComputedStyle(element);
  return new Proxy({}, { get: (_, name) => style.getPropertyValue(`--chart-${name}`).trim() });
}

export function onThemeChange(redraw) {
  const observer = new MutationObserver(redraw);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-bs-theme"] });
  const query = matchMedia("(prefers-color-scheme: light)");
  query.addEventListener("change", redraw);
  return () => {
    observer.disconnect();
    query.removeEventListener("change", redraw);
  };
}

export function text(tag, words) {
  const element = document.createElement(tag);
  element.textContent = words;
  return element;
}

export function number(value, decimals = 2) {
  if (value === null || value === undefined) return "—";
  const text = value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return text.replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}

// As short as an axis wants it: 1.34M.
export function compact(value) {
  return (value || 0).toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 }).replace("-", "−");
}

export const price = (value) => number(value, value !== null && Math.abs(value) < 1 ? 4 : 2);
export const percent = (value) => `${number(value)}%`;
export const whole = (value) => number(value, 0);
export const signed = (value) => `${value > 0 ? "▲ +" : value < 0 ? "▼ " : ""}${number(value)}`;

// 2009-03-02, or 2009-03-02 14:30 within a day.
export function moment(seconds, intraday) {
  return new Date(seconds * 1000).toISOString().slice(0, intraday ? 16 : 10).replace("T", " ");
}

export function chartOptions(library, colours, intraday) {
  return {
    layout: {
      attributionLogo: false, // it styles itself inline, which our policy forbids; its words are on the page
      background: { type: library.ColorType.Solid, color: colours.background },
      textColor: colours.text,
      fontSize: 14,
      panes: { separatorColor: colours.rule, separatorHoverColor: `${colours.rule}80` },
    },
    grid: { vertLines: { color: colours.grid }, horzLines: { color: colours.grid } },
    crosshair: { mode: library.CrosshairMode.Normal },
    localization: { locale: "en", timeFormatter: (seconds) => moment(seconds, intraday) },
    timeScale: { timeVisible: intraday, borderColor: colours.rule, minBarSpacing: 0.02, rightOffset: 0 },
    rightPriceScale: { borderColor: colours.rule, minimumWidth: 72 },
    handleScroll: { vertTouchDrag: false },
  };
}
