// What was entered stays with its place in the browser's history, so that going back shows it again. The browser itself
// brings back only what the server sent, and most of the form is made by scripts.
const PAUSE_MS = 300; // browsers refuse to note more than a few changes a second

const isTicked = ({ type }) => type === "checkbox" || type === "radio";
const inputsOf = (form) => [...form.querySelectorAll("input, select, textarea")];

function nameOf(input) {
  return (
    input.dataset.path ?? input.getAttribute("aria-label") ?? `${input.name} ${isTicked(input) ? input.value : ""}`
  );
}

// The request and fields that were entered at this place of the history; undefined where nothing was.
export function enteredBefore() {
  return history.state?.entered;
}

// Writes them into fields that are there again, in folds as they were.
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

// Notes them from now on, as `read` has the request; what comes back does so at once.
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
