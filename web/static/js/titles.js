// The pencil next to a heading, and the link below it, which open a form to rename, and to write a note.
import { announce } from "./announce.js";
import { sendJson } from "./requests.js";
import { swap } from "./swap.js";

async function onSubmit(event) {
  const form = event.target;
  if (!form.dataset.title) return;
  event.preventDefault();
  const { ok, body } = await sendJson(form.dataset.title, Object.fromEntries(new FormData(form)), { method: "PUT" });
  if (!ok) {
    form.querySelector(".fault").textContent = Object.values(body.errors ?? { body: body.error })[0];
    return;
  }
  await swap(location.href, ["heading"], { push: false });
  const renamed = document.querySelector(`[data-title="${form.dataset.title}"]`)?.closest(".rename");
  if (renamed) renamed.open = false;
  renamed?.querySelector("summary").focus();
  announce(body.title ? `Renamed to ${body.title}` : "Note saved");
}

// Focus at once, so that typing goes into the field: single keys may be shortcuts elsewhere.
function onClick(event) {
  const pencil = event.target.closest(".rename > summary")?.parentElement;
  if (!pencil) return;
  event.preventDefault();
  pencil.open = !pencil.open;
  if (pencil.open) pencil.querySelector("input, textarea").focus();
}

function onKey({ key, target }) {
  const pencil = key === "Escape" && target.closest?.(".rename[open]");
  if (!pencil) return;
  pencil.open = false;
  pencil.querySelector("form").reset();
  pencil.querySelector("summary").focus();
}

document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);
document.addEventListener("keydown", onKey);
