"""The micro benchmarks: figures from synthetic originals, the scripts with tiny settings, and their page."""

import ast
import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.analysis import micro
from lab.analysis.micro import CLAIMED, Original
from lab.commands import microbench
from lab.config.project import Project
from lab.errors import Exit, LabError
from lab.paths import COMPOSE_PROJECT, LOADTESTS, MICRO, ROOT
from lab.report import again, ladder
from lab.run import scripts
from lab.run.scripts import Effort
from lab.runtime import auto
from stacks.micro.ladder import CHUNK, LOOPS, STEPS
from stacks.micro.letters import TEXT, letters, letters_coroutine
from tests.conftest import needs_engine, until
from tests.fakes import FakeWorld, Said

TINY = Effort(processes=1, values=1, min_time_s=1e-6, naive_processes=2, naive_calls=10)
CLOSER = pytest.approx


def values(**changed: Any) -> dict[str, Any]:
    """An original of three processes and of two naive ones."""
    steps = {
        "call": (40e-9, 50e-9, 45e-9),
        "letters-function": (1e-6, 1e-6, 1e-6),
        "letters-coroutine": (1.1e-6, 1.2e-6, 1.1e-6),
    }
    return {
        "format": 1,
        "started_at": "2026-11-27T10:00:00Z",
        "took_s": 100.0,
        "runtime": "process",
        "machine": {"cpus": 2, "system": "Linux"},
        "git": None,
        "sha256": {},
        "cpus": [0],
        "others_busy": 0.02,
        "python": "3.13.5",
        "versions": {"uvloop": "0.23.0"},
        "calls": 100_000,
        "about": {name: f"what {name} does" for name in steps},
        "steps": steps,
        "naive": [{"function_s": 0.1, "coroutine_s": 0.13}, {"function_s": 0.2, "coroutine_s": 0.18}],
    } | changed


def read(**changed: Any) -> Original:
    return Original.read(values(**changed), "here")


def test_a_step_is_the_geometric_mean_over_processes_in_microseconds() -> None:
    found = micro.steps(read())
    assert found["call"].mean == CLOSER((40 * 50 * 45) ** (1 / 3) / 1e3)
    assert found["call"].lo is not None
    assert 0.03 < found["call"].lo < found["call"].mean


def test_one_process_has_no_interval() -> None:
    steps = {name: seconds[:1] for name, seconds in values()["steps"].items()}
    found = read(steps=steps)
    assert micro.steps(found)["call"].lo is None
    assert micro.proper_ratio(found).lo is None
    assert "45.0 ns |  |" in "\n".join(ladder.table(read(steps=steps | {"call": (45e-9,)})))


def test_naive_ratios_are_those_of_each_process() -> None:
    assert micro.naive_ratios(read()) == [CLOSER(1.3), CLOSER(0.9)]
    assert micro.naive_ratio(read()).mean == CLOSER((1.3 * 0.9) ** 0.5)


def test_the_proper_ratio_is_formed_inside_rounds() -> None:
    both = {"letters-function": (1e-6, 2e-6, 4e-6), "letters-coroutine": (1.1e-6, 2.2e-6, 4.4e-6)}
    found = micro.proper_ratio(read(steps=values()["steps"] | both))
    assert (found.mean, found.lo, found.hi) == (CLOSER(1.1), CLOSER(1.1), CLOSER(1.1))


def test_the_claim_is_359_percent_and_a_microsecond_for_each_await() -> None:
    assert CLAIMED.ratio - 1 == CLOSER(3.59, abs=0.005)
    assert CLAIMED.await_us == CLOSER(1.12)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"format": 2}, "format"),
        ({"steps": {}}, "steps"),
        ({"steps": values()["steps"] | {"call": ()}}, "steps.call"),
        ({"steps": values()["steps"] | {"call": (0.0,)}}, r"steps.call.0"),
        ({"steps": {"call": (1e-9,)}}, "letters-coroutine"),
        ({"about": {}}, "call"),
        ({"naive": []}, "naive"),
    ],
)
def test_a_damaged_original_is_named_with_its_place(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(LabError, match=f"here is damaged.*{what}.*Measure again"):
        read(**changed)


def test_a_file_that_is_cut_or_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"has no micro\.json: `make micro` measures one"):
        micro.original(tmp_path)
    (tmp_path / MICRO).write_text('{"format": 1, "st')
    with pytest.raises(LabError, match=r"micro\.json is damaged or of another format: the whole"):
        micro.original(tmp_path)


def test_the_page_begins_with_the_costs_and_says_how_far_the_naive_one_strays(tmp_path: Path) -> None:
    (tmp_path / MICRO).write_text(read().model_dump_json())
    page, *pictures = ladder.write(tmp_path)
    lines = page.read_text().partition("| step |")[0]
    assert "- what call does: 44.8 ns (" in lines
    assert "+359 %" in lines
    assert "-10.0 % to +30.0 %" in " ".join(lines.split())
    assert "2 of the 2 are outside the interval of the proper measurement" in page.read_text()
    assert len(pictures) == 2
    assert all(picture.read_text().startswith("<svg") for picture in pictures)


@pytest.mark.parametrize(("busy", "advised"), [(None, False), (0.02, False), (0.4, True)])
def test_the_page_says_when_other_programs_ran(busy: float | None, advised: bool) -> None:
    measured = " ".join(next(iter(ladder.table(read(others_busy=busy)))).split())
    assert ("Close other programs" in measured) == advised
    assert ("busiest other CPU" in measured) == (busy is not None)


