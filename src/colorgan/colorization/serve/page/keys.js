// The keys as people read of them; what they do is in page.js and stage.js.

const KEYS = [
  ["Page Up, Page Down", "previous, next photograph"],
  ["H, E, B, X", "colour, eyedropper, brush, eraser"],
  ["Arrows, Shift arrows", "move the cursor on the photograph (Tab brings you there)"],
  ["Enter", "give the colour there, pick it up, or paint a dot"],
  ["D", "put the brush down, so that the arrows paint; once more lifts it"],
  ["Delete", "remove the hint nearest to the cursor"],
  ["[ and ]", "smaller, larger brush"],
  ["1 to 5", "a strength of the strip"],
  ["L, V", "next look, next variant"],
  ["O", "as it was before"],
  ["Z", "zoom"],
  ["Ctrl Z, Ctrl Shift Z", "undo, redo"],
  ["Ctrl S, Ctrl Shift S", "save, save all"],
  ["?", "these keys"],
];
const KEPT = "colorgan keys";  // whether keys without Ctrl are on, in this browser

export function listKeys(table, choice) {
  table.replaceChildren(...KEYS.map(([keys, what]) => {
    const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    [head.textContent, cell.textContent, head.scope] = [keys, what, "row"];
    row.append(head, cell);
    return row;
  }));
  choice.checked = localStorage.getItem(KEPT) !== "off";
  choice.onchange = () => localStorage.setItem(KEPT, choice.checked ? "on" : "off");
}
