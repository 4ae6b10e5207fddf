"""The terms of docs/glossary.md, which the HTML report explains in place."""

import re
from collections.abc import Mapping

from lab.paths import ROOT

_ROW = re.compile(r"^\| (?P<term>[^|]+?) \| (?P<meaning>[^|]+?) \|$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_HEADS = "Term"


def terms() -> Mapping[str, str]:
    """Return term -> meaning; terms that share a meaning are in the glossary's row together, with commas."""
    rows = _ROW.finditer((ROOT / "docs/glossary.md").read_text(encoding="utf-8"))
    return {
        term: _LINK.sub(r"\1", row["meaning"]).replace("`", "")
        for row in rows
        if row["term"] not in (_HEADS, "---")
        for term in row["term"].split(", ")
    }
