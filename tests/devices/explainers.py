"""What the fixture `explainer` makes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import camruntime
from camruntime.bundle import Bundle


class Explainers(Protocol):
    """An explainer of a bundle on the device, with what `Engine` and `Instruments` may be told."""

    def __call__(
        self,
        bundle: Bundle,
        capture: bool = False,
        chunk: int | None = None,
        profile: Path | None = None,
    ) -> camruntime.Explainer: ...
