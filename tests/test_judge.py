"""Whose fault a trial is, and what bounded it: each check alone, and the limits from both sides."""

from typing import Any

import pytest

from lab.analysis.validity import notes
from lab.analysis.validity.bounds import MEANING, bound_by
from lab.analysis.validity.causes import Cause
from lab.analysis.validity.limits import Limits, limits_of
from lab.analysis.validity.notes import Kind
from lab.analysis.validity.objections import CHECKS
from lab.analysis.validity.verdict import judge
from lab.config import scenarios
from lab.model.outcome import Usage
from lab.model.stack import Setting, SettingValue
from lab.model.workload import Scenario
from lab.paths import LOADTESTS
from tests.synthetic import failure, histogram, sample, stack, trial

CLOSED, OPEN, SHARE = trial(load="closed:64"), trial(load="open:1000"), trial(load="open:80%")
THINKING, MANY = trial(load="closed:64+think=1s"), trial(load="closed:640+think=1s")
SLOTS = Limits(slots=40, wait_ms=50)


def usage(
    server: float = 0.2, generator: float = 0.2, database: float | None = 0.0, upstream: float = 0.0
) -> dict[str, Usage]:
    """Roles that kept so many CPUs busy during the window of 2 s; None where that is not known."""
    shares = {"server": server, "generator": generator, "database": database, "upstream": upstream}
    return {role: Usage(cpu_s=None if share is None else 2 * share) for role, share in shares.items()}


def test_what_no_role_used_is_the_database_s_where_its_processes_came_and_went() -> None:
    found = sample(CLOSED, usage=usage(generator=0.03, database=None), other_cores_busy=1.0)
    assert judge(found, Limits()).result == "valid"
    known = found.model_copy(update={"usage": usage(generator=0.03, database=0.1)})
    assert judge(known, Limits()).cause is Cause.FOREIGN_BESIDE


def test_a_clean_trial_is_valid() -> None:
    for load in (CLOSED, OPEN, SHARE, THINKING):
        verdict = judge(sample(load), Limits())
        assert (verdict.result, verdict.reason, verdict.cause) == ("valid", "", None)


def test_every_cause_says_whose_fault_it_is_and_what_to_do() -> None:
    assert {cause for cause, _ in CHECKS} == set(Cause) - {Cause.NO_TRIAL, Cause.OFF_CONTRACT, Cause.LAB}
    for cause in Cause:
        assert cause.result in ("failed", "invalid")
        assert ": " in cause.advice


def test_a_failure_is_the_stacks_unless_it_says_that_it_is_the_labs() -> None:
    assert judge(failure(), Limits()).cause is Cause.NO_TRIAL
    refused = judge(failure(off_contract=True), Limits())
    assert refused.cause is Cause.OFF_CONTRACT
    assert "died" not in refused.reason
    assert judge(failure(lab_fault=True), Limits()).cause is Cause.LAB


LATE = {"lag": histogram({3.0: 2000}), "service": histogram({8.0: 2000})}
CASES: list[tuple[Cause, dict[str, Any]]] = [
    (Cause.NOTHING, {"of": CLOSED, "completed": 0, "latency": histogram({}), "errors": {"refused": 2000}}),
    (Cause.ERRED, {"of": CLOSED, "requests": 2003, "errors": {"status 500": 3}}),
    (Cause.UNANSWERED, {"of": CLOSED, "requests": 2003, "errors": {"timeout": 3}}),
    (Cause.UNANSWERED, {"of": CLOSED, "requests": 2003, "errors": {"status 500": 1, "reset": 2}}),
    (Cause.ACCOUNTS, {"of": CLOSED, "requests": 2001}),
    (Cause.ACCOUNTS, {"of": OPEN, "scheduled": 2001}),
    (Cause.LATE, {"of": OPEN, **LATE}),
    (Cause.LATE, {"of": OPEN, "lag": histogram({0.1: 1900, 3.0: 100}), "latency": histogram({1.0: 1900, 8.8: 100})}),
    (Cause.BUSY, {"of": CLOSED, "usage": usage(generator=0.95)}),
    (Cause.BUSY, {"of": CLOSED, "other_cores_busy": 0.95, "usage": usage(generator=0.8)}),
    (Cause.IDLE, {"of": CLOSED, "in_flight_s": 0.89 * 64 * 2}),
    (Cause.IDLE, {"of": THINKING, "in_flight_s": 0.09 * 64 * 2, "thinking_s": 0.8 * 64 * 2}),
    (Cause.NOT_IDLE, {"of": CLOSED, "idle_cpu_s": 0.2}),
    (Cause.FOREIGN, {"of": CLOSED, "server_cores_busy": 0.95, "usage": usage(server=0.6)}),
    (Cause.FOREIGN_BESIDE, {"of": CLOSED, "other_cores_busy": 0.95, "usage": usage(generator=0.3, database=0.3)}),
    (Cause.STOLEN, {"of": CLOSED, "stolen": 0.25}),
    (Cause.QUOTA, {"of": CLOSED, "lab_throttled_s": 0.2}),
    (Cause.CEILING, {"of": CLOSED, "rps": 840}),
    (Cause.STARVED, {"of": CLOSED, "starved": 1}),
    (Cause.DROPPED, {"of": OPEN, "requests": 2003, "dropped": 3}),
    (Cause.BEHIND, {"of": OPEN, "completed": 1500}),
    (Cause.OVER_CAPACITY, {"of": SHARE, "requests": 2003, "dropped": 3}),
    (Cause.OVER_CAPACITY, {"of": SHARE, "completed": 1500}),
]


