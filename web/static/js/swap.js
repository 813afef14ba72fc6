// Replaces parts of the page with the same parts of another address, without a reload.
// Links and GET forms with data-swap="id …" are followed this way; without JavaScript they work as they are.
import { announce } from "./announce.js";

const WHOLE = ["navigation", "main"];
let latest = 0;
let awaited = 0; // swaps that somebody asked for and that have not been answered

export async function swap(url, ids, { push = true, quiet = false, yields = false } = {}) {
  if (yields && awaited) return;
  const turn = ++latest;
  const parts = ids.map((id) => document.getElementById(id)).filter(Boolean);
  if (!quiet) parts.forEach((part) => part.setAttribute("aria-busy", "true"));
  awaited += yields ? 0 : 1;
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    const next = new DOMParser().parseFromString(await response.text(), "text/html");
    if (turn !== latest) return;
    replaceParts(next, ids);
    if (push) history.pushState(null, "", response.url);
    // a table that is folded out within a page does not change what the page is called
    if (!ids.every((id) => id.startsWith("table-"))) document.title = next.title;
  } catch {
    if (!yields) announce("The page could not be loaded; the server may be away. Try again.");
  } finally {
    awaited -= yields ? 0 : 1;
    parts.forEach((part) => part.removeAttribute("aria-busy"));
  }
}

export function replaceParts(next, ids) {
  for (const id of ids) {
    const old = document.getElementById(id);
    // an answer without the part (an error page, say) takes the place of the whole content
    const target = next.getElementById(id) && old ? id : "main";
    const fresh = next.getElementById(target);
    if (!fresh) continue;
    const focused = document.activeElement?.id;
    const node = document.importNode(fresh, true);
    document.getElementById(target).replaceWith(node);
    if (focused && node.querySelector(`#${CSS.escape(focused)}`)) document.getElementById(focused).focus();
    node.dispatchEvent(new CustomEvent("swapped", { bubbles: true }));
    if (target === "main") break;
  }
}

export function visit(url) {
  return swap(url, WHOLE).then(() => {
    window.scrollTo(0, 0);
    document.getElementById("main").focus({ preventScroll: true });
  });
}

function idsOf(element) {
  return element.dataset.swap.split(" ");
}

function onClick(event) {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const swapped = swap(link.href, idsOf(link), { push: link.dataset.push !== "no" });
  if (link.rel) swapped.then(() => topOf(document.getElementById(idsOf(link)[0]))?.scrollIntoView());
}

// Where a reader begins with another page of a list, whose link was at the end of the page before.
function topOf(part) {
  return part?.querySelector("[data-page-top]") ?? part;
}

function onSubmit(event) {
  const form = event.target;
  if (!form.dataset.swap || form.method !== "get") return;
  event.preventDefault();
  swap(addressOf(form), idsOf(form));
}

export function addressOf(form) {
  const url = new URL(form.action, location.href);
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  url.search = new URLSearchParams(filled).toString();
  return url.href;
}

export function startSwapping() {
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
}
