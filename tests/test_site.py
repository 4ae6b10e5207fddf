"""The documentation as a site: it has every page, asks no other host for anything, and each of its links leads somewhere."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from lab.paths import ROOT
from tests.conftest import environment, needs

DOCS = ROOT / "docs"
ASKED = {
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "script": ("src",),
    "iframe": ("src",),
    "link": ("href",),
    "use": ("href",),
}
"""Element -> attributes that name what a browser asks for when it opens the page."""
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NOT_FETCHED = {"canonical", "next", "prev", "edit"}
"""`rel` of a link element that only names another page."""


@dataclass
class Links(HTMLParser):
    """What a page leads to, what it asks for, and where one can land in it."""

    leads: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.leads.append(given["href"])
        if given.get("rel") not in NOT_FETCHED:
            self.asks += [given[name] for name in ASKED.get(tag, ()) if name in given]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make site` builds it."""
    folder = tmp_path_factory.mktemp("site")
    words = [f"{ROOT}/.venv/bin/mkdocs", "build", "--strict", f"--site-dir={folder}"]
    done = subprocess.run(words, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Links]:
    found = {}
    for path in site.rglob("*.html"):
        found[path] = Links()
        found[path].feed(path.read_text(encoding="utf-8"))
    return found


def test_the_site_has_readme_as_its_start_and_every_document(site: Path) -> None:
    for document in DOCS.rglob("*.md"):
        title = document.read_text().splitlines()[0]
        built = (site / document.relative_to(DOCS)).with_suffix(".html").read_text()
        (shown,) = re.findall(r"<h1[^>]*>(.*?)<a class=.headerlink", built)
        assert title == f"# {unescape(shown)}"
    start = (site / "index.html").read_text()
    assert all(
        f"{heading}<" in start for heading in re.findall("^## (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert not list(site.rglob("*.py")), "what makes the site is no part of it"


def test_what_is_outside_of_docs_is_shown_where_a_page_links_to_it(site: Path) -> None:
    shown = ["stacks/index", "lab/index", "CONTRIBUTING", "stacks/starlette/app.py", "loadtests/experiments/db.toml"]
    assert [name for name in shown if not (site / f"files/{name}.html").exists()] == []
    assert (site / "files/results/reference/quick-docker/charts/memory.svg").exists()


def test_no_page_and_no_style_asks_another_host(site: Path, pages: dict[Path, Links]) -> None:
    asked = {(page.name, address) for page, links in pages.items() for address in links.asks}
    asked |= {(style.name, found) for style in site.rglob("*.css") for found in _asked_by(style)}
    assert {one for one in asked if urlsplit(one[1]).netloc} == set()
    assert len(asked) > len(pages)


def _asked_by(style: Path) -> Iterator[str]:
    text = style.read_text(encoding="utf-8")
    yield from (found.strip("'\"") for found in re.findall(r"(?:url\(|@import\s+)([^)\s;]+)", text))


@needs(None if CHROMIUM else "no Chromium is installed (Debian: apt-get install chromium)")
def test_a_page_that_is_opened_as_a_file_asks_for_files_of_the_site(site: Path) -> None:
    """Its programs too: the theme's would fetch what draws diagrams, and figures of a code host."""
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        for name in ("index", "architecture", "files/results/reference/quick-docker/report"):
            page.goto(f"{site.as_uri()}/{name}.html", wait_until="networkidle")
        browser.close()
    assert [address for address in asked if not address.startswith((site.as_uri(), "data:"))] == []
    assert len(asked) > 3, "styles, program and pictures"


def test_every_link_inside_of_the_site_leads_to_a_file_and_an_anchor(site: Path, pages: dict[Path, Links]) -> None:
    broken = [
        f"{page.relative_to(site)}: {address}"
        for page, links in pages.items()
        for address in {*links.leads, *links.asks}
        if not urlsplit(address).netloc
        and urlsplit(address).scheme in ("", "file")
        and _is_broken(site, page, address, pages)
    ]
    assert broken == []


def _is_broken(site: Path, page: Path, address: str, pages: dict[Path, Links]) -> bool:
    to = urlsplit(address)
    folder = site if to.path.startswith("/") else page.parent  # 404.html has the addresses of a server
    path = (folder / unquote(to.path).lstrip("/")).resolve() if to.path else page
    path = path / "index.html" if path.is_dir() else path
    if not path.is_file():
        return True
    return bool(to.fragment) and path in pages and unquote(to.fragment) not in pages[path].anchors


def test_lists_are_as_deep_as_their_document_has_them(site: Path) -> None:
    """Python-Markdown would take a list of two blanks for a continuation of the one above."""
    method = (site / "method.html").read_text()
    assert re.search(r"<li>\s*(<p>)?<strong>Think time</strong>.*?<ul>\s*<li>(<p>)?Each user waits", method, re.DOTALL)
