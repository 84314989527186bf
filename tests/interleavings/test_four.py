"""Four calls at once, of the journeys that can be followed to the end in seconds: what holds for two and three holds for four."""

from __future__ import annotations

import pytest

from interleavings.test_together import explore_together

FOURS = [
    "verify verify verify verify",
    "verify guess resend complete",
    "verify guess complete courier",
    "verify resend complete sign_in",
    "resend complete courier sign_in",
    pytest.param("guess complete change sign_in", marks=pytest.mark.long),
    pytest.param("verify guess guess guess", marks=pytest.mark.long),
    pytest.param("guess guess guess guess", marks=pytest.mark.long),
]


@pytest.mark.parametrize("names", FOURS)
def test_four_calls_keep_every_promise(names: str) -> None:
    explore_together(names.split(), faults=0)
