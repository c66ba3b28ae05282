"""What tests of colourising share besides fixtures."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from colorgan.colorization import (
    Colorizer,
    Job,
    Outcome,
    Status,
)
from colorgan.colorization.masks import DrawnMask
from colorgan.colorization.products import (
    make_preview,
)
from colorgan.colorization.search import Sources, find_sources
from colorgan.images import is_image_name, photo_from_image
from colorgan.rendering import ChromaField
from colorgan.session import colorize_paths
from support import draw_photo

RED = ChromaField(torch.zeros(2, 4, 4), torch.tensor([30.0, 20.0])[:, None, None].expand(2, 4, 4).contiguous())


def grey_photo(size: tuple[int, int] = (90, 70)) -> Image.Image:
    return draw_photo(1, size).convert("L")


def some_mask(size: tuple[int, int] = (90, 70)) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, (20, 10, 50, 40))
    return mask


def drawn(width: int, height: int, left: int, top: int, right: int, bottom: int) -> DrawnMask:
    missing = np.zeros((height, width), np.bool_)
    missing[top:bottom, left:right] = True
    return DrawnMask.from_full(missing, 1)


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def outcome(number: int, name: str, status: Status = Status.COLORIZED, reason: str = "") -> Outcome:
    job = Job(number, Path("in", name), Path("out", name))
    photo = photo_from_image(draw_photo(number).convert("L"))
    preview = make_preview(photo, RED) if status is Status.COLORIZED else None
    return Outcome(job=job, status=status, reason=reason, width=80, height=64, pages=1, preview=preview)


def run(inputs: Path, output: Path, colorizer: Colorizer, **changes: Any) -> list[Outcome]:
    events = colorize_paths([inputs], output, colorizer=colorizer, **changes)
    return [event for event in events if isinstance(event, Outcome)]


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def search(*inputs: Path, **options: Any) -> Sources:
    return find_sources(inputs, is_image_name=is_image_name, **options)


def names_of(sources: Sources) -> list[str]:
    return [str(source.relative) for source in sources.found]
