"""One film in one call."""

import dataclasses
from collections.abc import Generator, Sequence
from pathlib import Path

from colorgan.colorization import ColorizeOptions, Colorizer, Hint, Notice, Progress, add_hints, plan_paths
from colorgan.config import ColorInput
from colorgan.errors import UsageError
from colorgan.film.outcome import FilmOutcome
from colorgan.film.run import run_films
from colorgan.request import FilmOptions, Product

__all__ = ["colorize_film"]


def colorize_film(
    source: str | Path,
    target: str | Path,
    *,
    colorizer: Colorizer | None = None,
    options: ColorizeOptions | None = None,
    film: FilmOptions | None = None,
    hints: Sequence[Hint] = (),
) -> Generator[Progress | Notice | FilmOutcome]:
    """Colour a film, an animation or a folder of numbered frames steadily; yield how far it is, then what became of it.

    What cannot be carried out is refused before this function returns; the work is done while the result is iterated
    over. Leaving the loop leaves what is done beside the result, and the same call goes on from there.

    Args:
        source: A film, an animated GIF, WebP or PNG, or a pattern such as `frames/%06d.png`.
        target: The result's name or, of a pattern, that of its frames; or a folder for it.
        colorizer: The network; the default one if left out.
        options: How to colour and write, as far as it holds for films; see `docs/video.md`.
        film: What holds for films alone: codec, quality, key frames, the part that is wanted.
        hints: Colours that are known, with their times.

    Returns:
        `Progress` and `Notice` now and then, and a `FilmOutcome` at the end: a film that cannot be read is an outcome,
        not an exception.

    Raises:
        UsageError: The source is no film, its result would be written over it, or options were given that do nothing
            for films.
    """
    given = options or ColorizeOptions()
    _refuse_idle(given)
    plan = plan_paths([Path(source)], Path(target), existing=given.existing, films=True)
    (job,) = add_hints(plan, hints).jobs
    if not job.film:
        raise UsageError(f"{source} is no film and no animation; colour it with colorize_paths")
    colorizer = colorizer or Colorizer.load()
    options = options or dataclasses.replace(given, render=colorizer.render)
    return run_films([job], colorizer, options, film or FilmOptions())


def _refuse_idle(options: ColorizeOptions) -> None:
    idle = {
        "product": options.product is Product.LAYER,
        "variants": options.variants > 1,
        "find_damage": options.find_damage,
        "color_input": options.color_input is ColorInput.COPY,
    }
    if names := [name for name, is_given in idle.items() if is_given]:
        raise UsageError(f"the options {' and '.join(names)} hold for photographs alone; leave them out for films")
