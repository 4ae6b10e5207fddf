"""The HTTP contract as data: requests, and what must come back.

What is expected is computed here, not taken from the stacks: two errors would have to agree to go unseen.
stacks/README.md is the same contract in words, stacks/openapi.yaml in OpenAPI: what each path takes is read from there.
"""

import json
import zlib
from collections.abc import Iterator
from types import NoneType
from urllib.parse import quote

from lab.config.openapi import parameters
from lab.contract.ask import Check

PARAMETERS = parameters()
"""Path -> the parameters that it takes."""

_AMOUNT, _NAME = (int, float, NoneType), (str, NoneType)
SETTINGS = {
    "slots": _AMOUNT,
    "db_pool": _AMOUNT,
    "upstream_connections": _AMOUNT,
    "keep_alive_s": _AMOUNT,
    "loop": _NAME,
    "parser": _NAME,
    "language": (str,),
    "server": (str,),
    "framework": (str,),
}
"""What a stack says of its running process -> the kinds of value; null for what there is none of."""

PARSE = ("/parse/plain", "/parse/coroutine", "/parse/threadpool")
DIGESTS = {1: "0000bc8f", 1_000: "73d54e55", 14_000: "1440361c"}
"""Rounds -> digest, as any language computes it."""


def all_checks(stack_name: str) -> Iterator[Check]:
    """Yield every check of the contract."""
    yield Check("/health", answer={"status": "ok", "stack": stack_name})
    yield Check("/settings", kinds=SETTINGS)
    yield Check("/json", answer={"message": "Hello, World!"})
    yield Check("/no-such-path", status=404)
    yield Check("/db/no-such-technique", status=404)
    for path in PARSE:
        yield from _parse(path)
    for technique in ("inline", "thread", "process"):
        yield from _crunch(f"/crunch/{technique}")
    yield from _db()
    yield from _http()
    for technique in ("blocking", "thread", "async"):
        yield from _file(f"/file/{technique}")
    yield Check("/wait", answer={"waited_ms": 50}, at_least_s=0.05)
    yield Check("/wait", "ms=0", answer={"waited_ms": 0})
    yield Check("/mixed", answer={"waited_ms": 5, "rounds": 14_000, "digest": DIGESTS[14_000]}, at_least_s=0.005)
    yield Check("/mixed", "ms=0&rounds=1", answer={"waited_ms": 0, "rounds": 1, "digest": DIGESTS[1]})
    yield Check("/hazard/blocking-wait", answer={"waited_ms": 50}, at_least_s=0.05)
    yield Check("/hazard/blocking-wait", "ms=0", answer={"waited_ms": 0})
    yield from _stream()
    yield from _bad_parameters()
    yield from _odd_queries("/wait")
    yield from _odd_bodies(PARSE[0])


def row(row_id: int) -> dict[str, int]:
    """Return the row that the database has under this id (10000-19999)."""
    return {"id": row_id, "value": 100_000 + row_id * 7_919 % 900_000}


def rows(seed: int, n: int) -> dict[str, object]:
    """Return the answer of a db path: `n` rows chosen by `seed`."""
    found = []
    for _ in range(n):
        seed = (seed * 48_271 + 11) % 2_147_483_647
        found.append(row(10_000 + seed % 10_000))
    return {"rows": found}


def _parse(path: str) -> Iterator[Check]:
    def text(expected: str, content: object) -> Check:
        return Check(path, body=json.dumps({"content": content}).encode(), answer={"text": expected})

    part = {"type": "text", "text": "ab"}
    yield text("ab", [part])
    yield text('abc ü€😀\n"\\', [part, {"type": "text", "text": 'c ü€😀\n"\\'}])
    yield text("abab", [part, "ab", 1, None, ["ab"], {"type": "image_url"}, {}, part])
    yield text("", [])
    yield text("", [{"text": ""}])
    yield from (text("", content) for content in ("ab", 1, None, {"text": "ab"}, True))
    yield text("x" * 1_000_000, [{"text": "x" * 1_000_000}])
    yield text("ab" * 10_000, [part] * 10_000)
    yield Check(path, body=b"{}", answer={"text": ""})
    yield text("ab", [{**part, "\0": 1, "\0text": "c"}])
    yield Check(path, body='{"content":[{"text":"ü"}]}'.encode(), answer={"text": "ü"})
    yield from (Check(path, body=body, status=422) for body in BAD_BODIES)


