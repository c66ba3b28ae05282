"""Putting a film together: the coloured pictures, and from the source everything else."""

import heapq
import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from colorgan.errors import UsageError
from colorgan.film.encode import Encoding, configure, make_frame, nominal_duration, read_packets
from colorgan.film.source import FilmFacts, open_film
from colorgan.film.workspace import Segment

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["FORMATS", "Span", "join_film"]

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""The containers that films can be written to."""

_QUICK = {"movflags": "+faststart"}
_AS_THEY_ARE = {"avoid_negative_ts": "disabled"}  # else all times move by as much as sound begins before the pictures
_OPTIONS = {"mp4": _QUICK, "mov": _QUICK, "matroska": _AS_THEY_ARE, "webm": _AS_THEY_ARE}
_OWN_TAGS = {"encoder", "major_brand", "minor_version", "compatible_brands", "comment"}
_OF_THE_CODING = ("BPS", "DURATION", "NUMBER_OF", "_STATISTICS", "ENCODER", "encoder", "vendor_id")


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a source that is wanted, in seconds."""

    begin: Fraction | None
    end: Fraction | None


def join_film(
    source: Path, target: Path, name: str, parts: Sequence[tuple[Segment, Path]], facts: FilmFacts, encoding: Encoding,
    span: Span, note: str, *, strip: bool = False,
) -> list[str]:  # fmt: skip
    """Write a film.

    Args:
        source: Of sound, subtitles, chapters, metadata and the rest.
        target: The file that is written.
        name: The result's name, whose suffix says the container.
        parts: The segments and their files.
        facts: Of the source.
        encoding: Of the segments.
        span: What of the source is wanted; the result begins at 0 if its beginning is given.
        note: Of who coloured it; a comment in the file.
        strip: Whether metadata is left behind.

    Returns:
        What the container could not hold, a sentence each.
    """
    container_format = FORMATS[Path(name).suffix.lower()]
    offset = parts[0][0].begin * facts.time_base if span.begin is not None else Fraction(0)
    with (
        open_film(source) as (old, video),
        _template(encoding, facts) as shape,
        av.open(str(target), "w", format=container_format, container_options=_OPTIONS[container_format]) as new,
    ):
        pictures = _add_pictures(new, shape, video, facts, strip=strip)
        streams, left_out = _add_others(new, old, video, container_format, strip=strip)
        _describe(new, old, note, offset, span, strip=strip)
        packets = _picture_packets(
            parts,
            facts,
            pictures,
            offset,
            strict=container_format in ("mp4", "mov"),
            in_units=encoding.encoder in ("libx264", "libx265"),
        )
        others = _other_packets(old, streams, span, offset)
        for _, packet in heapq.merge(packets, others, key=lambda pair: pair[0]):
            new.mux(packet)
    if facts.turn and encoding.encoder == "ffv1":
        left_out.append("that it is to be turned when it is shown cannot be written beside ffv1, and is left out")
    return [f"{source}: {text}" for text in left_out]


@contextmanager
def _template(encoding: Encoding, facts: FilmFacts) -> Iterator[VideoStream]:
    """Give a stream like the one that is to be written.

    PyAV lets a display matrix be copied from stream to stream, but not be set: so a film of one grey frame is written
    to memory, the source's matrix is put into it, and it is read again. FFV1 has no place in an MP4, and loses it.
    """
    in_mp4 = encoding.encoder != "ffv1"
    buffer = io.BytesIO()
    middle = np.uint8 if facts.bits == 8 else np.uint16
    with av.open(buffer, "w", format="mp4" if in_mp4 else "matroska") as container:
        stream = cast("VideoStream", container.add_stream(encoding.encoder, time_base=facts.time_base))
        configure(stream.codec_context, encoding, facts)
        stream.time_base = facts.time_base
        across, down = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[encoding.pixel_format[3:6]]
        luma = np.full((encoding.height, encoding.width), 1 << (facts.bits - 1), middle)
        frame = make_frame(luma, (luma[::down, ::across], luma[::down, ::across]), encoding, facts)
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode()):
            packet.pts = packet.dts = 0  # of a film of one frame some encoders say any time of decoding
            container.mux(packet)
    content = bytearray(buffer.getvalue())
    if facts.display and in_mp4:
        _put_matrix(content, facts.display)
    with av.open(io.BytesIO(content)) as container:
        yield container.streams.video[0]


def _put_matrix(content: bytearray, display: bytes) -> None:
    """Put a display matrix into the track header of an MP4 (ISO/IEC 14496-12, 8.3.2)."""
    header = content.index(b"tkhd") + 4
    start = header + (40 if content[header] == 0 else 52)
    content[start : start + 36] = struct.pack(">9i", *struct.unpack("=9i", display))


def _add_pictures(
    new: OutputContainer, shape: VideoStream, video: VideoStream, facts: FilmFacts, *, strip: bool
) -> VideoStream:
    stream = new.add_stream_from_template(shape, opaque=True)
    stream.time_base = facts.time_base
    stream.disposition = video.disposition
    if not strip:
        stream.metadata.update(
            {key: value for key, value in video.metadata.items() if not key.startswith(_OF_THE_CODING)}
        )
    return stream


