"""What an explanation holds, and how it is looked at and saved."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from camruntime._strict_json import json_bytes, plain
from camruntime._whole_files import write_whole
from camruntime.calibration import Evidence
from camruntime.choice import Choice
from camruntime.errors import CalibrationError, CamError
from camruntime.maps import (
    Approximation,
    Components,
    FloatArray,
    above_percentile,
    check_percentile,
    saliency,
)
from camruntime.methods import Method, options_of, spec_of
from camruntime.pictures import (
    Box,
    Fit,
    Picture,
    captioned,
    contact_sheet,
    encode_png,
    evidence_overlay,
    overlay,
    salient_boxes,
)
from camruntime.regions import PART, Region, regions_of, relative_regions
from camruntime.verdict import ClassScore, Milliseconds, Provenance


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a network gave an image a class.

    Attributes:
        photo: uint8 RGB `(H, W, 3)`: as it was given, or in 8 bits, or the channels that the bundle
            shows. A copy, read-only: all explanations of the picture share it.
        raw: float32, the method's map in its own unit, at the target layer's resolution `(h, w)`
            (the image's for methods that define it there).
        target: the class that is explained. Of a contrast the class that speaks for it (of all but
            one the strongest), labelled as the contrast, with the contrast's own probability.
        against: of a contrast, the class that it is held against; else None.
        predicted: the network's top class, not always the target.
        present: the classes that the network says are there, the strongest first: `predicted` alone
            where there is one of several; where classes are by themselves, all from the bundle's
            threshold on, which may be none.
        method: the method with its options.
        no_evidence: the raw map is flat or not finite, so it shows nothing.
        provenance: what computed it.
        milliseconds: how long that took.
        fit: how the photograph lies in the network's input.
        mean: the mean colour, RGB in [0, 1]; what the network takes for nothing.
        components: the features that the map was put together from, of methods that decompose.
        edges: what drew the edges, of methods that use them.
        approximation: how near the map is to the exact one, of methods that may stop early.
        choice: what a budget had room for, where there was one.
        evidence: what the map shows beyond what good parts show; None where `load` was given no
            calibration, and of baselines.
    """

    photo: Picture
    raw: FloatArray
    target: ClassScore
    predicted: ClassScore
    present: tuple[ClassScore, ...]
    method: Method
    no_evidence: bool
    provenance: Provenance
    milliseconds: Milliseconds
    fit: Fit
    mean: tuple[float, float, float]
    components: Components | None = None
    edges: str | None = None
    approximation: Approximation | None = None
    against: ClassScore | None = None
    choice: Choice | None = None
    evidence: Evidence | None = None

    @cached_property
    def saliency(self) -> FloatArray:
        """float32 in [0, 1] at the size of the network's input; all zero when `no_evidence`."""
        return saliency(self.raw, self.fit.size)[0]

    @cached_property
    def photo_saliency(self) -> FloatArray:
        """float32 in [0, 1] at the photograph's size; 0 where a crop hid it from the network."""
        return self.fit.to_photo(self.saliency)

    @cached_property
    def photo_evidence(self) -> FloatArray:
        """float32 at the photograph's size: `Evidence.map`; 0 where a crop hid it from the network.

        Raises `CalibrationError` without a calibration, as `has_evidence` and `regions` do.
        """
        return self.fit.with_peak(self._calibrated().map)

    @property
    def has_evidence(self) -> bool:
        """Whether the map shows more than all but `alpha` of good parts do."""
        return self._calibrated().has_evidence

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Where that is, in the photograph's pixels, the strongest first."""
        return regions_of(self._calibrated(), self.photo_evidence)

    @cached_property
    def shown_regions(self) -> tuple[Region, ...]:
        """`regions` with a calibration, else `regions_above` half of the maximum; see their scale.

        They are what files of regions hold.
        """
        return self.regions_above() if self.evidence is None else self.regions

    def regions_above(self, part: float = PART) -> tuple[Region, ...]:
        """Where saliency is above a part of this picture's own maximum, the strongest first.

        Relative, with or without a calibration: a good part has such regions, too, and they have no
        p-value. A map that shows nothing has none. Raises `CamError` unless `part` is in [0, 1).
        """
        return relative_regions(self.photo_saliency, part)

    def _calibrated(self) -> Evidence:
        if self.evidence is None:
            raise CalibrationError(
                "evidence is held against good parts, and this explanation is not: give "
                "load(..., calibration=FILE) what `camruntime calibrate` wrote; "
                "regions_above() are relative ones"
            )
        return self.evidence

    def overlay(self, strength: float = 0.5) -> Picture:
        """The photograph with the saliency in colours over it, uint8 RGB `(H, W, 3)`.

        With a calibration, colours begin at its threshold and mean the same on every picture;
        below, the photograph is as it was. Without one, red is this picture's own maximum, however
        little that is; where the map shows nothing it is the bare photograph.
        """
        if self.evidence is not None:
            return evidence_overlay(self.photo, self.photo_evidence, strength)
        if self.no_evidence:
            return self.photo.copy()  # to draw on, as the other one is
        return overlay(self.photo, self.photo_saliency, strength)

    def picture(self) -> Picture:
        """The overlay over a strip that says what its colours mean; what `save` writes.

        uint8 RGB; the photograph's pixels are where they are in it.
        """
        return captioned(self.overlay(), self.caption(), scale=self._is_coloured())

    def caption(self) -> list[str]:
        """What the colours of the overlay mean, in lines."""
        if self.evidence is None:
            nothing = "no evidence: the map is the same everywhere"
            return [nothing if self.no_evidence else "relative scale: red is this map's maximum"]
        found = self.evidence
        what = f"{'' if found.has_evidence else 'no '}evidence of '{self.target.label}'"
        lines = [f"{what}: score {found.score:.2f}, p {found.p_value:.3g}"]
        if self._is_coloured():
            return [*lines, f"1 is the threshold: {100 * found.alpha:.3g} % of good parts reach it"]
        return [*lines, "it is outside of the photograph"] if found.has_evidence else lines

    def _is_coloured(self) -> bool:
        return self.evidence is not None and bool((self.photo_evidence > 1).any())

    def explanation_map(self, percentile: float = 20.0) -> Picture:
        """The photograph where saliency is above a percentile of its values; else mean colour.

        uint8 RGB `(H, W, 3)`; see `camruntime.maps.percentile`.
        """
        check_percentile(percentile)
        shown = above_percentile(self.photo_saliency, percentile)
        mean = np.rint(np.multiply(self.mean, 255)).astype(np.uint8)
        return np.where(shown[..., None], self.photo, mean)

    def component_sheet(self) -> Picture:
        """A row of the features' local maps over the photograph, each under its numbers.

        uint8 RGB. Raises `CamError` for a method that does not decompose.
        """
        if self.components is None:
            raise CamError(f"{spec_of(self.method)} has no components; decom-cam has")
        parts = self.components
        tiles = [
            (
                f"{index + 1}: sigma {parts.singular_values[index]:.3g}\n"
                f"variance {100 * parts.explained_variance[index]:.1f} %\n"
                f"contribution {parts.contributions[index]:+.2f}\n"
                f"weight {parts.weights[index]:.2f}",
                overlay(self.photo, self.fit.to_photo(one)),
            )
            for index, one in enumerate(parts.maps)
        ]
        fused = (f"{spec_of(self.method)}\n{self.target.label}", self.overlay())
        return contact_sheet([fused, *tiles], columns=len(tiles) + 1, height=160)

    def boxes(self, threshold: float | None = None) -> tuple[Box, ...]:
        """Boxes, in the photograph's pixels, around what the overlay shows, largest share first.

        Args:
            threshold: regions above this part of the saliency's maximum; None takes those above the
                calibration's threshold, and 0.5 where there is no calibration.
        """
        if threshold is None and self.evidence is not None:
            beyond = np.where(self.photo_evidence > 1, self.photo_evidence, 0)
            return salient_boxes(np.asarray(beyond, np.float32), 0)
        return salient_boxes(self.photo_saliency, PART if threshold is None else threshold)

    def figures(self) -> dict[str, object]:
        """Everything but the pictures, ready for JSON; what is infinite or no number is None."""
        finite = bool(np.isfinite(self.raw).all())
        found = {
            "target": dataclasses.asdict(self.target),
            "predicted": dataclasses.asdict(self.predicted),
            "present": [dataclasses.asdict(one) for one in self.present],
            "method": spec_of(self.method),
            "options": options_of(self.method),
            "no_evidence": self.no_evidence,
            "raw": {
                "shape": list(self.raw.shape),
                "min": float(self.raw.min()) if finite else None,
                "max": float(self.raw.max()) if finite else None,
            },
            "photo": list(self.photo.shape[:2]),
            "boxes": [dataclasses.asdict(box) for box in self.boxes()],
            "provenance": dataclasses.asdict(self.provenance),
            **({} if self.evidence is None else {"evidence": self._evidence_figures()}),
            **({} if self.against is None else {"against": dataclasses.asdict(self.against)}),
            **({} if self.edges is None else {"edges": self.edges}),
            **({} if self.components is None else {"components": self.components.figures()}),
            **(
                {}
                if self.approximation is None
                else {"approximation": dataclasses.asdict(self.approximation)}
            ),
        }
        return {name: plain(value) for name, value in found.items()}

    def _evidence_figures(self) -> dict[str, object]:
        found = self._calibrated()
        return {
            "has_evidence": found.has_evidence,
            "score": found.score,
            "p_value": found.p_value,
            "alpha": found.alpha,
            "threshold": found.yardstick.threshold,
            "regions": [one.figures() for one in self.regions],
        }

    def save(
        self, folder: str | Path, stem: str, image: str | Path | None = None
    ) -> tuple[Path, Path, Path]:
        """Write `stem.png` (`picture`), `stem.npy` (raw map), `stem.json` (figures) into `folder`.

        The folder is made when it is missing. Each file is whole or not there, and the JSON comes
        last: where it is, the other two are, of the same explanation.

        Args:
            folder: where they go.
            stem: of their names.
            image: the photograph's file, to be named in the JSON.

        Returns:
            The three paths.

        Raises:
            OutputError: the disk is full or cannot be written; nothing new is left.
        """
        files = self.files(folder, stem, image)
        write_whole(files)
        picture, raw, figures = files
        return picture, raw, figures

    def files(
        self, folder: str | Path, stem: str, image: str | Path | None = None
    ) -> dict[Path, bytes]:
        """What `save` writes, by path, in the order in which the files appear."""
        picture, raw, figures = (Path(folder) / f"{stem}.{end}" for end in ("png", "npy", "json"))
        named = {} if image is None else {"image": str(image)}
        array = io.BytesIO()
        np.save(array, self.raw)
        return {
            picture: self._repr_png_(),
            raw: array.getvalue(),
            figures: json_bytes(named | self.figures(), indent=2) + b"\n",
        }

    def __repr__(self) -> str:
        nothing = self.no_evidence if self.evidence is None else not self.evidence.has_evidence
        evidence = ", no evidence" if nothing else ""
        return (
            f"Explanation({spec_of(self.method)} of '{self.target.label}' "
            f"p={self.target.probability:.3f}, predicted '{self.predicted.label}'{evidence})"
        )

    def _repr_png_(self) -> bytes:
        """How a notebook shows it."""
        return encode_png(self.picture())
