"""Settings that are kept, seen through a small program of the same kind as colorgan itself."""

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from PIL import Image
from typer.core import TyperGroup

from colorgan import cli
from colorgan.commands.options import PrintConfigOption
from colorgan.commands.settings import FILE_NAME, KeptCommand, find_look, outranks
from colorgan.config import LOOKS
from colorgan.errors import ConfigError, UsageError
from support import draw_photo


@pytest.fixture
def heard(tmp_path, monkeypatch) -> list[dict[str, Any]]:
    """Work in an empty folder, with an app whose command notes what it was given."""
    monkeypatch.chdir(tmp_path)
    app, notes = typer.Typer(pretty_exceptions_enable=False), []

    @app.callback()
    def options() -> None:
        pass

    @app.command("draw-it", cls=KeptCommand)
    def draw(
        context: typer.Context,
        inputs: list[Path],
        size: Annotated[float, typer.Option(min=0, max=9)] = 1.0,
        image_format: Annotated[str | None, typer.Option("--format")] = None,
        album: Annotated[bool, typer.Option("--album")] = False,
        include: Annotated[list[str] | None, typer.Option()] = None,
        look: Annotated[str | None, typer.Option()] = None,
        print_config: PrintConfigOption = False,
    ) -> None:
        notes.append({"size": size, "format": image_format, "album": album, "include": include, "context": context})

    monkeypatch.setattr(cli, "app", app)
    return notes


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["colorgan", "draw-it", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def keep(text: str, file: Path = Path(FILE_NAME)) -> None:
    file.write_text(text, encoding="utf-8")


def keep_for_user(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(text, Path("user.toml"))
    monkeypatch.setenv("COLORGAN_CONFIG", "user.toml")


class TestWhatHolds:
    def test_the_nearest_word_counts(self, heard, monkeypatch):
        for arguments, expected in (((), 1.0), ((), 2.0), ((), 3.0), ((), 4.0), (("--size", "5"), 5.0)):
            if expected == 2:
                keep_for_user("[draw-it]\nsize = 2", monkeypatch)
            if expected == 3:
                keep("[draw-it]\nsize = 3")
            if expected == 4:
                monkeypatch.setenv("COLORGAN_DRAW_IT_SIZE", "4")
            assert run(monkeypatch, "a.jpg", *arguments) == 0
            assert heard[-1]["size"] == expected

    def test_files_complete_each_other(self, heard, monkeypatch):
        keep_for_user("[draw-it]\nsize = 2\nformat = 'png'", monkeypatch)
        keep("[draw-it]\nsize = 3")
        run(monkeypatch, "a.jpg")
        assert (heard[0]["size"], heard[0]["format"]) == (3.0, "png")

    def test_every_kind_of_option(self, heard, monkeypatch):
        keep("[draw-it]\nsize = 3\nformat = 7\nalbum = true\ninclude = ['a b', 'c']")
        run(monkeypatch, "a.jpg")
        notes = heard[0]
        assert (notes["size"], notes["format"], notes["album"], notes["include"]) == (3.0, "7", True, ["a b", "c"])

    def test_what_is_kept_can_be_passed_over(self, heard, monkeypatch):
        keep("[draw-it]\nalbum = true\nformat = 'png'")
        run(monkeypatch, "--no-album", "a.jpg", "--no-format", "--", "--no-size")
        assert (heard[0]["album"], heard[0]["format"]) == (False, None)
        monkeypatch.setenv("COLORGAN_DRAW_IT_ALBUM", "1")
        monkeypatch.setenv("COLORGAN_DRAW_IT_FORMAT", "tif")
        run(monkeypatch, "a.jpg", "--no-album", "--no-format")
        assert (heard[1]["album"], heard[1]["format"]) == (False, None)
        run(monkeypatch, "a.jpg")
        assert (heard[2]["album"], heard[2]["format"]) == (True, "tif")
        monkeypatch.setenv("COLORGAN_DRAW_IT_ALBUM", "0")
        run(monkeypatch, "a.jpg")
        assert heard[3]["album"] is False
        assert run(monkeypatch, "a.jpg", "--no-such") == 2

    def test_variables_are_named_like_options(self, heard, monkeypatch):
        monkeypatch.setenv("COLORGAN_DRAW_IT_FORMAT", "tif")
        monkeypatch.setenv("COLORGAN_DRAW_IT_INCLUDE", "x y")
        run(monkeypatch, "a.jpg")
        assert (heard[0]["format"], heard[0]["include"]) == ("tif", ["x", "y"])

    def test_other_tables_are_not_looked_into(self, heard, monkeypatch):
        keep("[looks.mine]\nnonsense = 3")
        assert run(monkeypatch, "a.jpg") == 0

    def test_it_is_said_that_a_file_holds(self, heard, monkeypatch, capsys):
        keep("[draw-it]\nsize = 3")
        run(monkeypatch, "a.jpg")
        assert capsys.readouterr().err == "size as kept in colorgan.toml\n"


class TestPrintConfig:
    def test_says_what_holds_and_whence(self, heard, monkeypatch, capsys):
        keep_for_user("[draw-it]\nalbum = true", monkeypatch)
        keep("[draw-it]\nformat = 'png'")
        monkeypatch.setenv("COLORGAN_DRAW_IT_INCLUDE", "*.tif")
        assert run(monkeypatch, "--print-config", "--size", "2") == 0
        lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        assert lines == [
            "[draw-it]",
            "size = 2.0 # command line",
            'format = "png" # colorgan.toml',
            "album = true # user.toml",
            'include = ["*.tif"] # COLORGAN_DRAW_IT_INCLUDE',
            "# look # not set",
        ]
        assert heard == []

    def test_what_it_prints_can_be_kept(self, heard, monkeypatch, capsys):
        run(monkeypatch, "--print-config", "--size", "2", "--include", 'a "b" \\ é', "--album")
        keep(capsys.readouterr().out)
        run(monkeypatch, "a.jpg")
        notes = heard[0]
        assert (notes["size"], notes["album"], notes["include"]) == (2.0, True, ['a "b" \\ é'])

    def test_arguments_are_needed_without_it(self, heard, monkeypatch):
        run(monkeypatch, "--print-config")
        assert run(monkeypatch) == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("[draw-it]\nsze = 3", "colorgan.toml, [draw-it]: unknown key 'sze'; did you mean 'size'?"),
            ("[drawit]\nsize = 3", "colorgan.toml: unknown table 'drawit'; did you mean 'draw-it'?"),
            ("draw-it = 3", "colorgan.toml: draw-it must be a table"),
            ("[draw-it]\nsize = 30", "colorgan.toml, [draw-it]: size: "),
            ("[draw-it]\nsize = 'big'", "colorgan.toml, [draw-it]: size: "),
            ("[draw-it]\nsize = [1, 2]", "colorgan.toml, [draw-it]: size takes one value, got 2"),
            ("[draw-it]\nsize = true", "colorgan.toml, [draw-it]: size must be a text or a number, got True"),
            ("[draw-it]\nalbum = 'yes'", "colorgan.toml, [draw-it]: album must be true or false, got 'yes'"),
            ("[draw-it]\ninclude = [[1]]", "colorgan.toml, [draw-it]: include must be a text or a number"),
            ("[draw-it]\nprint-config = true", "colorgan.toml, [draw-it]: unknown key 'print-config'"),
            ("[draw-it\nsize = 3", "the settings in colorgan.toml are no TOML: "),
            ("a = " + "[" * 5000, "the settings in colorgan.toml are no TOML: "),
            ("#" * (1 << 20 | 1), "the settings in colorgan.toml are larger than a million bytes"),
        ],
    )
    def test_each_is_a_sentence(self, heard, monkeypatch, capsys, text, message):
        keep(text)
        assert run(monkeypatch, "a.jpg") == 2
        assert capsys.readouterr().err.startswith(f"colorgan: {message}")
        assert heard == []

    def test_what_is_no_text(self, heard, monkeypatch, capsys):
        Path(FILE_NAME).write_bytes(b"\xff\xfe\0")
        assert run(monkeypatch, "a.jpg") == 2
        assert "are no TOML" in capsys.readouterr().err

    def test_a_named_file_that_is_not_there(self, heard, monkeypatch, capsys):
        monkeypatch.setenv("COLORGAN_CONFIG", "gone.toml")
        assert run(monkeypatch, "a.jpg") == 2
        assert "COLORGAN_CONFIG names gone.toml, and there is no such file" in capsys.readouterr().err

    def test_a_value_of_the_environment_is_named_by_its_variable(self, heard, monkeypatch, capsys):
        monkeypatch.setenv("COLORGAN_DRAW_IT_SIZE", "30")
        assert run(monkeypatch, "a.jpg") == 2
        assert capsys.readouterr().err.startswith("colorgan: COLORGAN_DRAW_IT_SIZE: ")

    def test_a_value_of_the_command_line_is_named_as_ever(self, heard, monkeypatch, capsys):
        keep("[draw-it]\nsize = 3")
        assert run(monkeypatch, "a.jpg", "--size", "30") == 2
        assert "--size" in capsys.readouterr().err

    def test_an_unknown_variable_is_named_and_passed_over(self, heard, monkeypatch, capsys):
        monkeypatch.setenv("COLORGAN_DRAW_IT_SIZZE", "3")
        assert run(monkeypatch, "a.jpg") == 0
        assert "COLORGAN_DRAW_IT_SIZZE, which is no option; did you mean 'COLORGAN_DRAW_IT_SIZE'?" in (
            capsys.readouterr().err
        )

    def test_help_is_there_whatever_the_file_holds(self, heard, monkeypatch, capsys):
        keep("[draw-it")
        assert run(monkeypatch, "--help") == 0
        assert "--album" in capsys.readouterr().out


