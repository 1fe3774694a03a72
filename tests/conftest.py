"""Names for the cases of parametrised tests, and what computes, in all parts."""

from __future__ import annotations

import pytest

from case_names import pytest_make_parametrize_id as pytest_make_parametrize_id


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--provider NAME`: what computes in tests/devices and tests/parity."""
    parser.addoption("--provider", default="cpu", help="the execution provider that is tested")


@pytest.fixture(scope="session")
def provider(request: pytest.FixtureRequest) -> str:
    """The provider that `--provider` names; the CPU without."""
    return str(request.config.getoption("--provider"))
