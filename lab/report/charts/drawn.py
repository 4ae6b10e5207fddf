"""Draws charts to SVG: many of them in several processes, since Vega draws one after the other."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import vl_convert

ALONE = 12
"""So many are drawn in the time that other processes take to start."""


def svgs(definitions: Sequence[str]) -> Iterator[str]:
    """Yield the picture of each Vega-Lite definition, in their order."""
    processes = min(len(os.sched_getaffinity(0)), len(definitions) // ALONE)
    if processes < 2:
        yield from map(svg, definitions)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(svg, definitions, chunksize=4)


def svg(definition: str) -> str:
    """Return one picture."""
    return str(vl_convert.vegalite_to_svg(definition))