def _add_others(
    new: OutputContainer, old: InputContainer, video: VideoStream, container_format: str, *, strip: bool
) -> tuple[dict[int, Stream], list[str]]:
    """Add the streams that are copied; return them by the index of the source's, and what is left out."""
    streams: dict[int, Stream] = {}
    left_out: list[str] = []
    for stream in old.streams:
        if stream.index == video.index or _comes_with_chapters(stream, old):
            continue
        if _can_hold(container_format, stream):
            copy = new.add_stream_from_template(stream, opaque=True)
            copy.disposition = stream.disposition
            if not strip:
                copy.metadata.update({k: v for k, v in stream.metadata.items() if not k.startswith(_OF_THE_CODING)})
            streams[stream.index] = copy
        else:
            what = f"{stream.type} stream {stream.index} ({getattr(stream.codec_context, 'name', 'unknown')})"
            left_out.append(f"its {what} cannot be held by {container_format} and is left out")
    return streams, left_out


def _comes_with_chapters(stream: Stream, old: InputContainer) -> bool:
    """Tell whether a stream is MP4's way of writing chapters, which are copied as such."""
    return stream.type == "data" and bool(old.chapters())


def _can_hold(container_format: str, stream: Stream) -> bool:
    """Try whether a container takes a stream."""
    if stream.type == "attachment":
        return container_format == "matroska"
    if cast("Any", stream).codec_context is None:  # a codec that nobody knows
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _describe(
    new: OutputContainer, old: InputContainer, note: str, offset: Fraction, span: Span, *, strip: bool
) -> None:
    comment = [] if strip else [old.metadata[key] for key in old.metadata if key.lower() == "comment"]
    new.metadata["comment"] = "\n".join([*comment, note])
    if strip:
        return
    new.metadata.update({key: value for key, value in old.metadata.items() if key.lower() not in _OWN_TAGS})
    moved = (_moved(chapter, offset, span) for chapter in old.chapters())
    new.set_chapters([chapter for chapter in moved if chapter is not None])


def _moved(chapter: Any, offset: Fraction, span: Span) -> Any:
    """Move a chapter to where its scenes are in the result; None if they are not."""
    base = chapter["time_base"] or Fraction(1, 1000)
    begin: Fraction = max(Fraction(chapter["start"]) * base - offset, Fraction(0))
    end: Fraction = Fraction(chapter["end"]) * base
    end = (end if span.end is None else min(end, span.end)) - offset
    return chapter | {"start": round(begin / base), "end": round(end / base)} if begin < end else None


_Timed = tuple[Fraction, "Packet[Any]"]


def _picture_packets(
    parts: Iterable[tuple[Segment, Path]],
    facts: FilmFacts,
    stream: VideoStream,
    offset: Fraction,
    *,
    strict: bool,
    in_units: bool,
) -> Iterator[_Timed]:
    """Yield the packets of all segments with their times of decoding.

    A packet is decoded when the one `delay` before it in the order of showing is shown; before that order begins, a
    frame earlier each, or, where a container wants no times before its first frame, with that.
    """
    parts = list(parts)
    delay, shift = max(segment.delay for segment, _ in parts), round(offset / facts.time_base)
    step = min(nominal_duration(facts), max(1, parts[0][0].duration))
    first, count = parts[0][0].begin - shift, 0
    waiting: list[int] = []
    for segment, path in parts:
        for stored in read_packets(path):
            pts = stored.pts - shift
            heapq.heappush(waiting, pts)
            ahead = (delay - count) * step if strict else 0
            dts = heapq.heappop(waiting) if count >= delay else first - ahead
            count += 1
            packet = av.Packet(_with_lengths(stored.data) if in_units else stored.data)
            packet.pts, packet.dts, packet.time_base = pts, min(dts, pts), facts.time_base
            packet.duration = segment.duration if stored.pts == segment.end else stored.duration
            packet.is_keyframe, packet.stream = stored.key, stream
            yield Fraction(dts) * facts.time_base, packet


def _with_lengths(data: bytes) -> bytes:
    """Turn a stream of NAL units behind start codes (H.264, annex B) into units behind their lengths, as files have it.

    The code of a start never occurs within a unit, and none ends with a zero.
    """
    units = [unit for unit in (piece.rstrip(b"\0") for piece in data.split(b"\0\0\1")) if unit]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def _other_packets(old: InputContainer, streams: dict[int, Stream], span: Span, offset: Fraction) -> Iterator[_Timed]:
    copied = [old.streams[index] for index in streams if old.streams[index].type != "attachment"]
    if not copied:
        return
    if span.begin is not None:
        old.seek(int(span.begin * av.time_base))
    for packet in old.demux(copied):
        if packet.dts is None or not packet.size:
            continue
        time = packet.dts * packet.time_base
        if (span.begin is not None and time < span.begin) or (span.end is not None and time >= span.end):
            continue
        shift = round(offset / packet.time_base)
        packet.dts -= shift
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.stream = streams[packet.stream_index]
        yield time - offset, packet


def check_container(target: Path, encoder: str) -> None:
    """Refuse names that are none of a container, or of one that cannot hold what an encoder writes.

    Raises:
        UsageError: It is such a name.
    """
    if target.suffix.lower() not in FORMATS:
        known = ", ".join(FORMATS)
        raise UsageError(f"films are written as {known}, got {target.name}; give another name with -o")
    try:
        with av.open(io.BytesIO(), "w", format=FORMATS[target.suffix.lower()]) as trial:
            trial.add_stream(encoder)
    except ValueError:
        raise UsageError(f"{target.suffix} cannot hold {encoder}; give a name that ends in .mkv with -o") from None
