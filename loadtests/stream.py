"""A streamed chat completion, relayed chunk by chunk: each user holds one stream after the other."""

from client.events import EventUser


class Stream(EventUser):
    """Reads a stream of `chunks` server-sent events, `ms` milliseconds apart, to its end."""

    path = "/stream"
    params = {"chunks": 10, "ms": 20}
    holds = "upstream_connections"
    waits_ms = "chunks * ms"

    def check(self, body):
        return body["events"] == [{"text": f"word {index:05d} "} for index in range(self.params["chunks"])]
