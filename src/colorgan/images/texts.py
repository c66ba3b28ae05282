"""What is written beside the pixels: the source's metadata with colorgan's note in it."""

from dataclasses import dataclass, field

from colorgan.images.exif import Entry, ascii_entry, encode_exif, parse_exif
from colorgan.images.metadata import Metadata, Provenance, merge_xmp

__all__ = ["Texts"]

_SOFTWARE = 0x0131


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Metadata ready to be written."""

    entries: tuple[Entry, ...] = ()  # of EXIF
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    texts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, metadata: Metadata, provenance: Provenance | None) -> "Texts":
        """Write the note of `provenance` into `metadata`; without one the metadata stays as it is."""
        entries = parse_exif(metadata.exif) if metadata.exif else ()
        texts = dict(metadata.texts)
        if provenance is not None:
            software = f"colorgan {provenance.version}"
            kept = (entry for entry in entries if entry.tag != _SOFTWARE)
            entries = (*kept, ascii_entry(_SOFTWARE, software))
            texts["Software"] = software
        return cls(
            entries=entries,
            xmp=merge_xmp(metadata.xmp, provenance) if provenance else metadata.xmp,
            iptc=metadata.iptc,
            dpi=metadata.dpi,
            comment=metadata.comment,
            texts=texts,
        )

    @property
    def exif(self) -> bytes:
        """The EXIF block, without "Exif" and two zeros; empty if there is none."""
        return encode_exif(self.entries)
