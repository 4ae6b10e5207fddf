"""The process runtime's reading of docker-compose.yml, compared with Compose's own."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from lab.config import compose, openapi
from lab.errors import LabError
from lab.model.stack import Service
from lab.paths import COMPOSE_FILE, ROOT
from tests.conftest import needs_engine

VARIABLES = {"LAB_SERVER_CPUS": "1", "LAB_OTHER_CPUS": "0", "LAB_PORT": "8199", "LAB_ARM": "@aa"}
BUDGET = {"LAB_WORKERS": "2", "LAB_SLOTS": "200", "LAB_DB_POOL": "7", "LAB_UPSTREAM_CONNECTIONS": "8", "LAB_BACKLOG": "9"} | {
    "LAB_KEEP_ALIVE_S": "10", "LAB_ARM": "+slots=200@aa", "LAB_PIDS": "1024", "LAB_MEMORY_MB": "2048",
}  # fmt: skip


def written(tmp_path: Path, service: str) -> Path:
    path = tmp_path / "docker-compose.yml"
    path.write_text(f"services:\n  one: {service}\n")
    return path


def as_compose_says(name: str, described: dict[str, object]) -> dict[str, object]:
    """The keys that the process runtime honours, from `docker compose config --format json`."""
    command = described["command"]
    environment = described.get("environment") or {}
    labels = described.get("labels") or {}
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    assert isinstance(labels, dict)
    return {
        "name": name,
        "command": tuple(word.replace("$$", "$") for word in command),
        "environment": {key: value.replace("$$", "$") for key, value in environment.items()},
        "cpuset": {int(cpu) for cpu in str(described["cpuset"]).split(",")},
        "nofile": described["ulimits"]["nofile"],  # type: ignore[index]
        "stop_signal": described.get("stop_signal", "SIGTERM"),
        "stop_grace_period_s": float(str(described["stop_grace_period"]).removesuffix("s")),
        "labels": labels,
    }


def as_the_lab_says(service: Service) -> dict[str, object]:
    return {
        "name": service.name,
        "command": service.command,
        "environment": service.environment,
        "cpuset": set(service.cpuset),
        "nofile": service.ulimits["nofile"],
        "stop_signal": service.stop_signal,
        "stop_grace_period_s": service.stop_grace_period_s,
        "labels": service.labels,
    }


@needs_engine
@pytest.mark.parametrize("variables", [{}, VARIABLES, BUDGET], ids=["defaults", "overridden", "another budget"])
def test_the_lab_reads_the_file_as_compose_does(variables: dict[str, str]) -> None:
    answer = subprocess.run(
        ["docker", "compose", "--file", str(COMPOSE_FILE), "--profile", "*", "config", "--format", "json"],
        cwd=ROOT, env={"PATH": "/usr/bin:/bin:/usr/local/bin", **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    described = json.loads(answer.stdout)["services"]
    ours = compose.read(COMPOSE_FILE, variables)
    assert set(ours) == set(described)
    stacks = [service for name, service in described.items() if name != "postgres"]  # it has a process per connection
    assert {service["pids_limit"] for service in stacks} == {int(variables.get("LAB_PIDS", 512))}
    bytes_ = int(variables.get("LAB_MEMORY_MB", 1024)) * 2**20
    assert {int(service["mem_limit"]) for service in stacks} == {bytes_}
    for name, service in ours.items():
        assert as_the_lab_says(service) == as_compose_says(name, described[name])


def test_what_the_process_runtime_leaves_out_is_named() -> None:
    service = compose.read(COMPOSE_FILE, {})["flask-gunicorn"]
    assert {"image", "build", "read_only", "cap_drop", "mem_limit"} <= set(service.not_applied)
    assert "command" not in service.not_applied


def test_a_key_that_could_not_be_honoured_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="service one uses restart"):
        compose.read(written(tmp_path, "{command: [true], restart: always}"), {})


def test_a_command_for_a_shell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="one needs its command as a list"):
        compose.read(written(tmp_path, "{command: sleep 1}"), {})


@pytest.mark.parametrize("text", ["$HOME", "${HOME}", "${HOME:?no}", "a$"])
def test_a_variable_without_default_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="NAME:-default"):
        compose.interpolate(text, {"HOME": "x"})


def test_an_empty_variable_counts_as_unset() -> None:
    assert compose.interpolate("${A:-b} $$ ${C:-}", {"A": "", "C": "d"}) == "b $ d"


def test_a_stack_without_its_labels_is_refused(tmp_path: Path) -> None:
    services = compose.read(written(tmp_path, "{command: [x], labels: {lab.framework: F}}"), {})
    with pytest.raises(LabError, match=r"stack one lacks the label 'lab\.server'"):
        compose.stacks(services)


@pytest.mark.parametrize(
    ("label", "line", "form"),
    [
        ("lab.exceptions", "slots: none", "setting=<whole number or null>: why"),
        ("lab.exceptions", "slots=none: why", "setting=<whole number or null>: why"),
        ("lab.exceptions", "slots=40", "setting=<whole number or null>: why"),
        ("lab.omits", "/wait", "/path: why"),
        ("lab.omits", "wait: why", "/path: why"),
    ],
)
def test_a_declaration_of_another_form_is_refused_with_the_line_and_the_form(
    tmp_path: Path, label: str, line: str, form: str
) -> None:
    labels = f"lab.framework: F, lab.server: S, lab.model: async, lab.port: '1', {label}: '{line}'"
    services = compose.read(written(tmp_path, f"{{command: [x], labels: {{{labels}}}}}"), {})
    with pytest.raises(LabError, match=re.escape(f"{label} has the line {line!r} instead of `{form}`")):
        compose.stacks(services)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (
            "lab.omits: '/mixd: why'",
            r"lab\.omits names /mixd, which is no path of the contract; there are: /health, .*/mixed",
        ),
        ("lab.serves: '/json, /dbb/'", r"lab\.serves names /dbb/, which is no path of the contract; there are: "),
        ("lab.serves: ''", r"lab\.serves names no path"),
        ("lab.serves: /json, lab.omits: '/wait: why'", r"lab\.serves and lab\.omits exclude each other"),
        ("lab.omit: '/wait: why'", r"has the label lab\.omit, which the lab does not know; there are: .*lab\.omits"),
    ],
)
def test_what_a_stack_serves_is_named_by_paths_of_the_contract(tmp_path: Path, labels: str, complaint: str) -> None:
    common = "lab.framework: F, lab.server: S, lab.model: async, lab.port: '1'"
    with pytest.raises(LabError, match=complaint):
        compose.stacks(compose.read(written(tmp_path, f"{{command: [x], labels: {{{common}, {labels}}}}}"), {}))


def test_a_stack_that_says_what_it_serves_has_a_reason_for_all_else(tmp_path: Path) -> None:
    labels = "lab.framework: F, lab.server: S, lab.model: async, lab.port: '1', lab.serves: '/json, /db/'"
    stack = compose.stacks(compose.read(written(tmp_path, f"{{command: [x], labels: {{{labels}}}}}"), {}))["one"]
    assert [path for path in openapi.paths() if stack.why_omitted(path) is None] == [
        "/health", "/settings", "/json", "/db/one", "/db/sequential", "/db/batched",
    ]  # fmt: skip
    assert stack.why_omitted("/wait") == "it serves only /json, /db/"


def test_stacks_declare_what_they_omit_and_why() -> None:
    stacks = compose.stacks(compose.read(COMPOSE_FILE, {}))
    assert "no coroutine" in str(stacks["flask-gunicorn"].why_omitted("/parse/coroutine"))
    assert stacks["flask-gunicorn"].why_omitted("/parse/plain") is None
    assert [stack.name for stack in stacks.values() if stack.baseline] == ["fastapi-uvicorn"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("x-budget: {}", "services"),
        ("services:", "services"),
        ("- services", "docker-compose.yml"),
        ("", "docker-compose.yml"),
        ("services: {one: }", "service one"),
        ("services: {one: {command: [x], labels: [a=b]}}", "service one, labels"),
        ("services: {one: {command: [x], environment: [A=b]}}", "service one, environment"),
        ("services: {one: {command: [x], build: .}}", "service one, build"),
        ("{services: {}, x-budget: [A=1]}", "x-budget"),
    ],
)
def test_what_is_no_mapping_is_said_with_its_place(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "docker-compose.yml"
    path.write_text(text)
    with pytest.raises(LabError, match=rf"{where}: this is no mapping"):
        compose.read(path, {})


def test_numbers_without_quotes_are_read_as_compose_reads_them(tmp_path: Path) -> None:
    path = written(tmp_path, "{command: [x], cpuset: 3, environment: {LAB_SLOTS: 40}}")
    path.write_text(path.read_text() + "x-budget: {LAB_SLOTS: 40}\n")
    service = compose.read(path, {})["one"]
    assert (service.cpuset, service.environment, service.budget) == ((3,), {"LAB_SLOTS": "40"}, {"LAB_SLOTS": 40})


def test_each_value_of_the_budget_stands_once() -> None:
    """A command takes it by its anchor, so that a variable changes it everywhere."""
    text, read = COMPOSE_FILE.read_text(), compose.read(COMPOSE_FILE, BUDGET)
    for name, value in read["postgres"].budget.items():
        assert f"{name}:-" in text
        assert str(value) == BUDGET[name], name
    stacks = compose.stacks(read)
    for name, stack in stacks.items():
        words = " ".join(read[name].command)
        for option, setting in (("workers", "workers"), ("threads", "slots"), ("backlog", "backlog")):
            given = re.findall(rf"--{option}[= ](\S+)", words)
            assert given in ([], [str(stack.budget[setting])]), f"{name}: {words}"


def test_a_file_without_a_variable_says_that_its_budget_cannot_be_changed(tmp_path: Path) -> None:
    path = written(tmp_path, "{command: [x], environment: {LAB_SLOTS: '${LAB_SLOTS:-40}'}}")
    assert compose.defaults(path, ["LAB_SLOTS"]) == {"LAB_SLOTS": 40}
    with pytest.raises(LabError, match=r"has no \$\{LAB_PIDS:-<whole number>\}, so that budgets cannot be changed"):
        compose.defaults(path, ["LAB_SLOTS", "LAB_PIDS"])


def test_a_missing_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"docker-compose\.yml is missing"):
        compose.read(tmp_path / "docker-compose.yml", {})


@pytest.mark.parametrize(
    ("variables", "exceptions", "workers"),
    [("", "", 1), ("LAB_WORKERS: '4'", "", 4), ("LAB_WORKERS: '1'", "workers=2: to try it", 2)],
)
def test_a_stack_has_the_workers_that_it_declares(
    tmp_path: Path, variables: str, exceptions: str, workers: int
) -> None:
    labels = f"lab.framework: F, lab.server: S, lab.model: async, lab.port: '1', lab.exceptions: '{exceptions}'"
    path = written(tmp_path, f"{{ command: [x], environment: {{ {variables} }}, labels: {{ {labels} }} }}")
    assert compose.stacks(compose.read(path, {}))["one"].workers == workers


def test_every_stack_knows_where_upstream_is() -> None:
    services = compose.read(COMPOSE_FILE, VARIABLES)
    assert {stack.upstream_port for stack in compose.stacks(services).values()} == {services["upstream"].port}


@pytest.mark.parametrize("port", [8101, 8201, 8001])
def test_two_services_with_one_port_are_refused_with_both_names(tmp_path: Path, port: int) -> None:
    """An A/A arm listens 100 above its stack."""
    text = "services:\n" + "".join(
        f"  {name}: {{command: [x], labels: {{lab.port: '{taken}'}}}}\n"
        for name, taken in (("one", 8101), ("two", port))
    )
    path = tmp_path / "docker-compose.yml"
    path.write_text(text)
    with pytest.raises(LabError, match=r"one and two would both listen on port 8\d01; .* Give two another port"):
        compose.refuse_shared_ports(compose.read(path, {}))
