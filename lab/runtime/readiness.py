"""Ask `/health` until an arm is ready, in both runtimes alike; Docker's health checks would load the server's core."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable

import psutil

from lab.model.stack import Arm

_ASK_AGAIN_AFTER_S = 0.02
_LOOK_AGAIN_AFTER_S = 0.1
_ANSWER_WITHIN_S = 1.0


def taken(port: int) -> str | None:
    """Return which program listens on 127.0.0.1:<port> (a phrase); None without one. It must not be measured."""
    with socket.socket() as probe:
        probe.settimeout(_ANSWER_WITHIN_S)
        if probe.connect_ex(("127.0.0.1", port)):
            return None
    who = listeners().get(port)
    with contextlib.suppress(psutil.Error):  # the process has ended meanwhile
        return f"another program ({who.name()}, process {who.pid})" if who else "another program"
    return "another program"


def listeners() -> dict[int, psutil.Process]:
    """Return port -> the process that listens on it; processes of other users are left out."""
    found = {}
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr and one.pid:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[one.laddr.port] = psutil.Process(one.pid)
    return found


def wrong_after(arm: Arm, died: Callable[[], str | None], within_s: float) -> str:
    """Wait at most `within_s` seconds until an arm answers under its own name; return why it does not, or an empty text.

    Args:
        died: returns why the arm is not running, None while it is.
    """
    now_s = time.monotonic()
    deadline_s, look_s = now_s + within_s, now_s
    while wrong := ask_health(arm):
        now_s = time.monotonic()
        if now_s >= look_s:
            if gone := died():
                return gone
            look_s = now_s + _LOOK_AGAIN_AFTER_S
        if now_s >= deadline_s:
            return f"{arm.label} did not become healthy within {within_s:g} s: {wrong}."
        time.sleep(_ASK_AGAIN_AFTER_S)
    return ""


def ask_health(arm: Arm) -> str | None:
    """Return what is wrong with the arm's answer (a phrase); None if it answers under its own name."""
    connection = http.client.HTTPConnection("127.0.0.1", arm.port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/health", headers={"Connection": "close"})
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"/health on port {arm.port} fails with {type(error).__name__}"
    finally:
        connection.close()
    if response.status != 200:
        return f"/health answers {response.status}"
    if not isinstance(body, dict) or body.get("stack", arm.label) != arm.label:
        return f"port {arm.port} is answered by another server ({body})"
    return None
