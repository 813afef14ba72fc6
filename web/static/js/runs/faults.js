// What the server refuses, where somebody entered it.
import { make } from "../elements.js";

// Faults at their fields, `errors` by name as the server says them; the others as texts, for a place that all share.
export function showFaults(root, errors, seen = () => {}) {
  const left = [];
  for (const [name, text] of Object.entries(errors)) {
    const line = root.querySelector(`[data-fault="${CSS.escape(name)}"]`);
    if (line) {
      showFault(line, text);
      seen(line, name);
    } else left.push(`${name}: ${text}`);
  }
  return left;
}

// A fault at its field. One that has lines shows them as they are: the part of a formula, and a caret below its place.
export function showFault(line, text) {
  const [message, ...lines] = text.split("\n");
  line.textContent = message;
  if (!lines.length) return;
  const part = make("code", { tabIndex: 0 }, lines.join("\n")); // it can be wider than its place, and then scrolls
  line.append(part);
  part.scrollLeft =
    (part.scrollWidth * Math.max(0, lines.at(-1).length - 10)) / Math.max(...lines.map((each) => each.length));
}
