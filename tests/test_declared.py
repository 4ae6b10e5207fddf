"""What a user class declares is read from the text as Python would have it, or refused with its line."""

from pathlib import Path

import pytest

from lab.config import scenarios
from lab.errors import LabError
from lab.load.client import Driver, DriverError
from lab.model.workload import Scenario
from lab.paths import LOADTESTS
from tests.conftest import lab
from tests.driving import drive, order
from tests.server import Peer, Server

BASE = "class FastUser:\n    abstract: bool = True\n    path: str\n    params: dict[str, int] = {}\n    expected_errors = {}\n"


def read(folder: Path, text: str, **others: str) -> list[Scenario]:
    """The scenarios of a folder with fast.py, one load test and others."""
    for name, content in {"fast": BASE, "test": "from fast import FastUser\n" + text, **others}.items():
        (folder / f"{name}.py").write_text(content)
    return list(scenarios.all_of(folder))


@pytest.mark.parametrize(
    ("text", "path", "params"),
    [
        ("class A(FastUser):\n path: str = '/a'\n params: ClassVar[dict] = {'n': 10}", "/a", {"n": 10}),
        ("class A(FastUser):\n path = other = '/a'\n params = {'n': None, 'm': 'x'}", "/a", {"m": "x"}),
        ("class A(FastUser):\n path = '/b'\n path = '/a'", "/a", {}),
        ("class A(FastUser):\n path: str\n path = '/a'\n kept = [path for path in 'ab']", "/a", {}),
        ("import fast as l\nclass A(l.FastUser):\n path = '/a'", "/a", {}),
        ("from other import *\nclass A(Other):\n params = {'m': 2}", "/other", {"m": 2}),
        ("from other import Other as O\nclass A(O):\n pass", "/other", {"n": 1}),
        ("import other\nclass A(other.Other):\n path = '/a'", "/a", {"n": 1}),
        ("from other import Other\nclass P:\n params = {'p': 3}\nclass A(P, Other):\n pass", "/other", {"p": 3}),
        (
            "from other import Other\nclass L(Other):\n abstract = True\nclass R(Other):\n abstract = True\n params = {'r': 4}\n"
            "class A(L, R):\n pass",
            "/other",
            {"r": 4},
        ),
        ("from elsewhere import Mixin\nclass A(Mixin, FastUser):\n path = '/a'", "/a", {}),
    ],
)
def test_a_declaration_is_read_as_python_inherits_it(
    tmp_path: Path, text: str, path: str, params: dict[str, int]
) -> None:
    other = "from fast import FastUser\nclass Other(FastUser):\n    abstract = True\n    path = '/other'\n    params = {'n': 1}\n"
    (found,) = read(tmp_path, text, other=other)
    assert (found.user, found.path, found.params) == ("A", path, params)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "class A(FastUser):\n path = '/a'\n params = {'n': 5 * 2}",
            "line 4: `params` of A must be a literal .* found `{'n': 5 \\* 2}`",
        ),
        ("class A(FastUser):\n path: str = PREFIX + '/a'", "line 3: `path` of A must be a literal"),
        ("class A(FastUser):\n path = f'/a'", "line 3: `path` of A"),
        ("class A(FastUser):\n @property\n def path(self):\n  return '/a'", "line 4: `path` of A"),
        ("class A(FastUser):\n path = '/a'\n if X:\n  params = {'n': 1}", "line 4: `params` of A"),
        ("class A(FastUser):\n path, other = '/a', 1", "line 3: `path` of A"),
        ("class A(FastUser):\n path = '/a'\n params = {}\n params |= {'n': 1}", "line 5: `params` of A"),
        ("class A(FastUser):\n path = '/a'\n from other import params", "line 4: `params` of A"),
        ("class A(FastUser):\n path = '/a'\n del path", "line 4: `path` of A"),
        ("class A(FastUser):\n path = '/a'\n expected_errors = REASONS", "line 4: `expected_errors` of A"),
        ("class A(FastUser):\n path = '/a'\n abstract = not DEBUG", "line 4: `abstract` of A"),
        ("class A(FastUser):\n path = '/a'\nA.path = '/b'", "line 4: `path` of A must be .* assigned in the class"),
        ("class A(FastUser):\n path = '/a'\nfor A.params in ({'n': 1},):\n pass", "line 4: `params` of A"),
        ("@changed\nclass A(FastUser):\n path = '/a'", "line 3: class A has a decorator"),
        ("class A(FastUser, metaclass=M):\n path = '/a'", "line 2: class A has a decorator or a metaclass"),
        ("if True:\n class A(FastUser):\n  path = '/a'", "line 3: class A stands in a block"),
        ("class A(FastUser):\n path = '/a'\nclass A(FastUser):\n path = '/b'", "line 4: there is another class A"),
        ("class A(FastUser):\n path = '/a'\nclass B(A):\n pass", "line 4: B has the path /a, as A of .*test.py has"),
        ("class A(FastUser, FastUser):\n path = '/a'", "line 2: class A: duplicate base class"),
        ("class A(FastUser):\n path = 'a'", "line 3: `path` of A must be a path"),
        ("class A(FastUser):\n path = '/a?n=1'", "line 3: `path` of A must be a path without a query"),
        ("class A(FastUser):\n path = '/a'\n params = ['n']", "line 4: `params` of A must be a dictionary"),
        ("class A(FastUser):\n path = '/a'\n params = {'n': 0.5}", "line 4: `params` of A"),
        ("class A(FastUser):\n path = '/a'\n params = {'n': True}", "line 4: `params` of A"),
        (
            "class A(FastUser):\n path = '/a'\n expected_errors = {'n': ['timeout']}",
            "line 4: .* names 'n', which is no param",
        ),
        ("class A(FastUser):\n path = '/a'\n expected_errors = {'n': 'timeout'}", "line 4: `expected_errors` of A"),
        (
            "class A(FastUser):\n path = '/a'\n holds = 'db'",
            "line 4: `holds` of A must be None or one of worker, slots, db_",
        ),
        (
            "class A(FastUser):\n path = '/a'\n waits_ms = 50",
            "line 4: `waits_ms` of A must be a text such as 'n \\* ms'",
        ),
        (
            "class A(FastUser):\n path = '/a'\n params = {'n': 1, 'm': None}\n waits_ms = 'n * m'",
            "line 5: `waits_ms` of A, 'n \\* m', names 'm', which is no parameter with a number; there are: n",
        ),
        (
            "class A(FastUser):\n path = '/a'\n at_once = 'n + 1'",
            "line 4: `at_once` of A, 'n \\+ 1', has 'n \\+ 1'; it may",
        ),
        ("class A(FastUser):\n path = '/a'\n at_once = '1 / 0'", "line 4: `at_once` of A, '1 / 0', has no value"),
        ("class A(FastUser):\n path = '/a'\n waits_ms = '5 ms'", "line 4: `waits_ms` of A, '5 ms', has no value"),
        ("class A(FastUser):\n path = '/a'\n streams = 1.5", "line 4: `streams` of A must be True or False"),
    ],
)
def test_what_cannot_be_read_is_refused_with_file_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(LabError, match=rf"test\.py, {complaint}"):
        read(tmp_path, text)


