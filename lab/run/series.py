"""Measure the blocks of a run in their order: planned blocks, re-runs of noisy ones, and added blocks."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from lab.analysis.comparison.paired import MIN_BLOCKS
from lab.config.plan import expected_s
from lab.model.outcome import Block, Outcome
from lab.run import stopping
from lab.run.block import Attempts
from lab.run.context import Context

EXPECTED_TRIAL_OVERHEAD_S = 0.1
EXPECTED_START_S = 1.0
"""Of each arm in each block, its end included; in containers, on a machine of two CPUs."""


class Series:
    """The blocks of one run."""

    def __init__(self, context: Context, attempts: Attempts, limits_of: stopping.LimitsOf) -> None:
        self._context, self._attempts, self._limits_of = context, attempts, limits_of
        self._plan, self._profile, self._folder = context.plan, context.plan.profile, context.folder
        self._persistent, self._time_budget = stopping.Persistent(), TimeBudget(context.world.clock_s)

    def run(self) -> str:
        """Measure whatever is not measured yet; return why there are no more blocks."""
        todo = self._todo(range(self._profile.blocks))
        whole_s = expected_s(self._plan, EXPECTED_TRIAL_OVERHEAD_S, EXPECTED_START_S)
        self._context.say.begin(self._plan.trials_per_block * len(todo), whole_s * len(todo) / self._profile.blocks)
        for sentence in self._reservations(whole_s / 60):
            self._context.say.step(sentence)
        for place, (number, attempt) in enumerate(todo, start=1):
            self._run_until_quiet(number, attempt, to_come=len(todo) - place)
        return self._run_until_precise()

    def _reservations(self, whole_min: float) -> Iterator[str]:
        """Yield what the plan means for the run: its time is no reason to leave a planned block out."""
        profile = self._profile
        if profile.limit_min is not None and whole_min > profile.limit_min:
            yield (
                f"That is more than the {profile.limit_min:g} minutes of the profile {profile.name}: every planned block is measured, "
                "and after that time none is added or re-run."
            )
        if (most := profile.most_blocks or profile.blocks) < MIN_BLOCKS:
            yield f"No comparison will make a claim: {most} block{'s' * (most != 1)}, at least {MIN_BLOCKS} are needed."

    def _run_until_precise(self) -> str:
        """Add blocks until the ratios are known well enough; return why there are no more of them."""
        profile = self._profile
        if profile.precision is None:
            return f"the profile asks for {profile.blocks} blocks"
        for number in range(profile.blocks, profile.most_blocks or 0):
            ratios = self._ratios(profile.precision)
            if not ratios.wide:
                return str(ratios)
            if not self._has_room():
                return f"another block would have taken longer than the {profile.limit_min:g} minutes of this profile"
            self._context.say.step(f"{len(ratios.wide)} ratios are not known well enough yet, {ratios.wide[0]} first.")
            for _, attempt in self._todo([number]):
                self._context.say.more(self._plan.trials_per_block)
                self._run_until_quiet(number, attempt)
        ratios = self._ratios(profile.precision)
        return f"the profile allows {profile.most_blocks} blocks" if ratios.wide else str(ratios)

    def _run_until_quiet(self, number: int, attempt: int, to_come: int = 0) -> None:
        """Run a block, and re-run it where it was noisy, as often as the profile and its time allow."""
        say = self._context.say
        while noise := self._run_block(number, attempt):
            if sum(record.block == number for record in self._folder.blocks()) > self._profile.reruns:
                return  # interrupted attempts have no record and use up no re-run
            if not self._has_room(to_come):
                say.step(f"Block {number + 1} is not re-run because time ran out: {noise}")
                return
            say.step(f"Block {number + 1} is re-run: {noise}")
            say.more(self._plan.trials_per_block)
            attempt += 1

    def _run_block(self, number: int, attempt: int) -> str:
        """Measure a block once and record it; return what was wrong with it."""
        self._context.say.block(number, max(self._profile.blocks, number + 1))
        with self._time_budget, self._attempts.measured(number, attempt) as (block, outcomes):
            noise = self._noise(block, outcomes)
            self._folder.append(block.model_copy(update={"noise": noise}))
        return noise

    def _noise(self, block: Block, outcomes: list[Outcome]) -> str:
        """Return why a block should be re-run; cells that re-runs do not help do not count."""
        disturbance = stopping.disturbance(block, self._folder.blocks())
        invalid = stopping.invalid(outcomes, self._limits_of)
        can_add = block.block + 1 < (self._profile.most_blocks or 0) and self._has_room()
        spares = can_add or not self._profile.reruns
        noise = disturbance or stopping.rejected(self._persistent.without(invalid), len(outcomes), spares)
        self._persistent.note(block, invalid)
        return noise

    def _has_room(self, to_come: int = 0) -> bool:
        return self._time_budget.has_room(self._profile.limit_min, to_come)

    def _todo(self, blocks: Iterable[int]) -> list[tuple[int, int]]:
        outcomes, records = self._folder.outcomes(), self._folder.blocks()
        return stopping.unmeasured(blocks, outcomes, self._plan.trials_per_block, records, self._profile.reruns)

    def _ratios(self, precision: float) -> stopping.Ratios:
        return stopping.ratios(self._folder.outcomes(), self._limits_of, list(self._context.chosen.values()), precision)


class TimeBudget:
    """A context around each block; before the first one has ended there is room."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lasted_s: list[float] = []
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = self._clock_s()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._lasted_s.append(self._clock_s() - self._began_s)

    def has_room(self, limit_min: float | None, to_come: int = 0) -> bool:
        """Return whether one more block ends within `limit_min` minutes of blocks, beside those that are to come anyway."""
        if limit_min is None or not self._lasted_s:
            return True
        used_s = sum(self._lasted_s)
        return used_s + used_s / len(self._lasted_s) * (to_come + 1) <= limit_min * 60
