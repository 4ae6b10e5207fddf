"""The servers that tests write leave nothing behind: what Python collects later would fail another test."""

import gc
import socket
import warnings
from contextlib import ExitStack, suppress

import pytest

from tests.conftest import until
from tests.server import Peer, Server, polite


def left_behind(server: Server, clients: int) -> list[str]:
    """What is collected after clients connected to a server all at once, sent a request each, and it stopped."""
    gc.collect()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        with ExitStack() as connected, server:
            for _ in range(clients):
                with suppress(ConnectionError):
                    client = connected.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                    client.sendall(b"GET /json HTTP/1.1\r\n\r\n")
            until(lambda: server.connections)
        gc.collect()
    return [str(warning.message) for warning in seen]


async def last_orders(peer: Peer) -> None:
    """Refuses new connections from the first request on, while others are just being accepted."""
    await peer.request()
    peer.server.stop_listening()
    await peer.answer()


@pytest.mark.parametrize("talk", [polite, last_orders])
def test_a_server_that_stops_while_clients_connect_leaves_no_transport(talk: object) -> None:
    for _ in range(8):
        assert left_behind(Server(talk), 40) == []  # type: ignore[arg-type]


def test_what_a_server_did_wrong_itself_fails_its_test() -> None:
    async def wrong(peer: Peer) -> None:
        await peer.request()
        raise ZeroDivisionError("the test's own mistake")

    with pytest.raises(ZeroDivisionError, match="the test's own mistake"):
        left_behind(Server(wrong), 3)
    gc.collect()
