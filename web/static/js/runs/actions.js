// Buttons that change a run or a batch: cancel, retry, reproduce.
import { announce } from "../announce.js";
import { sendOnce } from "../requests.js";
import { swap, visit } from "../swap.js";

async function act(button) {
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
  button.disabled = true;
  const { ok, body } = await sendOnce(button.dataset.post, JSON.parse(button.dataset.body ?? "{}"));
  button.disabled = false;
  const fault = document.getElementById("action-fault");
  if (!ok) {
    fault.textContent = body.error;
    fault.hidden = false;
  } else if (button.dataset.then === "follow") {
    announce("Submitted");
    await visit(body.result_url ?? body.page_url);
  } else {
    await swap(location.href, [button.dataset.part ?? "run"], { push: false });
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) act(button);
});
