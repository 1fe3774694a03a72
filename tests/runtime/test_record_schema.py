"""The schema of a record, and that schema and reader refuse the same."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

import camruntime
from camruntime import Explainer
from camruntime.errors import ImageError, RecordError
from camruntime.record import Record, from_line, picture_of, record_of, schema, versions
from conftest import INSPECTOR
from good_parts import scratched
from recorded import CRACK, METHOD, as_json, calibrated, recorded

jsonschema = pytest.importorskip("jsonschema")
VALID = jsonschema.Draft202012Validator(schema())


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    """One with a calibration."""
    return camruntime.load(
        INSPECTOR, ["cpu"], calibration=calibrated(tmp_path_factory.mktemp("calibration"))
    )


def _records(judging: Explainer) -> Iterator[Any]:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    yield as_json(recorded(judging, scratched(2000), METHOD, "not good"))
    yield as_json(recorded(explainer, CRACK, "anytime-score-cam"))
    yield as_json(record_of(explainer.predict(CRACK), picture_of(CRACK), explainer))
    yield as_json(record_of(ImageError("no"), picture_of(CRACK), explainer))


def _fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of all fields, but for those of what may hold any."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield (*path, name)
            if name != "options":
                yield from _fields(one, (*path, name))
    elif isinstance(value, list):
        for row, one in enumerate(value):
            yield from _fields(one, (*path, row))


def _changed(found: Any, path: tuple[Any, ...], value: object = None, drop: bool = False) -> Any:
    copy = json.loads(json.dumps(found))
    place = copy
    for step in path[:-1]:
        place = place[step]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


def _refused(document: Any) -> bool:
    """By our reader; a line of it is no record."""
    try:
        from_line(json.dumps(document).encode())
    except RecordError as error:
        return len(str(error).splitlines()) == 1
    return False


def test_schema_and_reader_refuse_what_is_missing_or_unknown(
    judging: Explainer,
) -> None:
    VALID.check_schema(schema())
    for found in _records(judging):
        for path in _fields(found):
            without = _changed(found, path, drop=True)
            assert not VALID.is_valid(without), path
            assert _refused(without), path
            wrong = _changed(found, path, value=[{"no": "such"}])
            assert not VALID.is_valid(wrong), path
            assert _refused(wrong), path
        more = {**found, "extra": 1}
        assert not VALID.is_valid(more)
        assert _refused(more)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema_version",), 2),
        (("schema_version",), "1"),
        (("time",), "2026-01-31 12:00:00.000Z"),
        (("time",), "2026-01-31T12:00:00Z"),
        (("bundle", "digest"), "ABC"),
        (("calibration",), "none"),
        (("picture", "file_sha256"), "0" * 63),
        (("picture", "shape"), [128, "128", 3]),
        (("target", "asked"), {"target": 1}),
        (("target", "asked"), 1.5),
        (("method", "options", "score"), {}),
        (("regions", 0, "area"), "many"),
        (("map", "values"), "&&"),
        (("map", "grid"), [0, 16]),
        (("map",), None),
        (("error",), {"type": "ImageError", "message": ""}),
        (("verdict",), None),
    ],
)
def test_schema_and_reader_refuse_wrong_values(
    judging: Explainer, path: tuple[Any, ...], value: object
) -> None:
    found = as_json(recorded(judging, scratched(2000), METHOD, "not good"))
    wrong = _changed(found, path, value)
    assert _refused(wrong)
    if path != ("map",):  # whether a map has to be there depends on the method, too
        assert not VALID.is_valid(wrong)


def test_the_schema_has_the_fields_of_the_dataclasses() -> None:
    found: Any = schema()
    assert list(found["properties"]) == [one.name for one in dataclasses.fields(Record)]
    assert found["required"] == list(found["properties"])
    assert schema() is not schema()
    assert versions() == versions()
