"""A newcomer's Locust file: what the lab does not run is named, and so is what is missing."""

import json
from pathlib import Path

import pytest

from lab.config import scenarios, user_classes
from lab.errors import LabError
from tests.conftest import lab

FAST = """
from locust import User, task
class FastUser(User):
    abstract = True
    path: str
    def check(self, body):
        raise NotImplementedError
    @task
    def once(self):
        pass
"""
NOT_FAST = "which is not a FastUser: derive it from FastUser of `client`"
NO_PATH = "which has no `path`: say what it asks for"
CHECK = "\n def check(self, body):\n  return True"


def folder_with(folder: Path, text: str) -> Path:
    (folder / "fast.py").write_text(FAST)
    (folder / "mine.py").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("from locust import HttpUser\nclass Mine(HttpUser):\n pass", 2, NOT_FAST),
        ("from locust import FastHttpUser\n\nclass Mine(FastHttpUser):\n path = '/json'", 3, NOT_FAST),
        ("from locust import HttpUser as H\nclass Base(H):\n abstract = True\nclass Mine(Base):\n pass", 4, NOT_FAST),
        ("from locust import *\nclass Mine(HttpUser):\n pass", 2, NOT_FAST),
        ("import locust\nclass Mine(locust.HttpUser):\n pass", 2, NOT_FAST),
        ("import locust.contrib.fasthttp\nclass Mine(locust.contrib.fasthttp.FastHttpUser):\n pass", 2, NOT_FAST),
        ("from locust.contrib.fasthttp import FastHttpUser\nclass Mine(FastHttpUser):\n pass", 2, NOT_FAST),
        ("from locust import task\nclass Mine:\n @task\n def go(self):\n  pass", 2, NOT_FAST),
        ("import locust\nclass Mine(Elsewhere):\n @locust.task(3)\n def go(self):\n  pass", 2, NOT_FAST),
        ("from fast import FastUser\nclass Mine(FastUser):\n params = {'n': 1}", 2, NO_PATH),
    ],
)
def test_a_user_class_that_is_no_scenario_is_named_with_its_line_and_what_to_do(
    tmp_path: Path, text: str, line: int, why: str
) -> None:
    (said,) = user_classes.ignored(folder_with(tmp_path, text))
    assert said.startswith(f"{tmp_path.name}/mine.py, line {line}: the lab does not run Mine, {why}")
    assert scenarios.all_of(tmp_path) == ()


def test_bases_and_helpers_are_not_meant(tmp_path: Path) -> None:
    text = "from fast import FastUser\nclass Base(FastUser):\n abstract = True\nclass Helper:\n def task(self):\n  pass"
    assert list(user_classes.ignored(folder_with(tmp_path, text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "class A(FastUser):\n path = '/a'",
        "class A(FastUser):\n path = '/a'\n def chek(self, body):\n  return True",
        "class B(FastUser):\n abstract = True\nclass A(B):\n path = '/a'",
    ],
)
def test_a_scenario_without_check_is_refused_with_file_and_line(tmp_path: Path, text: str) -> None:
    line = 2 + text.count("\nclass A") * 2
    with pytest.raises(LabError, match=rf"mine\.py, line {line}: A has no `check`, .*: add `def check\(self, body\):`"):
        scenarios.all_of(folder_with(tmp_path, "from fast import FastUser\n" + text))


@pytest.mark.parametrize(
    "text",
    [
        "class B(FastUser):\n abstract = True" + CHECK + "\nclass A(B):\n path = '/a'",
        "class A(FastUser):\n path = '/a'\n check = staticmethod(bool)",
        "from elsewhere import Checked\nclass A(Checked, FastUser):\n path = '/a'",
    ],
)
def test_a_check_may_come_from_a_base_or_from_outside(tmp_path: Path, text: str) -> None:
    (found,) = scenarios.all_of(folder_with(tmp_path, "from fast import FastUser\n" + text))
    assert found.user == "A"


def test_two_scenarios_of_one_name_are_an_error_that_names_both_files(checkout: Path) -> None:
    mine = checkout / "loadtests/mine.py"
    mine.write_text(f'from client import FastUser\n\n\nclass Mine(FastUser):\n path = "/json"{CHECK}\n')
    for command in (["scenarios"], ["bench", "--scenarios=json"]):
        done = lab(checkout, *command)
        assert (done.returncode, done.stdout) == (2, "")
        assert (
            "loadtests/mine.py, line 4: Mine has the path /json, as Json of loadtests/hello_json.py has" in done.stderr
        )


def test_both_commands_that_choose_scenarios_name_an_ignored_class_and_go_on(checkout: Path) -> None:
    mine = checkout / "loadtests/mine.py"
    mine.write_text(
        "from locust import HttpUser, task\nclass Mine(HttpUser):\n @task\n def go(self):\n  self.client.get('/')\n"
    )
    said = "lab: loadtests/mine.py, line 2: the lab does not run Mine, which is not a FastUser"
    listed = lab(checkout, "scenarios", "--json")
    assert listed.returncode == 0
    assert listed.stderr.startswith(said)
    assert "Mine" not in [one["user"] for one in json.loads(listed.stdout)]
    asked = lab(checkout, "bench", "--scenarios=mine")
    assert asked.returncode == 2
    assert asked.stderr.startswith(said)
    assert "There is no scenario 'mine'" in asked.stderr


def test_a_missing_check_ends_bench_before_anything_is_measured(checkout: Path) -> None:
    (checkout / "loadtests/mine.py").write_text(
        'from client import FastUser\n\n\nclass Mine(FastUser):\n    path = "/json/mine"\n'
    )
    done = lab(checkout, "bench", "--scenarios=json/mine", "--run=it")
    assert done.returncode == 2
    assert done.stderr.startswith("lab: loadtests/mine.py, line 4: Mine has no `check`")
    assert not (checkout / "results/it").exists()
