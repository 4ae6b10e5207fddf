"""Words that are not to come back, in documents, docstrings, comments, messages and names; lines that are too long to read.

`make check` runs this too.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.paths import ROOT

WORDS = {
    r"knobs?": "setting, effective setting",
    r"mend(s|ed|ing)?": "fix",
    r"h(o|e)ld(s|ing)? (it |them |every stack )?against": "compared with",
    r"h(o|e)ld(s|ing)? (it |them |every stack )?to the contract": "conforms to the contract, compared with the contract",
    r"holds? the contract": "conforms to the contract",
    r"(goes|go|going|gone|went) on with": "resumes, is resumed",
    r"(brought|bring|brings) about": "caused",
    r"(comes?|came|coming) about": "happened",
    r"anew": "again",
    r"run again": "re-run",
    r"for want of": "because time ran out",
    r"(was|is|were|are) not itself": "was disturbed",
    r"canar(y|ies)": "reference workload",
    r"lean users?": "fast user, minimal client",
    r"lean(s|ed|ing)? on": "depend on, backing services",
    r"asides": "secondary timings",
    r"spoil(t|ed|s)?": "rejected",
    r"hopeless": "persistently invalid",
    r"short turns": "short scheduler slice",
    r"let in": "scheduled",
    r"neighbours": "other servers not idle",
    r"would have seen": "minimum detectable difference",
    r"cannot tell": "inconclusive",
    r"who is not in": "clients not yet connected",
    r"quieten(s|ed|ing)?": "quiet",
    r"dearer": "more expensive",
}
"""Regular expression -> what to write instead; a space stands for any white space, also where a comment continues."""

KEYS_OF_OLDER_RESULTS = {
    "lab/model/outcome.py": {"asides", "canary"},
    "lab/model/effective.py": {"knobs"},
    "lab/report/read.py": {"knobs"},
    "lab/calibrate/result.py": {"spoilt", "lean user"},
    "tests/test_settings.py": {"knobs"},
}
"""File -> words in it that name a key of an older results format: they must stay readable."""

FOLDERS = ("docs", "lab", "stacks", "services", "loadtests", "benchmarks", "tests")
FILES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "results/README.md",
    "Makefile",
    "docker-compose.yml",
    "environment",
    "mkdocs.yml",
)
SUFFIXES = {"", ".css", ".html", ".j2", ".js", ".md", ".php", ".py", ".sql", ".toml", ".yaml", ".yml"}

_ANY = re.compile(
    "|".join(rf"(?P<w{index}>(?<![a-z]){word}(?![a-z]))" for index, word in enumerate(WORDS)).replace(
        " ", r"[\s_]+(?:#\s+)?"
    ),
    re.IGNORECASE,
)


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, word and what to write, for each word of the table in a text."""
    for match in _ANY.finditer(text):
        index = next(int(name[1:]) for name, value in match.groupdict().items() if value)
        yield text.count("\n", 0, match.start()) + 1, match[0], list(WORDS.values())[index]


def texts() -> Iterator[Path]:
    """Yield the files that people read."""
    yield from (ROOT / name for name in FILES)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and not {"node_modules", "__pycache__"} & set(path.parts):
                yield path


def test_no_text_has_a_word_of_the_table() -> None:
    wrong = []
    for path in texts():
        name = str(path.relative_to(ROOT))
        kept = KEYS_OF_OLDER_RESULTS.get(name, set())
        wrong += [
            f"{name}:{line}: {word!r}: write {instead}"
            for line, word, instead in findings(path.read_text())
            if word not in kept and path != Path(__file__)
        ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_line_of_a_document_is_longer_than_160_characters() -> None:
    """But for tables and examples: there a row is a line, whatever its length."""
    for path in texts():
        if path.suffix == ".md":
            lines = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE).splitlines()
            assert [line for line in lines if len(line) > 160 and not line.startswith(("|", "    "))] == [], path


@pytest.mark.parametrize(
    "text",
    [
        "Each knob has a value.",
        "canary_before_s = 1",
        "Held\nagainst the run",
        "# it goes on\n# with the rest",
        "lean_on",
    ],
)
def test_a_word_of_the_table_is_found(text: str) -> None:
    assert [line for line, _, _ in findings(f"first line\n{text}")] == [2]


@pytest.mark.parametrize("text", ["amend", "renewed", "consider", "manewed", "a clean user", "let instance"])
def test_a_word_inside_another_word_is_not_found(text: str) -> None:
    assert not list(findings(text))
