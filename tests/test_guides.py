"""The guides work as they are written, and have what the code has: each on its own page of docs/."""

import asyncio
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from lab.analysis.measures import MEASURES
from lab.config import experiments, scenarios
from lab.config.user_classes import NAMES
from lab.model.experiment import Evidence, Experiment, Side
from lab.paths import LOADTESTS, RESULTS, ROOT
from lab.report import contents, effects, findings, levels, matrix, spending, statements
from lab.report import map as crossover
from lab.report.view import view_of
from stacks.shared import params
from tests.test_statements import WAYS, answered


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def blocks(name: str, language: str) -> list[str]:
    """Return the blocks of code in that language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(name), re.DOTALL | re.MULTILINE)


def first_column(name: str) -> set[str]:
    """Return the words in backticks in the first column of a page's tables."""
    cells = re.findall(r"^\| ([^|]*) \|", page(name), re.MULTILINE)
    return {word for cell in cells for word in re.findall("`([^`]+)`", cell)}


@pytest.fixture
def loadtests(tmp_path: Path) -> Path:
    """A copy of the load tests."""
    copy = tmp_path / "loadtests"
    shutil.copytree(LOADTESTS, copy)
    return copy


def test_the_scenario_of_the_guide_is_found_with_its_parameters(loadtests: Path) -> None:
    (loadtests / "sort.py").write_text(blocks("new-scenario.md", "python")[1])
    found = scenarios.find(loadtests, ["sort", "sort/inline?n=10"])
    assert [(one.id, one.params) for one in found] == [("sort/inline", {"n": 100}), ("sort/inline?n=10", {"n": 10})]


def test_the_handler_of_the_guide_answers_what_its_user_class_expects() -> None:
    handler, user = blocks("new-scenario.md", "python")
    names: dict[str, Any] = {"Request": Request, "JSONResponse": JSONResponse, "params": params, "FastUser": object}
    exec(handler, names)  # noqa: S102  # the page's own code
    exec(user.replace("from client import FastUser\n", ""), names)  # noqa: S102  # without Locust
    inline = names["Inline"]()
    query = f"n={inline.params['n']}".encode()
    answer = asyncio.run(names["sort_inline"](Request({"type": "http", "query_string": query})))
    assert inline.check(json.loads(answer.body))
    assert not inline.check({"sorted": [2, 1]})


def test_the_guide_has_every_attribute_that_a_user_class_may_declare() -> None:
    assert first_column("new-scenario.md") >= NAMES


@pytest.mark.parametrize("way", WAYS)
def test_the_experiment_of_the_guide_can_come_out_each_way(loadtests: Path, way: Any) -> None:
    (loadtests / "experiments/file-thread.toml").write_text(blocks("new-experiment.md", "toml")[0])
    (mine,) = experiments.chosen(loadtests, ["file-thread"])
    assert answered(mine, [way]).verdict == WAYS[way]


def test_the_guide_has_every_field_and_every_metric_of_an_experiment() -> None:
    fields = {*Experiment.model_fields, *Evidence.model_fields} - {"id"}
    assert first_column("new-experiment.md") == fields
    named = set(re.findall("`([^`\n]+)`", page("new-experiment.md").partition("\n## Fields\n")[2]))
    assert named >= {*MEASURES, "us", "served"}
    assert {name for name in Side.model_fields if f"{name} = " not in page("new-experiment.md")} == set()


TITLES = (
    findings.TITLE, findings.SURE, statements.GUIDELINE, statements.ANSWERS, effects.CONTRASTS, effects.TOGETHER,
    matrix.TITLE, crossover.TITLE, levels.TITLE, spending.TITLE, spending.LAYERS, spending.START,
)  # fmt: skip
"""Of the parts that a report may have."""


def test_the_guide_to_a_report_has_every_part_that_a_report_may_have(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "reference/quick-docker", tmp_path / "run", ignore=shutil.ignore_patterns("charts"))
    sections = contents.of(view_of(tmp_path / "run")).sections
    named = {section.title for section in sections if not section.beside} | set(TITLES)
    text = " ".join(page("reading.md").split())
    assert {title for title in named if title not in text} == set()
