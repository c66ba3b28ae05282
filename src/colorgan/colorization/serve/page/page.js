// The page: what is chosen, what is shown, what is saved.

import {Choices} from "./choices.js";
import {nameOf} from "./colors.js";
import {Filmstrip} from "./filmstrip.js";
import {HintList, rememberColor} from "./hints.js";
import {listKeys} from "./keys.js";
import {Mask} from "./mask.js";
import {Photograph, keepEdits, restoreEdits} from "./photographs.js";
import {readAfter, readAll, readBefore, readGivenMask, show} from "./server.js";
import {Saving} from "./saving.js";
import {Source} from "./source.js";
import {Stage} from "./stage.js";

const $ = id => document.getElementById(id);
const HELP = {
  hint: "Click where the colour belongs; drag a spot to move it, click it to remove it. A grey says: this is neutral.",
  pick: "Click a colour of the photograph, or of another picture, to take it.",
  brush: "Paint over what is damaged; it is filled and coloured when you let go.",
  eraser: "Wipe away what the brush has painted.",
};

let photographs = [], current = null, stage, mask, filmstrip, hintList, saving, choices = [], source;
let wanted = 0, isUpdating = false;

// --- talking to the person --------------------------------------------------------------------------------------------

function say(text) {
  $("note").textContent = text;
  $("problem").textContent = "";
}

// Buttons that can do nothing now keep the focus; what they do looks whether it can.
function enable(id, isEnabled) { $(id).ariaDisabled = String(!isEnabled); }

function complain(text) { $("problem").textContent = text; }

const inPercent = place => `${(100 * place.x).toFixed(1)} % across, ${(100 * place.y).toFixed(1)} % down`;

function showState() {
  const counts = {saved: 0, failed: 0};
  for (const {state} of photographs) {
    if (state === "saved" || state === "there") counts.saved++;
    if (state === "failed") counts.failed++;
  }
  $("counts").textContent =
    `${counts.saved} of ${photographs.length} saved` + (counts.failed ? `, ${counts.failed} failed` : "");
  $("name").textContent = current.name;
  $("position").textContent = `${current.number + 1} of ${photographs.length}`;
  $("state").textContent = current.stateLabel;
  $("state").className = `state ${current.state}`;
  document.title = `${current.name} – colorgan`;
  filmstrip.mark(current.number);
}

