"""What names a machine or its users has placeholders in a pack; what the run says stays."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.paths import ROOT
from lab.report import packing
from lab.report.view import view_of
from lab.report.write import write_report
from lab.run import private
from lab.run.private import CHECKOUT, HOME, HOST, USER, Placeholders
from tests.synthetic import SCENARIOS, STACKS, failure, histogram, outcomes, run_facts, sample, trial, write_run
from tests.test_packs import manifest_of, members_of

TEMPORARY_FILE = "/tmp/async-lab-0a1b2c3d-x/socket"  # noqa: S108  # a text
HIDDEN = Placeholders({"/work/lab": CHECKOUT, "/work": HOME}, {"ada": USER, "engine": HOST, "root": USER, "x": USER})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see /work/lab/results/x/logs", "see <checkout>/results/x/logs"),
        ("in /work: nothing", "in <home>: nothing"),
        ("/work/laboratory", "<home>/laboratory"),
        ("/workers/1", "/workers/1"),
        ("cc -I/home/bob/include", "cc -I<home>/include"),
        ("file:///home/bob/x", "file://<home>/x"),
        ("PATH=/usr/bin:/home/bob/bin", "PATH=/usr/bin:<home>/bin"),
        ("'/Users/bob/My Files'", "'<home>/My Files'"),
        ("/mnt/home/bob", "<home>"),
        ("/root/.cache", "<home>/.cache"),
        ("/rooted", "/rooted"),
        (TEMPORARY_FILE, "<temporary>/async-lab-<checkout>-x/socket"),
        ("/var/folders/ab/cd/T/x", "<temporary>/T/x"),
        ("/run/user/1000/bus", "<temporary>/bus"),
        ("/srv/other/stacks/flask/app.py", "<checkout>/stacks/flask/app.py"),
        ("/srv/other/.venv/bin/python", "<checkout>/.venv/bin/python"),
        ("role ada of Ada@engine.example.org is unknown", "role <user> of <user>@<host> is unknown"),
        ("the engine-room of adamant", "the engine-room of adamant"),
    ],
)
def test_a_text_that_names_a_machine_has_a_placeholder(text: str, said: str) -> None:
    assert HIDDEN.text(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "GET /file/thread?ms=200 by 40 clients at once", "/lab/stacks/flask/app.py", "/usr/lib/python3/x.py", "uvicorn stacks.fastapi.app:app",
        "http://127.0.0.1:8101/h2/json", "../tmp/x", "sha256:3814817f97", "engine", "ada", "a root cause", "x", "root",
    ],
)  # fmt: skip
def test_what_names_no_machine_stays(text: str) -> None:
    """In one word, which may be the name of a stack, a user's name stays too, except at the end of a log."""
    assert HIDDEN.text(text) == text
    assert HIDDEN.text("ada", prose=True) == USER


def test_a_histogram_stays_whatever_its_letters_are() -> None:
    text = histogram({8.0: 7})[:8] + "+/tmp/ada/home/ada"
    assert HIDDEN.text(text) == text


@given(st.text(" \t\n=:,;'\"([<@|", min_size=1))
def test_whatever_sign_is_beside_them_no_path_and_no_name_of_the_machine_is_left(sign: str) -> None:
    text = sign.join(["", "/work/lab/x", "/home/bob/x", "ada", "engine.example.org", "/work", "/root", "bob's", ""])
    said = Placeholders({"/work/lab": CHECKOUT, "/work": HOME}, {"ada": USER, "bob": USER, "engine": HOST}).text(
        text, prose=True
    )
    assert [secret for secret in ("work", "lab/", "bob", "ada", "engine", "example", "root") if secret in said] == []


def test_an_original_without_such_texts_is_the_same_byte_by_byte() -> None:
    content = b'{"a":1.50,  "b":"\\u00e9"}\r\n{"cut\n\xff\n'
    assert HIDDEN.original(content, lines=True) == (content, 0)


def test_a_line_that_is_damaged_is_a_text() -> None:
    content = b'{"reason":"in /work/lab"}\n{"reason":"in /work/la\n{"reason":"in /work/lab \xff'
    replaced, count = HIDDEN.original(content, lines=True)
    assert replaced == b'{"reason": "in <checkout>"}\n{"reason":"in <home>/la\n{"reason":"in <checkout> \xff'
    assert count == 3


def test_of_this_machine_its_checkout_its_home_and_its_users_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/data/people/ada")
    monkeypatch.setenv("LOGNAME", "lovelace")
    monkeypatch.setattr("socket.gethostname", lambda: "engine.example.org")
    hidden = private.here([b"/home/bob/x"])
    said = f"{ROOT}/x, /data/people/ada/x, lovelace, bob, engine"
    assert hidden.text(said) == f"{CHECKOUT}/x, {HOME}/x, {USER}, {USER}, {HOST}"


def test_what_names_the_machine_is_replaced_in_the_pack_alone(tmp_path: Path) -> None:
    tail = (
        f'File "{ROOT}/stacks/x/app.py", line 3',
        "/home/ada/.cache/x",
        "FATAL: role ada",
        TEMPORARY_FILE,
    )
    failed = failure(
        trial(0, "first", "json"), reason=f"It did not start; see {ROOT}/results/mine/logs.", log_tail=tail
    )
    error = sample(trial(1, "first", "json"), errors={"no /home/ada/x": 1, "no /home/bob/x": 2, "status 500": 3})
    facts = run_facts(STACKS, SCENARIOS, 8, machine={"system": "Linux", "cpu": "/home/ada"})
    run = write_run(tmp_path / "mine", facts, [failed, error, *outcomes()[2:]])
    before = (run / "trials.jsonl").read_bytes()
    found = packing.pack(tmp_path, "mine")
    assert (run / "trials.jsonl").read_bytes() == before
    assert found.replaced == manifest_of(found.file)["replaced"] == {"run.json": 1, "trials.jsonl": 6}
    content = members_of(found.file)
    lines = content["trials.jsonl"].splitlines(keepends=True)
    assert json.loads(lines[0])["reason"] == "It did not start; see <checkout>/results/mine/logs."
    assert json.loads(lines[0])["log_tail"] == [
        'File "<checkout>/stacks/x/app.py", line 3', "<home>/.cache/x", "FATAL: role <user>",
        "<temporary>/async-lab-<checkout>-x/socket",
    ]  # fmt: skip
    assert json.loads(lines[1])["driven"]["errors"] == {"no <home>/x": 3, "status 500": 3}
    assert lines[2:] == before.splitlines(keepends=True)[2:], "other lines stay as they are, byte by byte"
    for text in (content["report.md"], content["report.html"], content["run.json"], content["summary.csv"]):
        assert b"/home/" not in text
        assert str(ROOT).encode() not in text
    assert b"FATAL: role &lt;user&gt;" in content["report.html"]


def test_a_report_that_names_the_machine_is_not_packed(tmp_path: Path) -> None:
    """One of an older lab, or one that somebody changed."""
    run = write_run(tmp_path / "mine", run_facts(STACKS, SCENARIOS, 8), outcomes())
    write_report(view_of(run))
    with (run / "report.md").open("a") as report:
        report.write("from /home/ada\n")
    assert b"/home/ada" not in members_of(packing.pack(tmp_path, "mine").file)["report.md"]