BAD_BODIES = (
    b"",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"1",
    b"\xff",
    b'{"content":[NaN]}',
    b'{"content":[]} x',
    b'{"content":[{"text":1}]}',
    b'{"content":[{"text":null}]}',
    b'{"content":[{"text":["ab"]}]}',
    b'{"content":[{"text":"ab"},{"text":false}]}',
    b'{"content":[{"text":"\\ud800"}]}',
)
"""No JSON object in UTF-8, or one with a text that is no string."""


def _crunch(path: str) -> Iterator[Check]:
    yield Check(path, answer={"rounds": 14_000, "digest": DIGESTS[14_000]})
    for rounds, digest in DIGESTS.items():
        yield Check(path, f"rounds={rounds}", answer={"rounds": rounds, "digest": digest})


def _db() -> Iterator[Check]:
    yield Check("/db/one", answer=rows(1, 1))
    yield Check("/db/one", "seed=2147483647", answer=rows(2**31 - 1, 1))
    yield Check("/db/one", "ms=100&seed=0", answer=rows(0, 1), at_least_s=0.1)
    for path in ("/db/sequential", "/db/batched"):
        yield Check(path, answer=rows(1, 10))
        yield Check(path, "n=1&seed=7", answer=rows(7, 1))
        yield Check(path, "n=100&seed=123456789", answer=rows(123456789, 100))
        # The one seed that the congruence maps to itself: the same id ten times.
        yield Check(path, f"seed={FIXED_SEED}", answer=rows(FIXED_SEED, 10))
    yield Check("/db/sequential", "n=3&ms=100", answer=rows(1, 3), at_least_s=0.3)
    yield Check("/db/batched", "ms=100", answer=rows(1, 10), at_least_s=0.1, under_s=0.7)


FIXED_SEED = -11 * pow(48_270, -1, 2_147_483_647) % 2_147_483_647


def _http() -> Iterator[Check]:
    def answers(n: int, ms: int) -> dict[str, object]:
        return {"answers": [{"waited_ms": f"{ms:05d}"}] * n}

    yield Check("/http/one", answer=answers(1, 20), at_least_s=0.02)
    for path in ("/http/sequential", "/http/concurrent", "/http/bounded"):
        yield Check(path, "ms=0", answer=answers(10, 0))
        yield Check(path, "ms=0&n=100", answer=answers(100, 0))
        yield Check(path, "ms=1&n=1", answer=answers(1, 1))
    yield Check("/http/sequential", "n=3&ms=100", answer=answers(3, 100), at_least_s=0.3)
    yield Check("/http/concurrent", "ms=100", answer=answers(10, 100), at_least_s=0.1, under_s=0.7)
    yield Check("/http/bounded", "n=12&ms=100&limit=6", answer=answers(12, 100), at_least_s=0.2, under_s=0.9)
    yield Check("/http/bounded", "n=3&ms=100&limit=1", answer=answers(3, 100), at_least_s=0.3)
    yield Check("/http/sequential", "n=3&ms=1&capacity=1", answer=answers(3, 1))
    yield Check("/http/bounded", "n=6&ms=20&limit=2&capacity=2", answer=answers(6, 20))
    yield Check("/http/concurrent", "n=6&ms=100&capacity=2", status=502)


def _file(path: str) -> Iterator[Check]:
    def summary(kb: int) -> dict[str, object]:
        content = "".join(f"{line:015d}\n" for line in range(kb * 64)).encode()
        return {"size": kb * 1024, "crc32": f"{zlib.crc32(content):08x}"}

    yield Check(path, answer=summary(64))
    yield from (Check(path, f"kb={kb}", answer=summary(kb)) for kb in (1, 64, 1024))
    yield Check(path, "kb=1&ms=100", answer=summary(1), at_least_s=0.1)
    yield from (Check(path, f"kb={kb}", status=422) for kb in ("", "0", "2", "01", "64k", "-1", "1025"))


def _stream() -> Iterator[Check]:
    def words(chunks: int) -> tuple[object, ...]:
        return tuple({"text": f"word {index:05d} "} for index in range(chunks))

    yield Check("/stream", events=words(10), at_least_s=0.2)
    yield Check("/stream", "chunks=1&ms=0", events=words(1))
    yield Check("/stream", "chunks=1000&ms=0", events=words(1000))
    yield Check("/stream", "chunks=3&ms=100", events=words(3), at_least_s=0.3)


