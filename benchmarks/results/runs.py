"""Which evaluations there are: networks, data sets, methods and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
METHODS = (
    "recipro-cam,recipro-cam:mask=gaussian,grad-cam,grad-cam++,hires-cam,layer-cam,xgrad-cam,"
    "wgrad-cam,smooth-grad-cam++,integrated-grad-cam,decom-cam,feature-cam,ours-3,eigen-cam,"
    "eigen-grad-cam,group-cam,ablation-cam,score-cam++,anytime-score-cam,augment/grad-cam,"
    "evet/grad-cam,smooth:samples=16/grad-cam,sess:scales=4/grad-cam,sess:scales=4/recipro-cam"
)
EXPENSIVE = "score-cam"  # a pass for every channel, on all pictures as the others
COSTLY = "is-cam,rise,ss-cam,ss-cam:variant=2"
"""Ten to 35 passes for every channel, or 4,000: a minute or more a photograph. Small networks only.
"""
BASELINES = "insertion,insertion:baseline=mean,deletion,deletion:baseline=blur,road"
FAITHFULNESS = (
    "adcc,arcc,average-drop,increase-in-confidence,coherency,complexity,"
    f"{BASELINES},road-morf,road-lerf,insertion-deletion,right-classification,confidence"
)
LOCALISATION = "energy-pointing-game,pointing-game,pointing-game:tolerance=15,iou,complexity"
EXACT = f"energy-pointing-game:shape=mask,pointing-game:shape=mask,iou,adcc,arcc,{BASELINES}"


@dataclass(frozen=True)
class Run:
    """One evaluation: its folder's name, title, bundle, data set, and the command's options."""

    name: str
    title: str
    bundle: Path
    dataset: Path
    options: tuple[str, ...]


def runs(data: Path | None, folder: Path) -> list[Run]:
    inspector = ROOT / "exported_models" / "inspector"
    made = [
        Run(
            "inspector-defects",
            "Inspector: generated defects with exact masks",
            inspector,
            folder / "defects",
            ("--methods", f"{METHODS},cam,{EXPENSIVE},{COSTLY}", "--metrics", EXACT),
        )
    ]
    networks = {"mobilenet_v2": ("MobileNetV2", ",cam"), "squeezenet1_0": ("SqueezeNet 1.0", "")}
    if data:
        made.append(
            Run(
                "tiles-defects",
                "Magnetic tiles: defects that the network was not trained with",
                folder / "evidence" / "tiles" / "fold-1" / "bundle",
                folder / "tiles",
                ("--methods", f"{METHODS},{EXPENSIVE},{COSTLY}", "--metrics", EXACT),
            )
        )
    for model, (title, more) in networks.items() if data else ():
        methods = ("--methods", f"{METHODS}{more},{EXPENSIVE}")
        meaning = ("--class-map", f"{data}/coco/imagenet_classes.json", "--within-top", "50")
        where, bundle = Path(str(data)), folder / f"{model}-bundle"
        made += [
            Run(
                f"{model}-imagenet",
                f"{title}: ImageNet validation pictures",
                bundle,
                where / "imagenet_val",
                (*methods, "--metrics", FAITHFULNESS),
            ),
            Run(
                f"{model}-coco",
                f"{title}: COCO pictures with boxes",
                bundle,
                where / "coco",
                (*methods, *meaning, "--metrics", LOCALISATION),
            ),
        ]
    return made