def test_a_page_can_be_derived_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(again, "RESULTS", tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / MICRO).write_text(read().model_dump_json())
    assert again.report("mine") == Exit.DONE
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "mine/micro.md"),
        str(tmp_path / "mine/micro.svg"),
        str(tmp_path / "mine/micro-naive.svg"),
    ]


def test_the_chunk_of_the_parser_is_what_the_load_sends() -> None:
    nodes = ast.walk(ast.parse((LOADTESTS / "parse.py").read_text()))
    sent = [
        ast.literal_eval(node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "body"
    ]
    assert sent == [CHUNK]


def test_function_and_coroutine_keep_the_letters_of_17_characters() -> None:
    assert len(TEXT) == 17
    assert letters(TEXT) == "abchello"
    with pytest.raises(StopIteration, match="abchello"):
        letters_coroutine(TEXT).send(None)


def test_each_step_that_needs_a_loop_is_there_on_each_loop() -> None:
    on = {loop: {name.removesuffix(f"-{loop}") for name in STEPS if name.endswith(f"-{loop}")} for loop in LOOPS}
    assert on["asyncio"] == on["uvloop"] == {"sleep0", "task", "gather-item", "thread", "executor", "run"}


def test_the_naive_script_prints_the_seconds_of_each_fresh_process() -> None:
    words = [sys.executable, "-m", "stacks.micro.naive", "--processes=2", "--calls=10"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [set(one) for one in json.loads(done.stdout)] == [{"function_s", "coroutine_s"}] * 2


def test_nothing_is_written_where_a_script_prints_no_json(tmp_path: Path) -> None:
    world = FakeWorld()
    with pytest.raises(LabError, match=r"stacks/micro/ladder\.py printed no JSON"):
        scripts.measure(Project.here().services, world.runtime, tmp_path / "run", Said(), TINY)
    assert world.steps[0] == "prepare micro"
    assert world.steps[1].startswith("output of micro python3 -m stacks.micro.ladder --processes=1")
    assert not (tmp_path / "run").exists()


def assert_whole(found: Original, runtime_name: str) -> None:
    assert (found.runtime, found.cpus, found.calls) == (runtime_name, Project.here().cpus.server, 10)
    assert list(found.steps) == list(STEPS)
    assert {len(seconds) for seconds in found.steps.values()} == {1}
    assert len(found.naive) == 2
    assert {"pyperf", "uvloop"} <= found.versions.keys()


@pytest.mark.slow
@needs_engine
def test_the_scripts_are_measured_in_containers_of_which_none_is_left(tmp_path: Path) -> None:
    project = Project.here()
    with closing(auto.runtime(project, "docker")) as runtime:
        found = scripts.measure(project.services, runtime, tmp_path, Said(), TINY)
    assert micro.original(tmp_path) == found
    assert_whole(found, "docker")
    assert not containers()


def containers() -> list[str]:
    """What is left of the scripts in this checkout's project, running or not."""
    words = ["docker", "ps", "--all", "--quiet", "--filter", f"name={COMPOSE_PROJECT}-micro"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("name", ["process", pytest.param("docker", marks=[pytest.mark.slow, needs_engine])])
def test_what_a_failed_command_printed_is_said_and_output_is_apart_from_errors(name: str) -> None:
    project = Project.here()
    with closing(auto.runtime(project, name)) as runtime:
        runtime.prepare(["micro"])
        both = "import sys; print('answer'); print('told', file=sys.stderr)"
        assert runtime.output_of("micro", ["python3", "-c", both]) == "answer\n"
        with pytest.raises(LabError, match=r"failed(.*\n)+told"):
            runtime.output_of("micro", ["python3", "-c", f"{both}; sys.exit(3)"])


@pytest.mark.parametrize("name", ["process", pytest.param("docker", marks=[pytest.mark.slow, needs_engine])])
def test_ctrl_c_leaves_nothing_running(name: str, tmp_path: Path) -> None:
    began = tmp_path / "log"
    code = (
        "from lab.config.project import Project; from lab.runtime import auto\n"
        f"runtime = auto.runtime(Project.here(), {name!r}); runtime.prepare(['micro']); print('prepared', flush=True)\n"
        "runtime.output_of('micro', ['python3', '-c', 'import time; time.sleep(77)'])"
    )
    with (
        began.open("w") as output,
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=output, stderr=output) as lab,
    ):
        until(sleeping)
        lab.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in began.read_text()
    assert not sleeping()
    if name == "docker":
        assert not containers()


def sleeping() -> bool:
    """Whether the command of the test above runs."""
    for process in psutil.process_iter():
        try:
            if process.cmdline()[1:] == ["-c", "import time; time.sleep(77)"]:
                return process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
    return False


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results of the command's own."""
    monkeypatch.setattr(microbench, "ROOT", tmp_path)
    monkeypatch.setattr(microbench, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(microbench, "STATE", tmp_path / "state")
    return tmp_path / "results"


def test_the_command_measures_as_processes_prints_the_answer_and_never_overwrites(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scripts, "USUAL", TINY)
    assert microbench.micro("process", "mine") == Exit.DONE
    said = capsys.readouterr()
    assert said.out.startswith("call of an empty function: ")
    assert "Report: results/mine/micro.md" in said.err
    assert_whole(micro.original(results / "mine"), "process")
    assert {path.name for path in (results / "mine").iterdir()} == {MICRO, "micro.md", "micro.svg", "micro-naive.svg"}
    with pytest.raises(LabError, match="choose another RUN name"):
        microbench.micro("process", "mine")
