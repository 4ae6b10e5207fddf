"""Outcomes and bounds, caused: real servers, PostgreSQL, `upstream` and driver, with a real fault in one of them.

All trials run once, on one copy of the checkout. On a machine that others use too a check asked earlier may object first,
so a test asks the check that it is about, and of the verdict only what no noise can change.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.analysis import stats
from lab.analysis.validity.bounds import MEANING, bound_by
from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits
from lab.analysis.validity.objections import CHECKS
from lab.analysis.validity.use import cpu_share
from lab.analysis.validity.verdict import judge
from lab.model.outcome import OUTCOME, Failure, Sample
from tests.conftest import checkout_copied_to, edit, environment

pytestmark = pytest.mark.slow
FASTAPI, FLASK, BROKEN, GENEROUS = "fastapi-uvicorn", "flask-gunicorn", "starlette-uvicorn", "fastapi-def"
AWAKE = "quart-hypercorn"
SCENES = {
    (FASTAPI, FLASK, BROKEN, GENEROUS): {
        "full server": (FASTAPI, "crunch/inline", "closed:8"),
        "all threads wait": (FLASK, "wait", "closed:64"),
        "pool exhausted": (FASTAPI, "db/one?ms=50", "closed:64"),
        "database full": (FASTAPI, "db/batched", "closed:16"),
        "upstream full": (FASTAPI, "http/one?ms=0", "closed:16"),
        "upstream refuses": (FASTAPI, "http/concurrent?ms=5&capacity=15", "closed:4"),
        "upstream is spared": (FASTAPI, "http/bounded?ms=5&capacity=15&limit=3", "closed:4"),
        "users that work": (FASTAPI, "health", "closed:8"),
        "little is asked": (FASTAPI, "json", "open:50"),
        "few users wait": (FASTAPI, "wait", "closed:16"),
        "rate above capacity": (FASTAPI, "crunch/inline", "open:2000"),
        "errs now and then": (BROKEN, "wait?ms=10", "closed:8"),
        "lies under load": (BROKEN, "json", "closed:8"),
        "held up": (BROKEN, "file/async", "closed:1"),
        "keeps no connection": (BROKEN, "parse/plain", "closed:4"),
        "more slots than it says": (GENEROUS, "wait?ms=100", "closed:128"),
        "server's CPU taken": (FASTAPI, "json", "open:50"),
        "generator's CPU taken": (FASTAPI, "json", "open:500"),
        "generator's CPU taken, closed": (FASTAPI, "json", "closed:4"),
        "not served": (FLASK, "file/async", "closed:4"),
        "driver dies": (FASTAPI, "json", "closed:4"),
        "silent, its CPU taken": (BROKEN, "crunch/thread", "closed:4"),
        "silent": (BROKEN, "crunch/thread", "closed:4"),
        "server dies": (BROKEN, "crunch/inline", "closed:4"),
        "server is dead": (BROKEN, "json", "closed:4"),
    },
    (FASTAPI, AWAKE): {
        "neighbour awake": (FASTAPI, "json", "open:50"),
        "database dies": (FASTAPI, "json", "closed:4"),
        "database is dead": (FASTAPI, "db/one", "closed:4"),
    },
}
LONGER_S = {"all threads wait": 2.0, "pool exhausted": 2.0}
"""All slots are freed at once, every 50 ms: in the other scenes' 0.6 s one such round more or less is a twelfth of the answers."""
Staged = dict[str, tuple[Sample | Failure, Limits]]

NOW_AND_THEN = """
_asked = {}  # by path: the first request of a trial, which must be answered rightly, is never a fiftieth


def _each_fiftieth(path: str) -> bool:
    _asked[path] = _asked.get(path, 0) + 1
    return _asked[path] % 50 == 0


settings = Settings"""
DIES = """_crunched = [0]


async def crunch_inline(request: Request) -> JSONResponse:
    _crunched[0] += 1
    if _crunched[0] > 200:
        os.kill(os.getpid(), 9)
"""
WORKING_USER = '''
    def ask(self, start_s):
        """Works a while before it asks."""
        while monotonic() < start_s + 0.002:
            pass
        return super().ask(start_s)
'''
BUSY_THREAD = """
def _never_sleep() -> None:
    while True:
        pass


threading.Thread(target=_never_sleep, daemon=True).start()
settings = Settings"""


