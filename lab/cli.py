"""The commands of the lab. Every Make target is the command of its name, but those that call another tool: tests, `check` and `site`."""

# Each command imports what it needs when it is called, so that `help` does not wait for scipy.

import sys
from typing import Annotated

import typer

from lab.errors import Exit, LabError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False, rich_markup_mode=None
)

Profile = Annotated[
    str,
    typer.Option(
        envvar="PROFILE",
        help="profile of loadtests/profiles.toml: quick (default), standard, answers and others",
    ),
]
Stacks = Annotated[
    str,
    typer.Option(
        "--stacks",
        "--stack",
        envvar=["STACKS", "STACK"],
        help="stacks, comma-separated, or all; a+slots=200 is the stack a with 200 slots",
    ),
]
Scenarios = Annotated[str, typer.Option(envvar="SCENARIOS", help="scenarios: db, db/one, wait?ms=100, comma-separated")]
Loads = Annotated[
    str,
    typer.Option(envvar="LOADS", help="loads instead of the profile's: closed:64, closed:1..512, open:500, open:50%"),
]
Window = Annotated[str, typer.Option(envvar="WINDOW", help="length of a window in seconds, instead of the profile's")]
Blocks = Annotated[
    str, typer.Option(envvar="BLOCKS", help="number of blocks, instead of the profile's; 6 make a claim")
]
Runtime = Annotated[str, typer.Option(envvar="RUNTIME", help="auto (default), docker or process")]
Run = Annotated[str, typer.Option(envvar="RUN", help="name of the run's folder in results/")]
AnyRun = Annotated[
    str,
    typer.Option("--run", envvar="RUN", help="a run in results/, latest, reference/<name>, or the path of a .lab.zip"),
]
Seed = Annotated[int | None, typer.Option(envvar="SEED", help="seed of the plan; random without one")]
Workers = Annotated[int | None, typer.Option(envvar="WORKERS", min=1, help="workers of every stack")]
Slots = Annotated[int | None, typer.Option(envvar="SLOTS", min=1, help="slots of every stack: its threads")]
DbPool = Annotated[
    int | None, typer.Option(envvar="DB_POOL", min=1, help="connections to PostgreSQL of each worker of every stack")
]
A = Annotated[str, typer.Option("--a", envvar="A", help="the first run: a name, or a file of `pack`")]
B = Annotated[str, typer.Option("--b", envvar="B", help="the second run; the newest one without")]
Across = Annotated[
    bool, typer.Option(envvar="ACROSS_MACHINES", help="the machines differ: compare ratios inside each run alone")
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]


@app.command()
def bench(
    profile: Profile = "",
    stacks: Stacks = "",
    scenarios: Scenarios = "",
    runtime: Runtime = "",
    run: Run = "",
    seed: Seed = None,
    loads: Loads = "",
    window: Window = "",
    blocks: Blocks = "",
    workers: Workers = None,
    slots: Slots = None,
    db_pool: DbPool = None,
) -> None:
    """Measure and report: environment, images, services, contract check, measurement, report."""
    from lab.commands import bench as bench_

    given = {"LOADS": loads, "WINDOW": window, "BLOCKS": blocks}
    budget = _budget(workers=workers, slots=slots, db_pool=db_pool)
    _leave(bench_.bench(profile, stacks, scenarios, runtime, run, seed, given, budget))


@app.command()
def verify(
    stacks: Stacks = "",
    runtime: Runtime = "auto",
    quick: Annotated[bool, typer.Option(envvar="QUICK", help="do not measure idle connections (80 s)")] = False,
    workers: Workers = None,
    slots: Slots = None,
    db_pool: DbPool = None,
) -> None:
    """Compare every stack with the HTTP contract."""
    from lab.commands import serve

    _leave(serve.verify(stacks, runtime, _budget(workers=workers, slots=slots, db_pool=db_pool), quick=quick))


@app.command()
def up(
    stacks: Stacks = "",
    runtime: Runtime = "auto",
    workers: Workers = None,
    slots: Slots = None,
    db_pool: DbPool = None,
) -> None:
    """Start one stack or several with their services, print their addresses, and leave them running."""
    from lab.commands import serve

    _leave(serve.up(stacks, runtime, _budget(workers=workers, slots=slots, db_pool=db_pool)))


@app.command()
def down() -> None:
    """Stop what the lab started in this checkout."""
    from lab.commands import serve

    _leave(serve.down())


@app.command()
def micro(runtime: Runtime = "auto", run: Run = "") -> None:
    """Measure what calls, coroutines, tasks and threads cost, and what a naive benchmark of them says; two minutes."""
    from lab.commands import microbench

    _leave(microbench.micro(runtime, run))


