// Saving one photograph, or all that are not saved, one behind the other.

import {save} from "./server.js";

const DUE = ["unsaved", "changed", "failed"];

export class Saving {
  // `act` has what is to be done and told: say(text), complain(text), saved(photograph), changed().
  constructor(photographs, act) {
    Object.assign(this, {photographs, act});
    this.isRunning = false;
    this.isAll = false;  // whether all are being saved
    this.isToStop = false;
  }

  async one(photograph) {
    if (this.isRunning) return;
    this.begin(false);
    this.act.say(`Saving ${photograph.name} at full size …`);
    await this.write(photograph, true);
    if (!photograph.failure) this.act.say(`Saved ${photograph.name}.`);
    this.end();
  }

  async all() {
    if (this.isAll) this.isToStop = true;
    if (this.isRunning) return;
    this.begin(true);
    const due = this.photographs.filter(({state}) => DUE.includes(state)), done = [];
    for (const photograph of due) {
      if (this.isToStop) break;
      this.act.say(`Saving ${done.length + 1} of ${due.length}: ${photograph.name} …`);
      await this.write(photograph, photograph.isEdited);
      done.push(photograph);
    }
    this.end();
    this.sum(done, due.length);
  }

  begin(isAll) {
    [this.isRunning, this.isAll, this.isToStop] = [true, isAll, false];
    this.act.changed();
  }

  end() {
    [this.isRunning, this.isAll] = [false, false];
    this.act.changed();
  }

  // `isSeen` says whether somebody wants it as it is shown: what is in colour already, or done already, too.
  async write(photograph, isSeen) {
    const edit = photograph.edit;
    try {
      photograph.takeOutcome(edit, await save(photograph.number, edit, isSeen));
    } catch (error) {
      photograph.failure = error.message;
      this.act.complain(`${photograph.name}: ${error.message}`);
    }
    this.act.saved(photograph);
  }

  sum(done, count) {
    const failed = done.filter(({failure}) => failure), skipped = done.filter(({state}) => state === "skipped");
    const lacking = done.filter(({failure, outcome}) => !failure && outcome?.left_out.length);
    const parts = [count ? `Done with ${done.length} of ${count}` : "Everything is saved already"];
    if (skipped.length) parts.push(`${skipped.length} left as they are (${skipped[0].outcome.reason})`);
    if (failed.length) parts.push(`${failed.length} failed`);
    if (lacking.length) parts.push(`of ${lacking.length} not all metadata could be kept: ${listed(lacking)}`);
    this.act.say(parts.join(", ") + ".");
    if (failed.length) this.act.complain(`${failed[0].name}: ${failed[0].failure}`);
  }
}

const listed = several =>
  several.slice(0, 3).map(({name}) => name).join(", ") + (several.length > 3 ? " and others" : "");
