"""The report of a run: one HTML page that needs no other file and no network."""

import base64
import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from colorgan.colorization.work import Outcome, Status
from colorgan.files import printable
from colorgan.images import atomic_file
from colorgan.version import __version__

__all__ = ["write_report"]

_CARDS = "\0"  # stands for the cards: no text of the page can hold it
_TEMPLATE = Path(__file__).with_name("report.html")


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
    failed = [outcome for outcome in ordered if outcome.status is Status.FAILED]
    others = [o for o in ordered if o.status in (Status.SKIPPED, Status.COPIED)]
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        version=html.escape(__version__),
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        summary=html.escape(", ".join(f"{count} {status}" for status, count in sorted(counts.items()))),
        facts="".join(f"<dt>{html.escape(k)}</dt><dd>{_shown(v)}</dd>" for k, v in facts.items()),
        failures=_table("Failed", failed),
        cards=_CARDS,
        others=_table("Not coloured", others),
    )
    before, _, behind = page.partition(_CARDS)
    yield before
    yield from (_card(outcome) for outcome in ordered if outcome.status is Status.COLORIZED)
    yield behind


def _shown(path: Path | str) -> str:
    return html.escape(printable(path))


def _table(title: str, outcomes: Iterable[Outcome]) -> str:
    rows = "".join(
        f"<tr><td>{_shown(outcome.job.source)}</td><td>{_shown(outcome.reason)}</td></tr>" for outcome in outcomes
    )
    return f"<section><h2>{title}</h2><table>{rows}</table></section>" if rows else ""


def _card(outcome: Outcome) -> str:
    name = _shown(outcome.job.source.name)
    pages = f", {outcome.pages} pages" if outcome.pages > 1 else ""
    facts = (
        f"{outcome.width} x {outcome.height}{pages} · {outcome.seconds:.2f} s · "
        f"gamut moved {outcome.moved_share:.1%} of the pixels"
    )
    return (
        f'<figure>{_slider(outcome, name)}<figcaption><b title="{_shown(outcome.job.source)}">{name}</b>'
        f"<span>{facts}</span><span>{_shown(outcome.job.target)}</span></figcaption></figure>"
    )


def _slider(outcome: Outcome, name: str) -> str:
    if outcome.preview is None:
        return ""
    before, after = (base64.b64encode(data).decode() for data in (outcome.preview.before, outcome.preview.after))
    return (
        f'<div class="pair"><img src="data:image/jpeg;base64,{after}" alt="{name}, coloured">'
        f'<img class="before" src="data:image/jpeg;base64,{before}" alt="{name}, before">'
        f'<input type="range" min="0" max="100" value="50" step="0.1" aria-label="before and after of {name}">'
        "</div>"
    )