@pytest.mark.parametrize(("cause", "changes"), CASES, ids=lambda value: value.name if isinstance(value, Cause) else "")
def test_each_check_objects_alone(cause: Cause, changes: dict[str, Any]) -> None:
    verdict = judge(sample(**changes), SLOTS if cause is Cause.CEILING else Limits())
    assert verdict.cause is cause
    assert verdict.result == cause.result
    assert verdict.reason.endswith(f"; {cause.advice}.")


INSIDE: list[dict[str, Any]] = [
    {"of": CLOSED, "requests": 2002, "errors": {"status 500": 2}},
    {"of": OPEN, "lag": histogram({1.4: 2000})},
    {"of": OPEN, "lag": histogram({3.0: 2000}), "latency": histogram({31.0: 2000})},
    {"of": OPEN, "lag": histogram({0.1: 1900, 3.0: 100}), "latency": histogram({1.0: 1900, 9.2: 100})},
    {"of": CLOSED, "in_flight_s": 0.91 * 64 * 2},
    {"of": THINKING, "in_flight_s": 0.11 * 64 * 2, "thinking_s": 0.8 * 64 * 2},
    {"of": trial(load="closed:3"), "in_flight_s": 1.0},
    {"of": CLOSED, "idle_cpu_s": 0.09},
    {"of": CLOSED, "stolen": 0.05},
    {"of": CLOSED, "lab_throttled_s": 0.09},
    {"of": trial(load="closed:512"), "in_flight_s": 512 * 2, "starved": 5},
    {"of": CLOSED, "starved": 64, "latency": histogram({210.0: 2000})},
    {"of": CLOSED, "server_cores_busy": 0.78, "usage": usage(server=0.7)},
    {"of": CLOSED, "other_cores_busy": 0.85, "usage": usage(generator=0.3)},
    {"of": OPEN, "completed": 1910, "scheduled": 2000},
]


@pytest.mark.parametrize("changes", INSIDE)
def test_what_stays_inside_the_limits_is_valid(changes: dict[str, Any]) -> None:
    assert judge(sample(**changes), Limits()).result == "valid"


def test_the_stack_that_should_have_been_idle_and_took_most_is_named() -> None:
    reason = judge(sample(CLOSED, idle_cpu_s=0.2, least_idle="b"), Limits()).reason
    assert reason.startswith("The idle stacks' servers took 10 % of a core, b most of it, during the window;")


def test_errors_that_an_experiment_expects_are_no_failure() -> None:
    full = sample(CLOSED, requests=2500, errors={"status 503": 500})
    assert judge(full, Limits()).result == "failed"
    assert judge(full, Limits(expected_errors=("status 503",))).result == "valid"


def test_open_load_counts_a_timeout_once_although_its_latency_is_recorded() -> None:
    driven: dict[str, Any] = {"requests": 2001, "errors": {"timeout": 1}, "latency": histogram({8.0: 2000, 5000.0: 1})}
    assert judge(sample(OPEN, **driven, service=histogram({8.0: 2000})), Limits()).result == "valid"


