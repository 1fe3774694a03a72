"""What a run is of, and how much it measures: all of it on a card, little of it as a test."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from gpu.journal import write_whole

Device = Literal["cuda", "webgpu", "cpu"]
DEVICES: tuple[Device, ...] = get_args(Device)
FILE = "setting.json"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        networks: that camruntime is measured with.
        alike: whose maps are compared with the CPU's, and on how many pictures.
        captured: methods of which this is done with recorded runs, too; None: of all.
        beside: that the peers run, too.
        pixels: height and width of those that are built; None: their own.
        chunks: masked images at once, in float32.
        few: the same in lower precision.
        masked: images of one turn of Score-CAM; None: those of a whole map.
        side: of the large matrices.
        turns: of everything that is timed, besides one that warms up.
    """

    networks: tuple[str, ...]
    alike: Mapping[str, int]
    captured: tuple[str, ...] | None
    beside: tuple[str, ...]
    pixels: int | None
    chunks: tuple[int, ...]
    few: tuple[int, ...]
    masked: int | None
    side: int
    turns: int


_THREE = ("vgg16", "resnet50", "mobilenet_v2")
FULL = Size(
    networks=_THREE,
    alike={"inspector": 4, "resnet50": 1},
    captured=None,
    beside=_THREE,
    pixels=None,
    chunks=(16, 32, 64, 128, 256, 512),
    few=(64, 256),
    masked=None,
    side=8192,
    turns=3,
)
SMALL = Size(
    networks=("inspector",),
    alike={"inspector": 1},
    captured=("grad-cam", "recipro-cam", "anytime-score-cam"),
    beside=("resnet18",),
    pixels=64,
    chunks=(4, 8),
    few=(8,),
    masked=16,
    side=512,
    turns=1,
)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is the same for all parts of a run.

    Attributes:
        device: camruntime's provider, and where the peers compute.
        small: whether it is a test of the command, whose figures say nothing.
        threads: of every library on the CPU.
        out: the folder of results, as an absolute path.
    """

    device: Device
    small: bool
    threads: int
    out: str

    @property
    def size(self) -> Size:
        """How much is measured."""
        return SMALL if self.small else FULL

    @property
    def folder(self) -> Path:
        """Where results and networks lie."""
        return Path(self.out)

    def write(self) -> None:
        """Into its folder, for the processes of the parts."""
        write_whole(self.folder / FILE, json.dumps(dataclasses.asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> Setting | None:
        """That of the run whose results lie in `folder`; None where none do."""
        file = folder / FILE
        if not file.is_file():
            return None
        return cls(**{**json.loads(file.read_text(encoding="utf-8")), "out": str(folder)})
