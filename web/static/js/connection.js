// Every question to the server goes through here, so that one line on the page can say since when its numbers are old.
import { announce } from "./announce.js";

const AWAY = [502, 503, 504]; // the server, or what it stands on, comes back by itself
const PATIENCE_MS = 20_000; // a network that is gone may drop questions without a word

let lost = ""; // in words

// The answer, whatever it says; an Error when there is none, or the server says that it is away.
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
  document.documentElement.classList.toggle("lost", Boolean(lost)); // what was green a moment ago is not known now
  announce(lost ? `${lost}, reconnecting` : "Reconnected");
}
