"""Measure how far whole runs lie apart: `.venv/bin/python -m benchmarks.between_runs <run> <run> <run> <run> <run>`.

The runs are of one plan and one runtime, each with another seed, best at other hours. The spreads of their runtime in
results/reference/spread.json are replaced; `compare` and `reproduce` judge with them.

    for n in 1 2 3 4 5; do make bench RUN=spread-$n SCENARIOS=json,db/one,http/one,wait LOADS=closed:64,open:50% BLOCKS=6; done
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from lab.analysis import summary
from lab.analysis.between.changes import Logs, Quantity, quantities
from lab.analysis.between.spread import LEAST_RUNS, VERSION, Between, Kind, between
from lab.analysis.comparison.contrasts import differences
from lab.model.loads import Family, Load
from lab.paths import RESULTS
from lab.report.section import headline
from lab.report.view import View, view_of
from lab.run import packs

FILE = RESULTS / "reference/spread.json"


def logs_of(view: View) -> Logs:
    """Return what a run measured in the metrics that decide, and in CPU time."""
    base = view.run.baseline
    observed = summary.observations(view.trials, view.all_cells)
    found = quantities(observed, base, differences(view.run.stacks, base))
    return {of: logs for of, logs in found.items() if of.metric in (headline(of.load), "cpu_us_per_request")}


def spreads(runtime: str, runs: Sequence[Logs]) -> Iterable[Between]:
    """Yield the spread of each kind, metric and family of loads."""
    groups: dict[tuple[Kind, str, Family], list[Quantity]] = defaultdict(list)
    for one in runs[0]:
        groups[one.kind, one.metric, Load.model_validate(one.load).family].append(one)
    for (kind, metric, family), names in groups.items():
        sd, pooled = between([{name: run[name] for name in names if name in run} for run in runs])
        yield Between(
            runtime=runtime, kind=kind, metric=metric, family=family, sd=sd, runs=len(runs), quantities=pooled
        )


def main() -> None:
    """Write the spreads of the named runs, and print them."""
    views = [view_of(packs.readable(RESULTS, name).path) for name in sys.argv[1:]]
    runtimes = {str(view.run.facts["runtime"]) for view in views}
    if len(views) < LEAST_RUNS or len(runtimes) != 1:
        sys.exit(f"Name at least {LEAST_RUNS} runs of one runtime.")
    (runtime,) = runtimes
    found = list(spreads(runtime, [logs_of(view) for view in views]))
    kept: dict[str, Any] = (
        json.loads(FILE.read_text()) if FILE.exists() else {"version": VERSION, "runs": {}, "spreads": []}
    )
    kept["runs"][runtime] = [
        {"started_at": view.run.facts["started_at"], "seed": view.run.facts["seed"]} for view in views
    ]
    others = [one for one in kept["spreads"] if one["runtime"] != runtime]
    kept["spreads"] = [*others, *(one.model_dump(mode="json") for one in found)]
    FILE.write_text(json.dumps(kept, indent=1) + "\n")
    for one in found:
        print(f"{runtime} {one.kind:5} {one.metric:20} {one.family:6} {100 * one.sd:5.1f} %  over {one.quantities}")


if __name__ == "__main__":
    main()
