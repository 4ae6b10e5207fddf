"""Tell whether a server may be late because others took its CPUs."""

import time
from collections.abc import Collection, Iterator

from lab.host import noise, readings


class Span:
    """A span of time on some CPUs, from now on."""

    def __init__(self, cpus: Collection[int]) -> None:
        self._began_s = time.monotonic()
        self._before = readings.cores(cpus)
        self._throttled_s = noise.throttled_s()

    def disturbance(self, own_s: float) -> str:
        """Return what disturbed the span so far, empty where nothing did.

        Args:
            own_s: CPU seconds of these CPUs that the lab's own server used.
        """
        return ", ".join(self._disturbances(own_s))

    def _disturbances(self, own_s: float) -> Iterator[str]:
        from lab.analysis.validity.objections import (  # late: HdrHistogram takes 0.1 s to import
            FOREIGN,
            STOLEN,
            THROTTLED,
        )

        lasted_s, after = time.monotonic() - self._began_s, readings.cores(self._before)
        total_s = sum(after[cpu].total_s - one.total_s for cpu, one in self._before.items()) or lasted_s
        stolen = sum(after[cpu].stolen_s - one.stolen_s for cpu, one in self._before.items()) / total_s
        foreign = (sum(after[cpu].busy_s - one.busy_s for cpu, one in self._before.items()) - own_s) / total_s
        throttled = ((noise.throttled_s() or 0) - (self._throttled_s or 0)) / lasted_s
        if stolen > STOLEN:
            yield f"the hypervisor kept {stolen:.0%} of the server's CPU time"
        if foreign > FOREIGN:
            yield f"other programs used {foreign:.0%} of the server's CPU time"
        if throttled > THROTTLED:
            yield f"a CPU quota kept the lab from running for {throttled:.0%} of the time"