def test_a_stable_queue_is_not_behind_although_few_responses_are_missing() -> None:
    """100 arrivals, 20 s of waiting in flight in 2 s: ten at a time, so 3 x sqrt(20) = 13 may be missing by chance."""
    few = trial(load="open:50")
    assert judge(sample(few, rps=50, completed=88, in_flight_s=20.0), Limits()).result == "valid"
    assert judge(sample(few, rps=50, completed=86, in_flight_s=20.0), Limits()).cause is Cause.BEHIND


def test_answers_that_all_come_after_the_window_are_said_to_be_late_and_not_wrong() -> None:
    verdict = judge(sample(CLOSED, completed=0, requests=64, latency=histogram({2500.0: 64})), Limits())
    assert verdict.cause is Cause.NOTHING
    assert "64 correct ones to its 64 requests later" in verdict.reason


def test_the_stacks_errors_come_before_the_labs_own_faults() -> None:
    assert judge(sample(CLOSED, requests=2100, errors={"status 500": 90}), Limits()).cause is Cause.ERRED


def test_a_full_generator_is_no_fault_where_the_server_is_full_too() -> None:
    verdict = judge(sample(CLOSED, usage=usage(server=0.97, generator=0.95)), Limits())
    assert (verdict.result, verdict.bound_by) == ("valid", "server CPU")


def test_a_full_database_is_a_bound_and_not_a_fault() -> None:
    verdict = judge(sample(CLOSED, usage=usage(generator=0.3, database=0.65)), Limits())
    assert (verdict.result, verdict.bound_by) == ("valid", "database")


def test_the_slots_allow_one_round_more_than_their_rate() -> None:
    """40 slots that wait 50 ms, of which timers may save 1 ms: 40 x (2,000 / 49 + 1) = 1,672 responses in 2 s."""
    assert judge(sample(CLOSED, rps=836), SLOTS).result == "valid"
    assert judge(sample(CLOSED, rps=837), SLOTS).cause is Cause.CEILING


def test_short_waits_have_no_ceiling() -> None:
    assert judge(sample(CLOSED, rps=9_000), Limits(slots=40, wait_ms=5)).cause is not Cause.CEILING


@pytest.mark.parametrize(
    ("bound", "changes", "limits"),
    [
        ("server CPU", {"usage": usage(server=0.9)}, Limits()),
        ("server CPU", {"usage": usage(server=0.95)}, Limits(server_cpus=2)),
        ("server CPU", {"server_cores_busy": 0.93, "usage": usage(server=0.65)}, Limits()),
        ("offered rate", {"server_cores_busy": 0.93, "usage": usage(server=0.5)}, Limits()),
        ("generator", {"other_cores_busy": 0.95, "usage": usage(upstream=0.3)}, Limits()),
        ("offered rate", {"other_cores_busy": 0.95, "of": OPEN}, Limits()),
        ("offered rate", {"other_cores_busy": 0.95, "rps": 1200}, Limits(wait_ms=50)),
        ("offered rate", {"usage": usage(server=1.4)}, Limits(server_cpus=2)),
        ("server CPU", {"usage": usage(server=1.14)}, Limits(server_cpus=2, slots=40, is_locked=True)),
        ("server slots", {"usage": usage(server=1.14)}, Limits(server_cpus=2, slots=40)),
        ("server CPU", {"usage": usage(server=1.63)}, Limits(server_cpus=2, workers=2, slots=80)),
        ("server slots", {"usage": usage(server=0.78), "rps": 79, "of": MANY}, Limits(wait_ms=20, slots=2)),
        ("server CPU", {"usage": usage(server=0.78), "rps": 76, "of": MANY}, Limits(wait_ms=20, slots=2)),
        ("offered rate", {"usage": usage(server=0.8), "of": trial(load="closed:1")}, Limits()),
        ("offered rate", {"usage": usage(server=0.8), "rps": 800}, Limits(wait_ms=50)),
        ("server slots", {"rps": 790}, SLOTS),
        ("server slots", {"rps": 600}, SLOTS),
        ("server slots", {"usage": usage(server=0.8)}, Limits(slots=1)),
        ("server slots", {"of": MANY, "rps": 500, "in_flight_s": 90 * 2.0, "thinking_s": 550 * 2.0}, SLOTS),
        ("offered rate", {"of": MANY, "rps": 500, "in_flight_s": 30 * 2.0, "thinking_s": 610 * 2.0}, SLOTS),
        ("offered rate", {"of": MANY, "rps": 560, "other_cores_busy": 0.95}, Limits(wait_ms=50)),
        ("generator", {"of": MANY, "rps": 540, "other_cores_busy": 0.95}, Limits(wait_ms=50)),
        ("offered rate", {"rps": 600, "of": OPEN}, SLOTS),
        ("server CPU", {"server_cores_busy": 0.82, "server_stolen": 0.1, "usage": usage(server=0.75)}, Limits()),
        ("offered rate", {"server_cores_busy": 0.65, "server_stolen": 0.1, "usage": usage(server=0.59)}, Limits()),
        ("offered rate", {"rps": 790, "of": trial(load="closed:40")}, SLOTS),
        ("upstream", {"usage": usage(generator=0.3, upstream=0.7)}, Limits()),
        ("offered rate", {"usage": usage(generator=0.5, database=0.9)}, Limits(other_cpus=3)),
        ("generator", {"usage": usage(generator=0.95)}, Limits(other_cpus=3)),
        ("upstream", {"usage": usage(upstream=0.95), "other_cores_busy": 0.4}, Limits(other_cpus=3)),
        ("database", {"usage": usage(generator=0.03, database=None), "other_cores_busy": 1.0}, Limits()),
        ("offered rate", {"usage": usage(upstream=0.95), "of": OPEN}, Limits(other_cpus=3)),
        ("offered rate", {}, Limits()),
        ("", {"completed": 0}, Limits()),
    ],
)
def test_what_bounded_a_trial(bound: str, changes: dict[str, Any], limits: Limits) -> None:
    assert bound_by(sample(**{"of": CLOSED} | changes), limits) == bound
    assert bound == "" or bound in MEANING


