"""A run in one file: it says what the run says, and whoever wrote it, reading it does no harm."""

import base64
import hashlib
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.commands import pack
from lab.errors import Exit, LabError
from lab.paths import ROOT
from lab.report import again, packing
from lab.report.view import view_of
from lab.report.write import write_report
from lab.run import archive, packs, store
from lab.run.packs import MANIFEST, ORIGINALS
from tests.synthetic import SCENARIOS, STACKS, failure, outcomes, run_facts, trial, write_run

Members = dict[str, bytes]
RUN = "20260504T120000Z-quick"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with one run, its report, and its pack."""
    folder = tmp_path_factory.mktemp("results")
    run = write_run(folder / RUN, run_facts(STACKS, SCENARIOS, 8), outcomes())
    (run / "logs").mkdir()
    (run / "logs" / "base.log").write_text("what a server printed")
    write_report(view_of(run))
    packing.pack(folder, RUN)
    return folder


@pytest.fixture(scope="module")
def packed(results: Path) -> Path:
    return results / f"{RUN}.lab.zip"


def members_of(file: Path) -> Members:
    with zipfile.ZipFile(file) as members:
        return {name: members.read(name) for name in members.namelist()}


def manifest_of(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(members_of(file)[MANIFEST])
    return found


def test_a_packed_run_derives_the_same_tables_as_the_original(results: Path, packed: Path, tmp_path: Path) -> None:
    unpacked = packs.unpacked(packed, tmp_path)
    again.derive(unpacked)
    for name in ("summary.csv", "comparisons.csv", "costs.csv", "report.md"):
        assert (unpacked.path / name).read_bytes() == (results / RUN / name).read_bytes()


def test_a_pack_has_originals_report_and_charts_and_no_log(results: Path, packed: Path) -> None:
    names = set(members_of(packed))
    assert {
        "run.json",
        "trials.jsonl",
        "summary.csv",
        "comparisons.csv",
        "costs.csv",
        "report.md",
        "report.html",
    } < names
    assert {name for name in names if "/" in name} == {
        f"charts/{path.name}" for path in (results / RUN).glob("charts/*.svg")
    }
    assert not any("log" in name for name in names)
    with zipfile.ZipFile(packed) as archived:
        assert archived.namelist() == sorted(names)


def test_the_manifest_has_the_digest_and_the_size_of_each_member(packed: Path) -> None:
    members, said = members_of(packed), manifest_of(packed)
    assert (said["format"], said["run"], said["replaced"]) == (packs.VERSION, RUN, {})
    digests = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        for name, content in members.items()
    }
    assert said["members"] == {name: digest for name, digest in digests.items() if name != MANIFEST}


def test_the_same_run_packed_twice_is_the_same_file(results: Path, packed: Path) -> None:
    before = packed.read_bytes()
    for path in (results / RUN).rglob("*"):
        os.utime(path, (1, 1))
    packed.unlink()
    assert packing.pack(results, RUN).file == packed
    assert packed.read_bytes() == before


def test_a_run_without_a_report_gets_one_in_the_pack_and_none_in_its_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "reference/mine", run_facts(STACKS, SCENARIOS, 8), outcomes())
    found = packing.pack(tmp_path, "reference/mine")
    assert found.file == tmp_path / "mine.lab.zip"
    assert {"report.html", "summary.csv"} < set(members_of(found.file))
    assert sorted(path.name for path in (tmp_path / "reference/mine").iterdir()) == ["run.json", "trials.jsonl"]


def test_latest_is_packed_under_the_name_of_its_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine", run_facts(STACKS, SCENARIOS, 8), outcomes())
    store.point_latest(tmp_path, store.RunFolder(run))
    assert packing.pack(tmp_path, "latest").file.name == "mine.lab.zip"
    assert manifest_of(tmp_path / "mine.lab.zip")["run"] == "mine"


def test_micro_benchmarks_are_packed_too(tmp_path: Path) -> None:
    (tmp_path / "micro").mkdir()
    original = (ROOT / "results/reference/micro-process/micro.json").read_bytes()
    (tmp_path / "micro/micro.json").write_bytes(original)
    file = packing.pack(tmp_path, "micro").file
    assert set(members_of(file)) == {"micro.json", "micro.md", "micro.svg", MANIFEST}
    assert (packs.unpacked(file, tmp_path / "into").path / "micro.json").read_bytes() == original


@pytest.mark.parametrize(
    ("word", "said"), [("none", "holds no run"), ("../x", "no name of a run"), ("x.lab.zip", "a pack already")]
)
def test_what_is_no_run_is_not_packed(word: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=said):
        packing.pack(tmp_path, word)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_too_large_is_refused_and_no_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "mine", run_facts(STACKS, SCENARIOS, 8), outcomes())
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    with pytest.raises(LabError, match=r"mine cannot be packed: unpacked its member '.*' has"):
        packing.pack(tmp_path, "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_command_prints_the_file_and_says_what_was_replaced_and_what_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pack, "RESULTS", tmp_path)
    failed = failure(trial(0, "first", "json"), reason=f"no {ROOT}/x")
    run = write_run(tmp_path / "mine", run_facts(STACKS, SCENARIOS, 8), [failed, *outcomes()[1:]])
    assert pack.pack("mine") == Exit.DONE
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'mine.lab.zip'}\n"
    assert said.err == "lab: Texts that named paths, users or hosts have placeholders in the pack: 1 in trials.jsonl.\n"
    with (run / "trials.jsonl").open("a") as lines:
        lines.write("[]\n")
    assert pack.pack("mine") == Exit.NOT_ALL_MEASURED
    assert "trials.jsonl, line 89 is left out" in capsys.readouterr().err


def test_a_word_is_a_run_or_the_path_of_a_pack(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACKS", tmp_path)
    for word in ("mine", "latest", "reference/mine"):
        assert packs.readable(ROOT / "results", word).path == ROOT / "results" / word
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    assert packs.readable(ROOT / "results", str(packed)).path == tmp_path / digest / RUN


def test_report_of_a_pack_writes_where_it_is_unpacked_and_prints_where(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packs, "PACKS", tmp_path)
    assert again.report(str(packed)) == Exit.DONE
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    (folder,) = tmp_path.glob(f"*/{RUN}")
    assert folder / "report.html" in printed
    assert all(path.is_file() and path.is_relative_to(folder) for path in printed)


def test_a_report_in_a_pack_is_neither_unpacked_nor_believed(packed: Path, tmp_path: Path) -> None:
    foreign = written(
        tmp_path / "x.lab.zip", members_of(packed) | {"report.html": b"<script>alert(1)</script>", "summary.csv": b"x"}
    )
    folder = packs.unpacked(foreign, tmp_path / "into").path
    assert sorted(path.name for path in folder.iterdir()) == ["run.json", "trials.jsonl"]
    again.derive(store.RunFolder(folder))
    assert "alert(1)" not in (folder / "report.html").read_text()
    assert (folder / "summary.csv").read_text() != "x"


def written(file: Path, content: Mapping[str, bytes], **changes: Any) -> Path:
    """A pack of these members, with a manifest that describes them, but for the changes."""
    described = {name: packs.Member.of(one).model_dump() for name, one in content.items() if name != MANIFEST}
    said = {"format": packs.VERSION, "run": RUN, "members": described} | changes
    archive.write(file, {**content, MANIFEST: json.dumps(said).encode()})
    return file


def refused(file: Path, said: str) -> None:
    with pytest.raises(LabError, match=said) as error:
        packs.unpacked(file, file.parent / "into")
    assert str(file) in str(error.value)
    assert not (file.parent / "into").exists()


@pytest.fixture
def members(packed: Path) -> Members:
    return {name: content for name, content in members_of(packed).items() if name in ORIGINALS}


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (2, "packed by a newer lab .*Update this checkout"),
        (0, "names no format"),
        ("1", "names no format"),
        (None, "names no format"),
    ],
)
def test_a_format_that_is_not_known_is_refused(version: object, said: str, members: Members, tmp_path: Path) -> None:
    refused(written(tmp_path / "x.lab.zip", members, format=version), said)


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt", "../run.json", "/etc/passwd", "charts/../../x.svg", "charts/a/b.svg", "charts/x.html", "charts/", "RUN.JSON",
        "logs/base.log", "..\\run.json", "C:\\x", "x/run.json", "run.json\0x", ".partial", "\x1b[31m", "charts/" + "x" * 300 + ".svg",
    ],
)  # fmt: skip
def test_a_member_that_no_pack_has_is_refused(name: str, members: Members, tmp_path: Path) -> None:
    file = written(tmp_path / "x.lab.zip", members | {"charts/a.svg": b""})
    assert packs.unpacked(file, tmp_path / "other").exists
    with zipfile.ZipFile(file, "a") as archived:
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = name
        archived.writestr(info, b"x")
    refused(file, "no pack has a member")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFCHR])
def test_a_link_or_a_device_is_refused(kind: int, members: Members, tmp_path: Path) -> None:
    file = tmp_path / "x.lab.zip"
    with zipfile.ZipFile(written(file, members), "a") as archived:
        info = zipfile.ZipInfo("micro.json")
        info.external_attr = (kind | 0o777) << 16
        archived.writestr(info, "/etc/passwd")
    refused(file, "its member 'micro.json' is no plain file")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_no_pack_has_is_refused(method: int, members: Members, tmp_path: Path) -> None:
    file = tmp_path / "x.lab.zip"
    with zipfile.ZipFile(written(file, members), "a", method) as archived:
        archived.writestr("micro.json", b"{}")
    refused(file, "no plain file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(members: Members, tmp_path: Path) -> None:
    file = written(tmp_path / "x.lab.zip", members)
    with zipfile.ZipFile(file, "a") as archived:
        archived.writestr("run.json", members["run.json"])
    refused(file, "it has 2 members 'run.json'")


def test_a_file_without_a_manifest_is_refused(members: Members, tmp_path: Path) -> None:
    archive.write(tmp_path / "x.lab.zip", members)
    refused(tmp_path / "x.lab.zip", "it has no pack.json")


@pytest.mark.parametrize("manifest", [b"", b"[]", b"not JSON", b'{"format": 1}', b"\xff", b"[" * 200_000], ids=len)
def test_a_manifest_that_is_none_is_refused(manifest: bytes, members: Members, tmp_path: Path) -> None:
    archive.write(tmp_path / "x.lab.zip", members | {MANIFEST: manifest})
    refused(tmp_path / "x.lab.zip", "is no pack that can be read: it")


def test_a_manifest_that_is_too_long_is_refused(members: Members, tmp_path: Path) -> None:
    file = written(tmp_path / "x.lab.zip", members)
    archive.write(file, members_of(file) | {MANIFEST: members_of(file)[MANIFEST] + b" " * 2**20})
    refused(file, "its member 'pack.json' is not as long")


def test_a_manifest_with_a_field_that_is_not_known_is_refused(members: Members, tmp_path: Path) -> None:
    refused(written(tmp_path / "x.lab.zip", members, execute="rm"), "damaged .Extra inputs are not permitted")


@pytest.mark.parametrize("change", [{"size_bytes": 3}, {"sha256": "0" * 64}], ids=lambda change: next(iter(change)))
def test_a_size_or_a_digest_that_does_not_match_is_refused(
    change: dict[str, Any], members: Members, tmp_path: Path
) -> None:
    described = {name: packs.Member.of(content).model_dump() for name, content in members.items()}
    described["trials.jsonl"] |= change
    refused(
        written(tmp_path / "x.lab.zip", members, members=described),
        "its member 'trials.jsonl' is not what pack.json says",
    )


def test_a_digest_of_a_member_that_is_not_unpacked_is_compared_too(members: Members, tmp_path: Path) -> None:
    described = {name: packs.Member.of(content).model_dump() for name, content in members.items()}
    described["report.md"] = packs.Member.of(b"another report").model_dump()
    file = written(tmp_path / "x.lab.zip", members | {"report.md": b"a report"}, members=described)
    refused(file, "its member 'report.md' is not what pack.json says")


@pytest.mark.parametrize(
    "change", [lambda names: names[1:], lambda names: [*names, "costs.csv"]], ids=["one less", "one more"]
)
def test_a_manifest_that_lists_other_members_is_refused(
    change: Callable[[list[str]], list[str]], members: Members, tmp_path: Path
) -> None:
    described = {name: packs.Member.of(b"").model_dump() for name in change(list(members))}
    refused(written(tmp_path / "x.lab.zip", members, members=described), "lists other members than it has")


@pytest.mark.parametrize(
    "name", ["latest", "reference", "../x", "a/b", "/x", "", ".", "x.lab.zip", "index.html", "-x", "x" * 200]
)
def test_a_name_that_no_run_has_is_refused(name: str, members: Members, tmp_path: Path) -> None:
    refused(written(tmp_path / "x.lab.zip", members, run=name), "is no name of a run")


def test_a_pack_without_a_run_is_refused(members: Members, tmp_path: Path) -> None:
    refused(written(tmp_path / "x.lab.zip", {"trials.jsonl": members["trials.jsonl"]}), "it holds no run")


def test_a_member_that_is_too_large_unpacked_is_refused_by_its_declared_size(members: Members, tmp_path: Path) -> None:
    file = written(tmp_path / "x.lab.zip", members | {"report.md": bytes(archive.MOST_BYTES + 1)})
    assert file.stat().st_size < archive.MOST_BYTES / 100
    refused(file, "unpacked its member 'report.md' has 134,217,729 bytes")


def test_members_that_are_too_large_together_are_refused(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "x.lab.zip", members)
    monkeypatch.setattr(archive, "MOST_BYTES_IN_ALL", sum(map(len, members.values())))
    refused(file, "unpacked it has more than")


@pytest.mark.parametrize("declared", [1, 20_000_000])
def test_a_member_that_lies_about_its_size_is_read_no_further_than_it_says(
    declared: int, members: Members, tmp_path: Path
) -> None:
    """A bomb that says that it is small, and one that says that it is larger than it is."""
    large = bytes(10_000_000)
    file = written(tmp_path / "x.lab.zip", members | {"report.md": large})
    content, size = file.read_bytes(), struct.pack("<L", len(large))
    assert content.count(size) == 2, "once before the member, once in the list"
    file.write_bytes(content.replace(size, struct.pack("<L", declared)))
    refused(file, "it is damaged|not as long as it is declared")


def test_a_long_list_of_members_is_refused_before_it_is_read(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many, commented = tmp_path / "x.lab.zip", tmp_path / "y.lab.zip"
    written(many, members | {f"charts/{number}.svg": b"" for number in range(archive.MOST_MEMBERS)})
    with zipfile.ZipFile(written(commented, members), "a") as archived:
        info = zipfile.ZipInfo("report.md")
        info.comment = bytes(60_000)
        archived.writestr(info, b"")
    monkeypatch.setattr(zipfile, "ZipFile", None)
    refused(many, "it has 2,003 members")
    refused(commented, "it has 4 members, listed in 60,")


def test_a_file_whose_list_is_said_to_be_elsewhere_is_refused_before_it_is_read(
    members: Members, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ZIP64 file has the sizes that count in another record."""
    file = written(tmp_path / "x.lab.zip", members)
    content = file.read_bytes()
    fields = list(archive._END.unpack(content[-22:]))
    fields[5] += 20
    file.write_bytes(content[:-22] + b"PK\x06\x07" + bytes(16) + archive._END.pack(*fields))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    refused(file, "does not end as a ZIP file does")


