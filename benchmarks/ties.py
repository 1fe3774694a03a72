"""How far the order of equally salient pixels moves insertion, deletion and ROAD on one picture.

    python benchmarks/ties.py BUNDLE PICTURES [--pictures 8] [--orders 8] [--methods ...]

Of every order by itself: the standard deviation over orders, as root mean square over pictures, and
the largest range on one picture. Metrics average over four orders, which halves the deviation.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import camruntime
from camruntime.maps import saliency
from camruntime.metrics import Case, make_metric
from camruntime.pictures import prepare, read_picture

METRICS = (
    "insertion:orders=1",
    "insertion:orders=1:baseline=mean",
    "deletion:orders=1",
    "deletion:orders=1:baseline=blur",
    "road-morf",
    "road-lerf",
)

console = Console()


def cases(explainer: camruntime.Explainer, pictures: list[Path], method: str) -> list[Case]:
    """The leading class of every picture, explained."""
    graphs, made = explainer.graphs(), explainer.method(method)
    found = []
    for path in pictures:
        image = prepare(read_picture(path), explainer.bundle.manifest.input)
        forward = graphs.forward(image)
        target = int(forward.logits.argmax())
        raw = made(graphs, forward, [target]).raw[0]
        height, width = image.shape[2:]
        shown, _ = saliency(raw, (height, width))
        found.append(
            Case(
                graphs=graphs,
                forward=forward,
                method=made,
                target=target,
                saliency=shown,
                photo_saliency=shown,
            )
        )
    return found


def spread(case: Case, spec: str, orders: int) -> NDArray[np.float64]:
    """The metric under each order by itself, `(orders,)`."""
    metric = make_metric(spec)
    values = []
    for seed in range(orders):
        alone = replace(case, results={}, ranks={0: case.rank(seed)})
        values.append(metric(alone).value or 0.0)
    return np.array(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--orders", type=int, default=8)
    parser.add_argument("--methods", default="recipro-cam,grad-cam,layer-cam")
    arguments = parser.parse_args()
    explainer = camruntime.load(arguments.bundle)
    files = sorted(
        file
        for file in arguments.folder.rglob("*")
        if file.suffix.lower() in (".png", ".jpg", ".jpeg") and not file.stem.endswith("_mask")
    )
    pictures = files[:: max(1, len(files) // arguments.pictures)][: arguments.pictures]
    console.print("| method | metric | mean | deviation over orders | largest range |")
    console.print("|---|---|---|---|---|")
    for method in arguments.methods.split(","):
        made = cases(explainer, pictures, method)
        for spec in METRICS:
            found = np.stack([spread(case, spec, arguments.orders) for case in made])
            deviation = float(np.sqrt(np.mean(found.var(1, ddof=1))))
            console.print(
                f"| `{method}` | `{spec.replace('orders=1:', '').removesuffix(':orders=1')}` | "
                f"{found.mean():.1f} | {deviation:.3f} | {float(np.ptp(found, axis=1).max()):.2f} |"
            )


if __name__ == "__main__":
    main()
