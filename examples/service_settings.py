"""What the service is told: by whoever starts it, or by environment variables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from camruntime import CamError

PREFIX = "CAMSERVICE_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one bundle is served; each field is a variable, such as `CAMSERVICE_BUNDLE`.

    Attributes:
        bundle: its folder.
        calibration: a file of `camruntime calibrate`; without, regions are relative.
        methods: what a client may ask for, and nothing else, in the order in which they are tried
            where it names none; separated by commas. Specs are the operator's: a client could name
            files in them, and methods of ten minutes.
        computing: pictures at work at once.
        waiting: that wait for that; one more is refused with 503.
        uploads: bodies that come in at once, each a file in the folder for temporary ones.
        megabytes: of a body at most.
        megapixels: of a picture at most; one of 25 takes half a gigabyte while it is explained.
        seconds: from a whole body to its answer at most, waiting included.
        upload_seconds: for a body to come in.
        threads: of each computation; None is one per core.
    """

    bundle: str
    calibration: str | None = None
    methods: tuple[str, ...] = ("recipro-cam", "score-cam")
    computing: int = 2
    waiting: int = 8
    uploads: int = 32
    megabytes: float = 32.0
    megapixels: float = 25.0
    seconds: float = 10.0
    upload_seconds: float = 10.0
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("computing", "uploads", "megabytes", "megapixels", "seconds"):
            _require(name, getattr(self, name), above=0)
        _require("upload_seconds", self.upload_seconds, above=0)
        _require("waiting", self.waiting, above=-1)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise CamError(f"methods are names, each once, got {', '.join(self.methods) or 'none'}")


def from_environment(variables: Mapping[str, str]) -> Settings:
    """Settings from variables that begin with `CAMSERVICE_`.

    Raises:
        CamError: one is none of ours, or no value of its field; or there is no bundle.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX)
    }
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Settings)}
    unknown = sorted(set(given) - set(kinds))
    if unknown or "bundle" not in given:
        wrong = (
            f"there is no {PREFIX}{unknown[0].upper()}" if unknown else f"{PREFIX}BUNDLE is not set"
        )
        raise CamError(f"{wrong}: known are {', '.join(PREFIX + one.upper() for one in kinds)}")
    values = {name: _value(name, kinds[name], text) for name, text in given.items()}
    return Settings(**values)  # type: ignore[arg-type]  # each of its field's kind


def _value(name: str, kind: str, text: str) -> object:
    try:
        if kind.startswith("int"):
            return int(text)
        if kind.startswith("float"):
            return float(text)
    except ValueError:
        raise CamError(f"{PREFIX}{name.upper()} is a number, got {text!r:.60}") from None
    return tuple(one.strip() for one in text.split(",")) if kind.startswith("tuple") else text


def _require(name: str, value: float, above: int) -> None:
    if not above < value < math.inf:  # false for NaN, too
        raise CamError(f"{name} is a number above {above}, got {value}")
