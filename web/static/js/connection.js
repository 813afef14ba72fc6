// Every request goes through here, so that one line on the page can say since when it is out of date.
import { announce } from "./announce.js";

const AWAY = [502, 503, 504]; // the server, or a service behind it, will recover
const PATIENCE_MS = 20_000; // a lost network may drop requests silently

let lost = ""; // what is unreachable, in words

// The response, whatever its status; an Error if there is none, or the server reports an outage.
export async function ask(url, accept, { headers, ...options } = {}) {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(url, {
      headers: { Accept: accept, ...headers },
      credentials: "same-origin",
      signal,
      ...options,
    });
    if (AWAY.includes(answer.status))
      throw Object.assign(new Error(`status ${answer.status}`), { what: answer.headers.get("Away") });
    show("");
    return answer;
  } catch (error) {
    show(error.what ? `${error.what} is unavailable` : "Connection lost");
    throw error;
  }
}

function show(words) {
  if (words === lost) return;
  const line = document.getElementById("connection");
  if (!lost) line.querySelector("time").dateTime = new Date().toISOString();
  lost = words;
  line.hidden = !lost;
  line.querySelector("[data-lost]").textContent = lost;
  document.documentElement.classList.toggle("lost", Boolean(lost)); // states that were green are now unknown
  announce(lost ? `${lost}, reconnecting` : "Reconnected");
}
