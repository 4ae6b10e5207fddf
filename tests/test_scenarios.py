"""Scenarios are read from the load tests' text and chosen by id."""

import subprocess
import sys
from pathlib import Path

import pytest

from lab.config import scenarios
from lab.errors import LabError
from lab.paths import LOADTESTS, ROOT


def test_reading_scenarios_imports_no_load_test() -> None:
    code = "import sys, pathlib; from lab.config import scenarios; scenarios.all_of(pathlib.Path('loadtests')); "
    code += "print(sorted({'locust', 'gevent', 'client'} & set(sys.modules)))"
    seen = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert seen.stdout == "[]\n"


def test_the_contract_has_its_workloads() -> None:
    workloads = {scenario.workload for scenario in scenarios.all_of(LOADTESTS)}
    assert workloads >= {"json", "parse", "crunch", "db", "http", "file", "wait", "mixed", "health"}


def test_a_workload_names_all_its_techniques_in_the_order_of_the_file() -> None:
    found = scenarios.find(LOADTESTS, ["db"])
    assert [scenario.id for scenario in found] == ["db/one", "db/sequential", "db/batched"]
    assert [scenario.user for scenario in found] == ["One", "Sequential", "Batched"]
    assert {scenario.file for scenario in found} == {"loadtests/db.py"}


def test_a_path_names_one_scenario() -> None:
    (scenario,) = scenarios.find(LOADTESTS, ["db/batched"])
    assert (scenario.path, scenario.params) == ("/db/batched", {"n": 10, "ms": 0})


def test_parameters_that_differ_from_the_default_stand_in_the_id() -> None:
    (scenario,) = scenarios.find(LOADTESTS, ["http/bounded?limit=3&ms=20&n=7"])
    assert scenario.id == "http/bounded?n=7&limit=3"
    assert scenario.params == {"n": 7, "ms": 20, "limit": 3}


def test_an_id_with_its_parameters_means_the_same_scenario_again() -> None:
    for given in ("mixed?ms=9&rounds=3", "wait?ms=50", "file?kb=1"):
        first = scenarios.find(LOADTESTS, [given])
        assert scenarios.find(LOADTESTS, [scenario.id for scenario in first]) == first


def test_a_parameter_left_to_the_server_can_be_given() -> None:
    assert scenarios.find(LOADTESTS, ["crunch/inline"])[0].params == {}
    assert scenarios.find(LOADTESTS, ["crunch/inline?rounds=9"])[0].params == {"rounds": 9}


def test_cpu_ms_stands_in_the_id_and_in_the_place_of_rounds() -> None:
    (scenario,) = scenarios.find(LOADTESTS, ["mixed?cpu_ms=2"])
    assert (scenario.id, scenario.cpu_ms, scenario.params) == ("mixed?cpu_ms=2", 2, {"ms": 5})
    assert [one.id for one in scenarios.find(LOADTESTS, ["crunch?cpu_ms=2"])] == [
        "crunch/inline?cpu_ms=2",
        "crunch/thread?cpu_ms=2",
        "crunch/process?cpu_ms=2",
    ]


def test_parameters_of_a_workload_go_to_all_its_techniques() -> None:
    assert [scenario.params["ms"] for scenario in scenarios.find(LOADTESTS, ["db?ms=5"])] == [5, 5, 5]


def test_each_scenario_is_found_once_in_the_order_given() -> None:
    found = scenarios.find(LOADTESTS, ["wait", "db/one", "db", "wait?ms=50"])
    assert [scenario.id for scenario in found] == ["wait", "db/one", "db/sequential", "db/batched"]
    assert scenarios.find(LOADTESTS, ["all"]) == scenarios.all_of(LOADTESTS)


def test_what_a_class_declares_comes_with_what_it_does_and_what_it_leaves_to_the_server() -> None:
    bounded = next(one for one in scenarios.declared_in(LOADTESTS) if one.name == "http/bounded")
    assert bounded.source.about == "n calls, at most `limit` of them at once."
    assert bounded.params == {"n": 10, "ms": 20, "capacity": None, "limit": 4}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("dB", r"no scenario 'dB'; there are: .*db, db/one"),
        ("db/two", "no scenario 'db/two'"),
        ("", "no scenario ''"),
        ("wait?sec=1", "wait has no parameter 'sec'; it has: ms"),
        ("json?n=1", "json has no parameter 'n'; it has: none"),
        ("http?n=5", "http/one has no parameter 'n'"),
        ("wait?ms=-1", "ms of the scenario wait is a whole number, not '-1'"),
        ("wait?ms=", "not ''"),
        ("wait?cpu_ms=2", "wait has no parameter 'cpu_ms'; it has: ms"),
        ("crunch?n=2", "crunch/inline has no parameter 'n'; it has: rounds, cpu_ms"),
        ("crunch?cpu_ms=0", "cpu_ms of the scenario crunch/inline is from 1 to 200 milliseconds"),
        ("crunch?cpu_ms=2&rounds=9", "in place of rounds: give one of the two"),
    ],
)
def test_what_is_not_known_is_named_with_the_choices(given: str, complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        scenarios.find(LOADTESTS, [given])


def test_a_class_inherits_its_literals_and_abstract_classes_are_no_scenarios(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(
        "from fast import FastUser\nLIMIT = 3\n"
        "class Base(FastUser):\n    abstract = True\n    path = '/base'\n    params = {'n': 1}\n"
        "class Thing(Base):\n    path = '/thing/one'\n    other = LIMIT\n"
        "class Other:\n    pass\n"
    )
    (scenario,) = scenarios.all_of(tmp_path)
    assert (scenario.id, scenario.workload, scenario.params) == ("thing/one", "thing", {"n": 1})


def test_a_load_test_that_is_no_python_is_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("class Wrong(:\n")
    with pytest.raises(LabError, match=r"wrong\.py, line 1: "):
        scenarios.all_of(tmp_path)


def test_no_load_test_hides_a_module_of_pythons_own_library() -> None:
    """Locust puts the folder first on the import path: a json.py there would break every program that imports json."""
    assert {file.stem for file in LOADTESTS.glob("*.py")}.isdisjoint(sys.stdlib_module_names)


def test_a_user_class_is_named_for_its_technique_and_a_file_for_its_workload() -> None:
    for scenario in scenarios.all_of(LOADTESTS):
        assert scenario.user == scenario.id.split("/")[-1].title().replace("-", "")
        assert scenario.workload in Path(scenario.file).stem.split("_")
