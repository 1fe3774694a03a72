"""Files of regions that `camruntime explain` writes beside its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from camruntime._text import named, shown
from camruntime._whole_files import cannot_write
from camruntime.cli.result_names import absolute
from camruntime.errors import CamError
from camruntime.explanation import Explanation
from camruntime.regions import (
    CocoEntry,
    checked_scale,
    coco_entry,
    labelme_json,
    regions_json,
    write_coco,
)

KINDS = ("json", "coco", "labelme")
COCO = "regions.coco.json"


@dataclass(frozen=True)
class RegionFiles:
    """What `--regions` and `--mm-per-pixel` ask for.

    Attributes:
        out: where the files go.
        kinds: of `KINDS`.
        mm_per_pixel: side of one of the photographs' pixels, where it is known.
        entries: of the COCO file, by the pictures' names; filled by `beside`.
    """

    out: Path
    kinds: frozenset[str]
    mm_per_pixel: float | None
    entries: dict[str, list[CocoEntry]] = field(default_factory=dict)

    def begin(self) -> None:
        """Take an older COCO file away: where one is, it is of what was written last.

        Raises:
            OutputError: it cannot be removed.
        """
        if "coco" in self.kinds:
            try:
                (self.out / COCO).unlink(missing_ok=True)
            except OSError as error:
                raise cannot_write(self.out / COCO, error) from error

    def beside(self, name: str, stem: str, image: Path, made: Explanation) -> dict[Path, bytes]:
        """The files of one explanation; it is kept for the COCO file, too.

        Args:
            name: of the picture.
            stem: of the explanation's files.
            image: the photograph's file.
            made: the explanation.
        """
        photo = absolute(image)
        files = {}
        if "json" in self.kinds:
            found = regions_json(made, photo, self.mm_per_pixel)
            files[self.out / f"{stem}.regions.json"] = found
        if "labelme" in self.kinds:
            found = labelme_json(made, photo, self.out, self.mm_per_pixel)
            files[self.out / f"{stem}.labelme.json"] = found
        if "coco" in self.kinds:
            entry = coco_entry(made, photo, self.mm_per_pixel)
            self.entries.setdefault(name, []).append(entry)
        return files

    def note(self, made: Explanation) -> str:
        """How many there are, and how large the strongest is; nothing where none are asked for."""
        if not self.kinds:
            return ""
        found = made.shown_regions
        words = f"  {_count(len(found), made.evidence is None)}"
        if not found or self.mm_per_pixel is None:
            return words
        first = found[0].in_mm(self.mm_per_pixel)
        return f"{words}, the strongest {first.length:.3g} x {first.breadth:.3g} mm"

    def end(self, names: Iterable[str], labels: Sequence[str], failed: Sequence[CamError]) -> str:
        """Write the COCO file, its images in the order of `names`; a line about it, if any.

        Raises:
            OutputError: it cannot be written.
        """
        entries = [one for name in names for one in self.entries.get(name, [])]
        if not entries:
            return ""
        write_coco(self.out / COCO, entries, labels, [str(error) for error in failed])
        count = sum(len(one.annotations) for one in entries)
        pictures = len({one.image for one in entries})
        relative = all(one.facts["scale"] == "relative" for one in entries)
        on = "1 picture" if pictures == 1 else f"{pictures} pictures"
        return f"{self.out / COCO}  {_count(count, relative)} on {on}"


def _count(regions: int, relative: bool) -> str:
    kind = "relative " if relative else ""
    return f"{regions or 'no'} {kind}region{'' if regions == 1 else 's'}"


def region_files(asked: Sequence[str] | None, mm_per_pixel: float | None, out: Path) -> RegionFiles:
    """What the options ask for, checked.

    Raises:
        CamError: a kind of file that there is not, or a scale that is none or has no file to go to.
    """
    kinds = [one.strip() for text in asked or () for one in text.split(",")]
    for one in kinds:
        if one not in KINDS:
            raise CamError(
                f"--regions takes {', '.join(KINDS[:-1])} or {KINDS[-1]}, several with commas "
                f"between them, got {shown(named(one))}"
            )
    if mm_per_pixel is not None:
        checked_scale(mm_per_pixel)
        if not kinds:
            raise CamError(
                "--mm-per-pixel is for the files of --regions, and none is asked for: give "
                "--regions json as well"
            )
    return RegionFiles(out, frozenset(kinds), mm_per_pixel)
