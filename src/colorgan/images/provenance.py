"""Who coloured a picture, how, and from what: as it is known before it is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from colorgan.config import SourceType

__all__ = ["Marks", "Origin", "Provenance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The file that a picture was made from."""

    name: str  # without its folder
    sha256: str  # in hexadecimal
    page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who coloured a picture, and how."""

    version: str  # of colorgan
    model: str
    hash: str  # sha256 of the model's file
    settings: Mapping[str, Any] = field(default_factory=dict)  # plain values
    origin: Origin | None = None
    source_type: SourceType = SourceType.COMPOSITE
    keywords: tuple[str, ...] = ()  # to be added to those that the source has

    def __str__(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return (
            f"colourised by colorgan {self.version}, model {self.model} {self.hash}, settings {settings or 'default'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a file says of where its picture comes from, whatever program wrote it; empty where it says nothing."""

    note: Provenance | None = None  # colorgan's own
    source_type: str = ""  # the last part of IPTC's DigitalSourceType, such as "trainedAlgorithmicMedia"
    system: str = ""  # IPTC's AISystemUsed
    system_version: str = ""  # IPTC's AISystemVersionUsed
    tool: str = ""  # XMP's CreatorTool, or the Software tag
    source_name: str = ""  # of the file that it was derived from
    source_hash: str = ""  # sha256 of that file
    original_type: str = ""  # the DigitalSourceType of that file

    def __str__(self) -> str:
        if self.note is not None:
            return str(self.note)
        system = " ".join(part for part in (self.system, self.system_version) if part) or self.tool
        made = self.source_type or ("made with an AI system" if self.system else "")
        return f"{made}{f', by {system}' if system else ''}" if made else "no marks of where it comes from"
