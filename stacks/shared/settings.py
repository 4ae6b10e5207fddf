"""What the environment says about this stack: the equal budgets of docker-compose.yml."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The name of this stack, its budgets, and where its services are."""

    stack: str
    slots: int
    """Threads for work that blocks: the size of the one thread pool."""
    db_pool: int
    """Connections to PostgreSQL, opened at start and kept."""
    database_url: str
    upstream_url: str
    upstream_connections: int
    """Connections to `upstream` at most."""

    @classmethod
    def from_environment(cls) -> Self:
        """Read the LAB_ variables; what is not set has the value that docker-compose.yml gives it too."""
        return cls(
            stack=os.environ.get("LAB_STACK", "unnamed"),
            slots=int(os.environ.get("LAB_SLOTS", "40")),
            db_pool=int(os.environ.get("LAB_DB_POOL", "20")),
            database_url=os.environ.get("LAB_DATABASE_URL", "postgresql://lab@127.0.0.1:8191/postgres"),
            upstream_url=os.environ.get("LAB_UPSTREAM_URL", "http://127.0.0.1:8192"),
            upstream_connections=int(os.environ.get("LAB_UPSTREAM_CONNECTIONS", "100")),
        )
