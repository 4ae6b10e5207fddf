"""`compare`: two runs, on the terminal and as a page, with an exit status for CI."""

from lab.analysis.between import spread
from lab.errors import Exit, LabError
from lab.paths import RESULTS, ROOT
from lab.report import compared, held, html, markdown
from lab.report.answer import told
from lab.report.compared import Compared
from lab.report.glossary import terms
from lab.report.view import view_of
from lab.run import packs
from lab.run.progress import Reporter

SPREAD = RESULTS / "reference/spread.json"


def compare(first: str, second: str, fail_if: str, *, across: bool) -> Exit:
    """Print what changed from one run to another, and write it as a page.

    Args:
        first, second: names of runs, or files of `pack`.
        fail_if: a condition such as `rps < -5%`, for which a cell makes the exit status 1; empty for none.
        across: compare ratios inside each run alone, since the machines differ.

    Raises:
        LabError: a run cannot be read, or the two are unlike.
    """
    if not first:
        raise LabError("Which run is the first one? Give A=<name>, and B=<name> unless the newest run is the second.")
    one, other = (view_of(packs.readable(RESULTS, word).path) for word in (first, second))
    found = compared.compared(one, other, spread.known(SPREAD), across=across)
    failing = compared.failing(found.shown, fail_if) if fail_if else []
    with Reporter() as say:
        tell(say, found)
        for change in failing:
            say.step(f"Fails {fail_if!r}: {compared.told_of(change)}.")
    return Exit.NOT_ALL_MEASURED if failing else Exit.DONE


def tell(say: Reporter, found: Compared) -> None:
    """Print the sentences of a comparison and of the findings, and write the page."""
    names = f"{found.second.run.name} beside {found.first.run.name}"
    say.answer(told(names, list(compared.sentences(found))))
    say.answer(told(held.TITLE, list(held.sentences(found.first, found.second))))
    for path in _written(found):
        say.step(f"Page: {path}")


def _written(found: Compared) -> list[str]:
    """Write the comparison as HTML and as Markdown, into results/; return where, from the checkout."""
    whole = compared.as_page(found)
    name = f"compare-{found.first.run.name}-{found.second.run.name}"
    texts = {".html": html.render(whole, terms()), ".md": markdown.render(whole)}
    paths = {RESULTS / f"{name}{ending}": text for ending, text in texts.items()}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    return [str(path.relative_to(ROOT)) for path in paths]
