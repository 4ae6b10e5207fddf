"""A new stack is a folder and a service; nothing else of the tree has to know it."""

import csv
from pathlib import Path

from conftest import PORTS, assert_measured, lab

APP = '''
"""The barest ASGI application that keeps a part of the contract."""

import json
import os

NONE = ("slots", "db_pool", "upstream_connections", "keep_alive_s", "loop", "parser")
ANSWERS = {
    "/health": {"status": "ok", "stack": os.environ["LAB_STACK"]},
    "/knobs": dict.fromkeys(NONE) | {"language": "python", "server": "uvicorn", "framework": "none"},
    "/json": {"message": "Hello, World!"},
}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    answer = ANSWERS.get(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
    body = json.dumps(answer or {"error": "no such path"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200 if answer else 404, "headers": headers})
    await send({"type": "http.response.body", "body": body})
'''
SERVICE = """
  bare-uvicorn:
    <<: *server
    image: "${LAB_PROJECT:-async-lab}-bare"
    build: { <<: *build, args: { LAB_BASE_IMAGE: "${LAB_BASE_IMAGE:-debian:trixie-slim}", LOCK: upstream, SOURCE: stacks/bare } }
    environment: { <<: *budget, LAB_STACK: "bare-uvicorn${LAB_ARM:-}" }
    command: [uvicorn, --host=127.0.0.1, "--port=${LAB_PORT:-PORT}", --no-access-log, stacks.bare.app:app]
    labels:
      lab.framework: none
      lab.server: Uvicorn
      lab.model: async
      lab.port: "${LAB_PORT:-PORT}"
      lab.exceptions: |
        slots=null: nothing it does blocks
        db_pool=null: it asks no database
        upstream_connections=null: it calls nobody
        keep_alive_s=null: nobody asks it
      lab.omits: |
        /parse/: it only says hello
        /crunch/: it only says hello
        /db/: it only says hello
        /http/: it only says hello
        /file/: it only says hello
        /wait: it only says hello
        /mixed: it only says hello
        /hazard/: it only says hello
        /stream: it only says hello
        /ws: it only says hello
        /h2/: it only says hello
"""


def test_a_folder_and_a_service_are_a_new_stack_in_every_command(checkout: Path, runtime: str) -> None:
    (checkout / "stacks" / "bare").mkdir()
    (checkout / "stacks" / "bare" / "app.py").write_text(APP)
    compose = checkout / "docker-compose.yml"
    compose.write_text(
        compose.read_text().replace("\nsecrets:", SERVICE.replace("PORT}", f"{PORTS}15}}") + "\nsecrets:")
    )
    assert "bare-uvicorn" in lab(checkout, "stacks").stdout
    words = {"STACKS": "bare-uvicorn,fastapi-uvicorn", "SCENARIOS": "json,wait", "PROFILE": "smoke"}
    done = lab(checkout, "bench", env={**words, "RUNTIME": runtime, "RUN": "it"})
    assert_measured(done)
    with (checkout / "results/it/summary.csv").open() as table:
        rows = {(row["stack"], row["scenario"]) for row in csv.DictReader(table)}
    assert rows == {("bare-uvicorn", "json"), ("fastapi-uvicorn", "json"), ("fastapi-uvicorn", "wait")}
    assert "it only says hello" in (checkout / "results/it/report.md").read_text()
