"""Moving pictures: the frames of a film coloured steadily, and everything else in its file kept."""

from colorgan.film.encode import VideoCodec
from colorgan.film.library import colorize_film
from colorgan.film.measure import ClipScores, Score, measure_clip
from colorgan.film.options import FilmOptions
from colorgan.film.outcome import FilmOutcome, Progress
from colorgan.film.run import run_films
from colorgan.film.source import probe_film
from colorgan.film.work import color_film

__all__ = [
    "ClipScores",
    "FilmOptions",
    "FilmOutcome",
    "Progress",
    "Score",
    "VideoCodec",
    "color_film",
    "colorize_film",
    "measure_clip",
    "probe_film",
    "run_films",
]
