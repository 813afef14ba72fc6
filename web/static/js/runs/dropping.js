// A file dropped on the form holds prices: it is passed to the page that loads prices, which checks it first.
import { visit } from "../swap.js";

export function catchFiles(form, leave) {
  const carriesFiles = (event) => event.dataTransfer.types.includes("Files");
  for (const name of ["dragenter", "dragover"])
    form.addEventListener(name, (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      form.classList.add("over");
    });
  form.addEventListener("dragleave", (event) => form.classList.toggle("over", form.contains(event.relatedTarget)));
  form.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const kept = new DataTransfer(); // the one of the event is emptied afterwards
    for (const file of event.dataTransfer.files) kept.items.add(file);
    leave();
    await visit(form.dataset.prices);
    const input = document.getElementById("price-files");
    input.files = kept.files;
    input.dispatchEvent(new Event("change"));
  });
}
