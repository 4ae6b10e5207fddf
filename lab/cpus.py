"""Lists of CPUs as the kernel and Compose write them."""

from collections.abc import Iterable

from lab.errors import LabError


def cpu_list(cpus: Iterable[int]) -> str:
    """`0,2,3`: the form of Compose's cpuset."""
    return ",".join(map(str, sorted(cpus)))


def parse_cpus(text: str) -> tuple[int, ...]:
    """`0,2-4` -> (0, 2, 3, 4).

    Raises:
        LabError: the text is no such list.
    """
    try:
        spans = [tuple(map(int, part.split("-"))) for part in text.split(",")]
        return tuple(sorted({cpu for span in spans for cpu in range(span[0], span[-1] + 1)}))
    except ValueError:
        raise LabError(f"{text!r} is no list of CPUs; write it like 0,2-4.") from None
