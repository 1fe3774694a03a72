"""What the service says of itself is what it does: its OpenAPI, by schemathesis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.generation.case import Case

from served import INSPECTOR, SAMPLES, Served, served
from service_limits import TYPES
from service_settings import Settings

OPERATIONS = (
    *("POST /predict", "POST /explain", "POST /explain.png"),
    *("GET /health/live", "GET /health/ready", "GET /metrics"),
)
TARGETS = ("good", "2", "scratch-good", "not good")
PICTURES = st.sampled_from([file.read_bytes() for file in SAMPLES])


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    for kind in TYPES:
        schemathesis.openapi.media_type(kind, PICTURES)
    given = Settings(bundle=str(INSPECTOR), methods=("recipro-cam", "score-cam"), threads=1)
    with served(given) as one:
        yield one


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, GenerationMode.POSITIVE) for name in OPERATIONS),
        *((name, GenerationMode.NEGATIVE) for name in OPERATIONS if name.startswith("POST")),
    ],
)
def test_openapi_is_what_it_does(name: str, mode: GenerationMode, service: Served) -> None:
    """Every status, type and schema is one that is documented; what fits is taken, else refused.

    That a class is one of the network's, no schema says.
    """
    schema = schemathesis.openapi.from_url(f"{service.client.base_url}/openapi.json")
    operation = schema[name.split()[1]][name.split()[0]]
    seen = set()

    @given(case=operation.as_strategy(mode))
    @settings(
        max_examples=25,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: Case[Any]) -> None:
        if mode.is_positive and case.query and "target" in case.query:
            case.query["target"] = TARGETS[len(case.query["target"]) % len(TARGETS)]
        answer = case.call_and_validate(excluded_checks=[not_a_server_error], timeout=20)
        seen.add(answer.status_code)
        assert answer.status_code in (200, 503) if mode.is_positive else answer.status_code < 500

    holds()
    assert mode.is_negative or 200 in seen


def test_all_of_it_is_tried(service: Served) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    found = {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs}
    assert found == set(OPERATIONS)
    for path in ("/predict", "/explain", "/explain.png"):
        documented = set(paths[path]["post"]["responses"])
        assert documented == {"200", "408", "413", "415", "422", "500", "503"}
