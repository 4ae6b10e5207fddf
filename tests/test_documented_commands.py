"""Every `make bench` that README and docs show with words can be planned as it stands there."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.commands import bench
from lab.config import selection
from lab.config.project import Project
from lab.host.machine import CpuPlan
from lab.model import mixtures
from lab.model.stack import SETTINGS
from lab.paths import LOADTESTS, ROOT

SHOWN = re.compile(r"make bench((?: [A-Z]+=(?:'[^']*'|[^\s`]+))+)")
OWN = ("docs/new-stack.md", "docs/new-scenario.md")
"""Their stack and scenario are the reader's own: tests/test_adding_a_stack.py and test_guides.py follow these pages."""
DOCUMENTS = [ROOT / "README.md", ROOT / "loadtests/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


class Able:
    """A runtime that can start everything."""

    @staticmethod
    def lacks(_: str) -> None:
        return None


def shown() -> Iterator[str]:
    for document in DOCUMENTS:
        if str(document.relative_to(ROOT)) not in OWN:
            yield from (match[1].strip() for match in SHOWN.finditer(document.read_text()))


@pytest.mark.parametrize("text", sorted(set(shown())))
def test_a_command_of_the_documents_can_be_planned(text: str) -> None:
    words = dict(word.split("=", 1) for word in shlex.split(text))
    budget = {name: int(words.pop(name.upper())) for name in SETTINGS if name.upper() in words}
    stacks, ids, _ = words.pop("STACKS", ""), words.pop("SCENARIOS", ""), words.pop("RUN", "")
    profile = selection.profile(LOADTESTS, words.pop("PROFILE", bench.DEFAULT_PROFILE))
    asked = selection.replaced(profile, {name: words.pop(name, "") for name in ("LOADS", "WINDOW", "BLOCKS")})
    assert not words, "words that bench does not know"
    two = replace(Project.here(), cpus=CpuPlan(server=(0, 1), others=(0, 1))).with_budget(budget)
    project = two.with_variants(selection.words(stacks) or asked.all_stacks)
    bench._refuse_unknown(project, asked, stacks, ids)
    plan, _ = bench._plan(project, Able(), asked, stacks, ids, seed=1)  # type: ignore[arg-type]
    least = len(mixtures.asked(plan.profile, plan.scenarios))
    assert plan.trials_per_block > least
