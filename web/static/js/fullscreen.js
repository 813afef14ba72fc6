// A button that shows one part of the page alone; its refreshes go on there.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-fullscreen]");
  if (button) document.getElementById(button.dataset.fullscreen).requestFullscreen();
});
