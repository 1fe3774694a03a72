"""Explain and measure a whole data set, and write what was found."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from camruntime.datasets._sample import Dataset, Sample
from camruntime.errors import CamError, EvaluationError, ImageError, NonFiniteError
from camruntime.evaluation.journal import Journal
from camruntime.evaluation.row import Look, Row, explained, look, measured
from camruntime.evaluation.summarise import summarise
from camruntime.evaluation.summary import SCHEMA_VERSION, Summary
from camruntime.explainer import Explainer
from camruntime.methods import Method, spec_of
from camruntime.metrics import Metric, metric_spec

Progress = Callable[[int, int, str], None]
"""Called with explanations done, the number of all, and what is done next."""


class Evaluation:
    """One evaluation in a folder; running it again goes on where it was.

    Attributes:
        explainer, dataset: what is evaluated, and on what.
        methods: in the order of the table.
        metrics: in the order of its columns.
        within_top: samples whose class is not among so many leading ones are left out; None keeps
            all.
        journal: the results.
        failed: samples that could not be evaluated, one line each.
    """

    def __init__(
        self,
        explainer: Explainer,
        dataset: Dataset,
        methods: Sequence[Method],
        metrics: Sequence[Metric],
        folder: Path,
        within_top: int | None = None,
    ) -> None:
        """Open the folder, without computing anything.

        Raises:
            EvaluationError: the folder holds results of another network, data set or metrics.
        """
        self.explainer = explainer
        self.dataset = dataset
        self.methods = tuple(methods)
        self.metrics = tuple(metrics)
        self.within_top = within_top
        self.failed: list[str] = []
        self.journal = Journal(folder, self._conditions())

    def run(self, progress: Progress | None = None) -> Summary:
        """Evaluate what is missing. A picture that cannot be read is noted, and not fatal.

        Raises:
            EvaluationError: no sample could be evaluated.
            CamError: a method cannot explain this network.
        """
        known = {(row.sample, row.method) for row in self.journal.rows}
        every = len(self.dataset.samples) * len(self.methods)
        self.failed, beyond = [], 0
        for index, sample in enumerate(self.dataset.samples):
            missing = [one for one in self.methods if (sample.name, spec_of(one)) not in known]
            seen = self._look(sample) if missing else None
            if seen is not None and self.within_top and seen.rank >= self.within_top:
                seen, beyond = None, beyond + 1
            for place, method in enumerate(missing if seen else []):
                if progress is not None:
                    done = index * len(self.methods) + len(self.methods) - len(missing) + place
                    progress(done, every, f"{sample.name} {spec_of(method)}")
                assert seen is not None
                found = explained(self.explainer, seen, method)
                self.journal.add(measured(found, self.metrics))
        if beyond:
            self.failed.append(
                f"{beyond} samples: their class is not among the network's top {self.within_top}"
            )
        return self.summary()

    def summary(self) -> Summary:
        """Of all results so far, for the methods asked for.

        Raises:
            EvaluationError: there are none.
        """
        rows = self.rows()
        if not rows:
            raise EvaluationError(
                "no sample could be evaluated: " + ("; ".join(self.failed[:3]) or "none was given")
            )
        return summarise(
            rows,
            self.metrics,
            self.explainer.bundle.manifest,
            self.explainer.provider,
            self.dataset,
            [*self.dataset.left_out, *self.failed],
        )

    def rows(self) -> list[Row]:
        """Results of the methods asked for, in their order; the folder may hold those of others."""
        order = [spec_of(method) for method in self.methods]
        mine = [row for row in self.journal.rows if row.method in order]
        return sorted(mine, key=lambda row: order.index(row.method))

    def _look(self, sample: Sample) -> Look | None:
        try:
            return look(self.explainer, sample)
        except (ImageError, NonFiniteError) as error:
            self.failed.append(f"{sample.name}: {error}")
            return None

    def _conditions(self) -> dict[str, object]:
        manifest = self.explainer.bundle.manifest
        names = "\n".join(f"{one.name} {one.classes}" for one in self.dataset.samples)
        return {
            "schema_version": SCHEMA_VERSION,
            "model": manifest.model,
            "layer": manifest.layer.name,
            "weights": manifest.fingerprint,
            "dataset": self.dataset.name,
            "samples": f"{len(self.dataset.samples)}, {hashlib.sha256(names.encode()).hexdigest()}",
            "metrics": [metric_spec(metric) for metric in self.metrics],
            "within_top": self.within_top,
        }


def spread(dataset: Dataset, limit: int | None) -> Dataset:
    """At most `limit` of its samples, evenly spread, as neighbours are often of one class."""
    every = dataset.samples
    if limit is None or limit >= len(every):
        return dataset
    chosen = tuple(every[index * len(every) // limit] for index in range(limit))
    return dataclasses.replace(dataset, samples=chosen)


def usable_methods(
    explainer: Explainer, dataset: Dataset, specs: Sequence[str]
) -> Iterator[tuple[str, Method | CamError]]:
    """Every spec with its method, or the reason why it cannot explain this network.

    Found by trying it on the first picture that can be read.
    """
    seen = None
    for sample in dataset.samples:
        try:
            seen = look(explainer, sample)
            break
        except ImageError:
            continue
    for spec in specs:
        try:
            method = explainer.method(spec)
            if seen is not None:
                method(explainer.graphs(), seen.forward, [seen.target])
            yield spec, method
        except CamError as error:
            yield spec, error
