// Visible columns of the list of runs, in a cookie, since the server sends no others.
import { keep } from "../settings.js";
import { refresh } from "../swap.js";

function onChange({ target }) {
  if (!target.dataset?.column) return;
  keep("columns", [...document.querySelectorAll("[data-column]:checked")].map((box) => box.dataset.column).join("."));
  refresh("runs-list");
}

document.addEventListener("change", onChange);
