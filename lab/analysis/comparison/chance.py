"""What chance does to the mean log ratios of one scenario, load and metric: their errors, and simulated runs of equal arms.

The logs follow a randomised block design: log = arm + block + noise, and each arm has a noise of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
Places = NDArray[numpy.intp]

RUNS = 7_999
"""Simulated runs. With it (RUNS + 1) * 5 % is whole, so that a whole number of runs lies beyond a critical value."""
OWN = 0.5
"""Weight of a pair's own variance beside that of all arms: chosen in docs/resolution.md."""


SINGULAR = 1e-9
"""Share of the largest singular value below which one is 0: the effects are dependent, and two arms cannot be told apart."""


@dataclass(frozen=True)
class Chance:
    """Of each pair of arms: the standard error of its mean log ratio, and what it was in runs of equal arms."""

    errors: Floats
    """Shape (pairs,)."""
    equal_means: Floats
    """Mean log ratios of the simulated runs. Shape (RUNS, pairs)."""
    equal_errors: Floats
    """Their standard errors. Shape (RUNS, pairs)."""

    def strays(self, pair: int) -> Floats:
        """Return how many standard errors the mean is from 0 in each simulated run."""
        strays: Floats = numpy.abs(self.equal_means[:, pair]) / self.equal_errors[:, pair]
        return strays


def chance(logs: Sequence[Sequence[float]], pairs: Sequence[tuple[int, Sequence[int]]], seed: Sequence[int]) -> Chance:
    """Return what chance does to rows, each less the mean of its references inside every block.

    Args:
        logs: a row for each arm, a column for each block; NaN where one is missing.
        pairs: row and references; the row needs at least two blocks in which one of them was measured too.
        seed: of the simulated runs.
    """
    table = numpy.array(logs)
    arms, blocks = numpy.nonzero(~numpy.isnan(table))
    cells, design = table[arms, blocks], _Design.of(arms, blocks, pairs)
    own = numpy.maximum(design.variances(design.squares(cells)), _least(table))
    deviations = numpy.sqrt(own) if own.any() else numpy.ones(len(own))
    equal = _normal(tuple(seed), len(cells)) * deviations[arms]
    return Chance(design.errors(cells), equal @ design.contrasts, design.errors(equal))


@lru_cache(maxsize=4)
def _normal(seed: tuple[int, ...], cells: int) -> Floats:
    """Return standard normal numbers; the metrics of a scenario and load have the same ones. Shape (RUNS, cells)."""
    return numpy.random.default_rng(seed).standard_normal((RUNS, cells))


def _least(table: Floats) -> Floats:
    """Return what each arm's variance is at least: half of the smallest variance of its differences to another arm.

    The variances of two arms add up to that of their differences, which holds no noise of a third. By the residuals, those
    of two quiet arms beside a noisy one may come out as 0, and their interval would have no width. Shape (arms,).
    """
    differences = table[:, None] - table
    known = ~numpy.isnan(differences)
    counts = known.sum(axis=-1)
    means = numpy.where(known, differences, 0).sum(axis=-1) / numpy.maximum(counts, 1)
    squares = numpy.where(known, differences - means[..., None], 0) ** 2
    variances = squares.sum(axis=-1) / numpy.maximum(counts - 1, 1)
    others = (counts > 1) & ~numpy.eye(len(table), dtype=bool)
    least: Floats = numpy.min(variances, axis=-1, where=others, initial=numpy.inf) / 2
    return numpy.where(numpy.isinf(least), 0, least)


@dataclass(frozen=True)
class _Design:
    """The linear algebra of one table; a cell is one arm in one block."""

    effects: Floats
    """Whether a cell is of an arm, or of a block. Shape (cells, arms + blocks)."""
    inverse: Floats
    """Its pseudo-inverse."""
    residual: Floats
    """Takes arm and block effects out of the cells. Shape (cells, cells)."""
    is_arm: Floats
    """Whether a cell is of an arm. Shape (cells, arms)."""
    contrasts: Floats
    """Takes the mean over common blocks of an arm's logs less its references'. Shape (cells, pairs)."""

    @classmethod
    def of(cls, arms: Places, blocks: Places, pairs: Sequence[tuple[int, Sequence[int]]]) -> "_Design":
        is_arm, is_block = (numpy.equal.outer(of, range(of.max() + 1)).astype(float) for of in (arms, blocks))
        effects = numpy.hstack([is_arm, is_block])
        inverse = numpy.linalg.pinv(effects, rcond=SINGULAR)
        residual = numpy.eye(len(arms)) - effects @ inverse
        present = is_arm.T @ is_block
        contrasts = []
        for arm, references in pairs:
            known = present[list(references)]
            common = present[arm] * known.any(axis=0)
            shares = known / numpy.maximum(known.sum(axis=0), 1)
            of_arm = numpy.zeros_like(present)
            of_arm[arm], of_arm[list(references)] = common, -shares * common
            contrasts.append((of_arm / common.sum())[arms, blocks])
        return cls(effects, inverse, residual, is_arm, numpy.array(contrasts).T)

    def squares(self, cells: Floats) -> Floats:
        """Return the sum of each arm's squared residuals. Shape (…, arms)."""
        residuals = cells - cells @ self.effects @ self.inverse  # by far fewer products than with the residual matrix
        squares: Floats = residuals**2 @ self.is_arm
        return squares

    def variances(self, squares: Floats) -> Floats:
        """Return each arm's own variance, which may come out below 0: MINQUE (Rao 1970).

        Residuals of an arm hold a share of the others' noise too; the expected shares are solved for.
        """
        shares = self.is_arm.T @ self.residual**2 @ self.is_arm
        variances: Floats = squares @ numpy.linalg.pinv(shares, rcond=SINGULAR)
        return variances

    def errors(self, cells: Floats) -> Floats:
        """Return the standard error of each pair's mean log ratio. Shape (…, pairs)."""
        squares = self.squares(cells)
        own, typical = self.variances(squares), squares.sum(axis=-1, keepdims=True) / numpy.trace(self.residual)
        weights = self.is_arm.T @ self.contrasts**2
        of_pairs = OWN * numpy.maximum(own @ weights, 0) + (1 - OWN) * typical * weights.sum(axis=0)
        errors: Floats = numpy.sqrt(of_pairs)
        return errors
