"""Hypercorn, for HTTP/1."""

from stacks.shared.servers import Server, live


def running() -> Server | None:
    """Return Hypercorn as the connection that asks has it."""
    protocol = next(live("hypercorn.protocol.h11", "H11Protocol"), None)
    if protocol is None:
        return None
    parser = type(protocol.connection).__module__.partition(".")[0]
    return Server("hypercorn", keep_alive_s=protocol.config.keep_alive_timeout, parser=parser)
