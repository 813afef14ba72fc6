// JSON, or a file, to the server and JSON back; a fault is an answer with `error`, never an exception.
// outlives: it is sent even if the page is left at once; of at most 64 KB.
export async function sendJson(
  url,
  values,
  { method = values === undefined ? "GET" : "POST", headers = {}, outlives = false } = {},
) {
  try {
    const response = await fetch(url, {
      method,
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      credentials: "same-origin",
      keepalive: outlives,
      body: values === null || values instanceof Blob ? values : JSON.stringify(values),
    });
    const body = response.status === 204 ? {} : await response.json();
    return { ok: response.ok, status: response.status, body };
  } catch {
    return { ok: false, status: 0, body: { error: "The server does not answer. Your entries are kept; try again." } };
  }
}

const unanswered = new Map(); // address and body of a request whose fate is unknown: the key that it was sent with

// As sendJson, for what makes a run: sent again after a lost answer it carries the same key, and makes no second one.
export async function sendOnce(url, values) {
  const request = `${url} ${JSON.stringify(values)}`;
  const key = unanswered.get(request) ?? crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  unanswered.set(request, key);
  const answer = await sendJson(url, values, { headers: { "Idempotency-Key": key } });
  if (answer.status >= 200 && answer.status < 500) unanswered.delete(request);
  return answer;
}
