// The hints of a photograph as a list, for those who do not point; and the colours used before.

import {nameOf} from "./colors.js";

const MOST_RECENT = 8;

export class HintList {
  // `act` is told what to do: change(number, hint), remove(number).
  constructor({list, title}, act) {
    Object.assign(this, {list, title, act});
  }

  show(hints) {
    const focused = this.focused();
    this.title.textContent = hints.length ? `${hints.length} hint${hints.length > 1 ? "s" : ""}` : "No hints";
    this.list.replaceChildren(...hints.map((hint, number) => this.row(hint, number)));
    if (!focused) return;
    const row = this.list.children[Math.min(focused.row, hints.length - 1)];
    (row?.children[focused.cell] ?? this.title).focus();
  }

  // Where in the list the focus is, which shall stay there although its rows are made anew.
  focused() {
    const row = [...this.list.children].findIndex(item => item.contains(document.activeElement));
    return row < 0 ? null : {row, cell: [...this.list.children[row].children].indexOf(document.activeElement)};
  }

  row(hint, number) {
    const row = document.createElement("li"), color = document.createElement("input");
    const place = document.createElement("span"), remove = document.createElement("button");
    const [x, y] = [hint.x, hint.y].map(part => `${parseFloat(part).toFixed(0)} %`);
    const what = `hint ${number + 1}, ${nameOf(hint.color)}, ${x} across, ${y} down`;
    place.textContent = `${x}, ${y}`;
    place.setAttribute("aria-hidden", "true");
    color.type = "color";
    color.value = hint.color;
    color.setAttribute("aria-label", `Colour of ${what}`);
    color.onchange = () => this.act.change(number, {...hint, color: color.value});
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `Remove ${what}`);
    remove.onclick = () => this.act.remove(number);
    row.append(color, place, remove);
    return row;
  }
}

// Put a colour at the head of those used before.
export function rememberColor(list, color, take) {
  [...list.children].find(item => item.dataset.color === color)?.remove();
  const item = document.createElement("li"), button = document.createElement("button");
  item.dataset.color = color;
  button.style.background = color;
  button.title = color;
  button.setAttribute("aria-label", `Take ${nameOf(color)}, ${color}`);
  button.onclick = () => take(color);
  item.append(button);
  list.prepend(item);
  while (list.children.length > MOST_RECENT) list.lastElementChild.remove();
}