def _bad_parameters() -> Iterator[Check]:
    for path, taken in PARAMETERS.items():
        for parameter in taken:
            if not parameter.choices:
                beyond = (str(parameter.low - 1), str(parameter.high + 1))
                yield from (Check(path, f"{parameter.name}={quote(text)}", status=422) for text in beyond + NO_NUMBERS)


NO_NUMBERS = ("9" * 1_000, "0" * 11, "", "x", "1.5", "+1", " 1", "1_0", "1e1", "1\n", "\uff11")
"""Whole numbers are one to ten ASCII digits; these are none."""


def _odd_queries(path: str) -> Iterator[Check]:
    """Return queries of a path that takes `ms` (0-60000, by default 50) and answers with it."""

    def waited(query: str, ms: int, also: tuple[int, ...] = ()) -> Check:
        return Check(path, query, answer={"waited_ms": ms}, also=also)

    yield from (waited(query, 50) for query in ("&", "=", "=1", "x", "x=1", "MS=1", "ms[]=1", "%ff=%ff"))
    yield from (waited(query, 1) for query in ("&ms=1&", "%6ds=%31", "ms=0000000001", "ms=1&x=%ff&=&x"))
    yield waited(f"ms=1&x={'x' * 3_000}", 1)
    yield waited("&".join([*(f"x{index}=" for index in range(400)), "ms=1"]), 1)
    # Given twice, it is the first, the last or refused, as the framework has it.
    yield from (waited(f"ms={first}&ms={last}", 1, also=(422,)) for first, last in (("1", "1"), ("1", "x"), ("x", "1")))
    bad = ("%", "%zz", "%ff", "%00", "1%00", "-0", "0x1", "1,2", "true", "null", "\u00b2", "\u0663", "9" * 3_000)
    yield from (Check(path, f"ms={quote(text, safe='%,')}", status=422) for text in bad)


def _odd_bodies(path: str) -> Iterator[Check]:
    """Yield empty, large and oddly written bodies for a path that takes a chat message chunk."""
    part = b'{"text":"ab"}'

    def text(expected: str, body: bytes, also: tuple[int, ...] = (), *, pieces: bool = False) -> Check:
        return Check(path, body=body, answer={"text": expected}, also=also, pieces=pieces)

    yield text("x" * LARGE_BYTES, b'{"content":[{"text":"%b"}]}' % (b"x" * LARGE_BYTES))
    yield text("ab" * 100_000, b'{"content":[%b]}' % b",".join([part] * 100_000))
    yield from (text("ab" * n, b'{"content":[%b]}' % b",".join([part] * n), pieces=True) for n in (0, 1, 10_000))
    yield Check(path, body=b"", status=422, pieces=True)
    yield from (text(expected, body) for expected, body in ODD_BODIES)
    yield from (text("", body, also=(422,)) for body in REFUSABLE_BODIES)
    yield from (Check(path, body="{}".encode(encoding), status=422) for encoding in ("utf-8-sig", "utf-16", "utf-32"))


LARGE_BYTES = 10_000_000
ODD_BODIES = (
    ("", b' \t\r\n{"content":[]}\n '),
    ("b", b'{"content":[{"text":"a"}],"content":[{"text":"a","text":"b"}]}'),
    ("\0\U0001f600", b'{"content":[{"text":"\\u0000\\ud83d\\ude00"}]}'),
    ("", b'{"__proto__":{"content":[{"text":"a"}]},"":0,"0":1}'),
    ("", b'{"content":[{"__proto__":{"text":"a"}},{"":"a"}]}'),
    ("", b'{"content":{"0":{"text":"a"},"length":1}}'),
    ("", b'{"content":[%b1%b]}' % (b"[" * 98, b"]" * 98)),
    ("", b'{"content":[-0,1E3,-1.5e-3,12345678901234567890]}'),
)
"""Text -> a body that is JSON as RFC 8259 has it, however oddly written."""

REFUSABLE_BODIES = (
    b'{"content":%b1%b}' % (b"[" * 100_000, b"]" * 100_000),
    b'{"content":[%b]}' % (b"9" * 5_000),
    b'{"content":[1e999]}',
    b'{"\\u0000":1}',
    b'{"type":"\\ud800"}',
)
"""JSON that a parser may take or refuse (RFC 8259, sections 8.2 and 9): without end, or beyond what values can be."""
