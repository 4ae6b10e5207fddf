"""The truth is computed rightly, the ratios are ratios, and a short truth test passes on a real server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import psutil
import pytest
from rich.console import Console

from lab.calibrate import rates, result, run, self_check, truths
from lab.calibrate.awake import YIELDING, kept_awake
from lab.calibrate.generators import Generators, read_wrk
from lab.calibrate.known_servers import Place
from lab.calibrate.result import (
    Calibration,
    CpuTruth,
    Finding,
    Generator,
    Memory,
    Throughput,
    TruthTest,
    Window,
)
from lab.calibrate.truth import (
    Mode,
)
from lab.errors import Exit, LabError
from lab.host import machine
from lab.load.client import Driver
from lab.model.loads import Load
from lab.paths import ROOT
from tests.conftest import ENGINE_MISSING, remeasured, until
from tests.synthetic import a_truth_test


def windows(fast: list[float], other: list[float]) -> list[Window]:
    columns: list[tuple[Generator, list[float]]] = [("fast user", fast), ("FastHttpUser", other)]
    return [
        Window(server="nginx", generator=generator, round=number, rps=rps, requests_per_cpu_s=2 * rps, errors=0)
        for generator, column in columns
        for number, rps in enumerate(column)
    ]


def test_ratios_are_taken_inside_the_rounds() -> None:
    found = rates.ratios(windows([400, 800, 1600], [100, 200, 400]))
    assert [(one.metric, one.value.mean, one.rounds) for one in found] == [
        ("rps", pytest.approx(4), 3),
        ("requests_per_cpu_s", pytest.approx(4), 3),
    ]
    assert found[0].value.lo == found[0].value.hi == pytest.approx(4)


@pytest.mark.parametrize(("fast", "met"), [([400.0, 410.0], True), ([390.0, 400.0], False)])
def test_the_goal_of_the_fast_user_is_judged_where_the_generator_is_the_limit(fast: list[float], met: bool) -> None:
    seen = windows(fast, [100, 100])
    rows = rates.findings(Throughput(windows=tuple(seen), ratios=rates.ratios(seen)))
    assert [row.met for row in rows] == [None, None, None, met]


def test_wrk_is_read() -> None:
    text = "Running 2s test @ http://x\n  24000 requests in 2.00s, 3MB read\n  Non-2xx or 3xx responses: 7\n"
    assert read_wrk(text) == (24_000, 12_000, 7)
    assert read_wrk("  240 requests in 500.00ms, 3MB read")[1] == 480
    with pytest.raises(LabError, match="no number of requests"):
        read_wrk("unable to connect")


def test_cpus_are_kept_awake_by_processes_that_yield() -> None:
    """Spinning, at the lowest priority, on the CPU they were told, and gone afterwards."""
    cpu = machine.plan_cpus().others[0]
    me = psutil.Process()
    before = set(me.children())
    with kept_awake([cpu]):
        (spinner,) = set(me.children()) - before
        until(lambda: spinner.nice() == YIELDING)
        assert spinner.cpu_affinity() == [cpu]
    assert not spinner.is_running()


def test_what_keeps_a_cpu_awake_ends_with_a_calibration_that_was_killed() -> None:
    cpu = machine.plan_cpus().others[0]
    code = f"from lab.calibrate.awake import kept_awake\nwith kept_awake([{cpu}]): print(flush=True); input()"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout
    parent.stdout.readline()
    (spinner,) = psutil.Process(parent.pid).children()
    until(lambda: spinner.nice() == YIELDING)
    parent.kill()
    parent.communicate()
    gone, _ = psutil.wait_procs([spinner], timeout=20)
    assert gone == [spinner]


def test_the_table_says_met_and_missed() -> None:
    console = Console(width=120, record=True, quiet=False, file=Path("/dev/null").open("w"))  # noqa: SIM115
    run.print_findings(
        [
            Finding(part="CPU", figure="a", value="1", goal="2", met=True),
            Finding(part="CPU", figure="b", value="1", goal="2", met=False),
        ],
        console,
    )
    text = console.export_text()
    console.file.close()
    assert "met" in text
    assert "missed" in text


def test_recording_is_measured_in_a_process_of_its_own() -> None:
    seen = self_check.record("open", 200_000)
    assert 0 < seen.added_bytes < 20_000_000
    assert seen.peak_added_bytes >= seen.added_bytes / 2


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Generators]]:
    folder, cpus = tmp_path_factory.mktemp("calibrate"), machine.plan_cpus()
    with Driver(cpus=cpus.others, log=folder / "driver.log") as driver:
        yield Place(folder, cpus.server), Generators(driver, cpus.others)


@pytest.mark.parametrize("load", ["closed:4", pytest.param("open:200", marks=pytest.mark.slow)])
def test_a_short_truth_test_on_a_real_server(workshop: tuple[Place, Generators], load: str) -> None:
    """Tolerant, since other programs run beside a test suite: they disturb one attempt, a fault would be in all."""

    def told_the_truth() -> bool:
        test = truths.measure(*workshop, truths.Test("log-normal", load, 0.6, 0.2), stock=False)
        assert test.errors == {}
        assert test.requests > 80
        assert bool(test.lag_ms) == (test.load.kind == "open")
        return test.reported_ms["p50"] == pytest.approx(test.truth_ms["p50"], rel=0.5)

    assert any(told_the_truth() for _ in range(5))


@pytest.mark.parametrize("contained", [False, True])
@remeasured
def test_the_cpu_time_that_is_read_is_what_was_burnt(workshop: tuple[Place, Generators], contained: bool) -> None:
    seen = self_check.burn(*workshop, window_s=0.5, contained=contained)
    if contained and seen is None:
        assert os.geteuid() != 0 or ENGINE_MISSING  # an engine makes groups, so that root can
        return
    assert seen is not None
    assert seen.burnt_us_per_request == pytest.approx(5_000, rel=0.2)
    assert seen.read_us_per_request == pytest.approx(seen.burnt_us_per_request, rel=0.25)


@pytest.mark.slow
def test_every_generator_there_is_drives_the_bare_servers(workshop: tuple[Place, Generators]) -> None:
    seen = rates.measure(*workshop, rounds=1, close_rounds=1, window_s=0.3)
    assert {"fast user", "FastHttpUser"} <= {one.generator for one in seen.windows}
    assert all(one.rps > 100 and one.errors == 0 for one in seen.windows)


def a_calibration(facts: dict[str, Any]) -> Calibration:
    nothing = Memory(load="closed", requests=1, added_bytes=1, peak_added_bytes=1)
    return Calibration(
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        took_s=1,
        machine=facts,
        cpus=machine.CpuPlan(server=(0,), others=(1,)),
        versions={},
        throughput=Throughput(windows=(), ratios=()),
        truth=(),
        cpu=CpuTruth(requests=1, burnt_us_per_request=1, read_us_per_request=1),
        noise=(),
        memory=(nothing,),
    )


def test_a_machine_is_calibrated_once_one_like_it_was(tmp_path: Path) -> None:
    facts = {"cpu": "Z80", "cpus": 2, "load_average_1min": 0.3}
    assert "make calibrate" in str(result.warning(tmp_path, facts))
    path = result.write(tmp_path, a_calibration(facts))
    assert path == tmp_path / "calibration" / "20260102T030405Z.json"
    assert result.warning(tmp_path, facts | {"load_average_1min": 2.0}) is None
    assert result.warning(tmp_path, facts | {"cpus": 4}) is not None


def test_every_mode_has_a_test_in_closed_and_in_open_load() -> None:
    planned = {(test.mode, Load.model_validate(test.load).kind) for test in truths.TESTS}
    assert planned == {(mode, kind) for mode in get_args(Mode) if mode != "burning" for kind in ("closed", "open")}


@pytest.fixture
def short_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A calibration whose generators take a moment, whose second truth test is interrupted, in a place of its own."""
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(run, "STATE", tmp_path / "state")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(rates, "measure", lambda *_: Throughput(windows=(), ratios=()))
    return tmp_path


