// A file that is dropped on the form is one of prices: it is taken to where prices are loaded, which examines it first.
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
    const kept = new DataTransfer(); // that of the event is emptied after it
    for (const file of event.dataTransfer.files) kept.items.add(file);
    leave();
    await visit(form.dataset.prices);
    const input = document.getElementById("price-files");
    input.files = kept.files;
    input.dispatchEvent(new Event("change"));
  });
}