def test_what_a_request_holds_and_waits_is_worked_out_from_its_parameters(tmp_path: Path) -> None:
    text = "class A(FastUser):\n path = '/a'\n params = {'n': 10, 'limit': 4, 'ms': 20}\n holds = 'db_pool'\n"
    (found,) = read(tmp_path, text + " at_once = 'n / ceil(n / limit)'\n waits_ms = 'ceil(n / limit) * ms * 2'")
    assert (found.holds, found.at_once, found.waits_ms, found.streams) == ("db_pool", 10 / 3, 120, False)


def test_a_base_may_be_in_a_package_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "__init__.py").write_text("from client.slow import Slow as Slow\n")
    (tmp_path / "client" / "slow.py").write_text("from fast import FastUser\nclass Slow(FastUser):\n streams = True\n")
    (found,) = read(tmp_path, "from client import Slow\nclass A(Slow):\n path = '/a'")
    assert found.streams
    (tmp_path / "client" / "slow.py").write_text("class Slow:\n streams = not True\n")
    with pytest.raises(LabError, match=r"client/slow\.py, line 2: `streams` of Slow must be a literal"):
        read(tmp_path, "from client import Slow\nclass A(Slow):\n path = '/a'")


def test_a_helper_without_a_path_may_be_anything(tmp_path: Path) -> None:
    text = "import sys\nsys.path = list(sys.path)\n@final\nclass Frame(tuple, metaclass=M):\n size = 5 * 2\n"
    assert read(tmp_path, text + "class Broken(Exception):\n def stop(self):\n  params = 1\n") == []


def test_the_command_says_the_line_and_no_traceback(checkout: Path) -> None:
    test = checkout / "loadtests/wait.py"
    test.write_text(test.read_text().replace('{"ms": 50}', '{"ms": 5 * 10}'))
    done = lab(checkout, "scenarios")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: loadtests/wait.py, line 10: `params` of Wait must be a literal")


def sent(driver: Driver, folder: Path, text: str, **ordered: object) -> set[bytes]:
    """Request lines that a server gets when a class is driven as ordered."""
    (folder / "odd.py").write_text(
        f"import sys\nsys.path.insert(0, {str(LOADTESTS)!r})\nfrom client import FastUser\n{text}\n"
        " def check(self, body):\n  return True\n" + str(ordered.pop("after", ""))
    )
    scenario = {"id": "odd", "workload": "odd", "file": str(folder / "odd.py"), "user": "A", "path": "/a", **ordered}
    lines = set()

    async def note(peer: Peer) -> None:
        while request := await peer.request():
            lines.add(request.split(b" HTTP")[0])
            await peer.answer()

    with Server(note) as server:
        drive(driver, order(server.port, "closed:2", scenario=Scenario.model_validate(scenario)))
    return lines


def test_the_driver_sends_the_ordered_parameters_whatever_the_class_has_when_it_runs(
    driver: Driver, tmp_path: Path
) -> None:
    text = "class A(FastUser):\n path = '/a'\n params = {'n': 5 * 2, 'm': 3, 'left': None}"
    assert sent(driver, tmp_path, text, params={"n": 7}) == {b"GET /a?n=7"}


@pytest.mark.parametrize(
    ("text", "after", "found"),
    [
        ("class A(FastUser):\n path = '/' + 'b'", "", "`path` of A is '/b' when the file runs, and '/a' was ordered"),
        ("class A(FastUser):\n path = '/a'", "setattr(A, 'path', '/b')", "`path` of A is '/b'"),
        ("class A(FastUser):\n path = property(lambda self: '/a')", "", "`path` of A is <property"),
        ("class A(FastUser):\n path = '/a'\n params = property(dict)", "", "`params` of A is <property"),
        (
            "class A(FastUser):\n path = '/a'\n @classmethod\n def prepare(cls, host):\n  cls.params = {'n': 1}\n"
            "  super().prepare(host)",
            "",
            "`params` of A is {'n': 1} when the file runs, and {} was ordered",
        ),
    ],
)
def test_a_class_that_would_send_something_else_is_the_labs_fault(
    driver: Driver, tmp_path: Path, text: str, after: str, found: str
) -> None:
    with pytest.raises(DriverError, match=r"odd\.py: " + found):
        sent(driver, tmp_path, text, after=after)
