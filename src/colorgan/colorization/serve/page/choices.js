// Small pictures beside each other, each a button that takes it: strengths, looks, variants.

import {readChoice, show} from "./server.js";

export class Choices {
  // `options` are {by, label, part, says}: what they differ by, what is shown, how the edit changes, what is read out.
  constructor(list, options, choose) {
    this.list = list;
    this.items = options.map(option => this.make(option, choose));
    list.replaceChildren(...this.items.map(item => item.row));
  }

  make(option, choose) {
    const row = document.createElement("li"), button = document.createElement("button");
    const image = document.createElement("img"), label = document.createElement("span");
    image.alt = "";
    label.textContent = option.label;
    button.setAttribute("aria-label", option.says);
    button.append(image, label);
    button.onclick = () => choose(option);
    row.append(button);
    return {...option, row, button, image, shown: ""};
  }

  get isVisible() { return this.list.closest("details")?.open ?? true; }

  mark(edit) {
    for (const {button, part, by} of this.items) button.ariaPressed = String(part[by] === edit[by]);
  }

  // Bring the pictures up to date, one request at a time; `isWanted` says whether somebody still wants them.
  async refresh(photograph, isWanted) {
    if (!this.isVisible) return;
    for (const item of this.items) {
      const edit = {...photograph.edit, ...item.part}, wanted = `${photograph.number} ${JSON.stringify(edit)}`;
      if (item.shown === wanted) continue;
      const blob = await readChoice(photograph.number, edit);
      if (!isWanted()) return;
      await show(item.image, blob);
      item.shown = wanted;
    }
  }
}
