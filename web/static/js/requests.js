// JSON to the server and back; a fault is an answer with `error`, never an exception.
export async function sendJson(url, values, { method = "POST", headers = {} } = {}) {
  try {
    const response = await fetch(url, {
      method,
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
      credentials: "same-origin",
      body: values === null ? null : JSON.stringify(values),
    });
    const body = response.status === 204 ? {} : await response.json();
    return { ok: response.ok, status: response.status, body };
  } catch {
    return { ok: false, status: 0, body: { error: "The server does not answer. Your entries are kept; try again." } };
  }
}
