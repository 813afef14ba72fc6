// Replaces parts of the page with the same parts of another page, without a reload.
// Links and GET forms with data-swap="id …" are followed this way; without JavaScript they work as they are.
import { announce } from "./announce.js";
import { ask } from "./connection.js";
import { morph } from "./morph.js";

const WHOLE = ["navigation", "main"];
const AGAIN_MS = 2000; // until a requested page is requested again
let latest = 0;
let pending = 0; // requested swaps without a response

// A requested swap: the content stays until there is a response; the request is repeated until then.
export async function swap(url, ids, { push = true, quiet = false, headers = {} } = {}) {
  const turn = ++latest;
  const parts = ids.map((id) => document.getElementById(id)).filter(Boolean);
  if (!quiet) for (const part of parts) part.setAttribute("aria-busy", "true");
  pending += 1;
  const answer = await answered(url, turn, headers);
  pending -= 1;
  for (const part of parts) part.removeAttribute("aria-busy");
  if (!answer || (push && isRefusal(answer, ids))) return;
  replaceParts(answer.page, ids);
  if (push) history.pushState(null, "", answer.url);
  // a table that opens within a page does not change its title
  if (!ids.every((id) => id.startsWith("table-"))) document.title = answer.page.title;
}

// An invalid filter leaves the page as it is and shows the faults, if it has a place for them.
function isRefusal({ ok, page }, ids) {
  const place = document.getElementById("action-fault");
  if (!place) return false;
  const faults =
    ok || ids.some((id) => page.getElementById(id)) ? [] : [...page.querySelectorAll("main .notice.bad li")];
  place.hidden = !faults.length;
  place.textContent = faults.map((each) => each.textContent).join(" · ");
  if (faults.length) place.scrollIntoView({ block: "nearest" });
  return faults.length > 0;
}

// Refreshes one part of this page without disturbing the reader; skipped while another page is loading. Callers repeat,
// so a missing response does not matter.
export async function refresh(id) {
  if (pending) return;
  const turn = ++latest;
  const answer = await pageAt(location.href).catch(() => null);
  const fresh = turn === latest && answer?.ok && answer.page.getElementById(id);
  if (!fresh) return;
  put(document.getElementById(id), fresh, true);
  document.title = answer.page.title;
}

// null if another page was requested meanwhile
async function answered(url, turn, headers) {
  for (;;) {
    const answer = await pageAt(url, headers).catch(() => null);
    if (turn !== latest) return null;
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    if (turn !== latest) return null;
  }
}

async function pageAt(url, headers) {
  const response = await ask(url, "text/html", { headers });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return { page, url: response.url, ok: response.ok };
}

function replaceParts(next, ids) {
  for (const id of ids) {
    const old = document.getElementById(id);
    // a response without the part, such as an error page, replaces the whole content
    const target = next.getElementById(id) && old ? id : "main";
    const fresh = next.getElementById(target);
    if (!fresh) continue;
    put(document.getElementById(target), fresh, fresh.matches("form"));
    if (target === "main") break;
  }
}

// A form is adapted in place, since somebody may be typing.
function put(old, fresh, isKept) {
  const focused = document.activeElement?.id;
  const node = document.importNode(fresh, true);
  if (isKept) morph(old, node);
  else old.replaceWith(node);
  const current = document.getElementById(fresh.id);
  if (focused && document.activeElement === document.body) current.querySelector(`#${CSS.escape(focused)}`)?.focus();
  current.dispatchEvent(new CustomEvent("swapped", { bubbles: true }));
}

export function visit(url, headers) {
  return swap(url, WHOLE, { headers }).then(() => {
    window.scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
    announce(document.title); // it has the state of the run
  });
}

function idsOf(element) {
  return element.dataset.swap.split(" ");
}

function onClick(event) {
  const link = event.target.closest("a[data-swap]");
  if (
    !link ||
    event.defaultPrevented ||
    event.button ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  event.preventDefault();
  const swapped = swap(link.href, idsOf(link), { push: link.dataset.push !== "no" });
  if (link.rel) swapped.then(() => topOf(document.getElementById(idsOf(link).at(-1)))?.scrollIntoView());
}

// Scrolls to the top of a list after a link at its end has loaded another page.
function topOf(part) {
  return part?.querySelector("[data-page-top]") ?? part;
}

function onSubmit(event) {
  const form = event.target;
  if (!form.dataset.swap || form.method !== "get") return;
  event.preventDefault();
  swap(addressOf(form), idsOf(form));
}

function addressOf(form) {
  const url = new URL(form.action, location.href);
  const filled = [...new FormData(form)].filter(
    ([name, value]) => value !== "" || "evenEmpty" in form.elements[name].dataset,
  );
  url.search = new URLSearchParams(filled).toString();
  return url.href;
}

document.addEventListener("click", onClick);
document.addEventListener("submit", onSubmit);
document.addEventListener(
  "toggle",
  (event) => {
    const id = event.target.open && event.target.querySelector?.("[id^='table-']")?.id;
    if (id && event.target.dataset.load && !event.target.dataset.loaded) {
      event.target.dataset.loaded = "yes";
      swap(event.target.dataset.load, [id], { push: false });
    }
  },
  true,
);
document.addEventListener("change", (event) => {
  const form = event.target.closest?.("form[data-swap][data-on-change]");
  if (form) form.requestSubmit();
});
window.addEventListener("popstate", () => swap(location.href, WHOLE, { push: false }));
