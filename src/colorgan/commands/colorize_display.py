"""What `colorgan colorize` shows: the plan, the run as it goes, its sum."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.progress import Progress, TaskID

from colorgan import console

if TYPE_CHECKING:
    from colorgan.colorization import Colorizer, Event, Outcome, Plan

__all__ = ["RunDisplay", "outcome_facts", "print_plan", "summarize"]


def print_plan(plan: "Plan") -> None:
    """Print each job as source and target, apart by a tab, on stdout."""
    out = console.stdout()
    for job in plan.jobs:
        note = "\t(there already)" if job.target.exists() else ""
        out.print(f"{job.source}\t{job.target}{note}", markup=False, soft_wrap=True)
    console.say(f"{len(plan.jobs)} photographs; nothing was done")


def outcome_facts(outcome: "Outcome", model: str) -> dict[str, Any]:
    """Return what is reported of one file, as plain values."""
    return {
        "input": str(outcome.job.source),
        "output": str(outcome.job.target),
        "status": str(outcome.status),
        "reason": outcome.reason,
        "seconds": round(outcome.seconds, 3),
        "width": outcome.width,
        "height": outcome.height,
        "pages": outcome.pages,
        "gamut_share": round(outcome.moved_share, 6),
        "model": model,
    }


class RunDisplay:
    """Shows a run: a bar on a terminal, plain lines elsewhere; results on stdout.

    Args:
        total: How many photographs there are.
        json: Whether results are printed as JSON objects, one a line, instead of as paths.
        silent: Whether stdout carries the picture itself.
    """

    def __init__(self, total: int, *, json: bool = False, silent: bool = False) -> None:
        self._total = total
        self._json = json
        self._silent = silent
        self._done = 0
        self._started = time.monotonic()
        self._stack = ExitStack()
        self._out = console.stdout()
        self._progress: Progress
        self._task: TaskID

    def __enter__(self) -> Self:
        self._progress = self._stack.enter_context(console.progress_bar(unit="photographs"))
        self._task = self._progress.add_task("colouring", total=self._total, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def show(self, event: "Event", colorizer: "Colorizer") -> None:
        """Show one event."""
        from colorgan.colorization import Notice, Status

        if isinstance(event, Notice):
            console.warn(event.message)
            return
        self._done += 1
        rate = self._done / max(time.monotonic() - self._started, 1e-6)
        name = event.job.source.name
        self._progress.update(self._task, completed=self._done, note=f"{rate:.1f}/s  {name}")
        if event.status is Status.FAILED:
            console.warn(f"{event.job.source}: {event.reason}")
        elif self._progress.disable:
            left = (self._total - self._done) / rate
            what = f"{event.status}{f' ({event.reason})' if event.reason else ''}"
            console.say(f"{self._done}/{self._total} {name}: {what}; {rate:.1f}/s, {left:.0f} s left")
        self._print_result(event, colorizer)

    def _print_result(self, outcome: "Outcome", colorizer: "Colorizer") -> None:
        from colorgan.colorization import Status

        if self._silent:
            return
        if self._json:
            text = json.dumps(outcome_facts(outcome, f"{colorizer.name} {colorizer.sha256}"), ensure_ascii=False)
            self._out.print(text, markup=False, soft_wrap=True)
        elif outcome.status in (Status.COLORIZED, Status.COPIED) and not self._out.is_terminal:
            self._out.print(str(outcome.job.target), markup=False, soft_wrap=True)


def summarize(outcomes: Sequence["Outcome"], *, planned: int) -> None:
    """Say how many photographs came to what, and name the failures once more."""
    counts = Counter(str(outcome.status) for outcome in outcomes)
    parts = [f"{count} {status}" for status, count in counts.items()]
    if planned > len(outcomes):
        parts.append(f"{planned - len(outcomes)} not reached")
    console.say(", ".join(parts) or "nothing done")
    failed = [outcome for outcome in outcomes if str(outcome.status) == "failed"]
    if len(outcomes) > 1:
        for outcome in failed:
            console.warn(f"failed: {outcome.job.source}: {outcome.reason}")
