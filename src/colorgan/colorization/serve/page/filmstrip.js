// All photographs in a row: one stop of the tab key, arrows between them. Thumbnails are fetched as they come into view,
// one at a time, so that there is always a connection left for the photograph itself.

import {readThumbnail, show} from "./server.js";

export class Filmstrip {
  constructor(list, photographs, open) {
    this.photographs = photographs;
    this.items = photographs.map((photograph, number) => this.make(photograph, () => open(number)));
    this.rows = new Map(this.items.map(item => [item.row, item]));
    this.waiting = [];
    this.isLoading = false;
    list.replaceChildren(...this.items.map(item => item.row));
    list.onkeydown = event => this.type(event);
    this.observer = new IntersectionObserver(entries => this.see(entries), {root: list, rootMargin: "0px 300px"});
    this.items.forEach(item => this.observer.observe(item.row));
  }

  make(photograph, open) {
    const row = document.createElement("li"), button = document.createElement("button");
    const image = document.createElement("img"), badge = document.createElement("span");
    image.alt = "";
    badge.setAttribute("aria-hidden", "true");
    button.tabIndex = -1;
    button.title = photograph.name;
    button.onclick = open;
    button.append(image, badge);
    row.append(button);
    return {row, button, image, badge, photograph};
  }

  see(entries) {
    for (const {target, isIntersecting} of entries) {
      const item = this.rows.get(target);
      if (isIntersecting) this.waiting.push(item);
      else this.waiting = this.waiting.filter(other => other !== item);
    }
    this.load();
  }

  async load() {
    if (this.isLoading) return;
    this.isLoading = true;
    while (this.waiting.length) {
      const item = this.waiting.shift();
      this.observer.unobserve(item.row);
      try {
        await show(item.image, await readThumbnail(item.photograph.number));
      } catch (error) {
        item.button.title = `${item.photograph.name}: ${error.message}`;
      }
    }
    this.isLoading = false;
  }

  renew(number) {
    this.waiting.push(this.items[number]);
    this.load();
  }

  mark(number) {
    const {button, badge, photograph} = this.items[number];
    badge.textContent = photograph.badge;
    badge.className = `badge ${photograph.state}`;
    button.setAttribute("aria-label", `${photograph.name}, ${number + 1} of ${this.items.length}, ${photograph.stateLabel}`);
  }

  select(number) {
    for (const {button} of this.items) {
      button.removeAttribute("aria-current");
      button.tabIndex = -1;
    }
    const {button} = this.items[number];
    button.setAttribute("aria-current", "true");
    button.tabIndex = 0;
    button.scrollIntoView({block: "nearest", inline: "center"});
  }

  type(event) {
    const at = this.items.findIndex(({button}) => button === document.activeElement), last = this.items.length - 1;
    const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last}[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    this.items[Math.min(Math.max(to, 0), last)].button.focus();
  }
}
