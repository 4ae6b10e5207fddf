"""After the blocks, search each stack's capacity at a service level, and see what it does beyond: short open trials, stacks in turn."""

from collections.abc import Sequence
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
        starts = {place: start for place in self._places() if (start := self._start(place))}
        say.step(f"Searching {len(starts)} capacities with a p99 of {profile.capacity_p99_ms:g} ms at most.")
        number = len(self.context.folder.searched())
        while rates := {place: rate for place, start in starts.items() if (rate := self._next(place, start))}:
            for place in Random(f"{self.context.plan.seed}/capacity/{number}").sample(list(rates), len(rates)):
                say.more(1)
                outcome = self._measured(self._trial(place, rates[place], number))
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

    def _start(self, place: Place) -> int | None:
        """Return the rate that a search begins with: near the throughput under closed load; None where there is none."""
        closed = self.context.plan.profile.capacity_of(Load(kind="open", amount=100, is_share=True))
        found = [
            stats.rps(one)
            for one in self.context.folder.outcomes()
            if isinstance(one, Sample)
            and (one.trial.stack, one.trial.scenario, one.trial.load) == (place.stack, place.scenario, closed)
            and judge(one, self.limits_of(one.trial)).result == "valid"
        ]
        middle = stats.middle(found)
        return max(1, round(middle * FIRST)) if middle else None

    def _next(self, place: Place, start: int) -> int | None:
        """Return the rate to try next: of the search, then beyond the capacity that it found; None where all is done."""
        limit_ms = self.context.plan.profile.capacity_p99_ms or 0
        outcomes = [
            one
            for one in self.context.folder.searched()
            if (one.trial.stack, one.trial.scenario) == (place.stack, place.scenario)
        ]
        found = search(start, tried(outcomes, self.limits_of, limit_ms))
        return found.next_rate or _beyond(found, tried(outcomes, self.limits_of, limit_ms))

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


def _beyond(found: Search, seen: Sequence[Tried]) -> int | None:
    for rate in overloads(found.last_pass) if found.last_pass and not found.why_not else ():
        at_rate = [one.passed is not None for one in seen if one.rate == rate]
        if sum(at_rate) < REPEATS and len(at_rate) < MOST_REPEATS:
            return rate
    return None