VALUES: dict[str, SettingValue] = {
    "workers": 1,
    "slots": 40,
    "db_pool": 20,
    "upstream_connections": 100,
    "command": "run",
}
SETTINGS = {name: Setting(value=value, source="read") for name, value in VALUES.items()}


def asked(id_: str) -> Scenario:
    (found,) = scenarios.find(LOADTESTS, [id_])
    return found


@pytest.mark.parametrize(
    ("model", "id_", "slots", "wait_ms"),
    [
        ("threads", "wait?ms=50", 40, 50),
        ("async", "wait?ms=50", None, 50),
        ("greenlets", "wait?ms=50", None, 50),
        ("sync", "wait?ms=50", 1, 50),
        ("threads", "db/one?ms=10", 20, 10),
        ("async", "db/one?ms=10", 20, 10),
        ("async", "db/sequential?ms=10&n=5", 20, 50),
        ("async", "file/thread?ms=20&kb=64", 40, 20),
        ("async", "file/async?ms=20&kb=64", 40, 20),
        ("async", "file/blocking?ms=20&kb=64", 1, 20),
        ("greenlets", "file/async?ms=20&kb=64", 40, 20),
        ("threads", "file/blocking?ms=20&kb=64", 40, 20),
        ("async", "hazard/blocking-wait?ms=20", 1, 20),
        ("async", "http/one?ms=20", 100, 20),
        ("async", "http/sequential?ms=20&n=5", 100, 100),
        ("async", "http/concurrent?ms=20&n=5", 20, 20),
        ("threads", "http/concurrent?ms=20&n=5", 8, 20),
        ("sync", "http/concurrent?ms=20&n=5", 1, 20),
        ("async", "http/bounded?ms=20&n=10&limit=4", 30, 60),
        ("async", "stream?ms=20&chunks=10", 100, 200),
        ("sync", "stream?ms=20&chunks=10", 1, 200),
        ("threads", "json", 40, 0),
    ],
)
def test_the_slots_and_waits_of_a_scenario(model: str, id_: str, slots: float | None, wait_ms: float) -> None:
    found = limits_of(stack(model=model), asked(id_), SETTINGS, {"server": [0], "others": [1, 2]})
    assert found == Limits(slots=slots, wait_ms=wait_ms, server_cpus=1, other_cpus=2)
    assert limits_of(stack(model=model), asked(id_), SETTINGS, {"server": [0, 1], "others": [1]}).shares_cpus