class TestLooks:
    def context(self, heard, monkeypatch, *arguments):
        run(monkeypatch, "a.jpg", *arguments)
        return heard[-1]["context"]

    def test_own_ones_go_before_those_that_come_with_colorgan(self, heard, monkeypatch):
        keep("[looks.vivid]\nstrength = 2\n[looks.dusk]\nwarmth = -4\nlimit = 20")
        context = self.context(heard, monkeypatch)
        assert find_look(context, "vivid").strength == 2.0
        assert (find_look(context, "dusk").warmth, find_look(context, "dusk").limit) == (-4.0, 20.0)
        assert find_look(context, "muted") == LOOKS["muted"]

    @pytest.mark.parametrize(
        ("text", "name", "message"),
        [
            ("", "vivd", "--look: there is no look 'vivd'; did you mean 'vivid'?"),
            ("[looks.mine]\nwarmt = 3", "mine", r"\[looks.mine\]: unknown key 'warmt'; did you mean 'warmth'\?"),
            ("[looks.mine]\nwarmth = 99", "mine", r"\[looks.mine\]: warmth must be in -20..20, got 99"),
            ("[looks]\nmine = 3", "mine", r"\[looks.mine\] must be a table"),
        ],
    )
    def test_refusals(self, heard, monkeypatch, text, name, message):
        keep(text)
        context = self.context(heard, monkeypatch)
        with pytest.raises((UsageError, ConfigError), match=message):
            find_look(context, name)

    def test_what_is_nearer_outranks(self, heard, monkeypatch):
        keep_for_user("[draw-it]\nsize = 2", monkeypatch)
        assert outranks(self.context(heard, monkeypatch), "size", "look")
        keep("[draw-it]\nlook = 'vivid'")
        assert not outranks(self.context(heard, monkeypatch), "size", "look")
        monkeypatch.setenv("COLORGAN_DRAW_IT_SIZE", "2")
        assert outranks(self.context(heard, monkeypatch), "size", "look")
        assert not outranks(self.context(heard, monkeypatch, "--look", "muted"), "size", "look")
        assert outranks(self.context(heard, monkeypatch, "--look", "muted", "--size", "1"), "size", "look")


def test_every_command_of_colorgan_keeps_its_settings():
    group = typer.main.get_command(cli.app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        assert isinstance(command, KeptCommand), name
        assert any("--print-config" in parameter.opts for parameter in command.params), name


def test_the_old_name_of_uncertainty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was called --confidence shows doubt; the word is taken still, and said to be old."""
    draw_photo(0, (20, 16)).convert("L").save(tmp_path / "a.png")
    arguments = ["colorize", str(tmp_path / "a.png"), "-o", str(tmp_path / "out"), "--dry-run"]
    cli.app([*arguments, "--confidence", str(tmp_path / "maps")], standalone_mode=False)
    assert "--confidence is called --uncertainty now" in " ".join(capsys.readouterr().err.split())
    Image.new("L", (9, 9)).save(tmp_path / "a.png.png")
    with pytest.raises(UsageError, match=r"the map of .* would be written over the photograph"):
        cli.app(["colorize", str(tmp_path / "a.png"), str(tmp_path / "a.png.png"), "-o", str(tmp_path / "out"),
                 "--confidence", str(tmp_path)], standalone_mode=False)  # fmt: skip
