// A button that shows one part of the page in full screen, where it keeps refreshing.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-fullscreen]");
  if (button) document.getElementById(button.dataset.fullscreen).requestFullscreen();
});
