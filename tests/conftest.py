"""Names for the cases of parametrised tests, in all parts."""

from __future__ import annotations

from case_names import pytest_make_parametrize_id as pytest_make_parametrize_id
