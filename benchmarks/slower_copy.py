"""Does a real run see a stack that costs 10 % more CPU per request, and not see the A/A arm? `python -m benchmarks.slower_copy`

In a copy of this checkout the baseline stack gets a twin that burns a tenth of its CPU time per request on top; a run of
the standard profile on both, scenario json, is then kept under results/reference/slower-copy-<runtime>.
"""

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STACK, TWIN, PORT = "fastapi-uvicorn", "fastapi-burning", "8150"

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
        _copy(copy)
        _bench(copy, "alone", runtime, "smoke", STACK)
        cpu_us = _cpu_us(copy / "results/alone")
        _add_twin(copy, round(cpu_us * 100))
        _bench(copy, "twin", runtime, profile, f"{STACK},{TWIN}")
        kept = ROOT / f"results/reference/slower-copy-{runtime}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(copy / "results/twin", kept, ignore=shutil.ignore_patterns("logs"))
    print(f"{STACK} takes {cpu_us:.1f} us of CPU per request; {TWIN} burns {cpu_us / 10:.1f} us more.")
    for row in csv.DictReader((kept / "comparisons.csv").open()):
        if row["metric"] != "p99_ms":
            interval = f"{row['ratio']} ({row['lo']} to {row['hi']})"
            print(f"{row['stack']:24} {row['load']:10} {row['metric']:20} {interval:30} {row['verdict']}")


def _copy(copy: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith("results/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)


def _add_twin(copy: Path, burn_ns: int) -> None:
    """The same service under another name, with another module and port."""
    (copy / "stacks/fastapi/burning.py").write_text(APP)
    compose = copy / "docker-compose.yml"
    text = compose.read_text()
    service = re.search(rf"^  {STACK}:\n(?:    .*\n|\n)+", text, re.MULTILINE)
    if not service:
        raise SystemExit(f"docker-compose.yml has no service {STACK}.")
    twin = (
        service[0]
        .replace(STACK, TWIN)
        .replace("8102", PORT)
        .replace("stacks.fastapi.app:app", "stacks.fastapi.burning:app")
        .replace("<<: *budget,", f'<<: *budget, LAB_BURN_NS: "{burn_ns}",')
        .replace('      lab.baseline: "true"\n', "")
    )
    compose.write_text(text.replace(service[0], service[0] + twin))


def _bench(copy: Path, run: str, runtime: str, profile: str, stacks: str) -> None:
    words = {"RUN": run, "RUNTIME": runtime, "PROFILE": profile, "STACKS": stacks, "SCENARIOS": "json"}
    subprocess.run([sys.executable, "-m", "lab", "bench"], cwd=copy, env=os.environ | words, check=True)


def _cpu_us(run: Path) -> float:
    return float(next(csv.DictReader((run / "summary.csv").open()))["cpu_us_per_request"])


if __name__ == "__main__":
    main()
