"""The HTTP contract: `checks` says what a stack must answer, `verify` holds a running one to it."""

from lab.contract.ask import Finding as Finding
from lab.contract.ask import grouped as grouped
from lab.contract.hold import verify as verify
