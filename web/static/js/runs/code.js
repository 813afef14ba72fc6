// A Python editor over a textarea, which stays the form's field; without the editor the textarea is used as it is.
// The library is a classic script that defines one global name.
import { make } from "../elements.js";

let loading = null;

async function importAce() {
  await import("../ace.js");
  await import("../ace-mode-python.js");
  return window.ace;
}

async function loadAce() {
  const ace = await importAce();
  ace.config.set("useStrictCSP", true); // its style sheet is linked instead
  const href = new URL("../../css/ace.css", import.meta.url).href;
  const sheet = make("link", { rel: "stylesheet", href });
  const styled = new Promise((resolve, reject) => Object.assign(sheet, { onload: resolve, onerror: reject }));
  document.head.prepend(sheet); // our style sheet follows and takes precedence
  await styled;
  return ace;
}

function edit(ace, area) {
  const place = make("div", { className: "code-editor" });
  area.before(place);
  area.classList.add("visually-hidden");
  area.tabIndex = -1;
  const editor = ace.edit(place, {
    mode: "ace/mode/python",
    theme: { cssClass: "theme", cssText: "" }, // its colours are in terminal.css
    useWorker: false,
    tabSize: 4,
    useSoftTabs: true,
    minLines: 12,
    maxLines: 32,
    printMargin: false,
    displayIndentGuides: false, // they are images, which are not served
    fontSize: "inherit",
    highlightActiveLine: false,
    highlightGutterLine: false,
    showFoldWidgets: false,
    enableKeyboardAccessibility: true, // Tab indents; Escape leaves the editor
    textInputAriaLabel: "Code",
  });
  editor.session.setValue(area.value);
  let copying = false; // from the textarea, so the editor must not write to it
  editor.on("change", () => {
    if (copying || area.value === editor.getValue()) return;
    area.value = editor.getValue();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  });
  area.addEventListener("input", () => {
    if (area.value === editor.getValue()) return;
    copying = true;
    editor.setValue(area.value, -1);
    copying = false;
  });
  area.addEventListener("focus", () => editor.focus());
  return editor;
}

// Marks the fault at its line, or clears the mark; `fault` is { line, column, text }, counted from 1.
function mark(editor, fault) {
  const row = fault && Math.min(fault.line, editor.session.getLength()) - 1;
  editor.session.setAnnotations(fault ? [{ row, column: fault.column - 1, text: fault.text, type: "error" }] : []);
  if (editor.faultMarker) editor.session.removeMarker(editor.faultMarker);
  const { Range } = window.ace.require("ace/range");
  editor.faultMarker = fault && editor.session.addMarker(new Range(row, 0, row, 1), "fault-line", "fullLine");
}

// Puts an editor over the textarea; returns functions that mark a fault and insert text at the cursor, once loaded.
export function startCode(area) {
  loading ??= loadAce();
  let [editor, last] = [null, null];
  loading
    .then((ace) => {
      if (!area.isConnected) return;
      editor = edit(ace, area);
      mark(editor, last);
    })
    .catch(() => {
      loading = null; // try again next time
    });
  return {
    mark(fault) {
      last = fault;
      if (editor) mark(editor, fault);
    },
    // false without the editor
    write(text, isWhole) {
      if (!editor) return false;
      if (isWhole) editor.selectAll();
      editor.insert(text);
      editor.focus();
      return true;
    },
  };
}

// Colours and numbers the lines of code that is only read; without the library it stays plain text.
export async function highlight(block) {
  const { Mode } = (await importAce()).require("ace/mode/python");
  const tokenizer = new Mode().getTokenizer();
  let state = "start";
  const lines = block.textContent.split("\n").map((text) => {
    const line = tokenizer.getLineTokens(text, state);
    state = line.state;
    const tokens = line.tokens.map(({ type, value }) =>
      make("span", { className: type.replace(/(^|\.)/g, " ace_").trim() }, value),
    );
    return make("span", { className: "line" }, ...tokens, "\n");
  });
  block.classList.add("code-editor", "code-lines");
  block.replaceChildren(...lines);
}
