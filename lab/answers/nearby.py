"""By how much a law is off at a point that was not measured, from what it is off at the points that were.

A mean of the errors at the measured points, each weighted by a Gaussian of its distance (Nadaraya 1964, Watson 1964). Where no point is near it
goes to 0, and the law stands as it is. The width of the Gaussian is the one that best foretells each measured point from the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]
WIDTHS = (0.25, 0.35, 0.5, 0.7, 1.0)
"""Of the Gaussian: places are logs, so that at 0.7 a point with twice the users counts 0.6 of one at the place itself."""
OF_LAW = 0.25
"""What the law counts, where a point at the place itself counts 1."""


@dataclass(frozen=True)
class Nearby:
    """Errors of a law at measured places."""

    places: Floats
    """Shape (points, coordinates); all coordinates are alike in scale."""
    errors: Floats
    """Log of measured over expected; shape (points,)."""
    width: float

    @classmethod
    def of(cls, places: Sequence[Sequence[float]], errors: Sequence[float]) -> "Nearby":
        """Return the errors with the width that leaves the least when each is foretold from the others."""
        found = (cls(numpy.array(places), numpy.array(errors), width) for width in WIDTHS)
        return min(found, key=lambda one: float(numpy.abs(one.errors - one.foretold).mean()))

    def error(self, place: Sequence[float]) -> float:
        """Return the error that is expected at a place."""
        weights = self._weights(numpy.array([place]))
        return float(self._mean(weights)[0])

    def known(self, place: Sequence[float]) -> float:
        """Return how much of what is expected at a place comes from points nearby: 0 (none is near) to 1."""
        near = float(self._weights(numpy.array([place])).sum())
        return near / (near + OF_LAW)

    @cached_property
    def foretold(self) -> Floats:
        """Return the error that is expected at each measured place from all other places; shape (points,)."""
        weights = self._weights(self.places)
        numpy.fill_diagonal(weights, 0)
        return self._mean(weights)

    def _weights(self, places: Floats) -> Floats:
        apart = ((places[:, None, :] - self.places[None, :, :]) ** 2).sum(axis=2)
        weights: Floats = numpy.exp(-apart / (2 * self.width**2))
        return weights

    def _mean(self, weights: Floats) -> Floats:
        mean: Floats = weights @ self.errors / (weights.sum(axis=1) + OF_LAW)
        return mean
