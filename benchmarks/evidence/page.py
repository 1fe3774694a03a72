"""docs/evidence.md: tables with what they say."""

from __future__ import annotations

from pathlib import Path

from evidence.drift import BEFORE, LINES, PER_ALARM
from evidence.measures import Found
from evidence.tables import PEER, groups, methods, promises, quiet, seen

HERE = Path(__file__).parent
MAIN = "recipro-cam:score=logit"

HEAD = """# Evidence

What maps show of good parts and of defects: on the relative scale, where every map is stretched to
its own maximum, and on the calibrated one, which begins where good parts end (`camruntime
calibrate`). All maps explain `not good`. Written by

```sh
python benchmarks/evidence --data FOLDER --anomalib PYTHON --out docs/evidence.md
```

FOLDER holds `circuit_boards/`, `magnetic_tile/` and `classifiers/mobilenet_v2.pth`; PYTHON has
anomalib. In percent. *Colour*: any cell above the threshold. *On the defect*: on its mask, or for
circuit boards in its box. Both are means over 20 random halves of the good parts, of which one
calibrates; `AUROC` and `PRO` are those of pixels at the photograph's size, `PRO` up to 30 percent
false positives, over good parts and the defects of the row. Sizes are thirds by area. PatchCore is
anomalib's, of at most 300 good training parts and 3,000 patches, with torchvision's MobileNetV2 at
256 x 256, strides 8 and 16; its maps are calibrated in the same way.
"""


DRIFT = """## Drift

`camruntime.Drift` on lines on which nothing changes: the share of {lines} lines with an alarm, and
what was promised.
"""

LENGTH = """With {per_alarm:,} parts per false alarm it took {mean:,.0f} parts until one, in
the mean, counting {most:,} where none came.
"""

SEEN = """Good parts that the network was not trained with, changed after the first {before}, with
{per_alarm:,} parts per false alarm; `none` is the rest of them as they are. It looks at the
strongest evidence of `not good` in parts that the network calls good.
"""


def page(
    titles: dict[str, str],
    found: dict[str, dict[str, Found]],
    drift: dict[str, list[dict[str, object]]],
    folder: Path,
) -> str:
    """The page; `found` by data set and method, in which `PatchCore` may be one."""
    lines = [HEAD, (HERE / "findings.md").read_text(encoding="utf-8")]
    for name, named in found.items():
        lines += section(titles[name], name, named, folder)
    lines += [DRIFT.format(lines=LINES), *quiet(drift["quiet"])]
    lines += [LENGTH.format(**drift["length"][0])]
    lines += [SEEN.format(before=BEFORE, per_alarm=PER_ALARM), *seen(drift["seen"])]
    return "\n".join(lines) + "\n" + (HERE / "notes.md").read_text(encoding="utf-8")


def section(title: str, name: str, named: dict[str, Found], folder: Path) -> list[str]:
    """Of a data set."""
    main = named[MAIN]
    lines = [f"## {title}", ""]
    lines += [f"{len(main.good_parts())} good parts, {len(main.defects())} defects.", ""]
    if (folder / f"evidence-{name}.png").is_file():
        lines += [f"![{title}: relative scale above, calibrated below](evidence-{name}.png)", ""]
    lines += [f"Good parts with any colour, `{MAIN}`:", "", *promises(main)]
    lines += ["Defects:", "", *methods(named)]
    alpha = 0.05
    lines += [f"`{MAIN}` by class and size:", "", *groups(main, named.get(PEER), alpha)]
    return lines
