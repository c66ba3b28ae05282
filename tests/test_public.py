import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import colorgan

ROOT = Path(__file__).parents[1]
EXPECTED = {
    "ColorganError",
    "ColorizeOptions",
    "ColorizeRequest",
    "ColorizeSession",
    "Colorizer",
    "DiscriminatorConfig",
    "EvaluationRequest",
    "FilmOptions",
    "GeneratorLoss",
    "Hint",
    "LossConfig",
    "ModelConfig",
    "Outcome",
    "Palette",
    "PhotoSets",
    "Protocol",
    "Recipe",
    "RenderConfig",
    "Report",
    "Trainer",
    "TrainingOptions",
    "__version__",
    "build_discriminator",
    "build_generator",
    "colorize_paths",
    "evaluate",
    "lab_to_rgb",
    "load_generator",
    "load_recipe",
    "prepare_training",
    "rgb_to_lab",
    "save_generator",
}


class TestSurface:
    def test_the_names(self) -> None:
        assert set(colorgan.__all__) == EXPECTED
        assert colorgan.__all__ == sorted(colorgan.__all__)
        assert dir(colorgan) == colorgan.__all__

    @pytest.mark.parametrize("name", sorted(EXPECTED - {"__version__"}))
    def test_each_name_is_there_documented_and_listed_at_home(self, name: str) -> None:
        value = getattr(colorgan, name)
        home = importlib.import_module(colorgan._HOMES[name])
        assert value is getattr(home, name)
        assert name in home.__all__
        assert inspect.getdoc(value)

    @pytest.mark.parametrize("name", sorted(EXPECTED - {"__version__"}))
    def test_a_name_stays_what_it_is(self, name: str) -> None:
        # A function beside a submodule of its name would turn into the module once that is imported.
        first = getattr(colorgan, name)
        assert not inspect.ismodule(first)
        for module in sorted(set(colorgan._HOMES.values())):
            importlib.import_module(module)
        assert getattr(colorgan, name) is first

    def test_type_checkers_see_the_same_names(self) -> None:
        tree = ast.parse(Path(colorgan.__file__).read_text(encoding="utf-8"))
        checked = next(node for node in tree.body if isinstance(node, ast.If))
        seen = {
            alias.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        assert seen == colorgan._HOMES

    def test_an_unknown_name(self) -> None:
        with pytest.raises(AttributeError, match="module 'colorgan' has no attribute 'paint'"):
            _ = colorgan.paint

    def test_star_import(self) -> None:
        """It loads all workflows, and none of them torchvision, which takes as long as torch."""
        code = "from colorgan import *; import sys; assert 'torchvision' not in sys.modules; "
        code += "print(Colorizer.__name__, build_generator.__name__)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "Colorizer build_generator\n"

    @pytest.mark.parametrize("name", ["Colorizer", "GeneratorLoss", "Trainer"])
    def test_public_classes_are_typed(self, name: str) -> None:
        for member, function in inspect.getmembers(getattr(colorgan, name), inspect.isfunction):
            if function.__module__.startswith("colorgan") and not member.startswith("_"):
                assert "return" in function.__annotations__, f"{name}.{member}"


class TestPackage:
    def test_is_marked_as_typed(self) -> None:
        assert Path(colorgan.__file__).with_name("py.typed").exists()

    def test_version_and_changelog_agree(self) -> None:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        latest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
        assert latest is not None
        assert latest[1].strip("[]") == colorgan.__version__

    def test_version_and_metadata_agree(self) -> None:
        assert version("colorgan") == colorgan.__version__

    def test_runtime_dependencies(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        names = {re.split(r"[\[>=<]", dependency)[0] for dependency in project["dependencies"]}
        assert names == {
            "torch", "torchvision", "safetensors", "typer", "rich", "pillow", "imageio", "platformdirs", "filelock",
            "jinja2",
        }  # fmt: skip
