"""Whether two runs may be compared: what must be the same, and what only changes what is compared."""

from collections.abc import Iterator, Mapping

from lab.errors import LabError
from lab.model.workload import Scenario
from lab.report import words
from lab.report.read import Run

MACHINE = {"cpu": "CPU", "cpus": "number of CPUs", "architecture": "architecture"}
"""Facts of a machine -> what a person calls them."""
ACROSS = "ACROSS_MACHINES=1 compares the ratios inside each run instead"


def refuse_unlike(first: Run, second: Run, *, across: bool) -> None:
    """Raise unless two runs measured the same.

    Args:
        across: whether they may be of different machines: then only ratios inside each run are compared.

    Raises:
        LabError: runtime, budget or a scenario differ, or nothing was measured in both; or the machine, unless `across`.
    """
    if other := next(_unlike(first, second), ""):
        raise LabError(f"{first.name} and {second.name} cannot be compared: {other}.")
    if not across and (other := next(_machines(first, second), "")):
        raise LabError(f"{first.name} and {second.name} are of different machines ({other}): {ACROSS}.")


def _unlike(first: Run, second: Run) -> Iterator[str]:
    runtimes = (first.facts.get("runtime"), second.facts.get("runtime"))
    if runtimes[0] != runtimes[1]:
        yield f"one is of the {runtimes[0]} runtime and the other of the {runtimes[1]} runtime; compare runs of one runtime"
    budget, other = (run.facts.get("budget") or {} for run in (first, second))
    if budget != other:
        yield f"their equal budgets differ ({_settings(budget)}; {_settings(other)}); compare runs of one budget"
    budgets = {stack.name: stack.budget for stack in second.stacks}
    for stack in first.stacks:
        if stack.budget and budgets.get(stack.name) and stack.budget != budgets[stack.name]:
            yield f"{stack.name} has another budget in each ({_settings(stack.budget)}; {_settings(budgets[stack.name])})"
    known = {scenario.id: _contract(scenario) for scenario in second.scenarios}
    for scenario in first.scenarios:
        if known.get(scenario.id, _contract(scenario)) != _contract(scenario):
            yield f"the scenario {scenario.id} asks for something else in one of them; compare runs of one contract"
    cells = [{(one.trial.scenario, str(one.trial.load)) for one in run.outcomes} for run in (first, second)]
    if not cells[0] & cells[1]:
        loads = [words.listed(sorted({load for _, load in of})) or "none" for of in cells]
        yield f"they share no scenario and load (loads {loads[0]}; {loads[1]}), and loads with other modifiers are other loads"


def _settings(budget: Mapping[str, int]) -> str:
    return words.listed([f"{name}={value}" for name, value in budget.items()]) or "as it stands"


def _contract(scenario: Scenario) -> tuple[object, ...]:
    """Return what a scenario asks for; rounds that stand for an amount of CPU time differ from machine to machine."""
    params = {name: value for name, value in scenario.params.items() if name != "rounds" or scenario.cpu_ms is None}
    return scenario.path, params, scenario.cpu_ms, scenario.expected_errors


def _machines(first: Run, second: Run) -> Iterator[str]:
    own, others = first.facts.get("machine", {}), second.facts.get("machine", {})
    for fact, name in MACHINE.items():
        if own.get(fact) != others.get(fact):
            yield f"{name} {own.get(fact)} and {others.get(fact)}"
    plans = [(run.facts.get("cpu_plan") or {}).get("server", []) for run in (first, second)]
    if len(plans[0]) != len(plans[1]):
        yield f"{len(plans[0])} and {len(plans[1])} CPUs of the server"
