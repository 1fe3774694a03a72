"""The one place where this benchmark opens camruntime's engine."""

from __future__ import annotations

from typing import Literal, get_args

from camruntime.bundle import Bundle
from camruntime.engine import Engine, Instruments, Provider
from gpu.case import NotHere
from gpu.networks import bundle_of
from gpu.setting import Setting

Precision = Literal["float32", "tf32", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def provider(setting: Setting, precision: Precision) -> Provider:
    """The device's; float16 is in the bundle, TF32 an option of CUDA's.

    Raises:
        NotHere: the device has no TF32.
    """
    if precision != "tf32":
        return setting.device
    if setting.device != "cuda":
        raise NotHere("TF32 is NVIDIA's")
    return "cuda", {"use_tf32": "1"}


def engine_of(
    setting: Setting,
    network: str,
    precision: Precision,
    *,
    capture: bool = False,
    instruments: Instruments | None = None,
    kind: type[Engine] = Engine,
) -> Engine:
    """A network's engine on the device.

    Raises:
        NotHere: the network was not built, or the device has not this precision.
    """
    chosen = provider(setting, precision)
    bundle = bundle_of(setting, network, precision)
    return open_engine(bundle, chosen, setting, capture, instruments, kind)


def open_engine(
    bundle: Bundle,
    chosen: Provider,
    setting: Setting,
    capture: bool = False,
    instruments: Instruments | None = None,
    kind: type[Engine] = Engine,
) -> Engine:
    """With the run's threads; captured, its runs are recorded and repeated.

    Raises:
        NotHere: there is nothing to capture on the CPU.
    """
    if capture and setting.device == "cpu":
        raise NotHere("on the CPU no runs are recorded")
    watched = instruments or Instruments()
    return kind(bundle, [chosen], threads=setting.threads, instruments=watched, capture=capture)
