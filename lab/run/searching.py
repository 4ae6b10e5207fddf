"""After the blocks, search each stack's capacity at a service level, and see what it does beyond: short open trials, stacks in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from lab.analysis import stats
from lab.analysis.validity.verdict import judge
from lab.answers.service_level import Search, Tried, overloads, search, tried
from lab.model.loads import Load
from lab.model.outcome import Outcome, Sample
from lab.model.stack import AA
from lab.model.workload import Trial
from lab.run.block import Fleet
from lab.run.context import Context
from lab.run.stopping import LimitsOf
from lab.signals import deferred

REPEATS, MOST_REPEATS = 3, 5
"""Trials at each rate beyond the capacity: so many that say something, of so many at most."""
FIRST = 0.9
"""Share of the throughput under closed load at which a search begins."""


@dataclass(frozen=True)
class Place:
    """What a capacity is searched of."""

    stack: str
    scenario: str


@dataclass(frozen=True)
class Searches:
    """All searches of a run."""

    context: Context
    fleet: Fleet
    limits_of: LimitsOf

    def run(self) -> None:
        """Make trials until every search is over; those that an earlier part of the run made count."""
        profile, say = self.context.plan.profile, self.context.say
        if profile.capacity_p99_ms is None:
            return
        starts = self._starts()
        say.step(f"Searching {len(starts)} capacities with a p99 of {profile.capacity_p99_ms:g} ms at most.")
        number = len(self.context.folder.searched())
        while rates := self._rates(starts):
            for place in Random(f"{self.context.plan.seed}/capacity/{number}").sample(list(rates), len(rates)):
                say.more(1)
                trial = self._trial(place, rates[place], number)
                say.running(trial)
                outcome = self._measured(trial)
                with deferred():
                    self.context.folder.append_searched(outcome)
                say.trial(outcome)
                number += 1

    def _measured(self, trial: Trial) -> Outcome:
        """Measure a trial on servers that run; a stack or a database that died has new ones."""
        logs = self.context.logs("capacity")
        if self.context.restore_backing(logs):
            self.fleet.stop()
        bench, _ = self.fleet.bench(logs)
        return bench.measure(trial)

    def _places(self) -> list[Place]:
        plan = self.context.plan
        arms = [arm for arm in plan.arms if not arm.endswith(AA)]
        asked = [scenario for scenario in plan.scenarios if scenario.id in plan.profile.capacity_scenarios]
        return [
            Place(arm, scenario.id)
            for scenario in asked
            for arm in arms
            if scenario.id not in plan.impossible.get(arm, ())
        ]

    def _starts(self) -> dict[Place, int]:
        """Return the rate that each search begins with, near the throughput under closed load; none where there is none."""
        closed = self.context.plan.profile.capacity_of(Load(kind="open", amount=100, is_share=True))
        found: dict[Place, list[float]] = {place: [] for place in self._places()}
        for one in self.context.folder.outcomes():
            place = _place(one)
            if place not in found or one.trial.load != closed or not isinstance(one, Sample):
                continue
            if judge(one, self.limits_of(one.trial)).result == "valid":
                found[place].append(stats.rps(one))
        middles = {place: stats.middle(rates) for place, rates in found.items()}
        return {place: max(1, round(middle * FIRST)) for place, middle in middles.items() if middle}

    def _rates(self, starts: Mapping[Place, int]) -> dict[Place, int]:
        """Return the rate to try next in each search that is not over."""
        made: dict[Place, list[Outcome]] = {place: [] for place in starts}
        for one in self.context.folder.searched():
            if _place(one) in made:
                made[_place(one)].append(one)
        found = {place: self._next(start, made[place]) for place, start in starts.items()}
        return {place: rate for place, rate in found.items() if rate}

    def _next(self, start: int, made: Sequence[Outcome]) -> int | None:
        """Return the rate to try next: of the search, then beyond the capacity that it found; None where all is done."""
        seen = tried(made, self.limits_of, self.context.plan.profile.capacity_p99_ms or 0)
        found = search(start, seen)
        return found.next_rate or _beyond(found, seen)

    def _trial(self, place: Place, rate: int, number: int) -> Trial:
        profile = self.context.plan.profile
        return Trial(
            block=number,
            stack=place.stack,
            scenario=place.scenario,
            load=Load(kind="open", amount=rate),
            warmup_s=profile.warmup_s,
            window_s=profile.capacity_window_s,
            timeout_s=profile.timeout_s,
            seed=Random(f"{self.context.plan.seed}/{place}/{rate}/{number}").getrandbits(31),
        )


def _place(outcome: Outcome) -> Place:
    return Place(outcome.trial.stack, outcome.trial.scenario)


def _beyond(found: Search, seen: Sequence[Tried]) -> int | None:
    for rate in overloads(found.last_pass) if found.last_pass and not found.why_not else ():
        at_rate = [one.passed is not None for one in seen if one.rate == rate]
        if sum(at_rate) < REPEATS and len(at_rate) < MOST_REPEATS:
            return rate
    return None
