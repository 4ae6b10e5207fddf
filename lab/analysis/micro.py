"""The figures of the micro benchmarks, from what each worker process measured.

The worker process is the unit of replication: values of one process share its memory layout and its hash seed.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError

from lab.analysis.stats import geometric
from lab.errors import LabError
from lab.model.cell import Value
from lab.model.noun import Amount, Noun
from lab.paths import MICRO

FUNCTION, COROUTINE = "letters-function", "letters-coroutine"
"""Steps of the function and the coroutine that the naive benchmark times."""
Seconds = Annotated[float, Field(gt=0)]


class Naive(Noun):
    """One process of the naive benchmark: the seconds of all calls, and of all awaits."""

    function_s: Seconds
    coroutine_s: Seconds

    @property
    def ratio(self) -> float:
        return self.coroutine_s / self.function_s


class Claim(Naive):
    """The naive benchmark as it is quoted."""

    calls: int

    @property
    def await_us(self) -> float:
        """Return the microseconds that an await would add to a call."""
        return (self.coroutine_s - self.function_s) / self.calls * 1e6


CLAIMED = Claim(function_s=0.0312, coroutine_s=0.1432, calls=100_000)


class Original(Noun):
    """micro.json."""

    format: Literal[1]
    started_at: datetime
    took_s: Amount
    runtime: str
    machine: dict[str, Any]
    git: dict[str, Any] | None
    sha256: dict[str, str]
    cpus: tuple[int, ...]
    """Where the scripts ran; empty: anywhere."""
    others_busy: float | None
    """Share of the time for which the busiest of the other CPUs was busy; None without another CPU."""
    python: str
    """Version of the Python that was measured."""
    versions: dict[str, str]
    calls: int
    """Of the naive benchmark, in each process."""
    about: dict[str, str]
    """Step -> what it does."""
    steps: Annotated[dict[str, Annotated[tuple[Seconds, ...], Field(min_length=1)]], Field(min_length=1)]
    """Step -> seconds, one median of each worker process; those at one place were measured close together in time."""
    naive: Annotated[tuple[Naive, ...], Field(min_length=1)]

    @classmethod
    def read(cls, values: Mapping[str, Any] | str, where: str) -> Self:
        """Return the original that values or a JSON text are.

        Raises:
            LabError: they are damaged, or of a format that this lab does not know.
        """
        try:
            found = cls.model_validate_json(values) if isinstance(values, str) else cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "the whole"
            raise LabError(
                f"{where} is damaged or of another format: {place}: {first['msg']}. Measure again."
            ) from None
        if lacking := sorted({FUNCTION, COROUTINE} - found.steps.keys() | found.steps.keys() - found.about.keys()):
            raise LabError(f"{where} is damaged: it says too little of the step {lacking[0]}. Measure again.")
        return found


def original(folder: Path) -> Original:
    """Return what a folder's micro.json says.

    Raises:
        LabError: it is missing or damaged.
    """
    try:
        return Original.read((folder / MICRO).read_text(errors="replace"), str(folder / MICRO))
    except FileNotFoundError:
        raise LabError(f"{folder} has no {MICRO}: `make micro` measures one.") from None


def steps(original: Original) -> dict[str, Value]:
    """Return step -> microseconds, the geometric mean over processes with its 95 % interval."""
    found = ((name, geometric(second * 1e6 for second in seconds)) for name, seconds in original.steps.items())
    return {name: value for name, value in found if value is not None}


def naive_ratios(original: Original) -> list[float]:
    """Return the time of the awaits over the time of the calls, of each process of the naive benchmark."""
    return [one.ratio for one in original.naive]


def naive_ratio(original: Original) -> Value:
    """Return what the naive benchmark gives in the mean over its processes."""
    return _known(geometric(naive_ratios(original)))


def proper_ratio(original: Original) -> Value:
    """Return the same ratio as pyperf measured it: inside each round, the mean over rounds with its 95 % interval."""
    pairs = zip(original.steps[COROUTINE], original.steps[FUNCTION], strict=False)
    return _known(geometric(coroutine / function for coroutine, function in pairs))


def _known(value: Value | None) -> Value:
    assert value is not None  # noqa: S101  # an original has at least one process
    return value
