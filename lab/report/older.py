"""Runs written before run.json had `limits`: what the scenarios of that time held and how long they waited.

Frozen. Scenarios say it themselves now, in their user classes.
"""

from collections.abc import Mapping
from typing import Any

from lab.analysis.validity.limits import Limits, limits_of
from lab.config.amounts import amount
from lab.model.effective import recorded
from lab.model.stack import Stack
from lab.model.workload import Scenario

_WORKER, _SLOTS = {"holds": "worker"}, {"holds": "slots"}
_DATABASE, _UPSTREAM = {"holds": "db_pool"}, {"holds": "upstream_connections"}
_HELD: Mapping[str, Mapping[str, Any]] = {
    "/file/blocking": _WORKER,
    "/hazard/blocking-wait": _WORKER,
    "/file/thread": _SLOTS,
    "/file/async": _SLOTS,
    "/db/one": _DATABASE,
    "/db/sequential": _DATABASE | {"waits_ms": "n * ms"},
    "/db/batched": _DATABASE,
    "/http/one": _UPSTREAM,
    "/http/sequential": _UPSTREAM | {"waits_ms": "n * ms"},
    "/http/concurrent": _UPSTREAM | {"at_once": "n"},
    "/http/bounded": _UPSTREAM | {"at_once": "n / ceil(n / limit)", "waits_ms": "ceil(n / limit) * ms"},
    "/stream": _UPSTREAM | {"waits_ms": "chunks * ms", "streams": True},
}


def limits(facts: Mapping[str, Any], stack: Stack, scenario: Scenario) -> Limits:
    """Return what a trial of such a run could do at most, from its settings."""
    held = {"waits_ms": "ms", **_HELD.get(scenario.path, {})}
    params = {"ms": 0, **scenario.params}
    amounts = {name: amount(held[name], params) for name in held.keys() & {"at_once", "waits_ms"}}
    settings = recorded(facts).get(stack.name, {})
    return limits_of(stack, scenario.model_copy(update={**held, **amounts}), settings, facts.get("cpu_plan", {}))
