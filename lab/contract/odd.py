"""Requests that are empty, large or oddly written; each is asked of one path only."""

from collections.abc import Iterator
from urllib.parse import quote

from lab.contract.ask import Check


def queries(path: str) -> Iterator[Check]:
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


def bodies(path: str) -> Iterator[Check]:
    """Yield bodies for a path that takes a chat message chunk."""
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
