"""Readiness by asking `/health`, the same way in both runtimes; Docker's own health checks would load the server's core."""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterable

from lab.nouns import Arm

_ASK_AGAIN_AFTER_S = 0.02
_ANSWER_WITHIN_S = 1.0


def port_taken(port: int) -> bool:
    """True if something listens on 127.0.0.1:<port> already: a foreign server must not be measured."""
    with socket.socket() as probe:
        probe.settimeout(_ANSWER_WITHIN_S)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_healthy(arms: Iterable[Arm], died: Callable[[str], str | None], within_s: float) -> dict[str, str]:
    """Waits until every arm answers `/health` under its own name.

    Args:
        died: says of a label why it is not running, None while it is.

    Returns:
        Label -> reason, for the arms that did not get healthy within `within_s` seconds; empty if all did.
    """
    pending = {arm.label: arm for arm in arms}
    reasons: dict[str, str] = {}
    latest = dict.fromkeys(pending, "no answer yet")
    deadline = time.monotonic() + within_s
    while pending and time.monotonic() < deadline:
        for label, arm in list(pending.items()):
            answer = ask_health(arm)
            if answer is None:
                del pending[label]
            elif gone := died(label):
                reasons[label] = gone
                del pending[label]
            else:
                latest[label] = answer
        if pending:
            time.sleep(_ASK_AGAIN_AFTER_S)
    return reasons | {
        label: f"{label} did not get healthy within {within_s:.0f} s: {latest[label]}." for label in pending
    }


def ask_health(arm: Arm) -> str | None:
    """None if the arm answers as itself, else what is wrong (a phrase)."""
    connection = http.client.HTTPConnection("127.0.0.1", arm.port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/health", headers={"Connection": "close"})
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"/health on port {arm.port} gives {type(error).__name__}"
    finally:
        connection.close()
    if response.status != 200:
        return f"/health answers {response.status}"
    if not isinstance(body, dict) or body.get("stack", arm.label) != arm.label:
        return f"port {arm.port} is answered by another server ({body})"
    return None
