"""`colorgan colorize --watch`: stays, and colours what arrives."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from colorgan import console
from colorgan.errors import UsageError
from colorgan.files import printable, sweep_leftovers

if TYPE_CHECKING:
    from colorgan.colorization import Plan
    from colorgan.session import ColorizeSession, Event

__all__ = ["watch_folders"]


def watch_folders(
    session: "ColorizeSession",
    show: "Callable[[Generator[Event]], object]",
    *,
    poll: float | None = None,
    should_stop: Callable[[], bool],
) -> bool:
    """Colour what is there and what arrives until it is told to stop; tell whether all of it went well.

    Args:
        session: It is entered here.
        show: Shows what becomes of what has arrived.
        poll: Seconds between two looks; None lets the system tell.
        should_stop: Is asked all the time.
    """
    from colorgan.colorization import Arrivals, wait_for_changes

    def search() -> list[Path]:
        found = session.search()
        warn_once([f"{folder} cannot be searched: {reason}" for folder, reason in found.unreadable])
        return [source.path for source in found.found]

    def warn_once(messages: list[str]) -> None:
        for message in messages:
            if message not in said:
                console.warn(message)
        said.clear()
        said.update(messages)

    folders, said = session.request.paths, set[str]()
    arrivals, arrived_files = Arrivals(search), _ArrivedFiles(session)
    with session:
        show(session.prepare())
        console.say(f"watching {', '.join(printable(folder) for folder in folders)}; end with Ctrl-C")
        with closing(wait_for_changes(folders, poll=poll, should_stop=should_stop)) as looks:
            for is_due in looks:
                try:
                    arrived = arrivals.take(search=is_due)
                except UsageError as error:  # a folder is gone, with its drive: it may come back
                    warn_once([str(error)])
                    continue
                for plan in arrived_files.plans(arrived):
                    sweep_leftovers(plan.folders)
                    show(arrived_files.noted(session.color(plan, should_stop=should_stop)))
                    if should_stop():
                        break
                if should_stop() or (session.request.fail_fast and "failed" in arrived_files.became.values()):
                    break
    counts = Counter(arrived_files.became.values())
    total = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    console.say(f"watched; {total or 'nothing arrived'}")
    return not counts["failed"]


class _ArrivedFiles:
    """Plans of what has arrived, and what became of it.

    Attributes:
        became: What became of each file so far.
    """

    def __init__(self, session: "ColorizeSession") -> None:
        self.became: dict[Path, str] = {}
        self._session = session
        self._made: dict[Path, Path] = {}  # the source of each result so far: another one with the same result is named

    def plans(self, paths: Sequence[Path]) -> "Iterator[Plan]":
        """Plan what has arrived; where that cannot be carried out, one by one, and name those that cannot."""
        from colorgan.session import split_films

        groups: list[set[Path]] = [set(paths)] if paths else []
        while groups:
            group = groups.pop(0)
            try:
                plan, notes = split_films(self._session.plan_only(group.__contains__), self._session.request)
                self._refuse_taken(plan)
            except UsageError as error:
                if len(group) > 1:
                    groups = [{path} for path in paths if path in group]
                else:
                    console.warn(f"{printable(*group)}: {error}")
                    self.became |= dict.fromkeys(group, "failed")
                continue
            for note in notes:
                console.warn(note)
            self._made |= {job.target: job.source for job in plan.jobs}
            if plan.jobs:
                yield plan

    def noted(self, events: "Iterator[Event]") -> "Generator[Event]":
        """Write down what becomes of files while it is told."""
        from colorgan.colorization import Outcome

        for event in events:
            if isinstance(event, Outcome):
                self.became[event.job.source] = str(event.status)
            yield event

    def _refuse_taken(self, plan: "Plan") -> None:
        for job in plan.jobs:
            other = self._made.get(job.target, job.source)
            if other != job.source:
                raise UsageError(f"{job.target} is the result of {printable(other)} already; rename one of them")
