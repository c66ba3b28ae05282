// What is wanted of each photograph, what was done before, and what became of it.

const LABELS = {
  unsaved: "not saved", changed: "changed, not saved", saved: "saved", there: "result is there", skipped: "left as it is",
  failed: "failed",
};
const BADGES = {unsaved: "", changed: "●", saved: "✓", there: "✓", skipped: "–", failed: "!"};
const SAME = 1500;  // milliseconds within which changes of one kind are one step of undo

export class Photograph {
  constructor(number, found) {
    this.number = number;
    this.name = found.name;
    this.first = {hints: found.hints, strength: found.strength, look: "", variant: 0, mask: null};
    this.edit = this.first;
    this.past = [];
    this.future = [];
    this.isThere = found.done;
    this.outcome = found.saved;  // of the last saving
    this.savedEdit = found.saved ? JSON.stringify(this.first) : null;
    this.failure = "";
    this.lastKind = "";
    this.lastTime = 0;
  }

  get isEdited() { return this.edit !== this.first && JSON.stringify(this.edit) !== JSON.stringify(this.first); }

  get state() {
    if (this.failure) return "failed";
    if (this.savedEdit === JSON.stringify(this.edit)) return this.stateOfOutcome;
    if (this.isEdited || this.savedEdit) return "changed";
    return this.isThere ? "there" : "unsaved";
  }

  get stateOfOutcome() {
    if (this.outcome.status !== "skipped") return "saved";
    return this.outcome.files.length ? "there" : "skipped";
  }

  get stateLabel() { return LABELS[this.state]; }
  get badge() { return BADGES[this.state]; }

  // Take a change over; several of one kind right behind each other, as a slider makes them, are undone together.
  change(part, kind = "") {
    const now = performance.now(), goesOn = kind && kind === this.lastKind && now - this.lastTime < SAME;
    if (!goesOn) this.past.push(this.edit);
    [this.lastKind, this.lastTime] = [kind, now];
    this.future = [];
    this.edit = {...this.edit, ...part};
    this.failure = "";
  }

  undo() { this.step(this.past, this.future); }
  redo() { this.step(this.future, this.past); }

  step(from, to) {
    if (!from.length) return;
    to.push(this.edit);
    this.edit = from.pop();
    this.lastKind = this.failure = "";
  }

  takeOutcome(edit, outcome) {
    this.outcome = outcome;
    this.savedEdit = JSON.stringify(edit);
    this.isThere ||= outcome.files.length > 0;
    this.failure = "";
  }
}

// Edits outlive a reload of the page, in this tab alone.
const KEY = `colorgan ${location.pathname}`;

export function keepEdits(photographs) {
  const kept = {};
  for (const photograph of photographs) {
    if (photograph.isEdited) kept[photograph.number] = {edit: photograph.edit, saved: photograph.savedEdit};
  }
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch { /* no room: they last as long as the page */ }
}

export function restoreEdits(photographs) {
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  for (const [number, {edit, saved}] of Object.entries(kept)) {
    photographs[number]?.change(edit);
    if (photographs[number]?.outcome) photographs[number].savedEdit = saved;
  }
}
