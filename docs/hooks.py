"""Hooks of MkDocs. README is the start page, and what documents link to outside of docs/ becomes a page or a file of the site.

So a link works on a code host and in the site, and nothing is copied into docs/.
"""

import re
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from posixpath import dirname, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
START, DOCS = ROOT / "README.md", ROOT / "docs"
ELSEWHERE = "files/"
"""Where the site has what is outside of docs/."""
NOT_SEARCHED = f"{ELSEWHERE}results/reference/"
"""Reports of runs, whose tables would be found for every word."""
SOURCES = {".py": "python", ".toml": "toml", ".yaml": "yaml"}
"""Ending of a file that is shown as a page -> its language."""
CODE = 4
"""Blanks before a line of code."""
_LINK = re.compile(r"\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")
_ITEM = re.compile(r"(?P<indent> *)([*-]|\d+\.) ")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the start page, and whatever the pages link to, page by page."""
    todo = [START, *(Path(str(page.abs_src_path)) for page in files.documentation_pages())]
    while todo:
        path = todo.pop()
        place = _place(path)
        if place not in files.src_uris:
            level = InclusionLevel.INCLUDED if path == START else InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, place, abs_src_path=str(path), inclusion=level))
        if place.endswith(".md"):
            todo += [found for found in _linked(path) if _place(found) not in files.src_uris]
    return files


def on_page_read_source(page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001  # MkDocs gives both by name
    """Return a page's text as Python-Markdown wants it, with links to the places that the site has."""
    path = Path(str(page.file.abs_src_path))
    head = "---\nsearch: {exclude: true}\n---\n" if page.file.src_uri.startswith(NOT_SEARCHED) else ""
    return head + "\n".join(_spaced(_LINK.sub(lambda link: _moved(path, link), _text(path)).splitlines()))


def _text(path: Path) -> str:
    """Return a page's text: of a folder its list of files, of a source file its code."""
    title = f"# {path.relative_to(ROOT)}\n\n"
    if path.is_dir():
        names = sorted(one.name for one in path.iterdir() if one.suffix in (".md", *SOURCES))
        return title + "".join(f"* [{name}]({name})\n" for name in names)
    text = path.read_text(encoding="utf-8")
    language = SOURCES.get(path.suffix)
    return f"{title}````{language}\n{text}````\n" if language else text


def _linked(path: Path) -> Iterator[Path]:
    """Yield the files and folders of the project that a page links to."""
    yield from (found for link in _LINK.finditer(_text(path)) if (found := _target(path, link)))


def _target(path: Path, link: re.Match[str]) -> Path | None:
    """Return what a link of a page leads to; None where that is no file or folder of the project."""
    folder = path if path.is_dir() else path.parent
    found = Path(normpath(folder / link["path"]))
    if not found.exists() or not found.is_relative_to(ROOT):
        return None
    return found / "README.md" if (found / "README.md").exists() else found


def _moved(path: Path, link: re.Match[str]) -> str:
    """Return a link as the site has it; one that leads nowhere stays, and fails the build."""
    found = _target(path, link)
    place = link["path"] if found is None else relpath(_place(found), dirname(_place(path)) or ".")
    return f"]({place}{link['anchor'] or ''})"


def _place(path: Path) -> str:
    """Return where the site has a file or folder of the project."""
    if path == START:
        return "index.md"
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    place = f"{ELSEWHERE}{path.relative_to(ROOT).as_posix()}"
    if path.is_dir():
        return f"{place}/index.md"
    return f"{place}.md" if path.suffix in SOURCES else place


def _spaced(lines: list[str]) -> Iterator[str]:
    """Yield lines in which a list has what Python-Markdown needs: an empty line before it, and four blanks for each level."""
    before, in_list, in_code = "", False, False
    for line in lines:
        in_code ^= line.lstrip().startswith("```")
        item = None if in_code else _ITEM.match(line)
        is_item = item is not None and (in_list or len(item["indent"]) < CODE)
        if is_item and not in_list and before:
            yield ""
        if is_item or (not before and line and not line.startswith(" ")):
            in_list = is_item
        indent = len(line) - len(line.lstrip(" "))
        yield " " * indent + line if in_list else line
        before = line
