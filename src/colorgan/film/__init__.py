"""Moving pictures: the frames of a film coloured steadily, and everything else in its file kept."""

from colorgan.film.library import colorize_film
from colorgan.film.measure import ClipScores, Score, measure_clip
from colorgan.film.outcome import FilmOutcome
from colorgan.film.run import run_films
from colorgan.film.source import probe_film
from colorgan.film.work import color_film
from colorgan.request import FilmOptions, VideoCodec

__all__ = [
    "ClipScores",
    "FilmOptions",
    "FilmOutcome",
    "Score",
    "VideoCodec",
    "color_film",
    "colorize_film",
    "measure_clip",
    "probe_film",
    "run_films",
]