@pytest.mark.parametrize(("loop", "slots"), [(None, 40), ("uvloop.Loop", 100)])
def test_a_stream_holds_a_thread_where_no_event_loop_sends_it(loop: str | None, slots: int) -> None:
    settings = SETTINGS | {"loop": Setting(value=loop, source="read")}
    found = limits_of(stack(model="threads"), asked("stream"), settings, {})
    assert (found.slots, found.wait_ms) == (slots, 200)


def test_what_is_not_known_limits_nothing() -> None:
    assert limits_of(stack(model="threads"), asked("wait?ms=50"), {}, {}) == Limits(wait_ms=50)


def test_a_lag_that_is_a_large_part_of_the_p99_is_said_with_its_amount() -> None:
    lagging: dict[str, Any] = {"lag": histogram({0.1: 1900, 0.8: 100}), "latency": histogram({1.0: 1900, 3.0: 100})}
    (note,) = judge(sample(OPEN, **lagging), Limits()).notes
    assert (note.kind, note.amount) == (Kind.LAG, pytest.approx(0.8, rel=0.01))
    (said,) = notes.said([[note], []])
    assert said.startswith(
        "In 1 of 2 blocks (median): the generator sent one in a hundred requests 0.8 ms late or more"
    )
    assert judge(sample(OPEN, **lagging | {"latency": histogram({1.0: 1900, 6.0: 100})}), Limits()).notes == ()


def test_a_mean_far_above_the_p50_is_named_because_a_few_connections_are_served_at_once() -> None:
    """Flask on gevent, json: p50 0.5 ms, mean 27 ms."""
    uneven = sample(trial(load="closed:64"), rps=1_185, latency=histogram({0.5: 2_300, 872.6: 70}))
    thinking = uneven.driven.model_copy(update={"thinking_s": 1.0})
    assert not judge(uneven.model_copy(update={"driven": thinking}), Limits()).notes
    (note,) = judge(uneven, Limits()).notes
    assert note.kind is Kind.UNEVEN
    assert note.amount == pytest.approx(52.5, rel=0.02)
    (said,) = notes.said([[note], [note], []])
    assert said.startswith("In 2 of 3 blocks (median): the mean latency was 5")
    even = sample(trial(load="closed:64"), latency=histogram({10.0: 1_900, 400.0: 100}))
    assert judge(even, Limits()).notes == ()


def test_each_worker_has_slots_and_pools_of_its_own() -> None:
    settings = {
        name: Setting(value=value, source="read") for name, value in {"workers": 2, "slots": 40, "db_pool": 20}.items()
    }
    assert limits_of(stack(model="async"), asked("file/thread?ms=20"), settings, {}).slots == 80
    assert limits_of(stack(model="async"), asked("db/one?ms=20"), settings, {}).slots == 40
    assert limits_of(stack(model="sync"), asked("wait?ms=20"), settings, {}).slots == 2
    assert limits_of(stack(model="async"), asked("wait?ms=20"), settings, {}).workers == 2


@pytest.mark.parametrize(("share", "bound"), [(1.0, "offered rate"), (1.95, "server CPU"), (2.3, "offered rate")])
def test_each_worker_may_fill_one_cpu(share: float, bound: str) -> None:
    """Two workers with a global lock each, on four CPUs."""
    assert bound_by(sample(CLOSED, usage=usage(server=share)), Limits(workers=2, server_cpus=4)) == bound


def test_on_cpus_that_all_share_what_the_labs_own_roles_used_is_nobody_elses() -> None:
    busy = sample(CLOSED, server_cores_busy=0.95, other_cores_busy=0.95, usage=usage(server=0.6, generator=0.3))
    assert {one.cause for one in judge(busy, Limits()).objections} >= {Cause.FOREIGN, Cause.FOREIGN_BESIDE}
    shared = {one.cause for one in judge(busy, Limits(shares_cpus=True)).objections}
    assert shared.isdisjoint({Cause.FOREIGN, Cause.FOREIGN_BESIDE})
    foreign = sample(CLOSED, server_cores_busy=0.95, usage=usage(server=0.4, generator=0.1))
    assert Cause.FOREIGN in {one.cause for one in judge(foreign, Limits(shares_cpus=True)).objections}
