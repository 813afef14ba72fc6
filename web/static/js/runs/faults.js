// Faults that the server reports, shown at their fields.
import { make } from "../elements.js";

// Shows `errors` by name at their fields; returns the texts of the others, for a shared place.
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

// Shows a fault at its field. Several lines are kept as they are: part of a formula, and a caret below the place.
export function showFault(line, text) {
  const [message, ...lines] = text.split("\n");
  line.textContent = message;
  if (!lines.length) return;
  const part = make("code", { tabIndex: 0 }, lines.join("\n")); // focusable, since it scrolls when too wide
  line.append(part);
  part.scrollLeft =
    (part.scrollWidth * Math.max(0, lines.at(-1).length - 10)) / Math.max(...lines.map((each) => each.length));
}
