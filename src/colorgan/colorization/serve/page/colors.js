// Colours as #rrggbb, and in words for those who hear the page.

const HUES = [
  [15, "red"], [40, "orange"], [65, "yellow"], [165, "green"], [195, "turquoise"], [255, "blue"], [290, "violet"],
  [345, "pink"], [361, "red"],
];
const LIGHTS = [[0.12, "very dark "], [0.35, "dark "], [0.65, ""], [0.88, "light "], [1.01, "very light "]];

const toHex = levels => "#" + [...levels].slice(0, 3).map(v => Math.round(v).toString(16).padStart(2, "0")).join("");

export function nameOf(hex) {
  const [r, g, b] = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16) / 255);
  const most = Math.max(r, g, b), least = Math.min(r, g, b), light = (most + least) / 2, chroma = most - least;
  const [, how] = LIGHTS.find(([end]) => light < end);
  if (chroma < 0.06) return light > 0.95 ? "white" : light < 0.05 ? "black" : how + "grey";
  const [, hue] = HUES.find(([end]) => hueOf(r, g, b, most, chroma) < end);
  const isBrown = hue === "orange" && (light < 0.4 || chroma < 0.25 && light < 0.65);
  return how + (chroma < 0.25 ? "greyish " : "") + (isBrown ? "brown" : hue);
}

function hueOf(r, g, b, most, chroma) {
  const sixth = most === r ? ((g - b) / chroma + 6) % 6 : most === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
  return 60 * sixth;
}

// The mean colour around a place of a canvas, given as shares of its sides.
export function colorAt(canvas, {x, y}) {
  const left = Math.min(Math.max(Math.floor(x * canvas.width) - 1, 0), Math.max(canvas.width - 3, 0));
  const top = Math.min(Math.max(Math.floor(y * canvas.height) - 1, 0), Math.max(canvas.height - 3, 0));
  const width = Math.min(3, canvas.width), height = Math.min(3, canvas.height);
  const {data} = canvas.getContext("2d", {willReadFrequently: true}).getImageData(left, top, width, height);
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i++) if (i % 4 < 3) sums[i % 4] += data[i];
  return toHex(sums.map(sum => 4 * sum / data.length));
}
