"""A run's story as a picture: its sample sheets, one after the other, as an animation."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, UnidentifiedImageError

from colorgan.runs import RunFolder
from colorgan.training.files import write_file

__all__ = ["write_story"]

_MOST_FRAMES = 40
_MOST_HEIGHT = 1200  # pixels of a frame
_HEAD = 16  # pixels for the step, above the sheet
_MILLISECONDS, _LAST_MILLISECONDS = 300, 3000


def write_story(run_dir: Path) -> Path | None:
    """Join the sample sheets of a run to an animated WebP in its folder, each with its step above it.

    Of very many sheets some are taken, evenly, the first and the last among them. Sheets that cannot be read, or have
    another size than the last one, are passed over.

    Returns:
        The path, or None where there are not two sheets.

    Raises:
        TrainingError: It cannot be written.
    """
    files = RunFolder(run_dir)
    frames = list(_frames(_chosen(files.find_sheets())))
    if len(frames) < 2:
        return None
    content = io.BytesIO()
    durations = [_MILLISECONDS] * (len(frames) - 1) + [_LAST_MILLISECONDS]
    frames[0].save(
        content, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=85, method=2
    )
    write_file(files.story, content.getbuffer())
    return files.story


def _chosen(sheets: Sequence[Path]) -> list[Path]:
    if len(sheets) <= _MOST_FRAMES:
        return list(sheets)
    return [sheets[round(number * (len(sheets) - 1) / (_MOST_FRAMES - 1))] for number in range(_MOST_FRAMES)]


def _frames(sheets: Sequence[Path]) -> Iterator[Image.Image]:
    size = None
    pictures = []
    for path in reversed(sheets):  # the last one says the size
        try:
            with Image.open(path) as opened:
                picture = opened.convert("RGB")
        except (OSError, UnidentifiedImageError):
            continue
        size = size or picture.size
        if picture.size == size:
            pictures.append(_captioned(picture, f"step {int(path.stem.rpartition('-')[2])}"))
    return reversed(pictures)


def _captioned(sheet: Image.Image, caption: str) -> Image.Image:
    frame = Image.new("RGB", (sheet.width, sheet.height + _HEAD), "white")
    ImageDraw.Draw(frame).text((2, 2), caption, fill="black")
    frame.paste(sheet, (0, _HEAD))
    frame.thumbnail((sheet.width, _MOST_HEIGHT))
    return frame
