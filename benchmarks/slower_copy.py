"""Test that a run separates a stack with 10 % more CPU per request from the A/A arm: `python -m benchmarks.slower_copy`.

In a copy of this checkout the baseline stack gets a twin that burns a tenth of its CPU time per request on top. A run of
the standard profile on both, scenario json, is then kept under results/reference/slower-copy-<runtime>.
"""

import argparse
import csv
import tempfile
from pathlib import Path

from benchmarks.copies import Twin, add, bench, copy_to, keep

STACK, TWIN, PORT = "fastapi-uvicorn", "fastapi-burning", 8150

APP = '''
"""The FastAPI application, burning BURN_NS of CPU time in each request."""

import os
from time import thread_time_ns

from stacks.fastapi.app import app as inner

BURN_NS = int(os.environ["LAB_BURN_NS"])


async def app(scope, receive, send):
    if scope["type"] == "http":
        end = thread_time_ns() + BURN_NS
        while thread_time_ns() < end:
            pass
    await inner(scope, receive, send)
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", default="process", choices=["process", "docker"])
    parser.add_argument("--profile", default="standard")
    runtime, profile = (words := parser.parse_args()).runtime, words.profile
    with tempfile.TemporaryDirectory(prefix="lab-slower-") as folder:
        copy = Path(folder) / "checkout"
        copy_to(copy)
        bench(copy, "alone", RUNTIME=runtime, PROFILE="smoke", STACKS=STACK, SCENARIOS="json")
        cpu_us = _cpu_us(copy / "results/alone")
        add(copy, [_twin(round(cpu_us * 100))])
        bench(copy, "twin", RUNTIME=runtime, PROFILE=profile, STACKS=f"{STACK},{TWIN}", SCENARIOS="json")
        kept = keep(copy, "twin", f"slower-copy-{runtime}")
    print(f"{STACK} takes {cpu_us:.1f} us of CPU per request; {TWIN} burns {cpu_us / 10:.1f} us more.")
    for row in csv.DictReader((kept / "comparisons.csv").open()):
        if row["metric"] != "p99_ms":
            interval = f"{row['ratio']} ({row['lo']} to {row['hi']})"
            print(f"{row['stack']:24} {row['load']:10} {row['metric']:20} {interval:30} {row['verdict']}")


def _twin(burn_ns: int) -> Twin:
    return Twin(
        name=TWIN,
        of=STACK,
        port=PORT,
        replaced=(
            ("stacks.fastapi.app:app", "stacks.fastapi.burning:app"),
            ("<<: *budget,", f'<<: *budget, LAB_BURN_NS: "{burn_ns}",'),
        ),
        files=(("stacks/fastapi/burning.py", APP),),
    )


def _cpu_us(run: Path) -> float:
    return float(next(csv.DictReader((run / "summary.csv").open()))["cpu_us_per_request"])


if __name__ == "__main__":
    main()
