"""The part of a calibration that says what a profile resolves: identical servers, in two designs."""

import math
from functools import partial
from typing import get_args

import numpy as np
import pytest

from lab.calibrate import noise_floor, run
from lab.calibrate.result import NoiseTrial
from lab.config import selection
from lab.paths import LOADTESTS


def windows_of(design: noise_floor.Design, spread: float, c: float = 1.0) -> list[NoiseTrial]:
    """Windows of servers that are alike but for `c`, with normal noise; all of a block share a tenth."""
    random = np.random.default_rng(5)
    return [
        NoiseTrial(block=block, arm=arm, rps=100 * shared * of, cpu_us_per_request=30)
        for block in range(design.blocks)
        for shared in [1 + 0.1 * (block % 2)]
        for arm in design.arms
        for of in [math.exp(random.normal(0, spread)) * (c if arm == "c" else 1)]
    ]


def test_the_noise_floor_is_the_spread_that_neither_server_nor_block_explains() -> None:
    design, _ = noise_floor.designs(selection.profile(LOADTESTS, "quick"))
    floor = noise_floor.floor("quick", "profile", windows_of(design, 0.05), took_s=60)
    assert floor.spread["rps"] == pytest.approx(0.05, rel=0.3)
    assert floor.spread["cpu_us_per_request"] == pytest.approx(0)
    assert 0.05 < floor.mde["rps"] < 0.15
    assert floor.different == {"rps": (), "cpu_us_per_request": ()}
    slower = noise_floor.floor("quick", "profile", windows_of(design, 0.02, c=0.8), took_s=60)
    assert slower.different["rps"] == ("c",)


def test_a_profile_resolves_more_per_minute_than_the_plain_design() -> None:
    """With the same noise in windows of both; the A/A server is in the profile's time."""
    for profile in map(partial(selection.profile, LOADTESTS), run.PROFILES):
        both = noise_floor.designs(profile)
        floors = [
            noise_floor.floor(
                profile.name, name, windows_of(design, 0.05), took_s=trial_s * design.blocks * len(design.arms)
            )
            for name, design, trial_s in zip(get_args(noise_floor.Name), both, (1, 1.5), strict=True)
        ]
        rows = list(noise_floor.findings(floors))
        assert [row.met for row in rows[:-1]] == [True, rows[1].met, None, True, None, None]
        assert float(rows[-1].value) > 1.2
