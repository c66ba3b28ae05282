"""The real command, in a process of its own."""

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorgan.commands import colorize as command
from colorgan.errors import UsageError
from film_support import draw_frames, packets_of, read_film, write_film
from support import draw_photo, run_colorgan


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def grey(seed: int, size: tuple[int, int] = (60, 44)) -> Image.Image:
    return draw_photo(seed, size).convert("L")


def draw_good_files(folder: Path) -> None:
    """Pictures of every format and mode that has to come out right."""
    folder.mkdir(parents=True)
    photo = grey(0)
    photo.save(folder / "grey.jpg")
    photo.save(folder / "big.JPG".replace("big", "UPPER"))
    photo.convert("1").save(folder / "one bit.png")
    photo.convert("P").save(folder / "palette [1].png")
    photo.convert("RGB").save(folder / "neutral 家族.png")
    photo.convert("LA").save(folder / "transparent 😀.png")
    photo.convert("RGBA").save(folder / "rgba.webp", lossless=True)
    photo.save(folder / "old.bmp")
    photo.save(folder / "moving.gif")
    photo.save(folder / "plain.pgm")
    photo.convert("RGB").save(folder / "colour.ppm")
    photo.save(folder / "lzw.tif", compression="tiff_lzw")
    Image.merge("CMYK", [Image.new("L", photo.size)] * 3 + [photo.point(lambda v: 255 - v)]).save(folder / "k.tif")
    wide = np.asarray(photo).astype(np.uint16) * 257
    tifffile.imwrite(folder / "deep.tif", wide, byteorder=">")
    tifffile.imwrite(folder / "float.tif", (wide / 65535).astype(np.float32))
    tifffile.imwrite(folder / "pages.tif", np.stack([wide, wide[::-1]]), photometric="minisblack")
    Image.fromarray(wide).save(folder / "deep.png")
    Image.new("L", (1, 1), 80).save(folder / "one pixel.png")
    Image.new("L", (1, 700), 80).save(folder / "strip.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(folder / "turned.jpg", exif=exif)
    (folder / "sub" / "sub").mkdir(parents=True)
    photo.save(folder / "sub" / "sub" / "deep inside.jpg")
    (folder / "sub" / "up").symlink_to(folder, target_is_directory=True)


def draw_bad_files(folder: Path) -> set[str]:
    """Files that cannot be read; their names."""
    buffer = io.BytesIO()
    grey(1, (200, 150)).save(buffer, "PNG")
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
    bomb += struct.pack(">I", zlib.crc32(b"IHDR" + header)) + buffer.getvalue()[33:]
    bad = {"cut.png": buffer.getvalue()[:900], "empty.jpg": b"", "text.jpg": b"not a picture", "bomb.png": bomb}
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    return set(bad)


def test_hostile_folder(tmp_path: Path, tiny_weights: Path) -> None:
    """Every file comes out right or is named with a reason; nothing is half written; sources stay untouched."""
    source, out = tmp_path / "in", tmp_path / "in" / "out"
    draw_good_files(source)
    bad = draw_bad_files(source)
    for junk in ("desktop.ini", "._grey.jpg", "notes.json", ".hidden.jpg", ".DS_Store"):
        (source / junk).write_bytes(b"junk")
    before = hashes(source)
    result = run_colorgan(
        "colorize", source, "-o", out, "--weights", tiny_weights, "--json", "--report", tmp_path / "r.html",
        "--contact-sheet", tmp_path / "sheet.png", "--uncertainty", tmp_path / "doubt",
    )  # fmt: skip
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "Warning" not in result.stderr
    reports = {Path(line["input"]).name: line for line in map(json.loads, result.stdout.splitlines())}
    assert {name for name, line in reports.items() if line["status"] == "failed"} == bad
    for name in bad:
        assert reports[name]["reason"].startswith("it "), "a reason speaks of the file that stands beside it"
        (line,) = (line for line in result.stderr.splitlines() if name in line and not line.startswith("failed: "))
        assert line == f"{source / name}: {reports[name]['reason']}"
        assert result.stderr.count(name) == 2  # and once below the sum, for there are more lines than a screen shows
    assert result.stderr.splitlines()[-5:] == [
        "21 colorized, 4 failed",
        *(f"failed: {source / n}" for n in reports if n in bad),
    ]
    good = {name for name, line in reports.items() if line["status"] == "colorized"}
    assert len(good) == 21
    assert good | bad == reports.keys()
    for name in good:
        check_result(Path(reports[name]["input"]), Path(reports[name]["output"]))
    assert len(list((tmp_path / "doubt").rglob("*.png"))) == 22  # one more page
    assert not list(tmp_path.rglob("*.part"))
    assert {name: digest for name, digest in hashes(source).items() if not name.startswith("out/")} == before
    page = (tmp_path / "r.html").read_text()
    assert all(name in page for name in bad)
    assert page.count('class="pair"') == 21
    Image.open(tmp_path / "sheet.png").load()
    again = run_colorgan("colorize", source, "-o", out, "--weights", tiny_weights, "--json")
    statuses = [json.loads(line)["status"] for line in again.stdout.splitlines()]
    assert (again.returncode, statuses.count("skipped"), statuses.count("failed")) == (1, 21, 4)


def check_result(source: Path, target: Path) -> None:
    """Compare size, depth and luminance of a result with its source."""
    if source.suffix == ".tif" and source.stem in ("deep", "float", "pages"):
        levels = tifffile.imread(target)
        assert levels.dtype == np.uint16
        assert levels.shape == (44, 60, 3)
        return
    with Image.open(source) as given, Image.open(target) as image:
        turned = source.name == "turned.jpg"
        assert image.size == (given.size[::-1] if turned else given.size), source.name
        assert image.getexif().get(0x0112, 1) == 1
        if source.name == "transparent 😀.png":
            assert image.mode == "RGBA"
        if source.name == "one bit.png" or min(given.size) < 9:  # black and white themselves cannot have colour
            return
        pixels = np.asarray(image.convert("RGB")).astype(int)
        assert np.ptp(pixels, axis=-1).mean() > 2, source.name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_each_failure_is_named_once(tmp_path: Path, tiny_weights: Path) -> None:
    """In a short log the sum does not repeat them, and a pipe, which could keep the run waiting, is refused."""
    bad = {"cut.png", "empty.jpg", "text.jpg", "bomb.png", "gone.jpg", "pipe.jpg"}
    draw_bad_files(tmp_path)
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.jpg")
    grey(0).save(tmp_path / "good.png")
    done = run_colorgan("colorize", ".", "-o", "out", "--weights", tiny_weights, cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    for name in bad:
        (line,) = (line for line in lines if name in line)
        assert line.count(name) == 1
        assert line.startswith(f"{name}: it ")
    counts = lines[-1].split(", ")
    assert set(counts) == {"1 colorized", "6 failed"}


def test_names_of_any_kind(tmp_path: Path, tiny_weights: Path) -> None:
    """Printed paths exist, byte for byte; what a person reads has escapes; nothing ends in a traceback."""
    names = [b"caf\xe9.png", b"\x1b[2J.png", "K\u00f6ln.png".encode()]
    (tmp_path / "in").mkdir()
    for name in names:
        grey(0).save(tmp_path / "in" / "plain.png")
        (tmp_path / "in" / "plain.png").rename(tmp_path / "in" / os.fsdecode(name))
    draw_photo(3).save(tmp_path / os.fsdecode(b"p\xe9.png"))
    command = [sys.executable, "-m", "colorgan", "colorize", "in", "-o", "out", "--weights", str(tiny_weights)]
    command += ["--palette", os.fsdecode(b"p\xe9.png"), "--report", "r.html", "--contact-sheet", "s.jpg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(b"out/" + name for name in names)
    assert all((tmp_path / os.fsdecode(line)).is_file() for line in done.stdout.splitlines())
    said = done.stderr.decode("utf-8")
    assert r"caf\xe9.png" in said
    assert r"\x1b[2J.png" in said
    assert "\x1b" not in said


def test_a_closed_standard_output(tmp_path: Path, tiny_weights: Path) -> None:
    """Whoever reads the list of results may go: the work is done. A picture that nobody takes is refused."""
    for number in range(3):
        grey(number).save(tmp_path / f"{number}.png")
    run = f"{sys.executable} -m colorgan colorize --weights {tiny_weights} --device cpu"
    line = f"{run} *.png -o out 2>err | true; test ${{PIPESTATUS[0]}} = 0 && {run} 0.png -o again >&- 2>>err"
    line += f" && ! {run} 0.png -o - >&- 2>>err"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, check=False)
    said = (tmp_path / "err").read_text()
    assert done.returncode == 0, said
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert (tmp_path / "again" / "0.png").is_file()
    assert "Traceback" not in said
    assert said.count("results are no longer listed: standard output takes no more (Broken pipe)") == 1
    assert "standard output, which the picture was to go to, is closed" in said


class TestStreams:
    @pytest.mark.parametrize("target", ["-", "x.png"])
    def test_a_photograph_in_colour_is_copied(self, tmp_path: Path, tiny_weights: Path, target: str) -> None:
        buffer = io.BytesIO()
        draw_photo(3).save(buffer, "PNG")
        command = [sys.executable, "-m", "colorgan", "colorize", "-", "-o", target, "--weights", str(tiny_weights)]
        command += ["--color-input", "copy"]
        done = subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True, cwd=tmp_path)
        copy = done.stdout if target == "-" else (tmp_path / target).read_bytes()
        assert copy == buffer.getvalue()
        assert [path.name for path in tmp_path.iterdir()] == ([] if target == "-" else [target])

    def test_pages_from_standard_input(self, tmp_path: Path, tiny_weights: Path) -> None:
        """Their number is known only once they are read: nothing is lost or written over then, either."""
        pages = np.stack([np.asarray(grey(n)) for n in range(2)])
        tifffile.imwrite(tmp_path / "book.tif", pages, photometric="minisblack")
        common = [sys.executable, "-m", "colorgan", "colorize", "-", "--weights", str(tiny_weights), "-o"]

        def run(*arguments: str) -> int:
            with (tmp_path / "book.tif").open("rb") as book:
                return subprocess.run(
                    [*common, *arguments], stdin=book, cwd=tmp_path, capture_output=True, check=False
                ).returncode

        first, second = tmp_path / "out" / "stdin.png", tmp_path / "out" / "stdin-page2.png"
        second.parent.mkdir()
        grey(5).save(second)
        assert run("out") == 1
        assert not first.exists()
        assert np.array_equal(np.asarray(Image.open(second)), np.asarray(grey(5)))
        second.unlink()
        assert run("out") == 0
        first.unlink()
        assert run("out") == 0
        assert first.exists()
        assert second.exists()

    def test_standard_input_to_standard_output(self, tmp_path: Path, tiny_weights: Path) -> None:
        buffer = io.BytesIO()
        grey(3).save(buffer, "PNG")
        command = [sys.executable, "-m", "colorgan", "colorize", "-", "-o", "-", "--weights", str(tiny_weights)]
        done = subprocess.run(command, input=buffer.getvalue(), capture_output=True, check=True)
        image = Image.open(io.BytesIO(done.stdout))
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (60, 44))


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("gone.jpg", "-o", "out"), "no file or folder"),
            (("{photo}",), "no place for the results"),
            (("{photo}", "-o", "{folder}"), "written over the photograph"),
            (("{photo}", "-o", "out", "--render-size", "many"), "--render-size takes auto or a number"),
            (("{photo}", "-o", "out", "--shard", "3/2"), "--shard takes I/N"),
            (("{photo}", "-o", "out", "--format", "gif"), "unknown format"),
            (("{photo}", "-o", "out", "--compare", "--chroma-only"), "different results"),
            (("{photo}", "-o", "out", "--pick", "3"), "needs --variants"),
            (("{photo}", "-o", "-", "--json"), "would both write to standard output"),
            (("{photo}", "-o", "out", "--serve", "--report", "r.html"), "leave --report out"),
            (("{folder}", "-o", "out", "--exclude", "*"), "hold no photographs"),
        ],
    )
    def test_refused_before_any_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
    ) -> None:
        from colorgan.cli import app
        from colorgan.errors import UsageError

        photo = tmp_path / "in" / "a.png"
        photo.parent.mkdir()
        grey(0).save(photo)
        monkeypatch.chdir(tmp_path)
        filled = [a.format(photo=photo, folder=photo.parent) for a in arguments]
        with pytest.raises(UsageError, match=message):
            app(["colorize", *filled], standalone_mode=False)
        assert not (tmp_path / "out").exists()

    def test_dry_run_names_every_page(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from colorgan.cli import app

        pages = np.stack([np.asarray(grey(n)) for n in range(2)])
        tifffile.imwrite(tmp_path / "book.tif", pages, photometric="minisblack")
        out = tmp_path / "out"
        out.mkdir()
        (out / "book.tif").touch()
        app(["colorize", str(tmp_path / "book.tif"), "-o", str(out), "--dry-run"], standalone_mode=False)
        heard = capsys.readouterr()
        book = tmp_path / "book.tif"
        assert heard.out == f"{book}\t{out / 'book.tif'}\t(there already)\n{book}\t{out / 'book-page2.tif'}\n"
        assert "1 photographs with 2 pages" in heard.err

    def test_dry_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from colorgan.cli import app

        folder = tmp_path / "in"
        folder.mkdir()
        grey(0).save(folder / "a b.png")
        app(["colorize", str(folder), "-o", str(tmp_path / "out"), "--dry-run"], standalone_mode=False)
        assert capsys.readouterr().out == f"{folder / 'a b.png'}\t{tmp_path / 'out' / 'a b.png'}\n"
        assert not (tmp_path / "out").exists()


def test_two_processes_give_what_one_gives(tmp_path: Path, tiny_weights: Path) -> None:
    """Under torchrun's environment two processes share the plan; the union equals the single run byte for byte."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        grey(number, (50 + number, 40)).save(folder / f"{number}.png")
    single = run_colorgan("colorize", folder, "-o", tmp_path / "one", "--weights", tiny_weights)
    assert single.returncode == 0, single.stderr
    command = [sys.executable, "-m", "colorgan", "colorize", str(folder), "-o", str(tmp_path / "two"), "--json"]
    command += ["--weights", str(tiny_weights)]
    world = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(command, env={**world, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert len(outputs[0].splitlines()) == 5  # rank 0 reports for both
    assert outputs[1] == ""
    assert hashes(tmp_path / "two") == hashes(tmp_path / "one")


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestLimits:
    def test_larger_pictures_are_refused_with_the_way_to_allow_them(self, tmp_path: Path, tiny_weights: Path) -> None:
        for number in (1, 2):
            grey(number).save(tmp_path / f"{number}.png")
        given = ("colorize", tmp_path / "1.png", tmp_path / "2.png", "-o", tmp_path / "out", "--weights", tiny_weights)
        done = run_colorgan(*given, "--max-pixels", "2639")
        assert done.returncode == 1
        assert done.stderr.count("60 x 44 pixels, more than the limit of 2,639; raise the limit with --max-pixels") == 2
        assert not list((tmp_path / "out").glob("*.png"))
        allowed = os.environ | {"COLORGAN_MAX_PIXELS": "2640"}
        assert run_colorgan(*given, env=allowed).returncode == 0


_EXTRAS = ("av", "pillow_heif", "pillow_jxl", "rawpy", "watchfiles", "tensorboard", "onnx", "onnxruntime")


def test_no_extra_is_needed_for_photographs(tmp_path: Path, tiny_weights: Path) -> None:
    """As after a plain install: with a film and a raw file among the photographs, which are named with what to do."""
    grey(0).save(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"a film")
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    code = f"import sys; sys.modules.update(dict.fromkeys({_EXTRAS})); from colorgan.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "colorize",
        "a.png",
        "b.mp4",
        "c.heic",
        "-o",
        "out",
        "--weights",
        str(tiny_weights),
    ]
    command += ["--report", "r.html", "--contact-sheet", "s.jpg", "--manifest", "m.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stderr  # one failed
    assert "colorgan[video]" in done.stderr
    assert "colorgan[formats]" in done.stderr
    assert (tmp_path / "out" / "a.png").is_file()
    assert (tmp_path / "r.html").is_file()


def test_the_names_of_the_library_need_no_extra() -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({_EXTRAS})); from colorgan import *"
    subprocess.run([sys.executable, "-c", code], check=True)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestFilms:
    def test_a_folder_of_photographs_and_films(self, tmp_path: Path, tiny_weights: Path) -> None:
        old, out = tmp_path / "old", tmp_path / "out"
        (old / "1895").mkdir(parents=True)
        draw_photo(1, (60, 40)).convert("L").save(old / "anna.jpg")
        write_film(old / "1895" / "train.mp4", draw_frames(30, cuts=(12,)), sound=True)
        write_film(old / "1895" / "boat.avi", draw_frames(6), codec="mpeg4", options={"qscale": "2"})
        (old / "broken.mkv").write_bytes(b"no film")
        report = tmp_path / "report.html"
        asides = ("--report", report, "--manifest", tmp_path / "run.jsonl", "--log", tmp_path / "run.log")
        done = run_colorgan("colorize", old, "-o", out, "--weights", tiny_weights, *asides, "--json")
        assert done.returncode == 1, done.stderr
        facts = {Path(line["input"]).name: line for line in map(json.loads, done.stdout.splitlines())}
        assert facts["train.mp4"]["status"] == "colorized"
        assert facts["broken.mkv"]["reason"].startswith("it cannot be read as a film")
        assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
            "1895/boat.mkv",
            "1895/train.mp4",
            "anna.jpg",
        ]
        assert read_film(out / "1895" / "train.mp4")[0] == read_film(old / "1895" / "train.mp4")[0]
        assert packets_of(out / "1895" / "train.mp4", "audio") == packets_of(old / "1895" / "train.mp4", "audio")
        assert len(read_film(out / "1895" / "boat.mkv")[0]) == 6
        page = report.read_text()
        assert "train.mp4 (scene 1)" in page
        assert "train.mp4 (scene 2)" in page
        assert "3 colorized, 1 failed" in done.stderr
        rows = {
            Path(row["source"]).name: row for row in map(json.loads, (tmp_path / "run.jsonl").read_text().splitlines())
        }
        assert rows.keys() == facts.keys()
        for name, row in rows.items():
            assert row["source_sha256"] == sha256(Path(row["source"]))
            assert [sha256(Path(result["path"])) for result in row["results"]] == [r["sha256"] for r in row["results"]]
            assert len(row["results"]) == (name != "broken.mkv")
        log = (tmp_path / "run.log").read_text()
        assert log.count("train.mp4") == 2  # from where, and where to
        assert f" failed    {old / 'broken.mkv'}: it cannot be read as a film" in log


class TestFilmOptions:
    @pytest.mark.parametrize(
        ("given", "said"),
        [({"codec": "divx"}, "one of auto, h264"), ({"key_frames": "often"}, "auto or a number"),
         ({"key_frames": "0"}, "1 and more"), ({"start": "soon"}, "looks like 63.2"),
         ({"start": "1:00", "end": "59"}, "before --end")],
    )  # fmt: skip
    def test_what_cannot_be_meant(self, given: dict[str, str], said: str) -> None:
        plain: dict[str, Any] = {
            "codec": "auto",
            "crf": None,
            "key_frames": "auto",
            "start": None,
            "end": None,
            "deinterlace": False,
        }
        with pytest.raises(UsageError, match=said):
            command._film_options(**(plain | given))

    def test_times(self) -> None:
        plain: dict[str, Any] = {"codec": "auto", "crf": None, "key_frames": "12", "deinterlace": False}
        options = command._film_options(**plain, start="1:03.2", end="00:02:00")
        assert (options.begin, options.end, options.key_frames) == (Fraction("63.2"), Fraction(120), 12)


def test_one_photograph_loads_nothing_for_pages(tmp_path: Path, tiny_weights: Path) -> None:
    """Neither what makes reports nor what serves the page, whose imports would be paid for by every start."""
    grey(0).save(tmp_path / "a.png")
    unwanted = ("jinja2", "http.server", "torchvision", "scipy")
    code = f"import sys; sys.modules.update(dict.fromkeys({unwanted})); from colorgan.cli import main; main()"
    command: list[Any] = [sys.executable, "-c", code, "colorize", "a.png", "-o", "out", "--weights", tiny_weights]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "a.png").is_file()
