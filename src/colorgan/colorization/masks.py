"""Masks that say what is missing of a photograph: white there; where they lie, and how they are read."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from colorgan.colorization.plan import STREAM, Job, Plan, Source, find_sources, page_path
from colorgan.errors import ImageReadError, UsageError
from colorgan.images import Photo, is_image_name, photo_from_image, read_photos, read_size

__all__ = ["add_masks", "check_shape", "mask_from_image", "mask_of_page", "mask_path"]

_Mask = np.ndarray[Any, np.dtype[np.bool_]]


def mask_from_image(image: "Image.Image | np.ndarray[Any, Any]") -> _Mask:
    """Return where a mask is white, `(H, W)`.

    Args:
        image: A picture of any mode, or an array `(H, W)` of bool, of 0 and 1, or of grey levels. White, and what is
            nearer to it than to black, is missing; transparent places are not.

    Raises:
        UsageError: The array has another shape or type.
    """
    if isinstance(image, Image.Image):
        return _missing(photo_from_image(image))
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
    beside = page_path(path, photo.page)
    pages = read_photos(beside if photo.page and beside.exists() else path)
    number = 0 if photo.page and beside.exists() else photo.page
    if number >= len(pages):
        return None
    missing = _missing(pages[number])
    check_shape(missing, photo.grey.shape, f"the mask {path}", "its photograph")
    return missing


def mask_path(folder: Path, relative: PurePosixPath, page: int = 0) -> Path:
    """Return where the mask of a photograph goes, or is looked for first: `1923/anna.jpg` has `1923/anna.jpg.png`."""
    return page_path(folder.joinpath(*relative.parts[:-1], f"{relative.name}.png"), page)


def add_masks(plan: Plan, masks: Path) -> Plan:
    """Give the photographs of a plan their masks.

    Args:
        plan: The whole plan, not a part of it.
        masks: The mask of the only photograph; or a folder with a mask for each photograph that has something
            missing, at the photograph's path below the input, of any image format: `1923/anna.png` or
            `1923/anna.jpg.png` for `1923/anna.jpg`.

    Raises:
        UsageError: There are no such masks, one cannot be read or has another size than its photograph, or one
            file meets several photographs.
    """
    found = plan.sources.found
    if not masks.exists():
        raise UsageError(f"there is no mask {masks}; give a picture, a folder of them, or auto; nothing was done")
    if masks.is_dir():
        by_number = _match(masks, found)
    elif len(found) != 1:
        raise UsageError(f"the mask {masks} is for one photograph, and there are {len(found)}; give a folder of masks")
    else:
        by_number = {0: masks}
    jobs = tuple(dataclasses.replace(job, mask=by_number.get(job.number)) for job in plan.jobs)
    for job in jobs:
        _check(job)
    return Plan(jobs, plan.sources)


def _match(folder: Path, sources: Iterable[Source]) -> dict[int, Path]:
    masks = {mask.relative: mask.path for mask in find_sources([folder], is_image_name=is_image_name).found}
    by_stem: dict[PurePosixPath, list[Path]] = {}
    for relative, path in masks.items():
        by_stem.setdefault(relative.with_name(relative.stem), []).append(path)
    found: dict[int, Path] = {}
    names: list[PurePosixPath] = []
    for number, source in enumerate(sources):
        names.append(source.relative)
        exact = [masks[r] for r in (PurePosixPath(f"{source.relative}.png"), source.relative) if r in masks]
        near = exact[:1] or by_stem.get(source.relative.with_name(source.relative.stem), [])
        if len(near) > 1:
            raise UsageError(f"{near[0]} and {near[1]} could both be the mask of {source.path}; remove one of them")
        found |= dict.fromkeys([number] if near else [], near[0] if near else folder)
    if not found:
        wanted = mask_path(folder, names[0]) if names else folder
        raise UsageError(f"{folder} holds no mask for any of the photographs, such as {wanted}; nothing was done")
    return found


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
