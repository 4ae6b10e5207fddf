"""Calls to another service, each of which takes `ms`; more than `capacity` at once are refused there.

make bench SCENARIOS='http/concurrent?capacity=20,http/bounded?limit=2&capacity=20'
"""

from client import FastUser


class Calls(FastUser):
    """Has the server call `upstream`."""

    abstract = True
    holds = "upstream_connections"
    waits_ms = "ms"
    expected_errors = {"capacity": ["status 502"]}

    def check(self, body):
        waited = {"waited_ms": f"{self.params['ms']:05d}"}
        return body["answers"] == [waited] * self.params.get("n", 1)


class One(Calls):
    """One call."""

    path = "/http/one"
    params = {"ms": 20, "capacity": None}


class Sequential(Calls):
    """n calls, one after the other."""

    path = "/http/sequential"
    params = {"n": 10, "ms": 20, "capacity": None}
    waits_ms = "n * ms"


class Concurrent(Calls):
    """n calls, all at once."""

    path = "/http/concurrent"
    params = {"n": 10, "ms": 20, "capacity": None}
    at_once = "n"


class Bounded(Calls):
    """n calls, at most `limit` of them at once."""

    path = "/http/bounded"
    params = {"n": 10, "ms": 20, "capacity": None, "limit": 4}
    at_once = "n / ceil(n / limit)"
    waits_ms = "ceil(n / limit) * ms"
