// Sends JSON or a file and returns JSON; a fault is a response with `error`, never an exception.
// outlives: sent even if the page is left at once; at most 64 KB.
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

const unanswered = new Map(); // requests without a response: address and body, with the key that was sent

// Like sendJson, for requests that create runs: one that is repeated after a lost response keeps its key.
export async function sendOnce(url, values) {
  const request = `${url} ${JSON.stringify(values)}`;
  const key = unanswered.get(request) ?? crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  unanswered.set(request, key);
  const answer = await sendJson(url, values, { headers: { "Idempotency-Key": key } });
  if (answer.status >= 200 && answer.status < 500) unanswered.delete(request);
  return answer;
}
