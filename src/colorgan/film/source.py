"""Reading films: what a file says of itself, and its frames as luma with their times."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.stream import VideoStream
from numpy.typing import NDArray

from colorgan.errors import ImageReadError
from colorgan.images import Photo, PhotoKind
from colorgan.images.budget import Meter
from colorgan.images.classify import SAMPLES, classify

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = [
    "ColorTags",
    "FilmFacts",
    "FilmReader",
    "Picture",
    "decode_frames",
    "open_film",
    "plane_levels",
    "probe_film",
]

Luma = NDArray[Any]

_UNSPECIFIED = 2  # of matrix, primaries and transfer (ITU-T H.273)
_FULL, _LIMITED = 2, 1  # of `AVColorRange`
_BT709, _BT601 = 1, 6
_BT2020 = (9, 10)
_HIGH_DEFINITION = 576  # rows above which players take BT.709 where nothing is said
_PROBES = 7  # frames that are looked at to see whether a film is in colour
_SHORT = 0.03  # fraction of what the container promises that may be missing


@dataclass(frozen=True, slots=True)
class ColorTags:
    """What a stream says of its colours, in the numbers of ITU-T H.273 (and FFmpeg's of the range)."""

    range: int
    matrix: int
    primaries: int
    transfer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFacts:
    """What is known of a film before its frames are read."""

    width: int
    height: int
    layout: str  # of chroma: "420", "422" or "444"
    bits: int
    converted: str  # the pixel format that frames without a luma plane are brought to; empty for those that have one
    full_range: bool
    tags: ColorTags
    matrix: int  # with which luma is to be understood: BT.601, BT.709 or BT.2020
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None  # of a pixel
    display: bytes  # the display matrix; empty if there is none
    turn: int  # quarter turns, counterclockwise, that bring a frame upright
    frames: int  # about how many there are; 0 if nobody knows
    interlaced: bool
    kind: PhotoKind


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame."""

    luma: Luma  # (H, W), uint8, or uint16 where there are more bits; as the film has it
    pts: int  # in units of the stream's time base
    duration: int
    photo: Photo | None = None  # of frames that are no film's
    length: float = 0.0  # and how many milliseconds its file says that it is shown


@contextmanager
def open_film(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a film, with the stream that is the film itself.

    Raises:
        ImageReadError: It cannot be opened, or has no pictures.
    """
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise ImageReadError(f"{path} cannot be read as a film: {_in_words(error)}") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not streams:
            raise ImageReadError(f"{path} holds no moving pictures, only {_kinds(container)}")
        if streams[0].codec_context is None:
            raise ImageReadError(f"{path} uses a codec that is unknown here; convert it first, with FFmpeg for example")
        yield container, streams[0]


def _kinds(container: InputContainer) -> str:
    return " and ".join(sorted({stream.type for stream in container.streams})) or "nothing at all"


def _in_words(error: Exception) -> str:
    text = str(error).partition("] ")[2].partition(":")[0].strip() or str(error)
    if isinstance(error, av.InvalidDataError):
        return "it is damaged, cut off or no film at all; copy it again from where it came"
    return text[:1].lower() + text[1:]


def probe_film(path: Path) -> FilmFacts:
    """Read what has to be known of a film before its frames are.

    Raises:
        ImageReadError: It cannot be read, or has no pictures.
    """
    with open_film(path) as (container, stream):
        Meter().check_size(stream.codec_context.width or 1, stream.codec_context.height or 1)
        samples = list(_sample(container, stream))
        if not samples:
            raise ImageReadError(f"{path} holds no frame that can be decoded; copy it again from where it came")
        kinds = [_kind_of(frame) for frame in samples]
        color = kinds.count(PhotoKind.COLOR) * 2 > len(kinds)
        return _facts(stream, samples[0], PhotoKind.COLOR if color else PhotoKind.GREY, _count(stream))


def _sample(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield the first frame, and some from further on where the file can be searched."""
    duration = container.duration or 0
    for number in range(_PROBES):
        if number:
            try:
                container.seek((container.start_time or 0) + duration * number // _PROBES)
            except av.FFmpegError:
                return
        frame = next(decode_frames(container, stream), None)
        if frame is not None:
            yield frame
        if not duration:
            return


def _kind_of(frame: VideoFrame) -> PhotoKind:
    step = max(1, -(-max(frame.width, frame.height) // SAMPLES))
    rgb = frame.to_ndarray(format="rgb24")
    return classify(np.ascontiguousarray(rgb[::step, ::step]))


def _facts(stream: VideoStream, frame: VideoFrame, kind: PhotoKind, count: int) -> FilmFacts:
    native = frame.format
    planar = not native.is_rgb and not native.has_palette and native.name not in ("pal8", "monow", "monob")
    bits = native.components[0].bits if planar else 8
    planar &= not native.name.startswith(("p0", "p2", "p4", "yuyv", "uyvy", "yvyu", "y2", "xyz", "v30", "ayuv", "vuy"))
    layout = _layout(frame) if planar else "444"
    converted = "" if planar and not native.is_big_endian else f"yuv{layout}p{'' if bits == 8 else f'{bits}le'}"
    tags = ColorTags(frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
    display = bytes(cast("Any", frame.side_data).get(SideDataType.DISPLAYMATRIX, b""))
    return FilmFacts(
        width=frame.width,
        height=frame.height,
        layout=layout,
        bits=bits,
        converted=converted,
        full_range=not converted and _is_full(frame),
        tags=tags,
        matrix=_matrix(tags.matrix, frame.height),
        time_base=stream.time_base or Fraction(1, 1000),
        rate=stream.average_rate or stream.guessed_rate or Fraction(25),
        aspect=stream.sample_aspect_ratio or None,
        display=display,
        turn=round(frame.rotation / 90) % 4 if display else 0,
        frames=count,
        interlaced=bool(frame.interlaced_frame),
        kind=kind,
    )


def _layout(frame: VideoFrame) -> str:
    """Name the nearest layout of chroma that encoders have; 4:2:0 where sides are odd has no place for the last one."""
    native, odd = frame.format, frame.width % 2 or frame.height % 2
    if len(native.components) == 1:
        return "444" if odd else "420"
    wide, tall = (native.components[1].width, native.components[1].height)
    if wide * 2 <= frame.width + 1 and not frame.width % 2:
        return "420" if tall * 2 <= frame.height + 1 and not odd else "422"
    return "444"


def _is_full(frame: VideoFrame) -> bool:
    if frame.format.name.startswith("yuvj"):
        return True
    if len(frame.format.components) == 1:  # grey without a word is full range to FFmpeg
        return frame.color_range != _LIMITED
    return frame.color_range == _FULL


def _matrix(tag: int, height: int) -> int:
    if tag == _BT709 or tag in _BT2020:
        return tag
    return _BT709 if tag == _UNSPECIFIED and height > _HIGH_DEFINITION else _BT601


def _count(stream: VideoStream) -> int:
    if stream.frames:
        return stream.frames
    seconds = _promised(stream)
    rate = stream.average_rate or stream.guessed_rate
    return 0 if seconds is None or rate is None else round(seconds * rate)


def _promised(stream: VideoStream) -> float | None:
    """Return how long the container says that the pictures last."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    text = next((value for key, value in stream.metadata.items() if key.upper().startswith("DURATION")), "")
    parts = text.split(":")
    if len(parts) == 3:
        try:
            return float(parts[0]) * 3600 + float(parts[1]) * 60 + float(parts[2])
        except ValueError:
            return None
    return None


def decode_frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Yield what can be decoded; see `FilmReader` for what cannot."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.InvalidDataError:
            continue


def plane_levels(plane: VideoPlane, *, deep: bool) -> Luma:
    """Return a plane's levels as they lie in memory, `(h, w)` uint8 or, if it is deep, uint16."""
    kind: np.dtype[Any] = np.dtype(np.uint16 if deep else np.uint8)
    width = plane.line_size // kind.itemsize
    rows: Luma = np.frombuffer(cast("Any", plane), kind)[: plane.height * width]
    return rows.reshape(plane.height, width)[:, : plane.width]


@dataclass(slots=True)
class FilmReader:
    """Reads the frames of a film, one after the other.

    Args:
        path: Of the film.
        facts: What `probe_film` said.
        begin: The first time stamp that is wanted; None begins at the beginning.
        end: The first time stamp that is not wanted; None goes on to the end.
        deinterlace: Whether to make each frame of what its two fields show.
    """

    path: Path
    facts: FilmFacts
    begin: int | None = None
    end: int | None = None
    deinterlace: bool = False
    damaged: int = field(default=0, init=False)  # packets that could not be decoded

    def pictures(self) -> Iterator[Picture]:
        """Yield the frames in order.

        Raises:
            ImageReadError: The film ends before its time, or its frames change their size.
        """
        with open_film(self.path) as (container, stream):
            stream.thread_type = "AUTO"
            promised = _promised(stream)
            if self.begin is not None:
                container.seek(self.begin, stream=stream)
            last: int | None = None
            frames = self._frames(container.demux(stream))
            for frame in self._deinterlaced(frames, stream) if self.deinterlace else frames:
                picture = self._picture(frame, last)
                last = picture.pts
                if self.begin is not None and picture.pts < self.begin:
                    continue
                if self.end is not None and picture.pts >= self.end:
                    return
                yield picture
            self._check_end(last, stream, promised)

    def _frames(self, packets: "Iterator[Packet[VideoStream]]") -> Iterator[VideoFrame]:
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:
                raise ImageReadError(f"{self.path} cannot be read to its end: {_in_words(error)}") from error
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                self.damaged += 1

    def _deinterlaced(self, frames: Iterator[VideoFrame], stream: VideoStream) -> Iterator[VideoFrame]:
        """Pass frames through FFmpeg's "Bob Weaver" filter, a frame for a frame."""
        graph = Graph()
        graph.link_nodes(graph.add_buffer(template=stream), graph.add("bwdif", "mode=0"), graph.add("buffersink"))
        graph.configure()
        for frame in chain(frames, (None,)):
            graph.push(frame)
            while True:
                try:
                    made = graph.pull()
                except (av.BlockingIOError, av.EOFError):
                    break
                if isinstance(made, VideoFrame) and made.pts is not None and made.time_base is not None:
                    made.pts = round(made.pts * made.time_base / self.facts.time_base)
                    made.duration = 0
                    yield made

    def _picture(self, frame: VideoFrame, last: int | None) -> Picture:
        facts = self.facts
        if (frame.width, frame.height) != (facts.width, facts.height):
            raise ImageReadError(
                f"{self.path} changes its size from {facts.width} x {facts.height} to {frame.width} x {frame.height} "
                "half-way; convert it to one size first"
            )
        nominal = max(1, round(1 / (facts.rate * facts.time_base)))
        pts = frame.pts if frame.pts is not None else (0 if last is None else last + nominal)
        if last is not None and pts <= last:  # a broken clock
            pts = last + 1
        return Picture(self._luma(frame), pts, frame.duration or nominal)

    def _luma(self, frame: VideoFrame) -> Luma:
        if self.facts.converted:
            matrix = {"src_colorspace": self.facts.matrix} if not frame.format.is_rgb else {}
            frame = frame.reformat(format=self.facts.converted, dst_colorspace=self.facts.matrix, **matrix)
        return plane_levels(frame.planes[0], deep=self.facts.bits > 8)

    def _check_end(self, last: int | None, stream: VideoStream, promised: float | None) -> None:
        if last is None:
            raise ImageReadError(f"{self.path} holds no frame that can be decoded; copy it again from where it came")
        if promised is None or self.end is not None:
            return
        reached = float((last - (stream.start_time or 0)) * self.facts.time_base + 1 / self.facts.rate)
        if reached < promised * (1 - _SHORT) - 1:
            raise ImageReadError(
                f"{self.path} is cut off: it promises {promised:.1f} s and its pictures end after {reached:.1f} s; "
                "copy it again from where it came, or colour what is there with --end"
            )