def break_it(copy: Path) -> None:
    """Every fault that lies in a server, in `upstream`, in the database's work or in the users."""
    broken = copy / "stacks/starlette/app.py"
    edit(broken, "import asyncio\n", "import asyncio\nimport os\n")
    edit(broken, "\nsettings = Settings", NOW_AND_THEN)
    edit(
        broken,
        '    return JSONResponse({"message": "Hello, World!"})',
        '    return JSONResponse({"message": "Hello, Jupiter!" if _each_fiftieth("json") else "Hello, World!"})',
    )
    edit(
        broken,
        '    return JSONResponse({"waited_ms": ms})\n\n\nasync def mixed',
        '    return JSONResponse({"waited_ms": ms}, 500 if _each_fiftieth("wait") else 200)\n\n\nasync def mixed',
    )
    edit(
        broken,
        "parser.text_of(parser.decode(await request.body()))))\n\n\nasync def parse_coroutine",
        'parser.text_of(parser.decode(await request.body()))), headers={"Connection": "close"})\n\n\n'
        "async def parse_coroutine",
    )
    edit(
        broken,
        "async def crunch_thread(request: Request) -> JSONResponse:\n",
        "async def crunch_thread(request: Request) -> JSONResponse:\n    await asyncio.sleep(60)\n",
    )
    edit(
        broken,
        "async def file_async(request: Request) -> JSONResponse:\n",
        "async def file_async(request: Request) -> JSONResponse:\n    await asyncio.sleep(0.044)\n",
    )
    edit(
        broken,
        "async def crunch_inline(request: Request) -> JSONResponse:\n",
        DIES,
    )
    generous = copy / "stacks/fastapi/def_app.py"
    edit(generous, "total_tokens = settings.slots", "total_tokens = 2 * settings.slots")
    edit(generous, "slots = int(current_default_thread_limiter().total_tokens)", "slots = settings.slots")
    edit(
        copy / "stacks/shared/database.py",
        '"SELECT id, value FROM items WHERE id = ANY(%s)"',
        '"SELECT id, value FROM (SELECT count(*) FROM generate_series(1, 100000)) busy, items WHERE id = ANY(%s)"',
    )
    edit(
        copy / "services/upstream/app.py",
        "    Load.calls += 1\n",
        "    Load.calls += 1\n    sum(range(200_000))\n",
    )
    users = copy / "loadtests/health.py"
    edit(users, "from client", "from time import monotonic\n\nfrom client")
    users.write_text(users.read_text() + WORKING_USER)
    awake = copy / "stacks/quart/app.py"
    edit(awake, "import asyncio\n", "import asyncio\nimport threading\n")
    edit(awake, "\nsettings = Settings", BUSY_THREAD)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staged]:
    """Name -> the trial's outcome, and what it could do at most."""
    with checkout_copied_to(tmp_path_factory.mktemp("outcomes") / "checkout") as copy:
        break_it(copy)
        scenes = [
            {
                "stacks": stacks,
                "trials": [
                    {"stack": stack, "scenario": scenario, "load": load, "fault": name}
                    | ({"window_s": LONGER_S[name]} if name in LONGER_S else {})
                    for name, (stack, scenario, load) in trials.items()
                ],
            }
            for stacks, trials in SCENES.items()
        ]
        done = subprocess.run(
            [sys.executable, "-m", "tests.staged"],
            cwd=copy,
            env=environment(),
            input=json.dumps(scenes),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        names = [name for trials in SCENES.values() for name in trials]
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        yield {
            name: (OUTCOME.validate_python(line["outcome"]), Limits.model_validate(line["setting"]))
            for name, line in zip(names, lines, strict=True)
        }


def measured(staged: Staged, name: str) -> tuple[Sample, Limits]:
    outcome, limits = staged[name]
    assert isinstance(outcome, Sample), outcome
    return outcome, limits


def undisturbed(staged: Staged, name: str) -> tuple[Sample, Limits]:
    """A measured trial beside which nobody else used the server's CPU; of another nothing can be said but that."""
    return _without(staged, name, Cause.STOLEN, Cause.FOREIGN)


def _without(staged: Staged, name: str, *causes: Cause) -> tuple[Sample, Limits]:
    sample, limits = measured(staged, name)
    for cause in causes:
        if disturbance := dict(CHECKS)[cause](sample, limits):
            pytest.skip(f"This machine was not its own: {disturbance}.")
    return sample, limits


BOUNDS = {
    "full server": "server CPU",
    "all threads wait": "server slots",
    "pool exhausted": "server slots",
    "database full": "database",
    "upstream full": "upstream",
    "users that work": "generator",
    "little is asked": "offered rate",
    "few users wait": "offered rate",
    "rate above capacity": "server CPU",
    "held up": "stall",
}


def test_every_bound_has_a_scene() -> None:
    """A quota needs a control group of the server's own, which a plain process has not."""
    assert set(BOUNDS.values()) == set(MEANING) - {"CPU quota"}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_was_full_is_named(staged: Staged, name: str) -> None:
    sample, limits = undisturbed(staged, name)
    assert bound_by(sample, limits) == BOUNDS[name], sample.model_dump(exclude={"driven": {"latency"}})


@pytest.mark.parametrize(("name", "ceiling_per_s"), [("all threads wait", 40 / 0.05), ("pool exhausted", 20 / 0.05)])
def test_slots_that_all_wait_give_their_ceiling_whatever_the_framework(
    staged: Staged, name: str, ceiling_per_s: float
) -> None:
    sample, limits = undisturbed(staged, name)
    most = ceiling_per_s * sample.driven.window_s + (limits.slots or 0)
    assert 0.9 * ceiling_per_s * sample.driven.window_s <= sample.driven.completed <= most
    assert (cpu_share(sample, "server") or 0) < 0.9


OBJECTIONS = {
    "rate above capacity": Cause.BEHIND,
    "errs now and then": Cause.ERRED,
    "lies under load": Cause.ERRED,
    "users that work": Cause.BUSY,
    "more slots than it says": Cause.CEILING,
    "server's CPU taken": Cause.FOREIGN,
    "generator's CPU taken": Cause.LATE,
    "generator's CPU taken, closed": Cause.FOREIGN_BESIDE,
    "neighbour awake": Cause.NOT_IDLE,
}


@pytest.mark.parametrize("name", OBJECTIONS)
def test_each_fault_is_objected_to(staged: Staged, name: str) -> None:
    (sample, limits), cause = _without(staged, name, Cause.STOLEN), OBJECTIONS[name]
    assert dict(CHECKS)[cause](sample, limits), sample.model_dump(exclude={"driven": {"latency", "service", "lag"}})
    verdict = judge(sample, limits)
    if cause is Cause.BEHIND:
        assert verdict.result != "valid"  # noise, which is asked about first, would make it the lab's fault
    else:
        assert verdict.result == cause.result


def test_every_cause_is_tested_in_one_of_these_files() -> None:
    here = Path(__file__).parent
    texts = [path.read_text() for path in (*here.glob("test_outcomes_*.py"), here / "test_bench.py")]
    assert {name for text in texts for name in re.findall(r"Cause\.([A-Z_]+)", text)} == {cause.name for cause in Cause}


def test_a_full_upstreams_refusals_are_a_result_where_the_scenario_expects_them(staged: Staged) -> None:
    """Four users with ten calls at once are too many for it, with three each they are not."""
    refused, spared = measured(staged, "upstream refuses"), measured(staged, "upstream is spared")
    assert set(refused[0].driven.errors) == {"status 502"}
    assert spared[0].driven.errors == {}
    for sample, limits in (refused, spared):
        assert limits.expected_errors == ("status 502",)
        blamed = {objection.cause for objection in judge(sample, limits).objections}
        assert not blamed & {Cause.ERRED, Cause.NOTHING, Cause.UNANSWERED}


def test_the_errors_of_a_window_are_counted_by_what_they_were(staged: Staged) -> None:
    lies = {"wrong length", "wrong body"}  # the first answer that a user gets is read whole, which finds more
    for name, reasons in (("errs now and then", {"status 500"}), ("lies under load", lies)):
        driven = measured(staged, name)[0].driven
        assert set(driven.errors) <= reasons
        assert (driven.wrong_body is not None) == (reasons == lies)
        assert sum(driven.errors.values()) == pytest.approx(driven.requests / 50, abs=2)


def test_a_server_that_dies_while_it_is_loaded_has_failed(staged: Staged) -> None:
    """As a sample full of refusals or, where the reading of its counters came too late, as no trial at all."""
    if isinstance(staged["server dies"][0], Sample):
        undisturbed(staged, "server dies")
    verdict = judge(*staged["server dies"])
    assert verdict.result == "failed"
    assert verdict.cause in (Cause.UNANSWERED, Cause.NOTHING, Cause.NO_TRIAL)


def test_a_first_answer_that_does_not_come_is_the_stacks_on_an_undisturbed_machine_only(staged: Staged) -> None:
    outcome, limits = staged["silent, its CPU taken"]
    assert isinstance(outcome, Failure)
    assert judge(outcome, limits).cause is Cause.LAB
    assert re.search(r"timeout\. Meanwhile other programs used \d+% of the server's CPU time", outcome.reason)
    outcome, limits = staged["silent"]
    assert isinstance(outcome, Failure)
    assert judge(outcome, limits).cause is (Cause.LAB if "Meanwhile" in outcome.reason else Cause.NO_TRIAL)


def test_a_first_answer_that_is_wrong_is_the_stacks_and_says_nothing_of_a_server_that_died(staged: Staged) -> None:
    outcome, limits = staged["not served"]
    assert isinstance(outcome, Failure)
    verdict = judge(outcome, limits)
    assert verdict.cause is Cause.OFF_CONTRACT
    assert "status 404; so it was not measured there: call `make verify`" in verdict.reason


def test_a_server_that_is_dead_gives_no_trial(staged: Staged) -> None:
    outcome, limits = staged["server is dead"]
    assert isinstance(outcome, Failure)
    assert "not running" in outcome.reason
    assert judge(outcome, limits).cause is Cause.NO_TRIAL


def test_a_driver_that_dies_is_the_labs_fault_and_the_next_trial_has_another_one(staged: Staged) -> None:
    outcome, limits = staged["driver dies"]
    assert isinstance(outcome, Failure)
    assert judge(outcome, limits).cause is Cause.LAB
    measured(staged, "neighbour awake")


@pytest.mark.parametrize("name", ["database dies", "database is dead"])
def test_a_database_that_dies_is_the_labs_fault_and_not_the_stacks(staged: Staged, name: str) -> None:
    outcome, limits = staged[name]
    assert isinstance(outcome, Failure)
    assert "postgres is not running" in outcome.reason
    assert judge(outcome, limits).cause is Cause.LAB


def test_the_connections_that_a_full_pool_has_busy_are_seen(staged: Staged) -> None:
    sample, limits = measured(staged, "pool exhausted")
    assert sample.usage["database"].connections == limits.slots == 20


def test_a_server_that_keeps_no_connection_has_not_failed(staged: Staged) -> None:
    sample, limits = measured(staged, "keeps no connection")
    assert judge(sample, limits).result != "failed"
    assert sample.driven.errors == {}
    assert stats.per_request([sample], lambda of: of.connects) == pytest.approx(1, abs=0.5)
