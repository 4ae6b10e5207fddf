"""Start the servers of a calibration on the server's CPUs, and stop them."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.calibrate.truth import Log
from lab.errors import LabError
from lab.model.stack import Arm, Service, Target
from lab.runtime.interface import died
from lab.runtime.process import ProcessRuntime

READY_WITHIN_S = 15.0
STOPPED_WITHIN_S = 5.0
NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{ default_type application/json; return 200 '{{"message":"Hello, World!"}}'; }}
  }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A server that answers on 127.0.0.1:<port>."""

    port: int
    target: Target
    """The process to watch."""
    stop: Callable[[], None]
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> Log:
        """Stop a server of known delays and return its log."""
        self.stop()
        return Log.model_validate_json(self.log_file.read_text())


class Place:
    """The place where servers run: a folder for their files, and their CPUs."""

    def __init__(self, folder: Path, cpus: Collection[int]) -> None:
        self.folder = folder
        self.cpus = cpus

    def uvicorn(self) -> AbstractContextManager[Running]:
        """Run the bare ASGI app on Uvicorn with uvloop and httptools."""
        words = "-m uvicorn lab.calibrate.bare:app --host 127.0.0.1 --loop uvloop --http httptools --no-access-log"
        port = _free_port()
        more = ["--backlog", "2048", "--timeout-keep-alive", "75", "--port", str(port)]
        return self._started("uvicorn", port, sys.executable, *words.split(), *more)

    def nginx(self) -> AbstractContextManager[Running]:
        """Run nginx with a configuration of our own and one worker."""
        port, configuration = _free_port(), self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=port))
        return self._started("nginx", port, nginx(), "-e", str(self.folder / "nginx.log"), "-c", str(configuration))

    def delays(self, mode: str) -> AbstractContextManager[Running]:
        """Run the server of known delays."""
        port, log = _free_port(), self.folder / f"delays-{time.monotonic_ns()}.json"
        words = (sys.executable, "-m", "lab.calibrate.delays", mode, str(port), str(log))
        return self._started("delays", port, *words, log_file=log)

    @contextmanager
    def _started(self, name: str, port: int, *command: str, log_file: Path = Path(os.devnull)) -> Iterator[Running]:
        """Run a server as the process runtime runs a stack; its output is in <name>.log."""
        service = Service(name=name, command=command, cpuset=tuple(self.cpus), stop_grace_period_s=STOPPED_WITHIN_S)
        runtime = ProcessRuntime(lambda _: {name: service}, {})
        runtime.create([Arm(label=name, service=name, port=port)], self.folder)
        try:
            runtime.run(name)
            _wait_ready(runtime, name, port)
            yield Running(port, runtime.target(name), lambda: runtime.stop([name]), log_file)
        finally:
            runtime.stop([name])


def _wait_ready(runtime: ProcessRuntime, name: str, port: int) -> None:
    """Wait until a server accepts a connection.

    Raises:
        LabError: it ended, or took too long; with the end of its output.
    """
    deadline_s = time.monotonic() + READY_WITHIN_S
    while (gone := died(runtime, name)) is None and time.monotonic() < deadline_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    why = gone or f"{name} accepted no connection within {READY_WITHIN_S:g} s."
    raise LabError("\n  ".join([f"{why} Free its programs and ports and calibrate again.", *runtime.log_tail(name)]))


def nginx() -> str:
    """Return the path of nginx, empty without one; /usr/sbin is not in every PATH."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
