"""Several films, one after the other; a bad one never ends the run."""

from collections.abc import Generator, Iterable

from colorgan.colorization import ColorizeOptions, Colorizer, Job, Notice, Progress, Status
from colorgan.errors import ColorganError
from colorgan.film.outcome import FilmOutcome
from colorgan.film.pictures import color_pictures
from colorgan.film.work import color_film
from colorgan.images import is_film_name
from colorgan.request import FilmOptions

__all__ = ["run_films"]


def run_films(
    jobs: Iterable[Job], colorizer: Colorizer, options: ColorizeOptions, film: FilmOptions
) -> Generator[Progress | Notice | FilmOutcome]:
    """Colour films; yield how far they are, and what became of each.

    Args:
        jobs: The films and where their results go.
        colorizer: The network.
        options: How to colour; of what is written, those that hold for films too.
        film: What holds for films alone.
    """
    for job in jobs:
        try:
            color = color_film if is_film_name(job.source) or is_film_name(job.target) else color_pictures
            yield from color(job, colorizer, options, film)
        except Exception as error:  # whatever happens to one film, the others go on
            yield FilmOutcome(job=job, status=Status.FAILED, reason=_reason(job, error))


def _reason(job: Job, error: Exception) -> str:
    """Say what went wrong; the film, which stands beside it wherever a reason is shown, is "it"."""
    if isinstance(error, ColorganError):
        text, name = str(error), f"{job.source} "
        return f"it {text.removeprefix(name)}" if text.startswith(name) else text
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"unexpected {type(error).__name__}: {error}; please report this as a bug of colorgan"
