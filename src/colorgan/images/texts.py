"""What is written beside the pixels: the source's metadata with colorgan's marks in it."""

import copy
from dataclasses import dataclass, field, replace

from PIL.ExifTags import TAGS

from colorgan.images import iptc as iptc_records
from colorgan.images.as_xmp import add_keywords, add_records, add_texts, decode_text
from colorgan.images.exif import Entry, ascii_entry, encode_exif, parse_exif, resolution_entries, shrink
from colorgan.images.jpeg_segments import LONGEST
from colorgan.images.marks import MARKS, merge_xmp
from colorgan.images.metadata import Metadata
from colorgan.images.provenance import Provenance
from colorgan.images.xmp import Packet

__all__ = ["Texts"]

_SOFTWARE, _SOFTWARE_KEY = 0x0131, "Software"
_ONLY_XMP = ("WEBP", "AVIF")  # formats without a place for IPTC
_WITHOUT = ("BMP", "PPM")  # formats without a place for any of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Metadata ready to be written."""

    entries: tuple[Entry, ...] = ()  # of EXIF
    packet: Packet | None = None  # of XMP
    raw_xmp: bytes | None = None  # where there is nothing to add to it
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    texts: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # what the source says and the result does not, in words

    @classmethod
    def of(cls, metadata: Metadata, provenance: Provenance | None, *, variety: str = "") -> "Texts":
        """Write the marks of `provenance` into `metadata`; without one the metadata stays as it is.

        Args:
            metadata: What to keep of the source.
            provenance: What to say of the making of the picture.
            variety: What tells this result from others of the same provenance.
        """
        entries = parse_exif(metadata.exif) if metadata.exif else ()
        texts, iptc = dict(metadata.texts), metadata.iptc
        packet = merge_xmp(metadata.xmp, provenance, variety=variety) if provenance else None
        left_out: tuple[str, ...] = ()
        if provenance is not None:
            software = f"colorgan {provenance.version}"
            kept = (entry for entry in entries if entry.tag != _SOFTWARE)
            entries = (*kept, ascii_entry(_SOFTWARE, software))
            texts[_SOFTWARE_KEY] = software
            if metadata.xmp and metadata.xmp.strip(b"\0 \r\n") and Packet.parse(metadata.xmp) is None:
                left_out = (f"XMP of {len(metadata.xmp):,} bytes that cannot be parsed",)
        if provenance is not None and packet is not None and provenance.keywords:
            add_keywords(packet, provenance.keywords, iptc or b"")
            iptc = iptc_records.add_keywords(iptc, provenance.keywords)
        return cls(
            entries=entries,
            packet=packet,
            raw_xmp=metadata.xmp,
            iptc=iptc,
            dpi=metadata.dpi,
            comment=metadata.comment,
            texts=texts,
            left_out=left_out,
        )

    @property
    def xmp(self) -> bytes | None:
        """The packet of XMP, in one piece."""
        return self.packet.to_bytes() if self.packet is not None else self.raw_xmp

    def fit(self, name: str) -> "Texts":
        """Say in XMP what a format has no other place for, unless that cannot be parsed; leave out what is too long."""
        if name in _WITHOUT:
            own = [entry for entry in self.entries if entry.tag != _SOFTWARE]
            there = {
                "EXIF": own,
                "XMP": self.raw_xmp,
                "IPTC": self.iptc,
                "texts": self._own_texts,
                "a comment": self.comment,
            }
            lost = " and ".join(what for what, block in there.items() if block)
            return replace(self, left_out=(f"{lost}, for which {name} has no place",)) if lost else self
        return self._shrunk()._completed(name) if name == "JPEG" else self._completed(name)  # noqa: SLF001 - its own

    @property
    def _own_texts(self) -> dict[str, str]:
        """What the source says in texts."""
        return {key: text for key, text in self.texts.items() if key != _SOFTWARE_KEY}

    def _shrunk(self) -> "Texts":
        """Leave out what does not fit into the segments of a JPEG."""
        entries, gone = shrink(self.entries, LONGEST - len("Exif??"))
        left_out = [f"EXIF's {TAGS.get(tag, hex(tag))}, which does not fit into the 64 KiB of a JPEG" for tag in gone]
        comment = self.comment
        if comment is not None and len(comment) > LONGEST:
            comment = comment[:LONGEST]
            left_out.append(f"what its comment of {len(self.comment or b''):,} bytes says beyond the 64 KiB of a JPEG")
        return replace(self, entries=entries, comment=comment, left_out=(*self.left_out, *left_out))

    def _completed(self, name: str) -> "Texts":
        """Say in XMP what a format has no other place for."""
        texts = self._own_texts
        comment = {"Comment": decode_text(self.comment)} if self.comment and name != "JPEG" else {}
        if name == "PNG":
            return replace(self, texts={**comment, **self.texts})
        iptc = self.iptc if name in _ONLY_XMP else None
        packet = copy.deepcopy(self.packet) or Packet.parse(self.raw_xmp) or (None if self.raw_xmp else Packet())
        if not (texts or comment or iptc):
            return self
        if packet is None:
            lost = " and ".join(
                what for what, block in (("texts", texts), ("a comment", comment), ("IPTC", iptc)) if block
            )
            left_out = f"{lost}, which would go into its XMP, and that cannot be parsed"
            return replace(self, left_out=(*self.left_out, left_out))
        add_records(packet, iptc or b"")
        add_texts(packet, {**comment, **texts})
        return replace(self, packet=packet)

    def split_xmp(self, longest: int) -> tuple[bytes | None, bytes | None]:
        """Return a packet of XMP of at most `longest` bytes, and an extended one if it would be longer.

        Where XMP cannot be parsed and is too long, there is none.
        """
        if self.packet is None and (self.raw_xmp is None or len(self.raw_xmp) <= longest):
            return self.raw_xmp, None
        packet = self.packet or Packet.parse(self.raw_xmp)
        return (None, None) if packet is None else packet.split(longest, MARKS)

    @property
    def exif(self) -> bytes:
        """The EXIF block, without "Exif" and two zeros; empty if there is none."""
        return encode_exif(self.entries)

    @property
    def exif_with_resolution(self) -> bytes:
        """The EXIF block of formats that have no field of their own for the resolution."""
        return encode_exif((*self.entries, *resolution_entries(self.dpi)))