@app.command()
def report(run: AnyRun = "latest") -> None:
    """Derive summary and report again from a run's originals."""
    from lab.report import again

    _leave(again.report(run))


@app.command()
def compare(
    a: A = "",
    b: B = "latest",
    fail_if: Annotated[
        str, typer.Option(envvar="FAIL_IF", help="exit with 1 where a cell meets this: 'rps < -5%', 'p99 > 10%'")
    ] = "",
    across_machines: Across = False,
) -> None:
    """Say what changed from run A to run B, cell by cell and ratio by ratio."""
    from lab.commands import compare as compare_

    _leave(compare_.compare(a, b, fail_if, across=across_machines))


@app.command()
def reproduce(run: Run = "", across_machines: Across = False) -> None:
    """Re-run a recorded run, with its plan and seed, and say whether cells agree and findings hold."""
    from lab.commands import reproduce as reproduce_

    _leave(reproduce_.reproduce(run, across=across_machines))


@app.command()
def pack(run: Run = "latest") -> None:
    """Write a run with its report into one file, results/<name>.lab.zip, without paths and names of this machine."""
    from lab.commands import pack as pack_

    _leave(pack_.pack(run))


@app.command()
def history(json: Json = False) -> None:
    """List all runs with the ratio that the most of them share, and write results/index.html."""
    from lab.commands import history as history_

    _leave(history_.history(as_json=json))


@app.command()
def advise(
    wait_ms: Annotated[float | None, typer.Option(envvar="WAIT_MS", help="how long a request waits, in ms")] = None,
    cpu_ms: Annotated[
        float | None, typer.Option(envvar="CPU_MS", help="CPU time of your own code for it, in ms")
    ] = None,
    in_flight: Annotated[int | None, typer.Option(envvar="IN_FLIGHT", help="requests in flight at once")] = None,
    threads: Annotated[int, typer.Option(envvar="THREADS", help="threads of the pool of `def` handlers")] = 40,
    target: Annotated[str, typer.Option(envvar="TARGET", help="a service level: p99=100ms")] = "",
    run: Run = "",
) -> None:
    """Say whether `async def` or `def` suits a request that waits and computes, from a run of the profile map."""
    from lab.commands import advise as advise_

    _leave(advise_.advise(wait_ms, cpu_ms, in_flight, threads, target, run))


@app.command()
def stacks(json: Json = False) -> None:
    """List the stacks."""
    from lab.commands import listing

    _leave(listing.stacks(as_json=json))


@app.command()
def scenarios(json: Json = False) -> None:
    """List the scenarios."""
    from lab.commands import listing

    _leave(listing.scenarios(as_json=json))


@app.command()
def doctor() -> None:
    """Print what this machine lacks, and how to fix it."""
    from lab.commands import doctor as doctor_

    _leave(doctor_.doctor())


@app.command()
def calibrate() -> None:
    """Measure what this machine and the generator can resolve; about twelve minutes."""
    from lab.calibrate import run as calibrate_

    _leave(calibrate_.calibrate())


@app.command("base-image")
def base_image() -> None:
    """Make the base image with debootstrap, for machines that reach no registry."""
    from lab.commands import images

    _leave(images.base_image())


@app.command()
def lock(
    upgrade: Annotated[
        bool, typer.Option(envvar="UPGRADE", help="take the newest versions instead of the locked ones")
    ] = False,
) -> None:
    """Compile locks/ from pyproject.toml; locked versions stay."""
    from lab.commands import lock as lock_

    _leave(lock_.lock(upgrade=upgrade))


@app.command()
def readme() -> None:
    """Write the tables that README and docs quote from committed runs."""
    from lab.commands import docs_tables as readme_

    _leave(readme_.readme())


@app.command()
def clean() -> None:
    """Remove containers, images and caches of this checkout; results stay."""
    from lab.commands import images

    _leave(images.clean())


@app.command("help")
def help_(json: Json = False) -> None:
    """List the Make targets; as JSON, also the help of every command."""
    from lab.commands import listing

    _leave(listing.help_of(app, as_json=json))


def main() -> None:
    """Run a command. Print an error that a person can fix as a sentence on standard error, without a traceback."""
    try:
        app()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)  # noqa: T201  # the one place that prints errors
        sys.exit(Exit.COULD_NOT_START)
    except KeyboardInterrupt:
        sys.exit(Exit.NOT_ALL_MEASURED)


def _budget(**given: int | None) -> dict[str, int]:
    return {setting: value for setting, value in given.items() if value is not None}


def _leave(status: Exit) -> None:
    raise typer.Exit(status)
