"""Finding photographs: folders, ImageNet layouts, tar files; and splitting them."""

import hashlib
import io
import tarfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from colorgan.errors import DataError, ImageReadError

__all__ = ["IMAGE_SUFFIXES", "PhotoFile", "PhotoSets", "find_photos", "find_sets", "open_photo", "split_by_name"]

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm", ".pnm"}
)
"""Names that end so are taken for photographs, in any case."""

_VALIDATION_FOLDERS = ("val", "validation")


@dataclass(frozen=True, slots=True, order=True)
class PhotoFile:
    """Where a photograph's bytes lie: a file, or a part of a tar file."""

    name: str  # its path within the data set, with forward slashes
    path: Path  # the file, or the tar file
    offset: int = 0
    size: int | None = None  # bytes from `offset`; None is the whole file

    def read_bytes(self) -> bytes:
        """Read the encoded picture."""
        if self.size is None:
            return self.path.read_bytes()
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True, slots=True)
class PhotoSets:
    """A data set: what is trained on and what is not."""

    train: tuple[PhotoFile, ...]
    validation: tuple[PhotoFile, ...]
    validation_root: Path  # what the names of `validation` are relative to
    kept_out: int = 0  # photographs to train on that were left out, since they are to validate on


def find_photos(path: Path) -> list[PhotoFile]:
    """Find all photographs below a folder, or in a tar file, sorted by name.

    Folders are searched to any depth; tar files in them count as folders. Hidden files are passed over, and links
    that lead back into their own parents are not followed.

    Raises:
        DataError: The path does not exist, or holds no photographs.
    """
    if not path.exists():
        raise DataError(f"there is no {path}; pass a folder of photographs, or a .tar file of them, with --data")
    if path.is_file():
        if not _is_tar(path):
            raise DataError(f"{path} is a single file; pass a folder of photographs, or a .tar file of them")
        found = _index_tar(path, "")
    else:
        found = _walk(path, path, frozenset())
    if not found:
        raise DataError(
            f"{path} holds no photographs (files named {', '.join(sorted(IMAGE_SUFFIXES))}, or .tar files of them)"
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
    train = data / "train"
    for name in _VALIDATION_FOLDERS:
        if train.is_dir() and (data / name).is_dir():
            return _keep_apart(find_photos(train), find_photos(data / name), data / name)
    kept, kept_out = split_by_name(find_photos(data), validation_share)
    return PhotoSets(tuple(kept), tuple(kept_out), data)


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
    kept_out = [p for p in photos if _name_hash(p.name) < validation_share]
    kept = [p for p in photos if _name_hash(p.name) >= validation_share]
    if not kept_out and len(kept) > 1:
        kept_out = [min(kept, key=lambda p: _name_hash(p.name))]
        kept = [p for p in kept if p is not kept_out[0]]
    if not kept_out:
        raise DataError(f"{len(photos)} photographs are too few to train on and validate; 2 is the least")
    return kept, kept_out


def open_photo(photo: PhotoFile, *, short_side: int | None = None) -> Image.Image:
    """Decode a photograph to 8-bit RGB, upright.

    Args:
        photo: Where it lies.
        short_side: Large JPEGs may be decoded smaller, as long as their short side keeps this many pixels; that is
            several times faster. None decodes in full.

    Raises:
        ImageReadError: It is damaged, or no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files are nothing a person can act on
            with Image.open(io.BytesIO(photo.read_bytes())) as image:
                if short_side is not None:
                    scale = short_side / min(image.size)
                    image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
                return ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError as error:
        raise ImageReadError(f"{photo.name} is no picture, or damaged from its first bytes on") from error
    except Exception as error:  # Pillow's plugins raise whatever they like on damaged files
        raise ImageReadError(f"{photo.name} cannot be read as a picture: {error}") from error


def _name_hash(name: str) -> float:
    """Return a number in 0..1 that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode(errors="surrogateescape")).digest()[:8]) / 2**64


def _is_tar(path: Path) -> bool:
    return path.suffix.lower() == ".tar"


def _is_photo(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and Path(name).suffix.lower() in IMAGE_SUFFIXES


def _walk(folder: Path, root: Path, parents: frozenset[Path]) -> list[PhotoFile]:
    here = folder.resolve()
    if here in parents:
        return []
    found: list[PhotoFile] = []
    try:
        entries = sorted(folder.iterdir())
    except PermissionError:
        raise DataError(f"{folder} may not be read; check its permissions") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            found += _walk(entry, root, parents | {here})
        elif entry.is_file():
            name = entry.relative_to(root).as_posix()
            if _is_tar(entry):
                found += _index_tar(entry, name + "/")
            elif _is_photo(name):
                found.append(PhotoFile(name, entry))
    return found


def _index_tar(path: Path, prefix: str) -> list[PhotoFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            files = [(member.name.removeprefix("./"), member) for member in archive if member.isreg()]
            return [
                PhotoFile(prefix + name, path, member.offset_data, member.size)
                for name, member in files
                if _is_photo(name)
            ]
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path} cannot be read as a plain (uncompressed) tar file: {error}") from error
