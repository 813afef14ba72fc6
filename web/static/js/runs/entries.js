// Keeps form entries with their place in the browser history, so that going back restores them. The browser itself
// restores only what the server sent, and most of the form is made by scripts.
const PAUSE_MS = 300; // browsers limit changes of the history to a few a second

const isTicked = ({ type }) => type === "checkbox" || type === "radio";
const inputsOf = (form) => [...form.querySelectorAll("input, select, textarea")];

function nameOf(input) {
  return (
    input.dataset.path ?? input.getAttribute("aria-label") ?? `${input.name} ${isTicked(input) ? input.value : ""}`
  );
}

// Request and fields entered at this place of the history, or undefined.
export function enteredBefore() {
  return history.state?.entered;
}

// Restores fields and folds.
export function bringBack(form, { fields, folds }) {
  for (const input of inputsOf(form)) {
    const value = fields[nameOf(input)];
    if (isTicked(input)) input.checked = value ?? input.checked;
    else input.value = value ?? input.value;
  }
  form.querySelectorAll("details").forEach((fold, at) => {
    fold.open = folds[at] ?? fold.open;
  });
}

// Records entries from now on; `read` returns the request. Restored entries are recorded at once.
export function noteEntries(form, read) {
  const place = location.pathname + location.search;
  let timer = 0;

  function note() {
    clearTimeout(timer);
    if (!form.isConnected || place !== location.pathname + location.search) return;
    const fields = Object.fromEntries(
      inputsOf(form).map((input) => [nameOf(input), isTicked(input) ? input.checked : input.value]),
    );
    const folds = [...form.querySelectorAll("details")].map((fold) => fold.open);
    history.replaceState({ ...history.state, entered: { request: read(form), fields, folds } }, "");
  }

  form.addEventListener("described", () => {
    clearTimeout(timer);
    timer = setTimeout(note, PAUSE_MS);
  });
  form.addEventListener("focusout", note); // a link may have been clicked
  return note;
}
