"""The knobs of the table, in its order."""

NAMES = {
    "workers": "worker processes",
    "slots": "slots: requests at once where each needs a thread",
    "db_pool": "connections to PostgreSQL at most",
    "upstream_connections": "connections to upstream at most",
    "backlog": "listen backlog",
    "keep_alive_s": "an idle connection is kept, s",
    "loop": "event loop",
    "parser": "HTTP parser",
    "language": "language",
    "server": "server",
    "framework": "framework",
    "processes": "processes, all",
    "threads": "threads of all processes",
    "nofile": "open files at most",
    "cpus": "CPUs",
    "command": "command",
}
"""Name in run.json -> what a reader is told."""


def of_variable(variable: str) -> str:
    """The knob that a LAB_ variable of docker-compose.yml sets: LAB_DB_POOL -> db_pool."""
    return variable.removeprefix("LAB_").lower()
