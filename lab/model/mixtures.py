"""Several scenarios at once: the load of each, and what else is measured and shown of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lab.model.loads import CellName, Load, RowName
from lab.model.workload import Profile, Scenario


class Row(NamedTuple):
    """What a report has a section of."""

    scenario: Scenario
    load: Load

    @property
    def name(self) -> RowName:
        return self.scenario.id, self.load


class Portion(NamedTuple):
    """One scenario of a mixture: beside the others, and the same load alone."""

    beside: Scenario
    """The mixture itself for the only one that is no probe: what it measured is then the mixture's own outcome."""
    alone: Scenario
    load: Load
    is_probe: bool


def refusal(scenario: Scenario, load: Load) -> str:
    """Return why a mixture cannot have a load; empty where it can, and for a scenario that is none."""
    weighted = [part for part in scenario.parts if part.rate is None]
    if weighted and load.is_share:
        return f"{scenario.id} at {load}: several scenarios at once have no capacity to take a share of; choose users or a rate"
    if load.amount < len(weighted):
        return f"{scenario.id} at {load}: its {len(weighted)} scenarios need {len(weighted)} users or requests per second at least"
    return ""


def portions(mixture: Scenario, load: Load) -> list[Portion]:
    """Return what each scenario of a mixture gets of a load: its share by weight, or its own rate; none of another scenario."""
    if not mixture.parts:
        return []
    weights = [part.weight if part.rate is None else 0 for part in mixture.parts]
    amounts, is_only = _shared(load.amount, weights), len(list(filter(None, weights))) == 1
    found = []
    for part, amount in zip(mixture.parts, amounts, strict=True):
        alone, others = part.scenario, "+".join(one.word for one in mixture.parts if one is not part)
        found.append(
            Portion(
                beside=mixture
                if is_only and part.rate is None
                else alone.model_copy(update={"id": f"{alone.id} beside {others}, {load}"}),
                alone=alone,
                load=load.model_copy(update={"amount": amount})
                if part.rate is None
                else Load(kind="open", amount=part.rate),
                is_probe=part.rate is not None,
            )
        )
    return found


def _shared(total: int, weights: Sequence[int]) -> list[int]:
    """Split a whole number by weights, at least one for each that is not 0: by largest remainders."""
    whole = sum(weights)
    exact = [weight * total / whole for weight in weights]
    amounts = [max(int(one), weight > 0) for one, weight in zip(exact, weights, strict=True)]
    order = sorted(range(len(weights)), key=lambda place: amounts[place] - exact[place])
    places = [place for place in order if weights[place]]
    while (rest := total - sum(amounts)) != 0:
        for place in places[:rest] if rest > 0 else [one for one in reversed(places) if amounts[one] > 1][:-rest]:
            amounts[place] += 1 if rest > 0 else -1
    return amounts


def with_alone(cells: Iterable[CellName], scenarios: Iterable[Scenario]) -> frozenset[CellName]:
    """Return stack, scenario and load of these cells, and of each scenario of a mixture among them alone."""
    known = {scenario.id: scenario for scenario in scenarios}
    asked = [cell for cell in cells if cell[1] in known]
    alone = {(stack, one.alone.id, one.load) for stack, id_, load in asked for one in portions(known[id_], load)}
    return frozenset(asked) | alone


def asked(profile: Profile, scenarios: Iterable[Scenario]) -> list[Row]:
    """Return under which loads a profile has each scenario: those of its cells, or all of its loads."""
    of_cells = profile.of_cells
    return [Row(one, load) for one in scenarios for load in of_cells.get(one.id, profile.loads)]


def measured(rows: Iterable[Row]) -> list[list[Row]]:
    """Return what a block measures, each once: a scenario under a load, and with a mixture each of its scenarios alone."""
    found: set[RowName] = set()
    groups = []
    for row in rows:
        alone = (Row(portion.alone, portion.load) for portion in portions(*row))
        group = [one for one in (row, *alone) if one.name not in found]
        found.update(one.name for one in group)
        groups.append(group)
    return [group for group in groups if group]


def in_families(groups: Iterable[Sequence[Row]], families: Iterable[Iterable[RowName]]) -> list[Row]:
    """Return the rows of the groups in their order, but those of a family right after its first group."""
    family_of = {name: number for number, family in enumerate(families) for name in family}
    found: dict[int | RowName, list[Row]] = {}
    for group in groups:
        found.setdefault(family_of.get(group[0].name, group[0].name), []).extend(group)
    return [row for rows in found.values() for row in rows]


def shown(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield what a report shows: what was measured, and behind each mixture its scenarios beside each other."""
    for group in measured(rows):
        first, *alone = group
        yield first
        yield from (Row(one.beside, one.load) for one in portions(*first) if one.beside is not first.scenario)
        yield from alone


def all_of(scenarios: Sequence[Scenario]) -> dict[str, Scenario]:
    """Return every scenario that a trial may have, by id: those given, and those of mixtures."""
    parts = {part.scenario.id: part.scenario for scenario in scenarios for part in scenario.parts}
    return {**parts, **{scenario.id: scenario for scenario in scenarios}}
