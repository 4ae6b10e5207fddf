"""Rows of PostgreSQL by id; `ms` makes the database take that long."""

from client import FastUser


class Rows(FastUser):
    """Reads rows whose ids the server draws from the seed."""

    abstract = True
    seeded = True
    holds = "db_pool"
    waits_ms = "ms"

    def check(self, body):
        rows = body["rows"]
        return len(rows) == self.params.get("n", 1) and all(
            10_000 <= row["id"] < 20_000 and row["value"] == 100_000 + row["id"] * 7919 % 900_000 for row in rows
        )


class One(Rows):
    """Reads one row."""

    path = "/db/one"
    params = {"ms": 0}


class Sequential(Rows):
    """Reads n rows one after the other."""

    path = "/db/sequential"
    params = {"n": 10, "ms": 0}
    waits_ms = "n * ms"


class Batched(Rows):
    """Reads n rows in one round trip."""

    path = "/db/batched"
    params = {"n": 10, "ms": 0}
