// Changes an element into another, keeping equal parts with their focus, scroll position and input. Children are
// matched by id wherever they have moved, so that a row stays the row of its run.

export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) old.replaceWith(fresh);
  else if (old.nodeType !== Node.ELEMENT_NODE) write(old, fresh);
  else if (!old.isEqualNode(fresh)) {
    copyAttributes(old, fresh);
    morphChildren(old, fresh);
  }
}

function write(old, fresh) {
  if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
}

function copyAttributes(old, fresh) {
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) {
    const chosen = name === "open" && old.nodeName === "DETAILS"; // what the reader has opened stays open
    if (!chosen && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

function morphChildren(old, fresh) {
  let next = old.firstChild;
  for (const freshChild of [...fresh.childNodes]) {
    const sameId = freshChild.id ? [...old.children].find((each) => each.id === freshChild.id) : null;
    if (sameId && sameId !== next) old.insertBefore(sameId, next);
    else if (!next || (next.id && !sameId && fresh.querySelector(`:scope > #${CSS.escape(next.id)}`))) {
      old.insertBefore(freshChild, next);
      continue;
    }
    const current = sameId ?? next;
    next = current.nextSibling;
    morph(current, freshChild);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}
