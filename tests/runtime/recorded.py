"""What tests of records share: an explainer of the shipped bundle, a calibration, records of it."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import camruntime
from camruntime import Explainer
from camruntime.good_parts import calibrate, plan
from camruntime.record import Record, from_line, picture_of, record_of, schema, to_line
from conftest import INSPECTOR
from good_parts import write_parts

METHOD = "recipro-cam:score=logit"
CRACK = INSPECTOR / "samples" / "crack-1.png"
STAIN = INSPECTOR / "samples" / "stain-1.png"


def calibrated(work: Path, seeds: range = range(20)) -> Path:
    """A calibration of `METHOD` of twenty good parts: one more than alpha 0.05 takes."""
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    parts = write_parts(work / "good", seeds)
    found = calibrate(explainer, parts, plan(explainer, (METHOD,), None, 0.05), work / "unfinished")
    found.write(work / "inspector.calibration.json")
    return work / "inspector.calibration.json"


def recorded(
    explainer: Explainer, image: object = CRACK, method: str = "recipro-cam", target: object = None
) -> Record:
    """The record of an image."""
    made = explainer.explain(image, method, target)  # type: ignore[call-overload]
    return record_of(made, picture_of(image, made.photo), explainer, target=target)


def write_records(path: Path, *records: Record) -> Path:
    """A file of records, written without `RecordLog`."""
    path.write_bytes(b"".join(map(to_line, records)))
    return path


def as_json(record: Record) -> Any:
    """As another program reads it; once schema, where it can be asked, and reader agree."""
    line = to_line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert from_line(line) == record
    found = json.loads(line)
    if find_spec("jsonschema"):
        import_module("jsonschema").Draft202012Validator(schema()).validate(found)
    return found


def with_probability(record: Record, probability: float) -> Record:
    """The record, edited in one number."""
    assert record.verdict is not None
    predicted = replace(record.verdict.predicted, probability=probability)
    return replace(record, verdict=replace(record.verdict, predicted=predicted))


def noise(seed: int, *shape: int) -> np.ndarray:
    """uint8 pixels."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
