"""Masks that say what is missing of a photograph: white there; where they lie, and how they are read."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISDIR
from typing import Any

import numpy as np
from PIL import Image

from colorgan.colorization.hints import fold_name
from colorgan.colorization.plan import Job, Plan, Side, page_path, pages_of, side_path
from colorgan.colorization.search import Source, find_sources
from colorgan.errors import ImageReadError, UsageError
from colorgan.files import is_there, status_of
from colorgan.images import Photo, is_image_name, iter_photos, photo_from_image, read_size
from colorgan.request import STREAM

__all__ = ["DrawnMask", "add_masks", "check_shape", "mask_from_image", "mask_of_page"]

_NAMED = 5  # masks that fit nothing, in a note
_Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class DrawnMask:
    """A mask that a person drew over a small copy of a photograph.

    Raises:
        UsageError: There are more or fewer bits than pixels.
    """

    width: int  # of the copy, whose pixels are squares of the photograph's
    height: int
    bits: bytes  # one a pixel, row by row, the first in the highest bit; 1 where something is missing

    def __post_init__(self) -> None:
        """Refuse what is no mask."""
        if min(self.width, self.height) < 1 or len(self.bits) != -(-self.width * self.height // 8):
            raise UsageError(
                f"a drawn mask of {self.width} x {self.height} pixels cannot have {len(self.bits):,} bytes; it has a "
                "bit a pixel"
            )

    @classmethod
    def from_full(cls, missing: _Mask, factor: int) -> "DrawnMask":
        """Shrink a mask `(H, W)`: a square of `factor` pixels is missing if any of it is."""
        H, W = missing.shape
        padded = np.pad(missing, ((0, -H % factor), (0, -W % factor)))
        h, w = -(-H // factor), -(-W // factor)
        small = padded.reshape(h, factor, w, factor).any((1, 3))
        return cls(w, h, np.packbits(small).tobytes())

    def scale_to(self, shape: tuple[int, ...]) -> _Mask:
        """Return the mask at the size of its photograph, `(H, W)`.

        Raises:
            UsageError: It was drawn over a picture of another shape.
        """
        (H, W), (h, w) = shape, (self.height, self.width)
        factor = max(-(-H // h), -(-W // w))
        if (h, w) != (-(-H // factor), -(-W // factor)):
            raise UsageError(
                f"the drawn mask has {w} x {h} pixels, which is not the shape of a picture of {W} x {H}; draw it anew"
            )
        small = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=h * w).reshape(h, w).astype(np.bool_)
        return small.repeat(factor, 0).repeat(factor, 1)[:H, :W]


def mask_from_image(image: "Image.Image | np.ndarray[Any, Any]") -> _Mask:
    """Return where a mask is white, `(H, W)`.

    Args:
        image: A picture of any mode, or an array `(H, W)` of bool, of 0 and 1, or of grey levels. White, and what is
            nearer to it than to black, is missing; transparent places are not.

    Raises:
        TypeError: It is a path.
        UsageError: The array has another shape or type.
    """
    if isinstance(image, Image.Image):
        return _missing(photo_from_image(image))
    if isinstance(image, str | bytes | os.PathLike):
        raise TypeError(f"a mask must be a Pillow image or an array, got {image!r}; open a file with PIL.Image.open")
    array = np.asarray(image)
    if array.ndim != 2 or array.dtype.kind not in "buif":
        raise UsageError(f"a mask is an array (H, W) of bool or of grey levels, got {array.dtype} {array.shape}")
    most = array.max(initial=0)
    return array >= (0.5 if most <= 1 else 0.5 * (255 if most <= 255 else 65535))


def _missing(photo: Photo) -> _Mask:
    missing: _Mask = photo.grey > np.iinfo(photo.grey.dtype).max // 2
    if photo.alpha is not None:
        missing &= photo.alpha > np.iinfo(photo.alpha.dtype).max // 2
    return missing


def check_shape(missing: _Mask, shape: tuple[int, ...], mask: str, photo: str) -> None:
    """Refuse a mask of another size than its photograph's.

    Raises:
        UsageError: It has; the message calls the two `mask` and `photo`.
    """
    if missing.shape != shape:
        raise UsageError(_other_size(mask, missing.shape[::-1], photo, shape[::-1]))


def _other_size(mask: str, got: tuple[int, ...], photo: str, expected: tuple[int, ...]) -> str:
    return (
        f"{mask} has {got[0]} x {got[1]} pixels, {photo} has {expected[0]} x {expected[1]} (upright); give a mask of "
        "the photograph's own size"
    )


def mask_of_page(path: Path, photo: Photo) -> _Mask | None:
    """Read the mask of a page: the mask file's own page of that number, or a file `...-page2` beside it.

    Args:
        path: The mask of the first page.
        photo: The page.

    Returns:
        Where it is missing; None where there is no mask for that page.

    Raises:
        ImageReadError: The mask cannot be read.
        UsageError: It has another size.
    """
    own = page_path(path, photo.page)
    path, number = (own, 0) if photo.page and is_there(own) else (path, photo.page)
    page = next(iter_photos(path, first=number), None)
    if page is None:
        return None
    missing = _missing(page)
    check_shape(missing, photo.grey.shape, f"the mask {path}", "its photograph")
    return missing


def add_masks(plan: Plan, masks: Path) -> Plan:
    """Give the photographs of a plan their masks.

    Args:
        plan: The whole plan, not a part of it.
        masks: The mask of the only photograph; or a folder with a mask for each photograph that has something
            missing, at the photograph's path below the input, of any image format: `1923/anna.png` or
            `1923/anna.jpg.png` for `1923/anna.jpg`.

    Returns:
        The plan, with a note if the folder fits only some photographs, or holds masks that fit none.

    Raises:
        UsageError: There are no such masks, one cannot be read or has another size than its photograph, or one
            file meets several photographs.
    """
    found = plan.sources.found
    status, notes = status_of(masks), plan.notes
    if status is None:
        raise UsageError(f"there is no mask {masks}; give a picture, a folder of them, or auto; nothing was done")
    if S_ISDIR(status.st_mode):
        by_number, said = _match(masks, found)
        notes += said
    elif len(found) != 1:
        raise UsageError(f"the mask {masks} is for one photograph, and there are {len(found)}; give a folder of masks")
    else:
        by_number = {0: masks}
    jobs = tuple(_give_mask(job, by_number.get(job.number)) for job in plan.jobs)
    for job in jobs:
        _check(job)
    return dataclasses.replace(plan, jobs=jobs, notes=notes)


def _give_mask(job: Job, mask: Path | None) -> Job:
    # Nothing is noted of a photograph that is not filled; and a mask that lies where it would be noted stays.
    saved = job.sides.get(Side.MASK)
    if mask is None or (saved is not None and os.path.realpath(mask) == os.path.realpath(saved)):
        job = dataclasses.replace(job, sides={side: path for side, path in job.sides.items() if side is not Side.MASK})
    return dataclasses.replace(job, mask=mask)


def _match(folder: Path, sources: Sequence[Source]) -> tuple[dict[int, Path], tuple[str, ...]]:
    """Find the mask of each photograph; say what fits nothing."""
    masks = _Masks(folder)
    found = {number: mask for number, source in enumerate(sources) if (mask := masks.of(source)) is not None}
    if not found:
        wanted = side_path(folder, sources[0].relative) if sources else folder
        raise UsageError(f"{folder} holds no mask for any of the photographs, such as {wanted}; nothing was done")
    used = {path for number, mask in found.items() for path in pages_of(mask, sources[number].pages)}
    unused = [path for path in masks.paths if path not in used]
    notes = [f"{folder} has a mask for {len(found)} of {len(sources)} photographs"] if len(found) < len(sources) else []
    if unused:
        more = f" and {len(unused) - _NAMED} more" if len(unused) > _NAMED else ""
        notes.append(f"these masks fit no photograph: {', '.join(map(str, unused[:_NAMED]))}{more}")
    return found, tuple(notes)


class _Masks:
    """The masks of a folder, by what they are called."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[Path] = []
        self._names: dict[str, list[Path]] = {}  # of the masks themselves
        self._stems: dict[str, list[Path]] = {}  # the same without the last suffix
        for mask in find_sources([folder], is_image_name=is_image_name).found:
            self.paths.append(mask.path)
            self._names.setdefault(fold_name(str(mask.relative)), []).append(mask.path)
            self._stems.setdefault(fold_name(_without_suffix(mask.relative)), []).append(mask.path)

    def of(self, source: Source) -> Path | None:
        """Return a photograph's mask: for anna.jpg, anna.jpg.png goes before anna.jpg, and that before anna.png."""
        name, stem = str(source.relative), _without_suffix(source.relative)
        near = self._stems.get(fold_name(name)) or self._names.get(fold_name(name)) or self._stems.get(fold_name(stem))
        if near and len(near) > 1:
            exact = [path for path in near if path.name in (f"{source.relative.name}.png", source.relative.name)]
            near = exact[:1] or [path for path in near if path.stem == source.relative.stem] or near
        if near and len(near) > 1:
            raise UsageError(f"{near[0]} and {near[1]} could both be the mask of {source.path}; remove one of them")
        return near[0] if near else None


def _without_suffix(relative: PurePosixPath) -> str:
    return str(relative.parent / relative.stem)


def _check(job: Job) -> None:
    """Refuse what can be known before: masks that are no pictures, or of another size than the photograph."""
    if job.mask is None:
        return
    try:
        got = read_size(job.mask)
    except ImageReadError as error:
        raise UsageError(f"the mask {error}; nothing was done") from None
    try:
        expected = None if job.source == STREAM else read_size(job.source)
    except ImageReadError:
        return  # the run will say why
    if expected is not None and got != expected:
        raise UsageError(f"{_other_size(f'the mask {job.mask}', got, str(job.source), expected)}; nothing was done")
