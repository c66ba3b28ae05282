// The photograph: shown at the size that the window has room for, pointed at by mouse, finger or keyboard.

import {colorAt} from "./colors.js";

const STEP = 0.02, SMALL_STEP = 0.002;  // of the longer side, by the arrow keys
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const ZOOMS = [1, 2, 4];

const share = value => Math.min(Math.max(value, 0), 1);

export class Stage {
  // `act` has what pointing does: point(place), line(from, to), lineEnd(), remove(place), moved(place), ...
  constructor(elements, act) {
    Object.assign(this, elements);  // view, stage, after, before, spots, divider, divide, cursor, ring
    this.act = act;
    this.tool = "hint";
    this.aspect = 1.5;
    this.zoom = 1;
    this.place = {x: 0.5, y: 0.5};  // of the keyboard's cursor
    this.isReady = false;  // whether what is shown is what can be pointed at
    this.isDown = false;  // whether the keyboard's brush is
    this.from = null;  // where the pointer's line has come to
    this.pixels = document.createElement("canvas");
    new ResizeObserver(() => this.fit()).observe(this.view);
    this.listen();
  }

  get isPainting() { return this.tool === "brush" || this.tool === "eraser"; }

  choose(tool) {
    this.stage.classList.remove(this.tool);
    this.stage.classList.add(tool);
    this.tool = tool;
    this.setDown(false);
    this.ring.hidden = true;
  }

  // After a picture was shown.
  take() {
    const {naturalWidth: width, naturalHeight: height} = this.after;
    this.aspect = width / height;
    [this.pixels.width, this.pixels.height] = [width, height];
    this.pixels.getContext("2d", {willReadFrequently: true}).drawImage(this.after, 0, 0);
    this.fit();
  }

  colorAt(place) { return colorAt(this.pixels, place); }

  fit() {
    const style = getComputedStyle(this.view), inset = 2 * parseFloat(style.paddingTop);
    const room = {width: this.view.clientWidth - inset, height: this.view.clientHeight - inset};
    const width = this.zoom * Math.max(40, Math.min(room.width, room.height * this.aspect));
    this.stage.style.width = `${width}px`;
    this.stage.style.height = `${width / this.aspect}px`;
    this.showCursor();
  }

  nextZoom() {
    this.zoom = ZOOMS[(ZOOMS.indexOf(this.zoom) + 1) % ZOOMS.length];
    this.fit();
    const {view, stage, place} = this;
    view.scrollTo(place.x * stage.clientWidth - view.clientWidth / 2, place.y * stage.clientHeight - view.clientHeight / 2);
    return this.zoom;
  }

  // How much of the picture is shown as it was, from the left, in per cent.
  showBefore(percent) {
    this.divide.value = percent;
    this.before.style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
    this.divider.style.left = `${percent}%`;
    this.divider.classList.toggle("start", percent < 1);
  }

  showSpots(hints) {
    this.spots.replaceChildren(...hints.map((hint, number) => {
      const spot = document.createElement("div");
      spot.className = "spot";
      spot.title = `${hint.color}: click to remove, drag to move`;
      [spot.style.left, spot.style.top, spot.style.background] = [hint.x, hint.y, hint.color];
      this.listenToSpot(spot, number);
      return spot;
    }));
  }

  // A spot that was dragged goes to where it was let go; one that was only clicked is removed.
  listenToSpot(spot, number) {
    let place = null;
    spot.onpointerdown = event => {
      event.stopPropagation();
      spot.setPointerCapture(event.pointerId);
    };
    spot.onpointermove = event => {
      if (!spot.hasPointerCapture(event.pointerId)) return;
      if (!place && Math.hypot(event.movementX, event.movementY) < 1) return;
      event.stopPropagation();
      place = this.placeOf(event);
      [spot.style.left, spot.style.top] = [place.x, place.y].map(part => `${100 * part}%`);
    };
    spot.onpointerup = event => {
      if (!spot.hasPointerCapture(event.pointerId)) return;  // the press that has made it
      event.stopPropagation();
      if (place) this.act.moveHint(number, place);
      else this.act.removeHint(number);
    };
  }

  showCursor() {
    this.cursor.style.left = `${100 * this.place.x}%`;
    this.cursor.style.top = `${100 * this.place.y}%`;
  }

  setDown(isDown) {
    this.isDown = isDown;
    this.cursor.classList.toggle("down", isDown);
  }

  showRing(size, event) {
    if (!this.isPainting) return;
    const place = this.placeOf(event), box = this.stage.getBoundingClientRect();
    const diameter = size * Math.max(box.width, box.height);
    Object.assign(this.ring.style, {
      left: `${100 * place.x}%`, top: `${100 * place.y}%`, width: `${diameter}px`, height: `${diameter}px`,
    });
    this.ring.hidden = false;
  }

  placeOf(event) {
    const box = this.stage.getBoundingClientRect();
    return {x: share((event.clientX - box.left) / box.width), y: share((event.clientY - box.top) / box.height)};
  }

  listen() {
    this.stage.onpointerdown = event => this.press(event);
    this.stage.onpointermove = event => this.drag(event);
    this.stage.onpointerup = this.stage.onpointercancel = () => this.release();
    this.stage.onpointerleave = () => { this.ring.hidden = true; };
    this.stage.onkeydown = event => this.type(event);
    this.divider.onpointerdown = event => {
      event.stopPropagation();
      this.divider.setPointerCapture(event.pointerId);
    };
    this.divider.onpointermove = event => {
      if (!this.divider.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      this.showBefore(100 * this.placeOf(event).x);
      this.act.compared();
    };
  }

  press(event) {
    if (event.button !== 0 || !this.isReady) return;
    this.place = this.placeOf(event);
    this.showCursor();
    if (!this.isPainting) {
      this.act.point(this.place);
      return;
    }
    this.stage.setPointerCapture(event.pointerId);
    this.from = this.place;
    this.act.line(this.from, this.from);
  }

  drag(event) {
    this.act.hover(event);
    if (!this.from) return;
    for (const step of event.getCoalescedEvents?.() ?? [event]) {
      const to = this.placeOf(step);
      this.act.line(this.from, to);
      this.from = to;
    }
  }

  release() {
    if (!this.from) return;
    this.from = null;
    this.act.lineEnd();
  }

  type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.isReady) return;
    if (event.key in ARROWS) this.move(ARROWS[event.key], event.shiftKey ? SMALL_STEP : STEP);
    else if (event.key === "Enter" || event.key === " ") this.enter();
    else if (event.key === "Delete" || event.key === "Backspace") this.act.remove(this.place);
    else if (event.key.toLowerCase() === "d" && this.isPainting) this.lower();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  move([right, down], step) {
    const from = this.place, across = Math.max(1, 1 / this.aspect), along = Math.max(1, this.aspect);
    this.place = {x: share(from.x + right * step * across), y: share(from.y + down * step * along)};
    this.showCursor();
    if (this.zoom > 1) this.cursor.scrollIntoView({block: "nearest", inline: "nearest"});
    if (this.isDown) {
      this.act.line(from, this.place);
      this.act.lineEnd();
    }
    this.act.moved(this.place, this.isDown);
  }

  enter() {
    if (!this.isPainting) {
      this.act.point(this.place);
      return;
    }
    this.act.line(this.place, this.place);
    this.act.lineEnd();
  }

  lower() {
    this.setDown(!this.isDown);
    this.act.lowered(this.isDown);
  }
}
