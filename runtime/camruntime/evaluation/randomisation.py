"""The model randomisation check of "Sanity Checks for Saliency Maps" (arXiv 1810.03292).

Adebayo et al., 2018: a map that stays alike when the network's weights are randomised, layer by
layer from the logits backwards, explains the picture and not the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from camruntime.engine import Progress
from camruntime.errors import BundleError, CamError
from camruntime.evaluation.similarity import rank_correlation, structural_similarity
from camruntime.evaluation.verdict import ALIKE, Similarity, in_a_sentence, judge, verdict
from camruntime.explainer import Explainer, Image
from camruntime.maps import FloatArray
from camruntime.methods import Method, spec_of

SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class MethodStages:
    """One method: its spec, a `Similarity` for each stage, and what that means, in a sentence."""

    method: str
    stages: tuple[Similarity, ...]
    verdict: str = ""


@dataclass(frozen=True, kw_only=True)
class RandomisationCheck:
    """What the check found.

    Attributes:
        model, layer, weights: the original network, its target layer, `Manifest.fingerprint`.
        provider: what computed it.
        images: number of images.
        stages: what each stage randomised: the first layer of it, or the name of its weights.
        methods: in the order that was given.
    """

    schema_version: int = SCHEMA_VERSION
    model: str
    layer: str
    weights: str
    provider: str
    images: int
    stages: tuple[str, ...]
    methods: tuple[MethodStages, ...]

    def unmoved(self, above: float = ALIKE) -> tuple[MethodStages, ...]:
        """Methods whose maps, after the last stage, still correlate `above` with the original's."""
        return tuple(one for one in self.methods if one.stages[-1].rank > above)

    def sentence(self) -> str:
        """What it comes to."""
        judged = {one.method: judge(one.stages[-1], self.images) for one in self.methods}
        return in_a_sentence(judged)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A saliency map `(H, W)`, whether it is flat, and the class that it explains."""

    saliency: FloatArray
    flat: bool
    target: int


def compare_stages(
    original: Explainer,
    stages: Sequence[Callable[[], Explainer]],
    images: Sequence[Image],
    methods: Sequence[Method],
    progress: Progress | None = None,
) -> RandomisationCheck:
    """Compare the maps of a network with those of its randomised stages, for the same targets.

    The target is the original's top class. Maps are compared at the size of the network's input;
    the original's are kept, 4 H W bytes for each image and method, the networks opened in turn.

    Args:
        original: the trained network.
        stages: open the bundles that `camexport randomise` wrote, the fully randomised one last.
        images: as `Explainer.explain` takes them.
        methods: what is checked.
        progress: called with (done, all) after the maps of each image.

    Raises:
        CamError: no stage, image or method, or as of `Explainer.explain`.
        BundleError: a stage is not of the same network, layer and preprocessing, or has the same
            weights.
    """
    if not (stages and images and methods):
        raise CamError("nothing to compare: expected at least one stage, image and method")
    total = (1 + len(stages)) * len(images)

    def see(network: Explainer, number: int, targets: list[int | None]) -> list[list[_Seen]]:
        """For each image, a map by each method."""
        rows = []
        for done, (image, target) in enumerate(zip(images, targets, strict=True), 1):
            rows.append([_see(network, image, method, target) for method in methods])
            if progress:
                progress(number * len(images) + done, total)
        return rows

    expected = see(original, 0, [None] * len(images))
    targets: list[int | None] = [row[0].target for row in expected]
    names, found = [], []
    for number, open_stage in enumerate(stages, 1):
        network = open_stage()
        names.append(_stage_name(original, network))
        found.append(_compare(expected, see(network, number, targets)))
    manifest = original.bundle.manifest
    return RandomisationCheck(
        model=manifest.model,
        layer=manifest.layer_names,
        weights=manifest.fingerprint,
        provider=original.provider,
        images=len(images),
        stages=tuple(names),
        methods=tuple(
            MethodStages(
                method=spec_of(method),
                stages=similarities,
                verdict=verdict(spec_of(method), similarities[-1], len(images)),
            )
            for method, similarities in zip(methods, zip(*found, strict=True), strict=True)
        ),
    )


def _see(network: Explainer, image: Image, method: Method, target: int | None) -> _Seen:
    made = network.explain(image, method, target)
    return _Seen(made.saliency, made.no_evidence, made.target.index)


def _compare(expected: list[list[_Seen]], found: list[list[_Seen]]) -> tuple[Similarity, ...]:
    """For each method, over all images; both lists are by image, then method."""
    similarities = []
    for before, after in zip(zip(*expected, strict=True), zip(*found, strict=True), strict=True):
        pairs = list(zip(before, after, strict=True))
        maps = [(a.saliency, b.saliency) for a, b in pairs]
        similarities.append(
            Similarity(
                rank=fmean(rank_correlation(a, b) for a, b in maps),
                structure=fmean(structural_similarity(a, b) for a, b in maps),
                flat=sum(a.flat or b.flat for a, b in pairs),
            )
        )
    return tuple(similarities)


def _stage_name(original: Explainer, stage: Explainer) -> str:
    """What the stage randomised; `BundleError` where it is a stage of something else."""
    ours, theirs = original.bundle.manifest, stage.bundle.manifest
    wanted = (ours.model, ours.layers, ours.input, ours.labels)
    if (theirs.model, theirs.layers, theirs.input, theirs.labels) != wanted:
        raise BundleError(
            f"{stage.bundle.folder} is {theirs.model} at {theirs.layer_names}, not a stage of "
            f"{original.bundle.folder}, {ours.model} at {ours.layer_names} with the same input and "
            "labels: make its stages with `camexport randomise`"
        )
    if theirs.source.digest == ours.source.digest:  # in whatever precision
        raise BundleError(
            f"{stage.bundle.folder} has the same weights as {original.bundle.folder}: expected "
            "other ones, as `camexport randomise` draws them, since else no map can change"
        )
    return theirs.source.randomised_from or theirs.source.name
