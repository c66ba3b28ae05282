// A second picture to take colours from. It is read by the browser and goes nowhere.

import {colorAt} from "./colors.js";

const LONGEST = 1200, STEP = 0.02;
const ARROWS = {ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP]};
const share = value => Math.min(Math.max(value, 0), 1);

export class Source {
  // `picked(color)` is told of a colour that was picked up, `moved(color)` of one under the keyboard's cursor.
  constructor(canvas, {picked, moved}) {
    this.canvas = canvas;
    this.place = {x: 0.5, y: 0.5};
    this.picture = null;
    canvas.onclick = event => {
      const box = canvas.getBoundingClientRect();
      this.place = {x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height};
      picked(this.color());
    };
    canvas.onkeydown = event => this.type(event, picked, moved);
    canvas.onfocus = () => this.draw();
    canvas.onblur = () => this.draw();
  }

  async load(file) {
    const picture = await createImageBitmap(file);
    const factor = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    this.picture = picture;
    this.canvas.width = Math.max(1, Math.round(picture.width * factor));
    this.canvas.height = Math.max(1, Math.round(picture.height * factor));
    this.canvas.hidden = false;
    this.draw();
  }

  color() {
    this.draw(false);
    const color = colorAt(this.canvas, this.place);
    this.draw();
    return color;
  }

  draw(withCursor = document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) {
    if (!this.picture) return;
    const {width, height} = this.canvas, pen = this.canvas.getContext("2d", {willReadFrequently: true});
    pen.drawImage(this.picture, 0, 0, width, height);
    if (!withCursor) return;
    for (const [color, line] of [["#000", width / 60], ["#fff", width / 150]]) {
      [pen.strokeStyle, pen.lineWidth] = [color, line];
      pen.beginPath();
      pen.arc(this.place.x * width, this.place.y * height, width / 25, 0, 7);
      pen.stroke();
    }
  }

  type(event, picked, moved) {
    if (event.key in ARROWS) {
      const [right, down] = ARROWS[event.key];
      this.place = {x: share(this.place.x + right), y: share(this.place.y + down)};
      moved(this.color());
    } else if (event.key === "Enter" || event.key === " ") picked(this.color());
    else return;
    event.preventDefault();
  }
}
