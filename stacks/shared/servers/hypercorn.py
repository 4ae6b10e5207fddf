"""Hypercorn, for HTTP/1."""

from stacks.shared.servers import Server, live


def running() -> Server | None:
    """Return Hypercorn as one of its connections has it; a WebSocket keeps its parser inside."""
    protocol = next(live("hypercorn.protocol.h11", "H11Protocol"), None)
    if protocol is None:
        return None
    connection = getattr(protocol.connection, "h11_connection", protocol.connection)
    parser = type(connection).__module__.partition(".")[0]
    return Server("hypercorn", keep_alive_s=protocol.config.keep_alive_timeout, parser=parser)
