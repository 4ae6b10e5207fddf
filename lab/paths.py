"""Paths of this checkout, and the names that keep two checkouts apart."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPOSE_FILE = ROOT / "docker-compose.yml"
LOADTESTS = ROOT / "loadtests"
LOCKS = ROOT / "locks"
RESULTS = ROOT / "results"
STATE = ROOT / ".lab"
"""State that the lab keeps between two commands (the lock, logs); ignored by git."""
MICRO = "micro.json"
"""Original of the micro benchmarks, in a folder of RESULTS."""

COMPOSE_PROJECT = "async-lab-" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
"""One per checkout, so that two checkouts do not remove each other's containers."""