def test_an_encrypted_member_is_refused(members: Members, tmp_path: Path) -> None:
    file = written(tmp_path / "x.lab.zip", members)
    content, first = bytearray(file.read_bytes()), file.read_bytes().index(b"PK\x01\x02")
    content[6] = content[first + 8] = 1
    file.write_bytes(content)
    refused(file, "is encrypted")


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 1000, b"PK\x05\x06" + bytes(17)], ids=len)
def test_a_file_that_is_no_zip_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.lab.zip").write_bytes(content)
    refused(tmp_path / "x.lab.zip", "is no pack that can be read")


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "x.lab.zip", "There is no pack")
    (tmp_path / "y.lab.zip").mkdir()
    refused(tmp_path / "y.lab.zip", "There is no pack")


def test_a_pack_that_ends_early_or_is_longer_is_refused(packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    for cut in (content[:-1], content[: len(content) // 2], content + b"x", b"x" + content):
        (tmp_path / "x.lab.zip").write_bytes(cut)
        refused(tmp_path / "x.lab.zip", "is no pack that can be read")


@given(st.data())
def test_whatever_is_changed_in_a_pack_it_is_refused_or_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("pack")
    small = {"run.json": b'{"format": 2}', "trials.jsonl": b"{}\n" * 20}
    content = bytearray(written(folder / "x.lab.zip", small).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    (folder / "y.lab.zip").write_bytes(content)
    try:
        found = packs.unpacked(folder / "y.lab.zip", folder / "into").path
    except LabError:
        return
    assert {path.name: path.read_bytes() for path in found.iterdir()} == small
    assert found.parent.parent == folder / "into"


def test_a_histogram_that_unpacks_to_too_much_is_damage_of_its_line(members: Members, tmp_path: Path) -> None:
    lines = members["trials.jsonl"].splitlines()
    line = json.loads(lines[0])
    bomb = base64.b64decode(line["driven"]["latency"])[:8] + zlib.compress(bytes(50 * 2**20))
    line["driven"]["latency"] = base64.b64encode(bomb).decode()
    changed = b"\n".join([json.dumps(line).encode(), *lines[1:]]) + b"\n"
    folder = packs.unpacked(written(tmp_path / "x.lab.zip", members | {"trials.jsonl": changed}), tmp_path / "into")
    (said,) = view_of(folder.path).run.damaged
    assert "line 1 is left out" in said
    assert "no histogram" in said
