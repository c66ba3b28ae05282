"""The docs site: its examples run, what is generated is whole, its links lead somewhere."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.core import TyperGroup

from colorgan.cli import app
from film_support import draw_frames, write_film
from support import draw_photo

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def code_blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestLibraryPage:
    def test_its_code_runs(self, tmp_path, monkeypatch, capsys):
        folder = tmp_path / "photos"
        folder.mkdir()
        draw_photo(0, (96, 64)).save(folder / "grandmother.jpg")
        for number in range(1, 7):
            draw_photo(number).save(folder / f"photo{number:02}.png")
        write_film(tmp_path / "film.mp4", draw_frames(3))
        monkeypatch.chdir(tmp_path)
        code = "\n".join(code_blocks("library.md"))
        real, quick = 'recipe="default", minutes=60', 'recipe="debug", steps=2, workers=0'
        assert code.count(real) == 1
        exec(compile(code.replace(real, quick), "library.md", "exec"), {})  # noqa: S102 - our own page
        shown = capsys.readouterr().out
        assert "torch.Size([2, 2, 64, 96])" in shown
        assert "no-such-weights" in shown
        assert (tmp_path / "grandmother-colour.jpg").exists()
        assert (tmp_path / "film-colour.mp4").exists()
        assert (tmp_path / "runs/first/best.safetensors").exists()


class TestReference:
    def test_every_command_and_option_is_there(self, reference):
        page, manual = reference.to_markdown(), reference.to_man()
        group = typer.main.get_command(app)
        assert isinstance(group, TyperGroup)
        for name, command in group.commands.items():
            assert f"## colorgan {name}\n" in page
            assert f".SH COLORGAN {name.upper()}".replace("-", "\\-") in manual
            shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
            for parameter in shown:  # old names are taken still, and told of no more
                for option in (name for name in parameter.opts if name.startswith("-")):
                    assert re.search(rf"^\| <code>[^<]*{re.escape(option)}\b", page, re.MULTILINE), option
                    assert option.replace("-", "\\-") in manual

    def test_the_page_has_no_markup_of_the_terminal(self, reference):
        assert not re.search(r"\[/?(bold|red|green|dim)\]", reference.to_markdown() + reference.to_man())

    def test_exit_codes_are_told(self, reference):
        assert "130 interrupted" in reference.to_markdown()

    def test_tables_keep_their_columns(self, reference):
        rows = [line for line in reference.to_markdown().splitlines() if line.startswith("| ")]
        assert rows
        assert all(row.count("|") == 3 for row in rows)
        assert any("skip&#124;overwrite" in row for row in rows)

    @pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
    def test_roff_has_nothing_to_complain_of(self, reference):
        options = ["-man", "-Tutf8", "-ww", "-P-cbou"]
        done = subprocess.run(["groff", *options], input=reference.to_man(), capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert "EXIT STATUS" in done.stdout


class TestLinks:
    @pytest.mark.parametrize(
        "page", sorted(p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *DOCS.glob("*.md")))
    )
    def test_files_that_pages_link_to_are_there(self, page):
        text = (ROOT / page).read_text(encoding="utf-8")
        targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        made_by_the_site = {"api.md", "commands.md"}
        missing = [t for t in targets if t not in made_by_the_site and not (ROOT / page).parent.joinpath(t).exists()]
        assert missing == []
