"""Plans trials as randomised complete blocks: a block runs every stack x scenario x load once.

Scenarios come in seeded order. Within a scenario the stacks follow a seeded Williams square (Williams 1949): a block and the
next one have opposite orders, so that no stack gains by a trend; over a whole square each stack takes each position, and
follows each other stack, equally often. Scenarios that an experiment compares come one after the other. The shares of
capacity of a scenario follow the closed load whose throughput they are taken of.
Everything follows from the seed: the plan can be made again from run.json.
"""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from functools import cached_property
from math import ceil
from random import Random

from lab.model import mixtures
from lab.model.loads import CellName, Load
from lab.model.mixtures import Row
from lab.model.noun import Noun
from lab.model.stack import AA
from lab.model.workload import Profile, Scenario, Trial


class Plan(Noun):
    """What one run does, whole."""

    profile: Profile
    seed: int
    arms: tuple[str, ...]
    """Labels of the stacks, the A/A arm last where there is one."""
    scenarios: tuple[Scenario, ...]
    impossible: Mapping[str, tuple[str, ...]]
    """Label -> ids of the scenarios that this stack declares it does not serve."""

    @property
    def trials_per_block(self) -> int:
        """Return how many trials each block has."""
        return sum(1 for _ in self.block(0))

    def block(self, number: int, attempt: int = 0) -> Iterator[Trial]:
        """Yield the trials of one block in the order in which they run."""
        shuffler = Random(f"{self.seed}/{number}")
        groups = mixtures.measured(mixtures.asked(self.profile, self.scenarios))
        shuffler.shuffle(groups)
        for scenario, load in self._shares_last(mixtures.in_families(groups, self.profile.families)):
            seed = Random(f"{self.seed}/{number}/{scenario.id}/{load}").getrandbits(31)
            for arm in _order(self._arms_of(scenario, load), f"{self.seed}/{scenario.id}/{load}", number):
                yield Trial(
                    block=number,
                    attempt=attempt,
                    stack=arm,
                    scenario=scenario.id,
                    load=load,
                    warmup_s=self.profile.warmup_s,
                    window_s=self.profile.window_s,
                    timeout_s=self.profile.timeout_s,
                    seed=seed,
                )

    def _shares_last(self, rows: Sequence[Row]) -> Iterator[Row]:
        """Yield the rows in their order, but the shares of each scenario right after the load that they are shares of."""
        for scenario, load in rows:
            if not load.is_share:
                yield Row(scenario, load)
            yield from (
                Row(one, share)
                for one, share in rows
                if one == scenario and share.is_share and self.profile.capacity_of(share) == load
            )

    def _arms_of(self, scenario: Scenario, load: Load) -> list[str]:
        return [arm for arm in self.arms if self._runs(arm, scenario) and self._asks(arm, scenario, load)]

    def _asks(self, arm: str, scenario: Scenario, load: Load) -> bool:
        stack = arm.removesuffix(AA)
        if scenario.id in self._of_cells:
            return (stack, scenario.id, load) in self._cells
        return stack not in self.profile.only_of_cells

    @cached_property
    def _cells(self) -> Collection[CellName]:
        return mixtures.with_alone(self.profile.cells, self.scenarios)

    @cached_property
    def _of_cells(self) -> Container[str]:
        return {scenario for _, scenario, _ in self._cells}

    def _runs(self, arm: str, scenario: Scenario) -> bool:
        if arm.endswith(AA) and scenario.id not in self.profile.aa_scenarios:
            return False
        return scenario.id not in self.impossible.get(arm.removesuffix(AA), ())


def window_total_s(plan: Plan) -> float:
    """Return the seconds of warm-up and window in the whole plan: the least that it can take."""
    least_s = (one.warmup_s / 2 + one.load.settling_s(one.warmup_s) + one.window_s for one in plan.block(0))
    return plan.profile.blocks * sum(least_s)


def expected_s(plan: Plan, per_trial_s: float, per_start_s: float) -> float:
    """Return the seconds that the plan will take, given what a trial and the start of an arm cost beside the windows."""
    blocks, starts = plan.profile.blocks, ceil(plan.profile.blocks / plan.profile.blocks_per_start)
    return window_total_s(plan) + blocks * plan.trials_per_block * per_trial_s + starts * len(plan.arms) * per_start_s


def _order(arms: Sequence[str], seed: str, block: int) -> list[str]:
    """Return row `block` of a Williams square over a seeded permutation: first a row, then its reverse, then another row.

    Its first row goes to and fro (first, last, second, last but one …), the others are shifted. An even number of arms has as
    many rows, the reverse of each among them; an odd number has twice as many. Then another square begins.
    """
    if not arms:
        return []
    count = len(arms)
    pairs = count if count % 2 else count // 2
    (square, place), backwards = divmod(block // 2, pairs), block % 2
    random = Random(f"{seed}/{square}")
    names, shift = random.sample(list(arms), count), random.sample(range(pairs), pairs)[place]
    to_and_fro = [step // 2 if step % 2 == 0 else count - (step + 1) // 2 for step in range(count)]
    row = [names[(step + shift) % count] for step in to_and_fro]
    return row[::-1] if backwards else row
