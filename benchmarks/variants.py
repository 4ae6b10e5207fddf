"""Test that a report names what slows a stack down, instead of blaming it: `python -m benchmarks.variants`.

In a copy of this checkout stacks get twins with one well-known fault of operation each: two workers on asyncio, half a CPU,
an access log, a pass-through middleware, no thread pool of its own, workers that are replaced. One run measures all of
them beside their originals; the report is kept under results/reference/variants-<runtime>.
"""

import argparse
import csv
import tempfile
from pathlib import Path

from benchmarks.copies import Twin, add, bench, copy_to, keep
from lab.paths import ROOT

MIDDLEWARE = '''
"""The FastAPI application behind one middleware that passes everything through."""

from stacks.fastapi.app import app


@app.middleware("http")
async def pass_through(request, call_next):
    return await call_next(request)
'''

PROFILE = """
[variants]
about = "stacks with one fault of operation each, beside themselves"
stacks = ["flask-gunicorn", "fastapi-uvicorn", "quart-hypercorn"]
scenarios = ["json", "wait", "file/thread"]
aa_scenarios = ["json"]
loads = ["closed:1", "closed:64"]
blocks = 6
reruns = 1
warmup_s = 0.3
window_s = 1.0
timeout_s = 10.0
"""


def twins() -> list[Twin]:
    """Return the twins, each with its fault."""
    quart = (ROOT / "stacks/quart/app.py").read_text()
    pool = "    asyncio.get_running_loop().set_default_executor(threads)\n"
    return [
        _uvicorn("two-workers", 8150, ("*workers", '"2"'), ("--loop=uvloop", "--loop=asyncio"),
                 ('<<: *budget,', '<<: *budget, LAB_WORKERS: "2",')),
        _uvicorn("half-cpu", 8151, ("    command:\n", '    cpus: "0.5"\n    command:\n')),
        _uvicorn("access-log", 8152, ("      - --no-access-log\n", "")),
        Twin("fastapi-middleware", "fastapi-uvicorn", 8153, (("stacks.fastapi.app:app", "stacks.fastapi.passing:app"),),
             (("stacks/fastapi/passing.py", MIDDLEWARE),)),
        Twin("quart-no-pool", "quart-hypercorn", 8154, (("stacks.quart.app:app", "stacks.quart.poolless:app"),),
             (("stacks/quart/poolless.py", _without(quart, pool)),)),
        Twin("flask-restarting", "flask-gunicorn", 8155, (("      - --threads\n", "      - --max-requests=2000\n      - --threads\n"),)),
    ]  # fmt: skip


def _uvicorn(name: str, port: int, *replaced: tuple[str, str]) -> Twin:
    return Twin(f"fastapi-{name}", "fastapi-uvicorn", port, replaced)


def _without(text: str, part: str) -> str:
    if part not in text:
        raise SystemExit(f"stacks/quart/app.py does not say {part.strip()!r}.")
    return text.replace(part, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", default="docker", choices=["process", "docker"])
    runtime = parser.parse_args().runtime
    faulty = twins()
    with tempfile.TemporaryDirectory(prefix="lab-variants-") as folder:
        copy = Path(folder) / "checkout"
        copy_to(copy)
        add(copy, faulty)
        with (copy / "loadtests/profiles.toml").open("a") as profiles:
            profiles.write(PROFILE)
        stacks = ",".join([*dict.fromkeys(twin.of for twin in faulty), *(twin.name for twin in faulty)])
        bench(copy, "variants", RUNTIME=runtime, PROFILE="variants", STACKS=stacks)
        kept = keep(copy, "variants", f"variants-{runtime}")
    for row in csv.DictReader((kept / "summary.csv").open()):
        print(
            f"{row['stack']:20} {row['scenario']:12} {row['load']:10} {row['rps']:>8} {row['bound_by']:14} {row['notes']}"
        )


if __name__ == "__main__":
    main()
