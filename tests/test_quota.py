"""A CPU quota on a server is read as what kept it from running; where it cannot be given it is named."""

from pathlib import Path

from conftest import edit, measured, needs_engine

from lab import compose
from lab.house import House

FLASK = "flask-gunicorn"


def limit(checkout: Path) -> None:
    edit(
        checkout / "docker-compose.yml",
        f"  {FLASK}:\n    <<: *server\n",
        f"  {FLASK}:\n    <<: *server\n    cpus: 0.2\n",
    )


@needs_engine
def test_a_container_with_a_quota_is_throttled_and_not_slow(checkout: Path) -> None:
    limit(checkout)
    sample = measured(checkout, FLASK, window_s=2, runtime="docker")
    cpu_s, throttled_s = sample.usage["server"].cpu_s, sample.server_throttled_s
    assert cpu_s is not None
    assert cpu_s < 0.2 * 2 * 1.3
    assert throttled_s is not None
    assert throttled_s > 0.4, "others on its CPU leave less to be throttled: 1.6 s without them"
    assert (sample.lab_throttled_s or 0) < 0.1
    assert sample.serving_replaced == 0


def test_the_process_runtime_names_a_quota_that_it_cannot_give(checkout: Path) -> None:
    limit(checkout)
    services = compose.read(checkout / "docker-compose.yml", House.here().variables)
    assert "cpus" in services[FLASK].not_applied
    assert "cpus" not in services["fastapi-uvicorn"].not_applied
