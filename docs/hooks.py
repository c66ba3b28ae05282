"""What the docs site has beside the files of this folder: pages made from the commands, `__all__` and the repository.

mkdocs calls these functions; see `hooks` in mkdocs.yml.
"""

import re
from pathlib import Path

import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import colorgan

ROOT = Path(__file__).parents[1]
ADOPTED = {  # files of the repository's root, and the pages that they become
    "README.md": "index.md",
    "CONTRIBUTING.md": "taking-part.md",
    "SECURITY.md": "reporting.md",
    "CHANGELOG.md": "changelog.md",
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that are not files here."""
    for name, page in ADOPTED.items():
        files.append(File.generated(config, page, content=_adopt(name, str(config.repo_url))))
    files.append(File.generated(config, "commands.md", content=reference.to_markdown()))
    files.append(File.generated(config, "api.md", content=_api_page()))
    return files


def on_page_markdown(markdown: str, *, config: MkDocsConfig, **_: object) -> str:
    """Let links that lead from this folder to files of the repository's root find their pages."""
    return _point_to_pages(markdown, "../", str(config.repo_url))


def _adopt(name: str, repository: str) -> str:
    """Return a file of the root as a page of this folder."""
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    return _point_to_pages(text, "", repository)


def _point_to_pages(text: str, prefix: str, repository: str) -> str:
    """Replace links to the root's files: by their pages, or by their addresses in the repository."""
    for name, page in ADOPTED.items():
        text = text.replace(f"]({prefix}{name}", f"]({page}")
    return re.sub(
        rf"\]\({re.escape(prefix)}((?:LICENSE|Dockerfile|examples|tests|src)[^)]*)\)",
        rf"]({repository}/blob/main/\1)",
        text,
    )


def _api_page() -> str:
    names = [name for name in colorgan.__all__ if not name.startswith("__")]
    entries = "\n\n".join(f"::: colorgan.{name}" for name in names)
    return f"# Public names\n\nAll of `colorgan.__all__`. [The library](library.md) shows them at work.\n\n{entries}\n"
