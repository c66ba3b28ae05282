// The mask of what is missing: painted on a canvas of the shown picture's size, sent as a bit a pixel.

const PAINT = "#e02020";

export class Mask {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d", {willReadFrequently: true});
  }

  // Show a mask as it is sent; null is an empty one.
  load(mask, width, height) {
    this.canvas.width = mask?.width ?? width;
    this.canvas.height = mask?.height ?? height;
    if (!mask) return;
    const bits = Uint8Array.from(atob(mask.bits), letter => letter.charCodeAt(0));
    const picture = this.pen.createImageData(mask.width, mask.height);
    for (let i = 0; i < mask.width * mask.height; i++) {
      if (bits[i >> 3] & (128 >> (i & 7))) picture.data.set([0xe0, 0x20, 0x20, 255], 4 * i);
    }
    this.pen.putImageData(picture, 0, 0);
  }

  // Paint or wipe a line between two places, given as shares of the sides; `size` is a share of the longer side.
  draw(from, to, size, isEraser) {
    const {width, height} = this.canvas;
    this.pen.globalCompositeOperation = isEraser ? "destination-out" : "source-over";
    this.pen.strokeStyle = PAINT;
    this.pen.lineCap = this.pen.lineJoin = "round";
    this.pen.lineWidth = Math.max(1, size * Math.max(width, height));
    this.pen.beginPath();
    this.pen.moveTo(from.x * width, from.y * height);
    this.pen.lineTo(to.x * width + 0.01, to.y * height);
    this.pen.stroke();
  }

  static isEmpty(mask) { return /^A*=*$/.test(mask.bits); }

  // What is sent to the server.
  pack() {
    const {width, height} = this.canvas, {data} = this.pen.getImageData(0, 0, width, height);
    const bits = new Uint8Array(Math.ceil(width * height / 8));
    for (let i = 0; i < width * height; i++) if (data[4 * i + 3] > 127) bits[i >> 3] |= 128 >> (i & 7);
    let letters = "";
    for (let i = 0; i < bits.length; i += 8192) letters += String.fromCharCode(...bits.subarray(i, i + 8192));
    return {width, height, bits: btoa(letters)};
  }
}
