"""How large images are, what they share, and when they are built again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lab.runtime.docker import connect
from lab.runtime.layers import layers, together, weights
from tests.conftest import edit, environment, needs_engine

BASE = {"base": 100}
IMAGES = {
    "flask": BASE | {"python": 40, "flask": 5},
    "flask-again": BASE | {"python": 40, "flask": 5},
    "quart": BASE | {"python": 40, "quart": 7},
    "postgres": BASE | {"postgres": 200},
    "none": None,
}
NAME = "lab-test-of-layers"


def test_a_layer_is_an_images_own_where_no_other_image_has_it() -> None:
    found = weights(IMAGES)
    assert found["flask"] == found["flask-again"] == {"bytes": 145, "own_bytes": 5}
    assert found["postgres"] == {"bytes": 300, "own_bytes": 200}
    assert "none" not in found


def test_together_every_layer_counts_once() -> None:
    assert together(IMAGES) == 100 + 40 + 5 + 7 + 200
    assert together({"none": None}) is None


def compose(checkout: Path, *words: str) -> None:
    command = ["docker", "compose", "--project-name", NAME, *words]
    subprocess.run(command, cwd=checkout, env=environment({"LAB_PROJECT": NAME}), check=True, capture_output=True)


@pytest.fixture
def engine(checkout: Path) -> Iterator[docker.DockerClient]:
    yield connect()
    compose(checkout, "down", "--rmi", "all")


@pytest.mark.slow
@needs_engine
def test_an_image_is_built_again_when_its_inputs_change_and_only_then(
    checkout: Path, engine: docker.DockerClient
) -> None:
    def built() -> tuple[str, dict[str, int]]:
        compose(checkout, "build", "--quiet", "upstream", "postgres")
        image = engine.images.get(f"{NAME}-upstream")
        return str(image.id), layers(image) or {}

    first, its_layers = built()
    assert sum(its_layers.values()) == engine.images.get(f"{NAME}-upstream").attrs["Size"]
    for name in ("README.md", "services/README.md", "stacks/Dockerfile", "stacks/fastapi/app.py", "tests/conftest.py"):
        with (checkout / name).open("a") as file:
            file.write("\n# Not an input of upstream's image.\n")
    assert built()[0] == first

    edit(checkout / "services/upstream/app.py", "The service that stacks call", "The service which stacks call")
    second, new_layers = built()
    assert second != first
    assert sum(size for digest, size in new_layers.items() if digest in its_layers) > 0.99 * sum(new_layers.values())
    base = layers(engine.images.get(f"{NAME}-postgres")) or {}
    assert base.keys() & new_layers.keys(), "the base image's layers are shared"
