// A fault at its field. One that has lines shows them as they are: the part of a formula, and a caret below its place.
import { make } from "../elements.js";

export function showFault(line, text) {
  const [message, ...shown] = text.split("\n");
  line.textContent = message;
  if (!shown.length) return;
  const part = make("code", { tabIndex: 0 }, shown.join("\n")); // it can be wider than its place, and then scrolls
  line.append(part);
  part.scrollLeft = (part.scrollWidth * Math.max(0, shown.at(-1).length - 10)) / Math.max(...shown.map((each) => each.length));
}
