"""The report of a run: one HTML page that needs no other file and no network."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from colorgan.colorization.work import Outcome, Status
from colorgan.files import printable
from colorgan.images import atomic_file
from colorgan.pages import render_page
from colorgan.version import __version__

__all__ = ["write_report"]


def write_report(path: Path, outcomes: Sequence[Outcome], facts: Mapping[str, str]) -> None:
    """Write the page of a run, atomically.

    Args:
        path: Where to.
        outcomes: Of the run, with previews where there is something to show.
        facts: What holds for the whole run: model, device, settings.

    Raises:
        ImageWriteError: It cannot be written.
    """
    with atomic_file(path, with_folder=True) as file:
        for part in _parts(outcomes, facts):
            file.write(part.encode())


def _parts(outcomes: Sequence[Outcome], facts: Mapping[str, str]) -> Iterator[str]:
    """Yield the page piece by piece: there may be more pictures in it than memory holds."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.job.number)
    counts = Counter(str(outcome.status) for outcome in ordered)
    return render_page(
        "run.html",
        version=__version__,
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        summary=", ".join(f"{count} {status}" for status, count in sorted(counts.items())),
        facts={name: printable(value) for name, value in facts.items()},
        failed=_rows(ordered, Status.FAILED),
        cards=(_card(outcome) for outcome in ordered if outcome.status is Status.COLORIZED),
        others=_rows(ordered, Status.SKIPPED, Status.COPIED),
    )


def _rows(outcomes: Iterable[Outcome], *wanted: Status) -> list[tuple[str, str]]:
    return [(printable(o.job.source), printable(o.reason)) for o in outcomes if o.status in wanted]


def _card(outcome: Outcome) -> dict[str, str | bytes]:
    pages = f", {outcome.pages} pages" if outcome.pages > 1 else ""
    before, after = (b"", b"") if outcome.preview is None else (outcome.preview.before, outcome.preview.after)
    return {
        "name": printable(outcome.job.source.name),
        "source": printable(outcome.job.source),
        "target": printable(outcome.job.target),
        "facts": f"{outcome.width} x {outcome.height}{pages} · {outcome.seconds:.2f} s · "
        f"{outcome.out_of_gamut_fraction:.1%} of the pixels out of gamut",
        "before": before,
        "after": after,
    }