function showOutcome() {
  const outcome = current.outcome;
  $("outcome").hidden = !outcome;
  if (!outcome) return;
  const isWritten = outcome.status === "colorized";
  $("path").textContent = isWritten ? `Saved: ${outcome.files.join(", ")}` : `Left as it is: ${outcome.reason}`;
  $("left-out").hidden = !outcome.left_out.length;
  $("left-out").lastElementChild.replaceChildren(...outcome.left_out.map(text => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

// --- the tools beside the photograph ----------------------------------------------------------------------------------

function showTools() {
  const {edit, past, future} = current;
  stage.showSpots(edit.hints);
  hintList.show(edit.hints);
  enable("clear-hints", edit.hints.length);
  $("strength").value = edit.strength;
  $("strength-value").textContent = Number(edit.strength).toFixed(2);
  for (const group of choices) group.mark(edit);
  enable("undo", past.length);
  enable("redo", future.length);
  enable("reset", current.isEdited);
  enable("clear-mask", edit.mask ?? current.givenMask);
  enable("previous", current.number > 0);
  enable("next", current.number < photographs.length - 1);
  showState();
}

function useColor(color) {
  $("color").value = color;
  $("color-name").textContent = `${color} ${nameOf(color)}`;
}

function chooseTool(tool) {
  const radio = document.querySelector(`#tools input[value=${tool}]`);
  if (radio.disabled) return;
  radio.checked = true;
  stage.choose(tool);
  $("mask").hidden = $("repair").hidden = !stage.isPainting;
  say(HELP[tool]);
}

// --- what is wanted of the photograph ---------------------------------------------------------------------------------

function change(part, kind) {
  current.change(part, kind);
  update();
}

function changeHint(number, hint) { change({hints: current.edit.hints.with(number, hint)}); }

function removeHint(number) {
  change({hints: current.edit.hints.filter((_, other) => other !== number)});
  say(`Removed hint ${number + 1}.`);
}

const placed = place => ({x: `${(100 * place.x).toFixed(2)}%`, y: `${(100 * place.y).toFixed(2)}%`});

function moveHint(number, place) {
  changeHint(number, {...current.edit.hints[number], ...placed(place)});
  say(`Moved hint ${number + 1} to ${inPercent(place)}.`);
}

function removeNearest(place) {
  const distance = ({x, y}) => Math.hypot(parseFloat(x) / 100 - place.x, parseFloat(y) / 100 - place.y);
  const {hints} = current.edit, least = Math.min(...hints.map(distance));
  if (hints.length) removeHint(hints.findIndex(hint => distance(hint) === least));
}

function point(place) {
  if (stage.tool === "pick") {
    pick(stage.colorAt(place));
    return;
  }
  const color = $("color").value;
  rememberColor($("recent"), color, useColor);
  change({hints: [...current.edit.hints, {...placed(place), color}]});
  say(`${nameOf(color)} at ${inPercent(place)}.`);
}

function pick(color) {
  useColor(color);
  chooseTool("hint");
  say(`Picked up ${nameOf(color)}, ${color}. Now click where it belongs.`);
}

const brushSize = () => Number($("brush-size").value) / 1000;

function paintLine(from, to) { mask.draw(from, to, brushSize(), stage.tool === "eraser"); }

// What is painted now. Where a mask was given, nothing painted is a mask too: that none of it is meant.
function takeMask() {
  const painted = mask.pack();
  change({mask: Mask.isEmpty(painted) && !current.givenMask ? null : painted});
}

function moved(place, isDown) {
  say(`${inPercent(place)}, ${nameOf(stage.colorAt(place))}${isDown ? ", painting" : ""}`);
}

function takeNext(by) {  // look or variant
  const {items} = choices.find(({items}) => items[0].by === by);
  const at = items.findIndex(item => item.part[by] === current.edit[by]);
  const {part, says} = items[(at + 1) % items.length];
  change(part);
  say(says);
}

// --- showing it -------------------------------------------------------------------------------------------------------

// One request at a time; of what was asked for meanwhile only the last is asked.
async function update() {
  showTools();
  keepEdits(photographs);
  wanted++;
  if (isUpdating) return;
  isUpdating = true;
  stage.stage.setAttribute("aria-busy", "true");
  stage.stage.classList.add("busy");
  for (let done = -1; done !== wanted;) {
    done = wanted;
    await showAfter(current, current.edit);
  }
  isUpdating = false;
  stage.stage.setAttribute("aria-busy", "false");
  stage.stage.classList.remove("busy");
  refreshChoices();
}

async function showAfter(photograph, edit) {
  try {
    const blob = await readAfter(photograph.number, edit);
    if (photograph !== current) return;
    await show($("after"), blob);
    stage.take();
    if (photograph.isNew) await showFirst(photograph);
  } catch (error) {
    if (photograph === current) showNothing(photograph, error.message);
  }
}

function showNothing(photograph, reason) {
  if (!stage.isReady) {  // what is still shown is another photograph
    stage.stage.classList.add("empty");
    photograph.failure = reason;
    showState();
  }
  complain(`${photograph.name}: ${reason}`);
}

// What is there of a photograph besides its colours.
async function showFirst(photograph) {
  photograph.isNew = false;
  await show($("before"), await readBefore(photograph.number));
  photograph.givenMask = await readGivenMask(photograph.number);
  if (photograph !== current) return;
  loadMask();
  stage.stage.classList.remove("empty");
  stage.isReady = true;
}

function loadMask() {
  mask.load(current.edit.mask ?? current.givenMask, stage.pixels.width, stage.pixels.height);
  enable("clear-mask", current.edit.mask ?? current.givenMask);
}

async function refreshChoices() {
  const mine = wanted, isWanted = () => mine === wanted;
  try {
    for (const group of choices) {
      if (isWanted()) await group.refresh(current, isWanted);
    }
  } catch { /* what is wrong with the photograph was said when it was to be shown */ }
}

function open(number) {
  if (!photographs[number] || photographs[number] === current) return;
  current = photographs[number];
  current.isNew = true;
  stage.isReady = false;
  stage.showBefore(0);
  $("original").setAttribute("aria-pressed", "false");
  stage.stage.setAttribute("aria-label", `${current.name}, photograph ${number + 1} of ${photographs.length}`);
  filmstrip.select(number);
  say(`${current.name}, ${current.stateLabel}. ${HELP[stage.tool]}`);
  showOutcome();
  update();
}

function stepBack(how) {
  if (!current[how === "undo" ? "past" : "future"].length) return;
  const before = current.edit.mask;
  current[how]();
  if (current.edit.mask !== before) loadMask();
  update();
}

function compare(percent) {
  stage.showBefore(percent);
  $("original").setAttribute("aria-pressed", String(percent >= 100));
}

// --- saving -----------------------------------------------------------------------------------------------------------

function showSaved(photograph) {
  if (!photograph.failure && photograph.outcome.status === "colorized") filmstrip.renew(photograph.number);
  filmstrip.mark(photograph.number);
  keepEdits(photographs);
  if (photograph === current) showOutcome();
  showState();
}

function showSaving() {
  enable("save", !saving.isRunning);
  enable("save-all", !saving.isRunning || saving.isAll);
  $("save-all").textContent = saving.isAll ? "Stop" : "Save all";
}

// --- keys -------------------------------------------------------------------------------------------------------------

const PLAIN_KEYS = {
  h: () => chooseTool("hint"), e: () => chooseTool("pick"), b: () => chooseTool("brush"), x: () => chooseTool("eraser"),
  "[": () => resizeBrush(-4), "]": () => resizeBrush(4),
  l: () => takeNext("look"), v: () => takeNext("variant"),
  o: () => $("original").click(), z: () => $("zoom").click(), "?": () => $("help").showModal(),
};

function resizeBrush(by) {
  $("brush-size").value = Number($("brush-size").value) + by;
  say(`Brush size ${$("brush-size").value}.`);
}

function onKey(event) {
  if ($("help").open) return;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) onControlKey(event, key);
  else if (event.altKey) return;
  else if ((key === "pageup" || key === "pagedown") && event.target.type !== "range") {
    event.preventDefault();
    open(current.number + (key === "pageup" ? -1 : 1));
  } else if ($("single-keys").checked && event.target.type !== "color") onPlainKey(event, key);
}

function onControlKey(event, key) {
  if (key === "s") event.shiftKey ? saving.all() : saving.one(current);
  else if (key === "z" && event.shiftKey || key === "y") stepBack("redo");
  else if (key === "z") stepBack("undo");
  else return;
  event.preventDefault();
}

function onPlainKey(event, key) {
  const strength = choices[0].items[Number(key) - 1];
  if (strength) {
    change(strength.part);
    say(strength.says);
  } else PLAIN_KEYS[key]?.();
}

// --- beginning --------------------------------------------------------------------------------------------------------

function makeChoices(found) {
  const take = option => {
    change(option.part);
    say(option.says);
  };
  const strengths = found.strengths.map(strength => ({
    by: "strength", label: String(strength), part: {strength}, says: `Strength ${strength}`,
  }));
  const looks = found.looks.map(({name, label, strength}) => ({
    by: "look", label, part: {look: name, strength}, says: `Look ${label}`,
  }));
  const variants = Array.from({length: found.variants}, (_, variant) => ({
    by: "variant", label: variant ? String(variant + 1) : "plain", part: {variant},
    says: variant ? `Variant ${variant + 1}` : "Plain variant",
  }));
  $("variants-details").hidden = found.variants < 2;
  choices = [new Choices($("strengths"), strengths, take), new Choices($("looks"), looks, take)];
  choices.push(new Choices($("variants"), variants, take));
}

function makeTools() {
  const names = ["view", "stage", "after", "before", "spots", "divider", "divide", "cursor", "ring"];
  stage = new Stage(Object.fromEntries(names.map(name => [name, $(name)])), {
    point, moved, line: paintLine, remove: removeNearest, removeHint, moveHint,
    lineEnd: takeMask,
    lowered: isDown => say(isDown ? "The brush is down: arrows paint." : "The brush is up."),
    hover: event => stage.showRing(brushSize(), event),
    compared: () => compare(Number($("divide").value)),
  });
  mask = new Mask($("mask"));
  hintList = new HintList({list: $("hints"), title: $("hints-title")}, {change: changeHint, remove: removeHint});
}

function forbidRepair() {
  for (const tool of ["brush", "eraser"]) document.querySelector(`#tools input[value=${tool}]`).disabled = true;
  $("no-repair").hidden = false;
}

async function takeSource(file) {
  if (!file) return;
  try {
    await source.load(file);
    $("source-details").open = true;
    say(`Click a colour of ${file.name} to take it.`);
  } catch { complain(`${file.name} is no picture that this browser can show; take a JPEG, PNG or WebP`); }
}

function listenToFiles() {
  source = new Source($("source"), {picked: pick, moved: color => say(`${color} ${nameOf(color)}`)});
  $("source-file").onchange = () => takeSource($("source-file").files[0]);
  document.ondragover = event => {
    event.preventDefault();
    document.body.classList.add("dropping");
  };
  document.ondragleave = () => document.body.classList.remove("dropping");
  document.ondrop = event => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    takeSource(event.dataTransfer.files[0]);
  };
}

function listenToTools() {
  for (const radio of document.querySelectorAll("#tools input")) radio.onchange = () => chooseTool(radio.value);
  $("color").oninput = () => useColor($("color").value);
  $("strength").oninput = () => change({strength: Number($("strength").value)}, "strength");
  $("divide").oninput = () => compare(Number($("divide").value));
  $("original").onclick = () => compare($("original").ariaPressed === "true" ? 0 : 100);
  $("zoom").onclick = () => { $("zoom").textContent = `Zoom ${stage.nextZoom()} ×`; };
  $("clear-hints").onclick = () => { if (current.edit.hints.length) change({hints: []}); };
  $("clear-mask").onclick = () => {
    if (!(current.edit.mask ?? current.givenMask)) return;
    mask.load(null, $("mask").width, $("mask").height);
    takeMask();
  };
  for (const group of document.querySelectorAll("aside details")) group.ontoggle = () => { if (!isUpdating) refreshChoices(); };
}

function listenToButtons() {
  $("undo").onclick = () => stepBack("undo");
  $("redo").onclick = () => stepBack("redo");
  $("reset").onclick = () => {
    if (!current.isEdited) return;
    current.change(current.first);
    loadMask();
    update();
  };
  $("previous").onclick = () => open(current.number - 1);
  $("next").onclick = () => open(current.number + 1);
  $("save").onclick = () => saving.one(current);
  $("save-all").onclick = () => saving.all();
  $("help-button").onclick = () => $("help").showModal();
  document.onkeydown = onKey;
  window.onbeforeunload = event => { if (photographs.some(({state}) => state === "changed")) event.preventDefault(); };
}

async function begin() {
  const found = await readAll();
  photographs = found.photographs.map((photograph, number) => new Photograph(number, photograph));
  restoreEdits(photographs);
  saving = new Saving(photographs, {say, complain, saved: showSaved, changed: showSaving});
  makeTools();
  makeChoices(found);
  listKeys($("keys"), $("single-keys"));
  filmstrip = new Filmstrip($("filmstrip"), photographs, open);
  photographs.forEach((_, number) => filmstrip.mark(number));
  if (!found.repair) forbidRepair();
  listenToTools();
  listenToButtons();
  listenToFiles();
  useColor($("color").value);
  open(0);
}

begin().catch(error => complain(error.message));
