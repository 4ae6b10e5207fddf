"""The report of a committed run, and the page of all runs, in Chromium as a reader has them: filtered, sorted, shared, printed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lab.paths import RESULTS
from lab.report import index, pair, runs
from lab.report.view import view_of
from lab.report.write import write_report
from tests.conftest import needs

RUN = RESULTS / "reference/standard-docker"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
STACKS = ["fastapi-def", "fastapi-uvicorn", "flask-gunicorn", "quart-hypercorn"]
ALL_DRAWN = "[...document.querySelectorAll('figure')].every(f => f.closest('details') || f.querySelector('svg.marks[role=img]'))"
MATRIX = "table.matrix >> nth=0"

pytestmark = [
    needs(None if CHROMIUM else "no Chromium is installed (Debian: apt-get install chromium)"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report that is derived again from a real run's originals."""
    folder = tmp_path_factory.mktemp("runs") / RUN.name
    folder.mkdir()
    for original in (*RUN.glob("*.json"), *RUN.glob("*.jsonl")):
        shutil.copy2(original, folder)
    write_report(view_of(folder))
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page that fails its test where the report logs an error or asks for anything outside of itself."""
    context = browser.new_context(viewport=request.param, color_scheme="light")
    opened, faults = context.new_page(), list[str]()
    opened.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url))
    yield opened
    context.close()
    assert faults == []


def shown(page: Page, rows: str) -> list[str]:
    """The first cells of the visible rows of a table."""
    return [(row.text_content() or "").strip() for row in page.locator(f"{rows} >> tbody tr:visible th").all()]


def serious_faults(page: Page) -> dict[str, str]:
    """Faults of accessibility with the first place of each."""
    found = Axe().run(page).response["violations"]
    return {fault["id"]: fault["nodes"][0]["html"] for fault in found if fault["impact"] in ("serious", "critical")}


def choose(page: Page, kind: str, *values: str) -> None:
    page.locator(f"details.choice:has(input[name={kind}]) summary").click()
    for value in values:
        page.locator(f"input[name={kind}][value='{value}']").check()
    page.keyboard.press("Escape")


def test_it_fits_the_width_and_begins_with_what_was_found(page: Page, report: str) -> None:
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first = page.locator("ul.findings li").first
    expect(first).to_be_in_viewport()
    expect(first).to_contain_text("async def instead of def (FastAPI on Uvicorn, 64 users): faster in")
    expect(page.get_by_text("How sure is this?")).to_be_visible()


def test_a_stack_is_chosen_in_tables_sentences_and_charts_and_the_address_shares_it(page: Page, report: str) -> None:
    page.goto(report)
    numbers = "section#json-closed-64 table >> nth=0"
    assert sorted(shown(page, numbers)) == STACKS
    choose(page, "stack", "flask-gunicorn", "fastapi-uvicorn")
    for opened in (page, page.context.new_page()):
        opened.goto(page.url)
        assert sorted(shown(opened, numbers)) == ["fastapi-uvicorn", "flask-gunicorn"]
        heads = [head.text_content() or "" for head in opened.locator(f"{MATRIX} >> thead th:visible").all()]
        assert any("flask-gunicorn" in head for head in heads)
        assert not any("quart-hypercorn" in head for head in heads)
        chart = opened.locator("figure[data-chart=json-closed-64]")
        chart.scroll_into_view_if_needed()
        expect(chart.locator("svg.marks")).to_contain_text("flask-gunicorn")
        expect(chart.locator("svg.marks")).not_to_contain_text("quart-hypercorn")
        assert opened.locator("input[value=flask-gunicorn]").is_checked()
    page.get_by_role("button", name="Show all").click()
    assert sorted(shown(page, numbers)) == STACKS
    expect(page.locator("figure[data-chart=json-closed-64] svg.marks")).to_contain_text("quart-hypercorn")


def test_scenario_load_and_metric_are_chosen(page: Page, report: str) -> None:
    page.goto(report)
    choose(page, "scenario", "json", "db/one")
    assert shown(page, MATRIX) == ["json", "db/one"]
    expect(page.locator("section#wait-closed-64")).to_be_hidden()
    choose(page, "load", "open:50%")
    assert shown(page, MATRIX) == []
    expect(page.locator("section#json-closed-64")).to_be_hidden()
    expect(page.locator("section#json-open-shares")).to_be_visible()
    choose(page, "metric", "rps")
    expect(page.locator("table.matrix >> nth=1")).to_be_hidden()
    assert "scenario=json+db%2Fone" in page.url


def test_a_table_is_sorted_by_mouse_and_keyboard(page: Page, report: str) -> None:
    page.goto(report)
    table = page.locator("section#json-closed-64 table").first
    head = table.locator("th", has_text="p99")

    def amounts() -> list[float]:
        place = page.evaluate("head => head.cellIndex", head.element_handle())
        return [
            float(row.locator("td").nth(place - 1).get_attribute("data-value") or 0)
            for row in table.locator("tbody tr").all()
        ]

    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    assert amounts() == sorted(amounts(), reverse=True)
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert amounts() == sorted(amounts())
    page.reload()
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_the_theme_is_switched_and_shared(page: Page, report: str) -> None:
    page.goto(report)
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    button = page.get_by_role("button", name="Theme")
    button.click()
    expect(button).to_have_text("Theme: light")
    button.click()
    assert page.evaluate(paper) == "rgb(21, 24, 28)"
    page.reload()
    assert page.evaluate(paper) == "rgb(21, 24, 28)"


def test_a_term_is_explained_where_it_stands(page: Page, report: str) -> None:
    page.goto(report)
    term = page.locator("a.term", has_text="block").first
    term.focus()
    tip = "(term) => getComputedStyle(term, '::after').content"
    assert "Every trial of the plan once" in page.evaluate(tip, term.element_handle())
    term.click()
    expect(page.locator("#term-block")).to_be_in_viewport()


def test_a_mark_says_its_interval(page: Page, report: str) -> None:
    page.goto(report)
    chart = page.locator("figure[data-chart=json-closed-64]")
    chart.scroll_into_view_if_needed()
    chart.locator("svg .mark-rect path").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text(" to ")


@pytest.mark.parametrize(("kind", "begins"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_a_chart_is_saved_as_a_picture(page: Page, report: str, kind: str, begins: bytes) -> None:
    page.goto(report)
    chart = page.locator("figure[data-chart=json-closed-64]")
    chart.scroll_into_view_if_needed()
    chart.locator("summary").click()
    with page.expect_download() as saved:
        chart.get_by_text(f"Save as {kind}").click()
    assert saved.value.path().read_bytes().startswith(begins)


def test_the_print_has_every_chart_that_is_not_folded_away(page: Page, report: str) -> None:
    page.goto(report)
    page.wait_for_function(ALL_DRAWN)
    page.emulate_media(media="print")
    expect(page.locator("#filter")).to_be_hidden()
    assert len(page.pdf()) > 100_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_there_is_no_serious_fault_of_accessibility(page: Page, report: str, theme: str) -> None:
    page.goto(f"{report}#theme={theme}")
    page.wait_for_function(ALL_DRAWN)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert serious_faults(page) == {}


def test_the_page_of_all_runs_is_sorted_by_time_draws_its_chart_and_is_accessible(page: Page, tmp_path: Path) -> None:
    found = runs.found(RESULTS)
    page.goto(index.write(tmp_path, found, pair.headline(run.ratios for run in found)).as_uri())
    names = shown(page, "section#runs table")
    assert names == [run.name for run in found]
    page.locator("th", has_text="began").get_by_role("button").click(click_count=2)
    assert shown(page, "section#runs table") == names[::-1]
    page.wait_for_function(ALL_DRAWN)
    page.locator("figure svg .mark-symbol path").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text(" x (")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious_faults(page) == {}
