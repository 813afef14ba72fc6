// Buttons that copy the text of another element.
import { announce } from "./announce.js";

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
    announce("Copied to the clipboard");
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl C";
  }
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
