// Arrow keys, Home and End move between tabs while one has the focus; each tab is a link with its own address.
const MOVES = {
  ArrowRight: (index, count) => (index + 1) % count,
  ArrowLeft: (index, count) => (index - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
};

function onKey(event) {
  const move = MOVES[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const list = event.target.closest?.('[role="tablist"]');
  if (!list) return;
  const tabs = [...list.querySelectorAll('[role="tab"]')];
  event.preventDefault();
  const current = Math.max(
    0,
    tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true"),
  );
  const next = tabs[move(current, tabs.length)];
  next.focus();
  next.click();
}

// On a narrow screen the selected tab may be out of view.
function reveal() {
  const list = document.querySelector('[role="tablist"]');
  const chosen = list?.querySelector('[aria-selected="true"]');
  if (chosen) list.scrollLeft = chosen.offsetLeft - (list.clientWidth - chosen.clientWidth) / 2;
}

reveal();
document.addEventListener("swapped", reveal);
document.addEventListener("keydown", onKey);
