"""Compute the size of images, and how much of it they share, from the layers that the engine lists."""

import re
from collections import Counter
from collections.abc import Mapping

from docker.models.images import Image

Layers = dict[str, int]
"""Digest of a layer -> its bytes."""

_SETTINGS = re.compile(
    r"(/bin/sh -c #\(nop\) +)?"
    r"(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)
"""Instructions that change an image's settings and add no layer to it; older builders write `#(nop)` before them."""


def layers(image: Image) -> Layers | None:
    """Return the layers of an image; None if its history does not tell them apart."""
    made = [
        step["Size"] for step in reversed(image.history()) if step["Size"] or not _SETTINGS.match(step["CreatedBy"])
    ]
    digests = image.attrs["RootFS"]["Layers"]
    return dict(zip(digests, made, strict=True)) if len(made) == len(digests) else None


def weights(images: Mapping[str, Layers | None]) -> dict[str, dict[str, int]]:
    """Return service -> `bytes` of its image, and `own_bytes`: those in layers that no other of these images has.

    Services with the same image count as one.
    """
    known = {service: found for service, found in images.items() if found}
    users = Counter(digest for digests in {frozenset(found) for found in known.values()} for digest in digests)
    return {
        service: {
            "bytes": sum(found.values()),
            "own_bytes": sum(size for digest, size in found.items() if users[digest] == 1),
        }
        for service, found in known.items()
    }


def together(images: Mapping[str, Layers | None]) -> int | None:
    """Return the bytes of all these images on a disk, each layer counted once; None without any."""
    every = {digest: size for found in images.values() for digest, size in (found or {}).items()}
    return sum(every.values()) or None
