// A canvas for text and dragging.
export function cleared(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  Object.assign(canvas, { width: width * devicePixelRatio, height: height * devicePixelRatio });
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  Object.assign(context, { font: "14px sans-serif", textBaseline: "middle" });
  return { context, width, height };
}

export function word(context, colours, text, x, y, anchor) {
  Object.assign(context, { fillStyle: colours.muted, textAlign: anchor });
  context.fillText(text, x, y);
}

export function fitted(context, text, width) {
  let short = text;
  while (short.length > 2 && context.measureText(short).width > width - 8) short = `${short.slice(0, -2)}…`;
  return short;
}

// Calls `done(from, to)` when a pointer that went down here goes up.
export function drag(canvas, done) {
  const place = ({ offsetX: x, offsetY: y }) => ({ x, y });
  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    from = place(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from) done(from, place(event));
    from = null;
  });
  canvas.addEventListener("pointercancel", () => {
    from = null;
  });
}
