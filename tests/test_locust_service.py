"""Locust's web UI as a container, with the very scenario files that the lab drives."""

import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.config.project import Project
from tests.conftest import environment, needs_engine, until

URL = "http://127.0.0.1:8089"
PROJECT = "async-lab-locust-test"


def compose(checkout: Path, *words: str) -> None:
    variables = {**Project.here().variables, "LAB_PROJECT": PROJECT, "LAB_LOCUSTFILE": "loadtests/db.py"}
    command = ["docker", "compose", "--project-name", PROJECT, "--profile", "locust", *words]
    subprocess.run(command, cwd=checkout, env=environment(variables), check=True, capture_output=True, timeout=300)


@pytest.fixture
def web_ui(checkout: Path) -> Iterator[str]:
    try:
        compose(checkout, "up", "--detach", "--build", "locust")
        until(answers, 60)
        with urllib.request.urlopen(URL) as page:
            yield page.read().decode()
    finally:
        compose(checkout, "down", "--volumes", "--rmi", "all")


def answers() -> bool:
    try:
        with urllib.request.urlopen(URL, timeout=2) as page:
            return bool(page.status == 200)
    except OSError:
        return False


@pytest.mark.slow
@needs_engine
def test_the_web_ui_offers_the_user_classes_of_a_scenario_file(web_ui: str) -> None:
    for technique in ("One", "Sequential", "Batched"):
        assert f'"{technique}"' in web_ui
