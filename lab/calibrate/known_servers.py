"""Start the servers of a calibration on the server's CPUs, and stop them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.errors import LabError
from lab.host.cpus import cpu_list
from lab.model.stack import Target
from lab.paths import ROOT

READY_WITHIN_S = 15.0
STOPPED_WITHIN_S = 5.0
LINES = 20
"""Lines of the log that an error shows where a server did not start."""
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


class Place:
    """The place where servers run: a folder for their files, and their CPUs."""

    def __init__(self, folder: Path, cpus: Collection[int]) -> None:
        self.folder = folder
        self.cpus = cpus

    @contextmanager
    def uvicorn(self) -> Iterator["Running"]:
        """Run the bare ASGI app on Uvicorn with uvloop and httptools."""
        port = _free_port()
        words = ["-m", "uvicorn", "lab.calibrate.bare:app", "--host", "127.0.0.1", "--port", str(port)]
        words += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--backlog", "2048"]
        with self._started([sys.executable, *words, "--timeout-keep-alive", "75"], port) as running:
            yield running

    @contextmanager
    def nginx(self) -> Iterator["Running"]:
        """Run nginx with a configuration of our own and one worker."""
        port, configuration = _free_port(), self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=port))
        with self._started([nginx(), "-e", str(self.folder / "nginx.log"), "-c", str(configuration)], port) as running:
            yield running

    @contextmanager
    def program(self, module: str, *before_port: str) -> Iterator["Running"]:
        """Run a server of this package. It gets its port, and the file to which it writes its log at its end."""
        port, log = _free_port(), self.folder / f"{module}-{time.monotonic_ns()}.json"
        words = ["-m", f"lab.calibrate.{module}", *before_port, str(port), str(log)]
        with self._started([sys.executable, *words], port, log) as running:
            yield running

    @contextmanager
    def _started(self, command: Sequence[str], port: int, log: Path | None = None) -> Iterator["Running"]:
        said = self.folder / "servers.log"
        with said.open("ab") as output:
            process = subprocess.Popen([*pinned(self.cpus), *command], cwd=ROOT, stdout=output, stderr=output)
        running = Running(process, port, log)
        try:
            running.wait_ready(said)
            yield running
        finally:
            running.stop()


class Running:
    """A server that answers on 127.0.0.1:<port>."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path | None) -> None:
        self._process = process
        self.port = port
        self._log = log

    @property
    def target(self) -> Target:
        """Return the process to watch."""
        return Target(pid=self._process.pid, contained=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self, said: Path) -> None:
        """Wait until it accepts a connection.

        Args:
            said: the file of its output.

        Raises:
            LabError: it ended, or took too long; with the end of its output.
        """
        deadline_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        why = f"{self._process.args!r} did not start; free its programs and ports and calibrate again."
        raise LabError("\n  ".join([why, *said.read_text(errors="replace").splitlines()[-LINES:]]))

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL, to this server only."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Stop the server and return its log."""
        assert self._log  # noqa: S101  # only programs of this package have one
        self.stop()
        return self._log.read_text()


def pinned(cpus: Collection[int]) -> list[str]:
    """Return the words before a command that keep it on these CPUs from its start (util-linux)."""
    return ["taskset", "-c", cpu_list(cpus)]


def nginx_here() -> bool:
    """Return whether nginx is installed; /usr/sbin is not in every PATH."""
    return bool(nginx())


def nginx() -> str:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
