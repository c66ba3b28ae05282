"""Finding photographs: folders, ImageNet layouts, tar files; and splitting them."""

import hashlib
import io
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from colorgan.data.bytes import read_part
from colorgan.errors import DataError
from colorgan.files import is_folder, status_of
from colorgan.images import SUFFIXES, Colors, is_image_name, read_colors
from colorgan.images.walk import PassedOver, is_passed_over, walk_files

__all__ = [
    "PhotoFile",
    "PhotoSets",
    "find_photos",
    "find_sets",
    "find_validation_folder",
    "hash_name",
    "open_photo",
    "read_photo",
    "split_by_name",
]

_VALIDATION_FOLDERS = ("val", "validation")


@dataclass(frozen=True, slots=True, order=True)
class PhotoFile:
    """Where a photograph's bytes lie: a file, or a part of a tar file."""

    name: str  # its path within the data set, with forward slashes
    path: Path  # the file, or the tar file
    offset: int = 0
    size: int | None = None  # bytes from `offset`; None is the whole file

    def read_bytes(self) -> bytes:
        """Read the encoded picture.

        Raises:
            ImageReadError: It cannot be read, or not in time.
            DataError: A drive does not answer.
        """
        return read_part(self.path, self.offset, self.size, name=self.name)


@dataclass(frozen=True, slots=True)
class PhotoSets:
    """A data set: what is trained on and what is not."""

    train: tuple[PhotoFile, ...]
    validation: tuple[PhotoFile, ...]
    validation_root: Path  # what the names of `validation` are relative to
    kept_out: int = 0  # photographs to train on that were left out, since they are to validate on


def find_photos(path: Path) -> list[PhotoFile]:
    """Find all photographs below a folder, or in a tar file, sorted by name.

    Folders are searched by `colorgan.images.walk.walk_files`; tar files in them count as folders, and by the same
    rules.

    Raises:
        DataError: The path does not exist, holds no photographs, or a folder in it cannot be listed.
        UsageError: The system does not let the path be looked at.
    """
    status = status_of(path)
    if status is None:
        raise DataError(f"there is no {path}; pass a folder of photographs, or a .tar file of them")
    if stat.S_ISDIR(status.st_mode):
        found = list(_search(path))
    elif stat.S_ISREG(status.st_mode) and _is_tar(path.name):
        found = _index_tar(path, "")
    else:
        raise DataError(f"{path} is a single file; pass a folder of photographs, or a .tar file of them")
    if not found:
        raise DataError(
            f"{path} holds no photographs (files named {', '.join(sorted(SUFFIXES))}, or .tar files of them)"
        )
    return sorted(found)


def find_sets(data: Path, validation_data: Path | None = None, *, validation_share: float = 0.02) -> PhotoSets:
    """Find the photographs to train on and to validate on.

    With `validation_data`, all of `data` is trained on, except what is the same file, or the same part of the same tar
    file, as one of its photographs, whatever links lead to it. A folder with `train` and `val` inside (the layout of
    ImageNet and ImageNet-mini) is split so. Otherwise a share of the photographs is kept out, by a hash of their
    names, so that the same ones are kept out every time, whatever else is added.

    Raises:
        DataError: A path does not exist, or nothing would be left to train on.
    """
    if validation_data is not None:
        return _keep_apart(find_photos(data), find_photos(validation_data), validation_data)
    train, validation = data / "train", find_validation_folder(data)
    if validation is not None and is_folder(train):
        return _keep_apart(find_photos(train), find_photos(validation), validation)
    kept, kept_out = split_by_name(find_photos(data), validation_share)
    return PhotoSets(tuple(kept), tuple(kept_out), data)


def find_validation_folder(data: Path) -> Path | None:
    """Return the folder inside a data set that is kept for validation, as ImageNet's is called; None without one."""
    return next((data / name for name in _VALIDATION_FOLDERS if is_folder(data / name)), None)


def _keep_apart(photos: Sequence[PhotoFile], validation: Sequence[PhotoFile], root: Path) -> PhotoSets:
    """Leave out of `photos` what is in `validation`, by real path and place in a tar file."""
    resolve = cache(Path.resolve)

    def identity(photo: PhotoFile) -> tuple[Path, int]:
        return resolve(photo.path), photo.offset

    judged = {identity(photo) for photo in validation}
    kept = tuple(photo for photo in photos if identity(photo) not in judged)
    if not kept:
        raise DataError(
            f"all {len(photos)} photographs to train on are also those to validate on, in {root}; pass others with "
            "--val-data, or leave it out to have a share of --data kept for that"
        )
    return PhotoSets(kept, tuple(validation), root, len(photos) - len(kept))


def split_by_name(photos: Sequence[PhotoFile], validation_share: float) -> tuple[list[PhotoFile], list[PhotoFile]]:
    """Split photographs by a hash of each one's name into those to train on and those to keep out.

    Raises:
        DataError: There are fewer than two.
    """
    kept_out = [p for p in photos if hash_name(p.name) / 2**64 < validation_share]
    kept = [p for p in photos if hash_name(p.name) / 2**64 >= validation_share]
    if not kept_out and len(kept) > 1:
        kept_out = [min(kept, key=lambda p: hash_name(p.name))]
        kept = [p for p in kept if p is not kept_out[0]]
    if not kept_out:
        raise DataError(f"{len(photos)} photographs are too few to train on and validate; 2 is the least")
    return kept, kept_out


def open_photo(photo: PhotoFile, *, short_side: int | None = None) -> Image.Image:
    """Decode a photograph to 8-bit sRGB, upright; see `read_photo`."""
    return read_photo(photo, short_side=short_side).image


def read_photo(photo: PhotoFile, *, short_side: int | None = None) -> Colors:
    """Decode a photograph as `colorgan.images.read_colors` does, which `colorize` goes by too.

    Args:
        photo: Where it lies.
        short_side: Large JPEGs may be decoded smaller, as long as their short side keeps this many pixels; that is
            several times faster. None decodes in full.

    Raises:
        ImageReadError: It is damaged, or no picture.
        DataError: A drive does not answer.
    """
    return read_colors(_NamedBytes(photo), short_side=short_side)


class _NamedBytes(io.BytesIO):
    """A photograph's bytes, and its name for messages."""

    def __init__(self, photo: PhotoFile) -> None:
        super().__init__(photo.read_bytes())
        self.name = photo.name


def hash_name(name: str) -> int:
    """Return a number of 64 bits that depends on a photograph's name alone."""
    return int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:8])


def _is_tar(name: str) -> bool:
    return name.lower().endswith(".tar")


def _search(root: Path) -> Iterator[PhotoFile]:
    passed_over = PassedOver()
    for file in walk_files(root, passed_over):
        if is_image_name(file.name) and file.is_regular:
            yield PhotoFile(file.relative, file.path)
        elif _is_tar(file.name) and file.is_regular:
            yield from _index_tar(file.path, file.relative + "/")
    for folder, reason in passed_over.unreadable:
        raise DataError(f"{folder} may not be read: {reason}; check its permissions")


def _index_tar(path: Path, prefix: str) -> list[PhotoFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            members = [(member.name.removeprefix("./"), member) for member in archive if member.isreg()]
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path} cannot be read as a plain (uncompressed) tar file: {error}") from error
    return [
        PhotoFile(prefix + name, path, member.offset_data, member.size)
        for name, member in members
        if is_image_name(name) and not is_passed_over(name)
    ]
