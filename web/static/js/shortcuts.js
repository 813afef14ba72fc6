// "/" goes to the search, "n" to the form of a new run, unless single-key shortcuts are off.
function isTyping(target) {
  return target.closest?.("input, select, textarea, [contenteditable]") !== null;
}

function onKey(event) {
  if (document.documentElement.classList.contains("shortcuts-off")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "n") {
    event.preventDefault();
    if (document.getElementById("run-form")) document.getElementById("f-ticker").focus();
    else location.assign(document.body.dataset.newRun);
  }
}

document.addEventListener("keydown", onKey);
