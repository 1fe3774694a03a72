"""What the figures are of: device, driver, processor, versions."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import onnxruntime as ort
from sheet import Sheet

from camruntime.bundle import open_bundle
from gpu.case import Case, Clock, NotHere
from gpu.journal import Result
from gpu.networks import INSPECTOR
from gpu.opening import open_engine
from gpu.setting import Setting

PACKAGES = (
    "camexport",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-ep-webgpu",
    "numpy",
    "torch",
    "torchvision",
    "grad-cam",
    "torchcam",
)
CARD = ("name", "driver_version", "memory.total", "power.limit", "clocks.max.sm", "clocks.sm")


@dataclass(frozen=True)
class Fact:
    """One thing about the machine."""

    what: str
    value: str


def cases(setting: Setting) -> Iterator[Case]:
    """Each fact by itself: where one cannot be had, the others stay."""
    facts: dict[str, Callable[[], str]] = {
        "card": partial(_card, setting),
        "provider": partial(_provider, setting),
        "processor": _processor,
        "system": platform.platform,
        "Python": platform.python_version,
        "versions": lambda: ", ".join(map(_version, PACKAGES)),
        "threads on the CPU": lambda: str(setting.threads),
        "load before the run": lambda: f"{os.getloadavg()[0]:.1f}",
    }
    for what, ask in facts.items():
        yield Case(what, partial(_fact, what, ask))


def _fact(what: str, ask: Callable[[], str], _clock: Clock) -> Iterator[Fact]:
    yield Fact(what, ask())


def query_card(*fields: str) -> list[str]:
    """What NVIDIA's driver says of the first card; memory in MiB.

    Raises:
        NotHere: there is no `nvidia-smi`.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise NotHere("nvidia-smi is not on the path")
    asked = [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits", "-i", "0"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30)
    return [value.strip() for value in done.stdout.split(",")]


def _card(setting: Setting) -> str:
    if setting.device == "cuda":
        pairs = zip(CARD, query_card(*CARD), strict=True)
        return ", ".join(f"{field} {value}" for field, value in pairs)
    if setting.device == "cpu":
        raise NotHere("the CPU was asked for")
    open_engine(open_bundle(INSPECTOR), setting.device, setting)  # registers the plugin
    found = [one for one in ort.get_ep_devices() if setting.device in one.ep_name.lower()]
    return "; ".join(f"{one.device.type.name} of {one.device.vendor}" for one in found)


def _provider(setting: Setting) -> str:
    """That it opens at all."""
    opened = open_engine(open_bundle(INSPECTOR), setting.device, setting)
    return f"{opened.provider}, of {', '.join(ort.get_available_providers())}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{(names or [platform.machine()])[0]}, {len(os.sched_getaffinity(0))} cores"


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def sheet(result: Result) -> Sheet:
    """Two columns."""
    return Sheet("Environment", ("", ""), tuple((one.what, one.value) for one in result.of(Fact)))
