// Buttons that copy the text of another element, or a link to the current view.
import { announce } from "./announce.js";

async function copy(button) {
  const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : button;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy ? source.textContent : location.href);
    button.textContent = "Copied";
    announce("Copied to the clipboard");
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-link]");
  if (button) copy(button);
});
