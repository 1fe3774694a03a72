"""Explain and measure a whole data set, and write what was found."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from camruntime.bundle import Input
from camruntime.calibration import Calibration
from camruntime.datasets import Dataset, Sample, evenly_spread
from camruntime.errors import DatasetError, EvaluationError, ImageError, NonFiniteError
from camruntime.evaluation.evidence import asked_of, shown
from camruntime.evaluation.leading import in_order
from camruntime.evaluation.row import Row, measured
from camruntime.evaluation.summarise import summarise
from camruntime.evaluation.summary import SCHEMA_VERSION, Summary
from camruntime.explainer import Explainer
from camruntime.explaining import Photograph, Prediction, Wanted, explain_prediction, predict_batch
from camruntime.journal import Journal
from camruntime.methods import Method, preferred, spec_of, unit_of
from camruntime.metrics import Metric, metric_spec
from camruntime.pictures import Picture, evidence_overlay

Progress = Callable[[int, int, str], None]
"""Called with explanations done, the number of all, and what is done next."""


class Evaluation:
    """One evaluation in a folder; running it again goes on where it was.

    Attributes:
        explainer, dataset: what is evaluated, and on what.
        methods: in the order of the table.
        metrics: in the order of its columns: localisation first, where places are known.
        within_top: samples whose class is not among so many leading ones are left out; None keeps
            all.
        choices: why these methods and metrics, a line each, where nobody chose them.
        calibration: what maps are held against; None shows them on their own scales.
        journal: the results.
    """

    def __init__(
        self,
        explainer: Explainer,
        dataset: Dataset,
        methods: Sequence[Method],
        metrics: Sequence[Metric],
        folder: Path,
        within_top: int | None = None,
        choices: Sequence[str] = (),
        calibration: Calibration | None = None,
    ) -> None:
        """Open the folder, without computing anything.

        Raises:
            EvaluationError: the folder holds results of another network, data set or metrics.
            CalibrationError: the calibration is of another bundle, or not of a method.
        """
        self.explainer = explainer
        self.dataset = dataset
        self.methods = tuple({spec_of(one): one for one in methods}.values())  # each once
        self.metrics = in_order(metrics, any(sample.locate for sample in dataset.samples))
        self.within_top = within_top
        self.choices = tuple(choices)
        self.calibration = calibration
        if calibration is not None:
            calibration.require(explainer.bundle.manifest)
            for method in self.methods:
                if unit_of(method) is not None:
                    calibration.require_method(method)
        self._noted: dict[str, str] = {}  # by sample, why it could not be evaluated
        self._beyond: set[str] = set()  # samples whose class is not among the leading ones
        self._steps = _Steps()
        self._samples = {sample.name: sample for sample in dataset.samples}
        self.journal = Journal(folder, self._conditions(), Row, self._fits)

    def run(self, progress: Progress | None = None) -> Summary:
        """Evaluate what is missing. A sample that cannot be read is noted, and not fatal.

        Samples are read ahead and go through the network in batches, as users' many images do. Only
        methods that prefer the same with the pass share one, so that each costs what it costs
        alone.

        The folder is locked meanwhile, so that no other process evaluates into it.

        Raises:
            EvaluationError: no sample could be evaluated; another process writes into the folder.
            OutputError: results cannot be written; those before are kept.
            CamError: a method cannot explain this network.
        """
        with self.journal.held():
            self._run(progress)
        return self.summary()

    def _run(self, progress: Progress | None) -> None:
        known = {row.key for row in self.journal.rows}
        todo = {
            sample: [one for one in self.methods if (sample.name, spec_of(one)) not in known]
            for sample in self.dataset.samples
        }
        self._steps = _Steps(progress, len(todo) * len(self.methods))
        self._steps.done = self._steps.every - sum(map(len, todo.values()))
        self._noted, self._beyond = {}, set()
        for samples, batch in self._batches([one for one, methods in todo.items() if methods]):
            for group in _by_preference(self.methods):
                missing = [[one for one in group if one in todo[sample]] for sample in samples]
                if any(missing):
                    predictions = predict_batch(self.explainer.graphs(), batch, group)
                    for sample, prediction, methods in zip(
                        samples, predictions, missing, strict=True
                    ):
                        self._evaluate(sample, prediction, methods)

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
            self.choices,
            None if self.calibration is None else self.calibration.alpha,
        )

    def rows(self) -> list[Row]:
        """Results of the methods asked for, in their order; the folder may hold those of others."""
        order = [spec_of(method) for method in self.methods]
        mine = [row for row in self.journal.rows if row.method in order]
        return sorted(mine, key=lambda row: order.index(row.method))

    def drawn(self, sample: Sample, method: str, target: int) -> Picture:
        """A sample with the map that an inspector sees: the calibrated one, or that of a class.

        Raises:
            DatasetError, ImageError, NonFiniteError: it cannot be read or explained any more.
        """
        asked = asked_of((target,), self.explainer.bundle.manifest, self.calibration)
        photograph = self.explainer.open(sample.image, asked)
        outcome = self.explainer.outcome(photograph, method)
        seen = shown(outcome, self.calibration)
        if seen.relative:
            return outcome.explanations[0].overlay()
        return evidence_overlay(photograph.picture, seen.map)

    def drawn_class(self, target: int) -> str:
        """What `drawn` shows evidence of."""
        manifest = self.explainer.bundle.manifest
        if self.calibration is None or manifest.good is None:
            return manifest.labels[target]
        return f"not {manifest.labels[manifest.good]}"

    def sample(self, name: str) -> Sample:
        """The sample of a row."""
        return self._samples[name]

    @property
    def failed(self) -> list[str]:
        """Samples that could not be evaluated, one line each."""
        lines = [f"{name}: {reason}" for name, reason in self._noted.items()]
        if self._beyond:
            lines.append(
                f"{len(self._beyond)} samples: their class is not among the network's top "
                f"{self.within_top}"
            )
        return lines

    def _batches(
        self, samples: Sequence[Sample]
    ) -> Iterator[tuple[Sequence[Sample], Sequence[Photograph]]]:
        """Samples with their photographs; those that cannot be read are noted."""
        waiting = deque(samples)
        while waiting:
            asked = ((one.image, self._asked(one)) for one in tuple(waiting))
            with closing(self.explainer.batches(asked)) as batches:
                try:
                    for batch in batches:
                        yield [waiting.popleft() for _ in batch], batch
                except (DatasetError, ImageError) as error:
                    broken = waiting.popleft()
                    self._noted[broken.name] = str(error)
                    self._steps.done += len(self.methods)

    def _evaluate(self, sample: Sample, prediction: Prediction, methods: Sequence[Method]) -> None:
        logits, target = prediction.forward.logits, prediction.targets[0]
        if self.within_top and (logits > logits[target]).sum() >= self.within_top:
            self._beyond.add(sample.name)
        for method in methods:
            if sample.name not in self._beyond and sample.name not in self._noted:
                self._steps.tell(f"{sample.name} {spec_of(method)}")
                try:
                    outcome = explain_prediction(prediction, method)
                    row = measured(sample, outcome, self.metrics, self.calibration)
                except (DatasetError, ImageError, NonFiniteError) as error:
                    self._noted[sample.name] = str(error)
                else:
                    self.journal.add(row)
            self._steps.done += 1

    def _asked(self, sample: Sample) -> Wanted:
        return asked_of(sample.classes, self.explainer.bundle.manifest, self.calibration)

    def _fits(self, row: Row) -> bool:
        specs = [metric_spec(metric) for metric in self.metrics]
        classes = range(len(self.explainer.labels))
        return (
            row.sample in self._samples
            and list(row.values) == specs
            and {row.target, row.predicted, *row.classes} <= set(classes)
            and (row.levels is None or row.levels.are_whole())
        )

    def _conditions(self) -> dict[str, object]:
        manifest = self.explainer.bundle.manifest
        names = "\n".join(f"{one.name} {one.classes} {one.good}" for one in self.dataset.samples)
        return {
            "schema_version": SCHEMA_VERSION,
            "model": manifest.model,
            "arguments": manifest.arguments,
            "output": manifest.output,
            "layer": manifest.layer_names,
            "weights": manifest.fingerprint,
            **_prepared(manifest.input),
            **dataclasses.asdict(manifest.answer),
            "good": manifest.good,
            "dataset": self.dataset.name,
            "samples": f"{len(self.dataset.samples)}, {_digest(names)}",
            "metrics": [metric_spec(metric) for metric in self.metrics],
            "within_top": self.within_top,
            "calibration": None if self.calibration is None else self.calibration.digest,
        }


def _prepared(how: Input) -> dict[str, object]:
    """What makes the network's input of a picture, by name; not who said so."""
    return {name: value for name, value in dataclasses.asdict(how).items() if name != "assumed"}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def spread(dataset: Dataset, limit: int | None) -> Dataset:
    """At most `limit` of its samples, evenly spread, as neighbours are often of one class."""
    every = dataset.samples
    if limit is None or limit >= len(every):
        return dataset
    chosen = tuple(every[index] for index in evenly_spread(limit, len(every)))
    part = f"only {limit} of these {len(every)} samples were evaluated, evenly spread (--limit)"
    return dataclasses.replace(dataset, samples=chosen, notes=(*dataset.notes, part))


@dataclass
class _Steps:
    """How far an evaluation is.

    Attributes:
        progress: who is told.
        every: number of all explanations.
        done: number of those that are done or cannot be done.
    """

    progress: Progress | None = None
    every: int = 0
    done: int = 0

    def tell(self, what: str) -> None:
        """What is done next."""
        if self.progress is not None:
            self.progress(self.done, self.every, what)


def _by_preference(methods: Sequence[Method]) -> list[list[Method]]:
    """Methods that prefer the same with the pass, in the order of the first of each."""
    groups: dict[frozenset[str], list[Method]] = {}
    for method in methods:
        groups.setdefault(preferred([method]), []).append(method)
    return list(groups.values())
