"""Who takes part, method by method, and what each method cannot cost less than."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

Turn = tuple[str | int, ...]
"""What a contender's process can be asked for: a name and its arguments."""

SLICE = 64  # images or channels in one short turn
BATCHES = (1, 4, 8, 16, 32)
COMPONENTS = 10  # of Decom-CAM
PLAIN: Turn = ("forward", 1, 1)
OPENVINO_XAI = "OpenVINO XAI"


@dataclass(frozen=True)
class Floor:
    """What a map has to pay for.

    Attributes:
        work: the turn that is held against it, short enough to be repeated.
        bills: alternatives: how often which turn. The cheapest counts.
        parts: the turn that says how many times `work` makes up a map; None: it is the map.
    """

    work: Turn
    bills: tuple[Mapping[Turn, int], ...]
    parts: Turn | None = None

    def turns(self) -> set[Turn]:
        """All that has to be measured."""
        return {self.work}.union(*self.bills)

    def seconds(self, least: Mapping[Turn, float]) -> float:
        """The cheapest bill, from what each turn takes when the machine disturbs it least.

        Two of `a` and one of `b` at 3 s each are 9 s; four of `c` at 2 s each are 8 s: the floor.
        """
        return min(sum(n * least[turn] for turn, n in bill.items()) for bill in self.bills)

    def above(self, least: Mapping[Turn, float]) -> float:
        """How far `work` is above the floor: 10 s over a floor of 8 s is 0.25."""
        return least[self.work] / self.seconds(least) - 1


@dataclass(frozen=True)
class Contender:
    """A library's version of a method.

    Attributes:
        library: its name in the tables.
        script: what runs it.
        imports: the statement that a program needs before its first map.
        turn: asked for one map.
        same: our method that does the same work: its map has to correlate with this one's.
        floor: None where it is not measured.
        chunk: the turn that needs the memory of one chunk of its map; None where there are none.
    """

    library: str
    script: str
    imports: str
    turn: Turn
    same: str
    floor: Floor | None = None
    chunk: Turn | None = None


def _ours(spec: str, floor: Floor | None = None, chunk: Turn | None = None) -> Contender:
    turn: Turn = ("map", spec)
    return Contender(
        "camruntime",
        "run_camruntime.py",
        "from camruntime import load",
        turn,
        spec,
        floor or Floor(turn, ({PLAIN: 1},)),
        chunk,
    )


def _grad_cam(turn: Turn, same: str, variant: str = "") -> Contender:
    return Contender(
        f"pytorch-grad-cam{variant}",
        "run_pytorch_grad_cam.py",
        "import torch, torchvision, pytorch_grad_cam",
        turn,
        same,
    )


def _torch_cam(turn: Turn, same: str) -> Contender:
    imports = "import torch, torchvision, torchcam.methods"
    return Contender("torch-cam", "run_torch_cam.py", imports, turn, same)


def _openvino_xai(same: str) -> Contender:
    floor = Floor(("map",), ({("forward",): 1},))
    imports = "import cv2, openvino, openvino_xai"
    return Contender(OPENVINO_XAI, "run_openvino_xai.py", imports, ("map",), same, floor)


def _by_gradient(spec: str, kind: str) -> tuple[Contender, ...]:
    """pytorch-grad-cam twice: every parameter with a gradient, and all but the layer's frozen."""
    return (
        _ours(spec),
        _grad_cam(("map", kind), spec),
        _grad_cam(("frozen", kind), spec, ", frozen"),
    )


def _by_channel(spec: str, channels: int = SLICE) -> Floor:
    """Of a method that pays for channels: so many of them are `SLICE` passes."""
    bills: tuple[Mapping[Turn, int], ...] = tuple(
        {("forward", SLICE, batch): 1} for batch in BATCHES
    )
    return Floor(("slice", spec, channels), bills, parts=("slices", channels))


def _as_a_whole(spec: str, images: int, **beside: int) -> Floor:
    """Of a map that takes so many images beside the plain pass, and other turns."""
    others: dict[Turn, int] = {PLAIN: 1, **{(turn,): times for turn, times in beside.items()}}
    return Floor(
        ("map", spec), tuple({("forward", images, batch): 1, **others} for batch in BATCHES)
    )


_DECOM_CAM = f"decom-cam:components={COMPONENTS}"

_ANYTIME = "anytime-score-cam:share=0.05"
_VARIANT_2 = "ss-cam:variant=2:samples=4"

METHODS: dict[str, tuple[Contender, ...]] = {
    "score-cam": (
        _ours("score-cam", _by_channel("score-cam"), chunk=("one_chunk",)),
        _grad_cam(("map", "ScoreCAM"), "score-cam:preset=grad-cam"),
        _torch_cam(("without_gradient", "ScoreCAM"), "score-cam:preset=torch-cam"),
    ),
    "anytime-score-cam": (
        replace(_ours(_ANYTIME), floor=None),
        replace(_ours("score-cam"), floor=None, library="camruntime, exact"),
        _grad_cam(("map", "ScoreCAM"), "score-cam:preset=grad-cam"),
    ),
    "recipro-cam": (_ours("recipro-cam"), _openvino_xai("recipro-cam:score=logit")),
    "grad-cam": (*_by_gradient("grad-cam", "GradCAM"), _torch_cam(("map", "GradCAM"), "grad-cam")),
    "grad-cam++": _by_gradient("grad-cam++:preset=grad-cam", "GradCAMPlusPlus"),
    "xgrad-cam": (
        *_by_gradient("xgrad-cam", "XGradCAM"),
        _torch_cam(("map", "XGradCAM"), "xgrad-cam"),
    ),
    "layer-cam": (
        *_by_gradient("layer-cam", "LayerCAM"),
        _torch_cam(("map", "LayerCAM"), "layer-cam"),
    ),
    "hires-cam": _by_gradient("hires-cam", "HiResCAM"),
    "ablation-cam": (
        _ours(
            "ablation-cam",
            Floor(
                ("map", "ablation-cam"),
                tuple({PLAIN: 1, ("tails", batch): 1} for batch in (*BATCHES, 64)),
            ),
        ),
        _grad_cam(("map", "AblationCAM"), "ablation-cam:preset=grad-cam"),
    ),
    "is-cam": (
        _ours("is-cam:steps=2", _by_channel("is-cam:steps=2", SLICE // 2), chunk=("one_chunk",)),
    ),
    "ss-cam": (
        _ours("ss-cam:samples=4", _by_channel("ss-cam:samples=4", SLICE // 4)),
        replace(
            _ours(_VARIANT_2, _by_channel(_VARIANT_2, SLICE // 4)), library="camruntime, variant 2"
        ),
    ),
    "score-cam++": (_ours("score-cam++", _by_channel("score-cam++", SLICE - 1)),),  # one is blank
    "rise": (_ours("rise:masks=512", _as_a_whole("rise:masks=512", 512)),),
    "group-cam": (_ours("group-cam", _as_a_whole("group-cam", 32, gradient=1)),),
    "decom-cam": (
        _ours(
            _DECOM_CAM,
            Floor(("map", _DECOM_CAM), ({PLAIN: COMPONENTS + 2, ("gradient",): 1},)),
        ),
    ),
}
"""By the method's name: ours first. torch-cam's Grad-CAM++ divides a copy and is another map."""

USUAL = ("score-cam", "recipro-cam", "grad-cam")