def test_an_interrupted_calibration_keeps_its_finished_parts(
    short_parts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = iter([a_truth_test()])

    def interrupted(*_: object) -> TruthTest:
        for test in tests:
            return test
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("a signal ends it")

    monkeypatch.setattr(truths, "measure", interrupted)
    assert run.calibrate() == Exit.NOT_ALL_MEASURED
    (written,) = (short_parts / "results/calibration").glob("*.json")
    found = Calibration.model_validate_json(written.read_text())
    assert found.throughput is not None
    assert found.truth == (a_truth_test(),)
    assert found.findings
    assert len(found.missing) == len(truths.TESTS) - 1 + 2 + len(run.PROFILES)
    printed = capsys.readouterr()
    assert "Partial calibration" in printed.out
    assert "noise (quick)" in printed.out
    assert "Interrupted" in printed.err
    assert result.warning(short_parts / "results", machine.facts()), "half a calibration calibrates no machine"


def test_a_calibration_whose_server_does_not_start_says_and_keeps_its_log(
    short_parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(place: Place, *_: object) -> Throughput:
        with place.delays("no such mode"):
            raise AssertionError("it cannot start")

    monkeypatch.setattr(rates, "measure", broken)
    with pytest.raises(LabError, match=r"delays is not running \(exit status 1\)(.|\n)*not in tuple"):
        run.calibrate()
    assert "not in tuple" in (short_parts / "state/logs/calibrate/delays.log").read_text()
    assert not (short_parts / "results").exists()


def test_nothing_is_missing_of_a_committed_calibration() -> None:
    found = Calibration.model_validate_json((ROOT / "results/reference/calibration.json").read_text())
    assert found.missing == ()
