"""Every two calls of the journeys at once with one fault at every point, and every three, from one state in which all can succeed.

What must hold: no more guesses are told than are counted, one grant for a code, one password that works, every change
announced and no notice without one, no session that outlives a change.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import pytest

from credkit.errors import Refused
from credkit.testing import Shared
from interleavings import worlds
from interleavings.test_password_reset import changes_are_announced, guesses_are_counted, no_session_outlives_a_change
from interleavings.worlds import NEW, OLD, OTHER, THIRD, Journey, Prepared, change, complete, courier, explore_journeys, resend, sign_in, verify

FOURTH = "five calm wolves hum"

NAMES = ("verify", "guess", "resend", "complete", "change", "sign_in", "courier")


def call_of(prepared: Prepared, name: str, password: str) -> Journey:
    """Return the call; *password* is what it sets, if it sets one."""
    calls: dict[str, Journey] = {
        "verify": verify(prepared, prepared.code),
        "guess": verify(prepared, "00000000"),
        "resend": resend(prepared),
        "complete": complete(prepared, password),
        "change": change(prepared, password),
        "sign_in": sign_in(OLD),
        "courier": courier(),
    }
    return calls[name]


def explore_together(names: Sequence[str], *, faults: int) -> None:
    prepared = worlds.in_full_swing()
    passwords = [NEW, OTHER, THIRD, FOURTH][: len(names)]
    calls = [call_of(prepared, name, password) for name, password in zip(names, passwords, strict=True)]
    guesses = guesses_are_counted(prepared)
    changes = changes_are_announced(prepared, passwords, no_session_outlives_a_change)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        guesses(shared, results)
        changes(shared, results)
        if {"complete", "change"}.isdisjoint(names):
            refused = [result for name, result in zip(names, results, strict=True) if name == "sign_in" and isinstance(result, Refused)]
            assert not refused, "the right password was refused, and nobody had changed it"

    explore_journeys(prepared, calls, check, faults=faults)


@pytest.mark.parametrize("names", list(combinations_with_replacement(NAMES, 2)), ids="-".join)
def test_any_two_calls_keep_every_promise_with_a_fault_anywhere(names: tuple[str, ...]) -> None:
    explore_together(names, faults=1)


def threes() -> list[Any]:
    """Return every three calls. Three changes of password meet more states than can be kept in mind, and three calls that set or compare one, up to a
    million: those are left to the long run."""
    every = [names for names in combinations_with_replacement(NAMES, 3) if names.count("change") < 3]
    return [pytest.param(names, marks=[pytest.mark.long] if set(names) <= {"complete", "change", "sign_in"} else []) for names in every]


@pytest.mark.parametrize("names", threes(), ids="-".join)
def test_any_three_calls_keep_every_promise(names: tuple[str, ...]) -> None:
    explore_together(names, faults=0)
