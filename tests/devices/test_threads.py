"""Threads that share an explainer, and engines that share a device, get their own maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from camruntime.bundle import Bundle
from camruntime.pictures import Picture
from explainers import Explainers

SPECS = ("recipro-cam", "grad-cam", "decom-cam:components=3", "layer-cam")


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("engines", [1, 3])
def test_maps_of_four_threads_are_those_of_one(
    inspector: Bundle,
    defect: Picture,
    device: str,
    explainer: Explainers,
    capture: bool,
    engines: int,
) -> None:
    if capture and device not in ("cuda", "webgpu"):
        pytest.skip("it records no runs")
    pictures = [np.roll(defect, 7 * turn, axis=1) for turn in range(5)]
    jobs = [(picture, spec, 3) for picture in pictures for spec in SPECS]
    expected = [explainer(inspector).explain(*job).raw for job in jobs]
    made = [explainer(inspector, capture=capture) for _ in range(engines)]

    def ours(at: int) -> bool:
        found = made[at % engines].explain(*jobs[at]).raw
        return bool(np.abs(found - expected[at]).max() <= 1e-6 * np.ptp(expected[at]))

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(ours, range(len(jobs)))] == [True] * 20
