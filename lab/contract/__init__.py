"""The HTTP contract: `checks` says what a stack must answer, `verify` checks a running one against it."""

from lab.contract.ask import Finding as Finding
from lab.contract.ask import grouped as grouped
from lab.contract.conform import verify as verify
