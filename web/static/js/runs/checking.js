// Checks the rule during typing: warnings, and the faults of an editor.
import { at } from "../addresses.js";
import { sendJson } from "../requests.js";

const PAUSE_MS = 250; // without typing before the rule is checked
const CHECKED_FIELDS = ["rule_type", "params", "ticker", "timeframe", "end_date"];

export function startChecking(form) {
  const editorOf = () => form.querySelector("[data-formula]");
  let last = "";
  let lastEditor = null;
  let timer = 0;

  async function check(request, requestText) {
    const answer = await sendJson(at("/api/rules/check"), request);
    if (requestText !== last || !form.isConnected) return; // the response is about another rule
    const [editor, { warnings = [] }] = [editorOf(), answer.body];
    form.querySelector("#rule-warnings").textContent = editor ? "" : warnings.join(" · ");
    editor?.dispatchEvent(new CustomEvent("checked", { detail: answer }));
  }

  form.addEventListener("described", ({ detail }) => {
    const request = Object.fromEntries(CHECKED_FIELDS.map((name) => [name, detail[name]]));
    const requestText = JSON.stringify(request);
    if (requestText === last && editorOf() === lastEditor) return;
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE_MS, request, requestText);
    last = requestText;
    lastEditor = editorOf();
  });
}
