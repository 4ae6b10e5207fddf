"""Read docker-compose.yml, the only description of how stacks and services are started.

The process runtime honours a part of the file and leaves out another part by name; any other key is refused, so that
nobody believes a setting to be in force that is not. `docker compose config` decides: a test compares this reading with its own.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError

from lab.config import openapi
from lab.errors import LabError
from lab.host.machine import parse_cpus
from lab.model.effective import of_variable
from lab.model.stack import AA_PORT_OFFSET, FACTORS, SETTINGS, Exempt, Service, Stack, covers

NOT_APPLIED = (
    "image", "build", "labels", "profiles", "network_mode", "user", "read_only", "tmpfs", "cap_drop", "security_opt",
    "pids_limit", "mem_limit", "init", "secrets", "depends_on",
)  # fmt: skip
"""What the process runtime leaves out; named in run.json. (`labels`, `profiles` and `image` are read by the lab itself.
What a stack depends on the lab starts itself, in both runtimes.)"""

LABELS = (
    *(f"lab.{factor}" for factor in FACTORS), "lab.port", "lab.baseline", "lab.serves", "lab.omits", "lab.exceptions", "lab.needs",
    "lab.lock", "lab.documented",
)  # fmt: skip
_OMIT = re.compile(r"(?P<path>/\S*): +(?P<why>.+)")
_EXCEPTION = re.compile(r"(?P<name>\w+)=(?P<value>0|[1-9]\d*|null): +(?P<why>.+)")
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Z][A-Z0-9_]*):-(?P<default>[^}$]*)\})?")


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Replace `${NAME:-default}` (an empty variable counts as unset, as in Compose) and `$$`.

    Raises:
        LabError: for any other use of `$`.
    """

    def replace(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        if match["name"] is None:
            raise LabError(
                f"docker-compose.yml: in {text!r}, write variables as ${{NAME:-default}} and a plain $ as $$."
            )
        return variables.get(match["name"]) or match["default"]

    return _VARIABLE.sub(replace, text)


def read(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Return all services of the file by name, in the file's order.

    Raises:
        LabError: the file is missing, is no YAML, or says something that the process runtime could not honour.
    """
    try:
        document = openapi.parsed(path.read_text())
    except FileNotFoundError:
        raise LabError(
            f"{path.name} is missing in {path.parent}: run the lab from a checkout of the project."
        ) from None
    except yaml.YAMLError as error:
        raise LabError(f"{path.name} is no valid YAML: {error}") from None
    top = _mapping(document, path.name)
    services = _replaced(_mapping(top.get("services"), f"{path.name}: services"), variables)
    shared = _replaced(_mapping(top.get("x-budget", {}), f"{path.name}: x-budget"), variables)
    given = {name: str(value) for name, value in shared.items()}
    budget = {name: int(text) for name, text in given.items() if text.isdecimal()}
    return {name: _service(name, keys).model_copy(update={"budget": budget}) for name, keys in services.items()}


def defaults(path: Path, variables: Iterable[str]) -> dict[str, int]:
    """Return variable -> the whole number that it has where nobody sets it; where a file has several, the first.

    Raises:
        LabError: the file does not have one of them.
    """
    found = [match for match in _VARIABLE.finditer(path.read_text()) if (match["default"] or "").isdecimal()]
    known = {match["name"]: int(match["default"]) for match in reversed(found)}
    if missing := [name for name in variables if name not in known]:
        raise LabError(
            f"{path.name} has no ${{{missing[0]}:-<whole number>}}, so that budgets cannot be changed: write it there."
        )
    return known


def stacks(services: Mapping[str, Service]) -> dict[str, Stack]:
    """Return the services that are stacks: those with a label `lab.framework`; a variant is no baseline."""
    return {name: _stack(name, service) for name, service in services.items() if "lab.framework" in service.labels}


def refuse_shared_ports(services: Mapping[str, Service]) -> None:
    """Raise a LabError where two services, or a service and the A/A arm of another, have one port."""
    owners: dict[int, str] = {}
    for name, service in services.items():
        for port in (service.port, service.port + AA_PORT_OFFSET) if service.port else ():
            if (other := owners.setdefault(port, name)) != name:
                raise LabError(
                    f"docker-compose.yml: {other} and {name} would both listen on port {port}; A/A arms are {AA_PORT_OFFSET} above. "
                    f"Give {name} another port."
                )


def _replaced(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return interpolate(node, variables)
    if isinstance(node, list):
        return [_replaced(item, variables) for item in node]
    if isinstance(node, dict):
        return {key: _replaced(value, variables) for key, value in node.items()}
    return node


def _mapping(node: Any, where: str) -> dict[str, Any]:
    """Return the node as it is; raise LabError if it has another type."""
    if not isinstance(node, dict):
        raise LabError(f"{where}: this is no mapping; write `name: value` lines there.")
    return node


def _service(name: str, node: Any) -> Service:
    where = f"docker-compose.yml: service {name}"
    keys = _mapping(node, where)
    own = {"name", "lock", "base_image", "budget", "variables", "not_applied", "stop_grace_period_s"}
    honoured = set(Service.model_fields) - own | {"stop_grace_period"}
    if unknown := sorted(set(keys) - honoured - set(NOT_APPLIED)):
        raise LabError(
            f"docker-compose.yml: service {name} uses {', '.join(unknown)}, which the process runtime does not know; "
            "take it out, or teach lab/config/compose.py to honour it."
        )
    if not isinstance(keys.get("command"), list):
        raise LabError(
            f"docker-compose.yml: service {name} needs its command as a list, so that no shell has to read it."
        )
    values = {key: value for key, value in keys.items() if key in honoured}
    values["stop_grace_period_s"] = _seconds(name, str(values.pop("stop_grace_period", "10s")))
    arguments = _mapping(_mapping(keys.get("build", {}), f"{where}, build").get("args", {}), f"{where}, build.args")
    labels = _mapping(keys.get("labels", {}), f"{where}, labels")
    if unknown := [label for label in labels if label.startswith("lab.") and label not in LABELS]:
        raise LabError(
            f"{where} has the label {unknown[0]}, which the lab does not know; there are: {', '.join(LABELS)}."
        )
    environment = _mapping(keys.get("environment", {}), f"{where}, environment")
    lock = arguments.get("LOCK")
    values["lock"] = f"locks/{lock}.txt" if lock else labels.get("lab.lock")
    values["base_image"] = arguments.get("LAB_BASE_IMAGE") if lock else None
    values["environment"] = {key: str(value) for key, value in environment.items()}
    if "cpuset" in values:
        values["cpuset"] = parse_cpus(str(values["cpuset"]))
    try:
        return Service(name=name, not_applied=tuple(key for key in NOT_APPLIED if key in keys), **values)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise LabError(f"{where}, {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}.") from None


def _seconds(name: str, text: str) -> float:
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text):
        return float(match[1]) * (0.001 if match[2] == "ms" else 1)
    raise LabError(f"docker-compose.yml: service {name} has stop_grace_period {text!r}; write it like 5s or 500ms.")


def _stack(name: str, service: Service) -> Stack:
    labels = service.labels
    try:
        exceptions = _exceptions(labels.get("lab.exceptions", ""))
        workers = exceptions["workers"].value if "workers" in exceptions else service.environment.get("LAB_WORKERS", 1)
        return Stack(
            name=name,
            **_factors(labels),
            port=int(labels["lab.port"]),
            slots=int(service.environment.get("LAB_SLOTS", "40")),
            workers=int(workers or 1),
            upstream_port=urlsplit(service.environment.get("LAB_UPSTREAM_URL", "")).port,
            serves=_serves(labels),
            omits=_omits(labels.get("lab.omits", "")),
            exceptions=exceptions,
            budget={of_variable(key): value for key, value in service.budget.items() if of_variable(key) in SETTINGS},
            base_image=service.base_image or "",
            guide=labels.get("lab.documented", ""),
            baseline=labels.get("lab.baseline") == "true" and name == service.name,
        )
    except KeyError as error:
        raise LabError(f"docker-compose.yml: stack {service.name} lacks the label {error}.") from None
    except ValueError as error:
        raise LabError(f"docker-compose.yml: the labels of stack {service.name} are wrong: {error}.") from None


def _factors(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the factors; handlers of a stack that does not declare them are asynchronous where its model is."""
    found = {factor: labels[f"lab.{factor}"] for factor in FACTORS if f"lab.{factor}" in labels}
    required = {factor: labels[f"lab.{factor}"] for factor in ("framework", "server", "model")}
    return {"handlers": "async" if required["model"] == "async" else "sync"} | found


def _serves(labels: Mapping[str, str]) -> tuple[str, ...]:
    if "lab.serves" not in labels:
        return ()
    served = tuple(labels["lab.serves"].replace(",", " ").split())
    if not served:
        raise ValueError("lab.serves names no path")
    if "lab.omits" in labels:
        raise ValueError("lab.serves and lab.omits exclude each other; say what it serves, or what it does not")
    _refuse_unknown_paths("lab.serves", served)
    return served


def _omits(text: str) -> dict[str, str]:
    omitted = {match["path"]: match["why"] for match in _lines(text, _OMIT, "lab.omits", "/path: why")}
    _refuse_unknown_paths("lab.omits", omitted)
    return omitted


def _refuse_unknown_paths(label: str, declared: Iterable[str]) -> None:
    known = openapi.paths() if declared else ()
    for one in declared:
        if not any(covers(one, path) for path in known):
            raise ValueError(f"{label} names {one}, which is no path of the contract; there are: {', '.join(known)}")


def _exceptions(text: str) -> dict[str, Exempt]:
    lines = _lines(text, _EXCEPTION, "lab.exceptions", "setting=<whole number or null>: why")
    return {match["name"]: Exempt(value=json.loads(match["value"]), why=match["why"]) for match in lines}


def _lines(text: str, form: re.Pattern[str], label: str, words: str) -> Iterator[re.Match[str]]:
    """Yield a label's lines, each as it was declared; another form is a ValueError."""
    for line in filter(None, map(str.strip, text.splitlines())):
        match = form.fullmatch(line)
        if not match:
            raise ValueError(f"{label} has the line {line!r} instead of `{words}`")
        yield match
