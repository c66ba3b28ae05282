"""`colorgan colorize --watch`: stays, and colours what arrives."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colorgan import console
from colorgan.errors import UsageError
from colorgan.files import is_folder, printable

if TYPE_CHECKING:
    from colorgan.colorization import Outcome, Plan, Sources

__all__ = ["PollOption", "WatchOption", "check_watch", "watch_folders"]

_PANEL = "Watch"

WatchOption = Annotated[
    bool,
    typer.Option("--watch", help="Stay, and colour what arrives in the folders, once it is whole.",
                 rich_help_panel=_PANEL),
]  # fmt: skip
PollOption = Annotated[
    float | None,
    typer.Option(
        "--watch-poll",
        metavar="SECONDS",
        min=0.5,
        help="With --watch, look every so often: for network drives, which tell of no changes.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]


def check_watch(inputs: Sequence[Path], output: Path, unfit: Iterable[str]) -> None:
    """Refuse to watch what cannot be watched.

    Args:
        inputs: What was given.
        output: Where results go.
        unfit: Options that were given and are about a set of photographs that is known.

    Raises:
        UsageError: An input is no folder, results would go into one of them, or there are such options.
    """
    if names := ", ".join(unfit):
        raise UsageError(f"--watch does not know what will arrive; leave {names} out")
    for folder in inputs:
        if not is_folder(folder):
            raise UsageError(f"--watch takes folders that are there, got {folder}")
    if output == Path("-") or (output.exists() and not is_folder(output)):
        raise UsageError(f"--watch needs a folder for the results, got {output}")
    if output.resolve() in {folder.resolve() for folder in inputs}:
        raise UsageError(f"the results would arrive in {output}, which is watched; give another folder with -o")


def watch_folders(
    inputs: Sequence[Path],
    find: "Callable[[], Sources]",
    plan_of: "Callable[[Callable[[Path], bool]], Plan]",
    color: "Callable[[Plan], list[Outcome]]",
    *,
    poll: float | None = None,
    fail_fast: bool = False,
    should_stop: Callable[[], bool],
) -> bool:
    """Colour what is there and what arrives until it is told to stop; tell whether all of it went well.

    Args:
        inputs: The folders.
        find: Looks for what is in them now.
        plan_of: Plans the results of those photographs for whose paths its argument says yes.
        color: Carries a plan out.
        poll: Seconds between two looks; None lets the system tell.
        fail_fast: Whether to end at the first failure.
        should_stop: Is asked all the time.
    """
    from colorgan.colorization import Arrivals, wait_for_changes

    def search() -> list[Path]:
        found = find()
        warn_once([f"{folder} cannot be searched: {reason}" for folder, reason in found.unreadable])
        return [source.path for source in found.found]

    def warn_once(messages: list[str]) -> None:
        for message in messages:
            if message not in said:
                console.warn(message)
        said.clear()
        said.update(messages)

    said: set[str] = set()
    arrivals, made, became = Arrivals(search), dict[Path, Path](), dict[Path, str]()
    console.say(f"watching {', '.join(printable(folder) for folder in inputs)}; end with Ctrl-C")
    with closing(wait_for_changes(inputs, poll=poll, should_stop=should_stop)) as looks:  # type: ignore[type-var]
        for is_due in looks:
            try:
                arrived = arrivals.take(search=is_due)
            except UsageError as error:  # a folder is gone, with its drive: it may come back
                warn_once([str(error)])
                continue
            for plan in _plans(arrived, plan_of, made, became):
                became |= {outcome.job.source: str(outcome.status) for outcome in color(plan)}
                if should_stop():
                    break
            if should_stop() or (fail_fast and "failed" in became.values()):
                break
    counts = Counter(became.values())
    total = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    console.say(f"watched; {total or 'nothing arrived'}")
    return not counts["failed"]


def _plans(
    paths: Sequence[Path],
    plan_of: "Callable[[Callable[[Path], bool]], Plan]",
    made: dict[Path, Path],
    became: dict[Path, str],
) -> "Iterable[Plan]":
    """Plan what has arrived; where that cannot be carried out as a whole, one by one, and name those that cannot.

    Args:
        paths: What has arrived.
        plan_of: As in `watch_folders`.
        made: The source of each result so far: another one with the same result is named.
        became: What became of each; those that cannot be planned fail.
    """
    lots: list[set[Path]] = [set(paths)] if paths else []
    while lots:
        lot = lots.pop(0)
        try:
            plan = plan_of(lot.__contains__)
            _refuse_taken(plan, made)
        except UsageError as error:
            if len(lot) > 1:
                lots = [{path} for path in paths if path in lot]
            else:
                console.warn(f"{printable(*lot)}: {error}")
                became |= dict.fromkeys(lot, "failed")
            continue
        made |= {job.target: job.source for job in plan.jobs}
        if plan.jobs:
            yield plan


def _refuse_taken(plan: "Plan", made: dict[Path, Path]) -> None:
    for job in plan.jobs:
        other = made.get(job.target, job.source)
        if other != job.source:
            raise UsageError(f"{job.target} is the result of {printable(other)} already; rename one of them")
