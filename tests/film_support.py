"""Small films, drawn by the tests: known motion, cuts, sound, subtitles, rotation, any frame rate."""

import io
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image

from colorgan.colorization import ColorizeOptions, Colorizer, Job, Notice
from colorgan.film import FilmOptions, FilmOutcome, run_films
from colorgan.film.source import ColorTags, FilmFacts
from colorgan.images import PhotoKind
from support import draw_photo

TURNED = struct.pack("=9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # a display matrix, as FFmpeg has it


def draw_frames(count: int, size: tuple[int, int] = (96, 64), cuts: Sequence[int] = ()) -> list[np.ndarray]:
    """Draw grey frames that pan by one pixel a frame over a drawn photograph, another one after each cut."""
    width, height = size
    frames, scene = [], 0
    for number in range(count):
        scene += number in cuts
        photo = draw_photo(10 * scene + 3, (width + count, height)).convert("L")
        if scene % 2:
            photo = photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        frames.append(np.asarray(photo)[:, number : number + width])
    return frames


def luminance(seed: int, left: int, top: int, size: tuple[int, int] = (64, 40)) -> torch.Tensor:
    """Cut a window out of a drawn photograph, L `(1, 1, h, w)`."""
    photo = np.asarray(draw_photo(seed, (120, 90)).convert("L").resize((240, 180)), np.float32)
    texture = np.random.default_rng(seed).normal(0, 60, (45, 60)).astype(np.float32)
    photo = photo * 0.8 + np.asarray(Image.fromarray(texture).resize((240, 180), Image.Resampling.BICUBIC))
    return torch.from_numpy(photo[top : top + size[1], left : left + size[0]] * (100 / 255))[None, None]


def write_film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 600),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: bool = False,
    subtitles: bool = False,
    turned: bool = False,
    tags: dict[str, int] | None = None,
    aspect: Fraction | None = None,
    metadata: dict[str, str] | None = None,
    chapters: list[Any] | None = None,
    container: str | None = None,
) -> Path:
    """Write a film; `times` are time stamps of the frames, 25 a second if left out."""
    height, width = frames[0].shape
    buffer = io.BytesIO()
    kind = container or {".mp4": "mp4", ".mkv": "matroska", ".avi": "avi", ".mov": "mov", ".webm": "webm"}[path.suffix]
    with av.open(buffer, "w", format=kind) as film:
        stream = film.add_stream(codec, rate=25, options=options or {"crf": "10", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = stream.time_base = time_base
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        noise = film.add_stream("aac" if kind in ("mp4", "mov") else "flac", rate=8000) if sound else None
        if noise is not None:
            assert isinstance(noise, av.AudioStream)
            noise.layout = "mono"
        words = film.add_mux_stream("mov_text", time_base=Fraction(1, 1000)) if subtitles else None
        film.metadata.update(metadata or {})
        if chapters:
            film.set_chapters(chapters)
        step = round(1 / (25 * time_base))
        for number, grey in enumerate(frames):
            frame = av.VideoFrame(width, height, pixel_format)
            for place, plane in enumerate(frame.planes):
                dtype = np.uint16 if "10le" in pixel_format else np.uint8
                rows = rows_of(plane, np.dtype(dtype))
                neutral = 512 if dtype == np.uint16 else 128
                rows[: plane.height, : plane.width] = grey if place == 0 else neutral
            frame.pts = number * step if times is None else times[number]
            frame.time_base = time_base
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
        if noise is not None:
            _add_sound(film, noise)
        if words is not None:
            packet = av.Packet(struct.pack(">H", 5) + b"hello")
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = 0
            packet.duration = 400
            film.mux(packet)
    content = bytearray(buffer.getvalue())
    if turned:
        start = content.index(b"tkhd") + 44
        content[start : start + 36] = struct.pack(">9i", *struct.unpack("=9i", TURNED))
    path.write_bytes(content)
    return path


def write_color_film(path: Path, count: int, size: tuple[int, int] = (96, 64)) -> Path:
    """Write a film in colour that pans over a drawn photograph."""
    photo = draw_photo(1, (size[0] + count, size[1]))
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        for number in range(count):
            frame = av.VideoFrame.from_image(photo.crop((number, 0, number + size[0], size[1])))
            film.mux(stream.encode(frame.reformat(format="yuv444p")))
        film.mux(stream.encode())
    return path


def _add_sound(film: av.container.OutputContainer, stream: av.AudioStream) -> None:
    kind = stream.codec_context.format.name
    wave = np.sin(np.arange(8192) / 5)
    samples = (wave * 8000).astype(np.int16) if kind.startswith("s16") else wave.astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[None], format=kind, layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
    film.mux(stream.encode(frame))
    film.mux(stream.encode())


def read_film(path: Path) -> tuple[list[int], list[list[np.ndarray]]]:
    """Read a film back with PyAV alone: time stamps, and of each frame its planes: luma, Cb, Cr."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
        return [frame.pts or 0 for frame in frames], [planes_of(frame) for frame in frames]


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """Return the planes of a frame."""
    dtype: np.dtype[Any] = np.dtype(np.uint16 if frame.format.components[0].bits > 8 else np.uint8)
    return [rows_of(plane, dtype)[: plane.height, : plane.width].copy() for plane in frame.planes]


def rows_of(plane: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """Look at the memory of a plane, whose rows may be longer than those of its picture."""
    return np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)


def time_of(frame: av.VideoFrame) -> Fraction:
    """Return when a frame is shown, in seconds."""
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def packets_of(path: Path, kind: str) -> list[tuple[int, bytes]]:
    """Return the packets of the first stream of a kind, each as time stamp in microseconds and content."""
    with av.open(str(path)) as film:
        stream = next(stream for stream in film.streams if stream.type == kind)
        return [
            (round(packet.pts * packet.time_base * 1_000_000), bytes(packet))
            for packet in film.demux(stream)
            if packet.size and packet.pts is not None
        ]


def run(
    source: Path, target: Path, colorizer: Colorizer, options: ColorizeOptions, **film: Any
) -> tuple[FilmOutcome, list[str]]:
    """Colour one film; return what became of it, and what was said on the way."""
    events = list(run_films([Job(0, source, target)], colorizer, options, FilmOptions(**film)))
    (outcome,) = (event for event in events if isinstance(event, FilmOutcome))
    return outcome, [event.message for event in events if isinstance(event, Notice)]


def film_facts(**changes: Any) -> FilmFacts:
    """Make the facts of a film of 32 x 16 pixels."""
    values: dict[str, Any] = {
        "width": 32, "height": 16, "layout": "420", "bits": 8, "converted": "", "full_range": False,
        "tags": ColorTags(1, 6, 6, 6), "matrix": 6, "time_base": Fraction(1, 600), "rate": Fraction(25), "aspect": None,
        "display": b"", "turn": 0, "frames": 0, "interlaced": False, "kind": PhotoKind.GREY,
    }  # fmt: skip
    return FilmFacts(**(values | changes))
