"""The work that all Python stacks share."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from gevent.threadpool import ThreadPoolExecutor as NativePool
from hypothesis import given
from hypothesis import strategies as st

from lab.contract import requests
from lab.paths import ROOT
from stacks.shared import crunch, database, files, params, parser, threads, upstream
from stacks.shared.params import BadRequestError
from stacks.shared.processes import Processes
from stacks.shared.settings import Settings

WELL_FORMED = st.text(st.characters(exclude_categories=["Cs"]))
NO_PART = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()), st.just({"type": "image_url"})
)


@given(st.integers(1, 100))
def test_a_whole_number_within_its_bounds_is_taken(n: int) -> None:
    assert params.count({"n": str(n)}) == n


@given(st.integers().filter(lambda n: not 1 <= n <= 100))
def test_a_whole_number_outside_its_bounds_is_refused_by_name(n: int) -> None:
    with pytest.raises(BadRequestError, match="n must be a whole number from 1 to 100"):
        params.count({"n": str(n)})


@pytest.mark.parametrize(
    "text", ["", " ", "x", "+1", " 1", "1 ", "1_0", "1.0", "1e1", "0x1", "\uff11", "²", "9" * 5_000]
)
def test_what_only_python_takes_for_a_number_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        params.seed({"seed": text})


def test_parameters_that_are_absent_have_the_defaults_of_the_contract() -> None:
    assert (params.count({}), params.limit({}), params.kilobytes({}), params.seed({}), params.capacity({})) == (
        10,
        10,
        64,
        1,
        0,
    )
    assert params.rounds({}) == crunch.DEFAULT_ROUNDS
    assert params.milliseconds({}, 50) == 50


@pytest.mark.parametrize("text", ["0", "2", "01", "64 ", "", "1024.0"])
def test_only_the_sizes_of_the_fixture_files_are_taken(text: str) -> None:
    with pytest.raises(BadRequestError, match="kb must be one of 1, 64, 1024"):
        params.kilobytes({"kb": text})


@given(st.lists(st.one_of(WELL_FORMED.map(lambda text: {"type": "text", "text": text}), NO_PART)))
def test_the_texts_are_joined_and_other_parts_are_skipped(content: list[object]) -> None:
    chunk = parser.decode(json.dumps({"content": content}).encode())
    assert parser.text_of(chunk) == "".join(
        str(part["text"]) for part in content if isinstance(part, dict) and "text" in part
    )
    assert asyncio.run(parser.text_of_coroutine(chunk)) == parser.text_of(chunk)


@pytest.mark.parametrize(
    "chunk", [{}, {"content": None}, {"content": "text"}, {"content": {"text": "x"}}, {"content": []}]
)
def test_content_that_is_no_list_has_no_text(chunk: dict[str, object]) -> None:
    assert parser.text_of(chunk) == ""


@pytest.mark.parametrize("text", [None, 1, True, ["x"], {"text": "x"}, "\ud800"])
def test_a_text_that_is_no_string_of_characters_is_refused(text: object) -> None:
    with pytest.raises(BadRequestError, match="text must be a string"):
        parser.text_of({"content": [{"text": "fine"}, {"text": text}]})


@pytest.mark.parametrize(
    "body", [*requests.BAD_BODIES[:9], b"[" * 200_000, b'{"n":' + b"9" * 5_000 + b"}", b"\xef\xbb\xbf{}"]
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="the body must be"):
        parser.decode(body)


@pytest.mark.parametrize(("rounds", "digest"), requests.DIGESTS.items())
def test_the_digest_is_the_one_of_the_contract(rounds: int, digest: str) -> None:
    assert crunch.digest(rounds) == digest


@given(st.integers(params.SEED.low, params.SEED.high), st.integers(1, 100))
def test_a_seed_always_chooses_the_same_rows_which_exist(seed: int, n: int) -> None:
    ids = database.seeded_ids(seed, n)
    assert len(ids) == n
    assert all(10_000 <= row_id <= 19_999 for row_id in ids)
    assert requests.rows(seed, n) == {"rows": [requests.row(row_id) for row_id in ids]}


def test_rows_are_answered_in_the_order_of_the_ids_even_where_one_comes_twice() -> None:
    rows = [(10_001, 111_111), (10_002, 222_222)]
    assert database.answer([10_002, 10_001, 10_002], rows) == {
        "rows": [{"id": 10_002, "value": 222_222}, {"id": 10_001, "value": 111_111}, {"id": 10_002, "value": 222_222}]
    }


def test_the_database_sleeps_only_where_it_is_asked_to() -> None:
    assert "pg_sleep" not in database.select_one(10_000, 0)[0] + database.select_many([10_000], 0)[0]
    for statement, values in (database.select_one(10_000, 250), database.select_many([10_000], 250)):
        assert "pg_sleep" in statement
        assert values[0] == 0.25


def test_fixture_files_are_written_and_removed() -> None:
    with files.Fixtures() as fixtures:
        paths = [fixtures.path(kb) for kb in files.SIZES_KB]
        for kb, path in zip(files.SIZES_KB, paths, strict=True):
            content = files.read(path, 0)
            assert files.answer(content) == {"size": kb * 1024, "crc32": f"{zlib.crc32(files.content(kb)):08x}"}
    assert not any(path.exists() for path in paths)


def test_a_slow_file_system_takes_its_time_in_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    start = time.monotonic()
    assert files.read(path, 50) == b"content"
    assert time.monotonic() - start >= 0.05
    assert files.opener(0) is None


def test_upstream_is_told_of_a_capacity_only_where_there_is_one() -> None:
    assert upstream.delay_path(20, 0) == "/delay?ms=20"
    assert upstream.delay_path(20, 5) == "/delay?ms=20&capacity=5"


def test_a_refusal_of_upstream_is_an_error() -> None:
    upstream.check(200)
    with pytest.raises(upstream.UpstreamError, match="503"):
        upstream.check(503)


def test_budgets_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_STACK", "some-stack")
    monkeypatch.setenv("LAB_SLOTS", "7")
    settings = Settings.from_environment()
    assert (settings.stack, settings.slots) == ("some-stack", 7)


def test_the_size_of_a_pool_is_that_of_the_threads_that_run() -> None:
    native = NativePool(7)
    assert threads.size(native) == 7
    native._threadpool.maxsize = 3
    assert threads.size(native) == 3
    native.shutdown()


def test_a_pool_is_known_on_its_own_threads() -> None:
    with ThreadPoolExecutor(7) as pool:
        assert threads.size(pool) == 7
        assert set(pool.map(lambda _: threads.size_here(), range(50))) == {7}


def test_the_pool_of_an_event_loop_is_the_one_that_it_runs_work_on() -> None:
    async def size(pool: ThreadPoolExecutor | None) -> int:
        loop = asyncio.get_running_loop()
        if pool:
            loop.set_default_executor(pool)
        return await loop.run_in_executor(None, threads.size_here)

    assert asyncio.run(size(None)) == min(32, (os.cpu_count() or 1) + 4)
    assert asyncio.run(size(ThreadPoolExecutor(23))) == 23


def test_crunching_happens_in_another_process_which_ends_with_the_pool() -> None:
    with Processes() as processes:
        worker = processes.submit(os.getpid).result()
        assert worker != os.getpid()
        assert processes.submit(crunch.digest, 1).result() == requests.DIGESTS[1]
    assert not psutil.pid_exists(worker)


def test_a_server_that_is_killed_leaves_no_process_behind() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    with server:
        assert server.stdout is not None
        worker = psutil.Process(int(server.stdout.readline()))
        server.send_signal(signal.SIGKILL)
    worker.wait(timeout=60)


SERVER = """
import os, sys
from stacks.shared.processes import Processes
with Processes() as processes:
    print(processes.submit(os.getpid).result(), flush=True)
    sys.stdin.read()
"""
