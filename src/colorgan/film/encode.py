"""From coloured frames to packets: which encoder, with what settings, and packets kept in files."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from colorgan.errors import UsageError
from colorgan.film.light import Levels
from colorgan.film.source import FilmFacts, Luma, plane_levels
from colorgan.request import VideoCodec

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

__all__ = ["Encoding", "Stored", "choose_encoding", "make_frame", "open_encoder", "read_packets"]


@dataclass(frozen=True, slots=True)
class _Encoder:
    name: str  # FFmpeg's
    crf: int | None  # what looks like the source; None: without loss
    formats: tuple[str, ...]  # of pixels, those that films can have
    options: Mapping[str, str]


_ALL_8_10 = tuple(f"yuv{layout}p{bits}" for layout in ("420", "422", "444") for bits in ("", "10le"))
_ENCODERS = {
    VideoCodec.H264: _Encoder("libx264", 16, _ALL_8_10, {"preset": "faster"}),
    VideoCodec.HEVC: _Encoder("libx265", 18, _ALL_8_10, {"preset": "medium", "x265-params": "log-level=error"}),
    VideoCodec.VP9: _Encoder(
        "libvpx-vp9", 20, ("yuv420p", "yuv422p", "yuv444p"), {"deadline": "good", "cpu-used": "4", "row-mt": "1"}
    ),
    VideoCodec.AV1: _Encoder("libsvtav1", 24, ("yuv420p", "yuv420p10le"), {"preset": "8"}),
    VideoCodec.FFV1: _Encoder(
        "ffv1",
        None,
        tuple(f"yuv{layout}p{bits}" for layout in ("420", "422", "444") for bits in ("", "10le", "12le", "16le")),
        {"level": "3", "slices": "4", "slicecrc": "1"},
    ),
}
_MOST_CRF = {VideoCodec.H264: 51, VideoCodec.HEVC: 51, VideoCodec.VP9: 63, VideoCodec.AV1: 63}
_INTERLACED = {VideoCodec.H264, VideoCodec.HEVC}
_HEAD = struct.Struct("<qqIB")  # pts, duration, size, whether it is a key frame


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one film is encoded."""

    codec: VideoCodec
    encoder: str
    pixel_format: str
    width: int
    height: int
    options: tuple[tuple[str, str], ...]


def choose_encoding(facts: FilmFacts, codec: VideoCodec, crf: int | None, suffix: str, *, double: bool) -> Encoding:
    """Choose encoder, pixel format and quality.

    Args:
        facts: Of the source.
        codec: As asked for.
        crf: Its quality, lower is better; what suits it if left out.
        suffix: Of the result's name.
        double: Whether two pictures stand side by side.

    Raises:
        UsageError: There is no such encoder here, or the quality is none that it has.
    """
    if codec is VideoCodec.AUTO:
        codec = VideoCodec.VP9 if suffix.lower() == ".webm" else VideoCodec.H264
    chosen = _ENCODERS[codec]
    if chosen.name not in av.codecs_available:
        raise UsageError(f"this FFmpeg has no encoder for {codec}; give another --video-codec")
    options = dict(chosen.options)
    if crf is not None and not 0 <= crf <= _MOST_CRF.get(codec, -1):
        what = f"0..{_MOST_CRF[codec]}" if codec in _MOST_CRF else "left out, for it loses nothing"
        raise UsageError(f"--crf of {codec} must be {what}, got {crf}")
    if chosen.crf is not None:
        options["crf"] = str(chosen.crf if crf is None else crf)
    width = 2 * facts.width if double else facts.width
    return Encoding(codec, chosen.name, _nearest(facts, chosen.formats), width, facts.height, tuple(options.items()))


def _nearest(facts: FilmFacts, formats: Sequence[str]) -> str:
    """Return the pixel format that is most like the source's."""
    for layout in (facts.layout, "420"):
        for bits in (facts.bits, 12, 10, 8) if facts.bits > 8 else (8,):
            name = f"yuv{layout}p{'' if bits == 8 else f'{bits}le'}"
            if bits <= facts.bits and name in formats:
                return name
    raise UsageError(f"no pixel format of this encoder can hold {facts.width} x {facts.height} pixels of this film")


def open_encoder(encoding: Encoding, facts: FilmFacts) -> VideoCodecContext:
    """Open the encoder; equal arguments give equal headers, so that segments can be joined.

    Raises:
        UsageError: It does not take such frames.
    """
    context = CodecContext.create(encoding.encoder, "w")
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{encoding.encoder} does not encode pictures")
    configure(context, encoding, facts)
    try:
        context.open()
    except av.FFmpegError as error:
        raise UsageError(
            f"{encoding.encoder} does not take {encoding.width} x {encoding.height} pixels of {encoding.pixel_format} "
            f"({error.strerror}); give another --video-codec"
        ) from error
    return context


def configure(context: VideoCodecContext, encoding: Encoding, facts: FilmFacts) -> None:
    """Set what an encoder has to know."""
    context.width, context.height, context.pix_fmt = encoding.width, encoding.height, encoding.pixel_format
    context.time_base, context.framerate = facts.time_base, facts.rate
    if facts.aspect:
        context.sample_aspect_ratio = facts.aspect
    context.color_range = 2 if facts.full_range else 1
    context.colorspace = facts.matrix
    context.color_primaries, context.color_trc = facts.tags.primaries, facts.tags.transfer
    context.flags |= Flags.global_header | Flags.frame_duration
    if facts.interlaced and encoding.codec in _INTERLACED:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
    context.options = dict(encoding.options)


def make_frame(luma: Luma, chroma: tuple[Levels, Levels], encoding: Encoding, facts: FilmFacts) -> VideoFrame:
    """Put planes together."""
    frame = VideoFrame(encoding.width, encoding.height, encoding.pixel_format)
    bits = frame.format.components[0].bits
    for plane, levels in zip(frame.planes, (luma, *chroma), strict=True):
        codes = levels >> (facts.bits - bits) if facts.bits > bits else levels
        np.copyto(plane_levels(plane, deep=bits > 8), codes, casting="unsafe")
    frame.colorspace, frame.color_range = facts.matrix, 2 if facts.full_range else 1
    frame.color_primaries, frame.color_trc = facts.tags.primaries, facts.tags.transfer
    frame.time_base = facts.time_base
    return frame


@dataclass(frozen=True, slots=True)
class Stored:
    """An encoded packet."""

    pts: int
    duration: int
    key: bool
    data: bytes


def write_packet(file: BinaryIO, packet: "Packet[VideoStream]") -> None:
    """Append a packet to a file of packets."""
    data = bytes(packet)
    file.write(_HEAD.pack(packet.pts or 0, packet.duration or 0, len(data), packet.is_keyframe))
    file.write(data)


def read_packets(path: Path) -> Iterator[Stored]:
    """Read a file of packets, in the order of decoding."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            pts, duration, size, key = _HEAD.unpack(head)
            yield Stored(pts, duration, bool(key), file.read(size))


def delay_of(times: Sequence[int]) -> int:
    """Return how many packets a packet comes before those that are shown earlier, at most."""
    rank = {pts: place for place, pts in enumerate(sorted(times))}
    return max((place - rank[pts] for place, pts in enumerate(times)), default=0)


def nominal_duration(facts: FilmFacts) -> int:
    """Return how long a frame lasts if nothing else is said, in units of the time base."""
    return max(1, round(Fraction(1) / (facts.rate * facts.time_base)))
