"""Every order of sign-ins and password changes: no limit is exceeded by one, and only a success gives its charge back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from credkit.errors import Reason, Refused
from credkit.flows.sign_in import SignedIn
from credkit.testing import Shared
from interleavings import worlds
from interleavings.test_password_reset import changes_are_announced
from interleavings.worlds import NEW, OLD, OTHER, change, courier, explore_journeys, sign_in


def compared(results: Sequence[Any]) -> int:
    return sum(1 for result in results if isinstance(result, SignedIn) or (isinstance(result, Refused) and result.reason is Reason.SIGN_IN_FAILED))


@pytest.mark.parametrize("count", [1, 2])
def test_two_wrong_passwords_never_exceed_the_limit(count: int) -> None:
    prepared = worlds.signed_up(worlds.few_failures(password_guesses=count))

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert compared(results) <= count, "more passwords were compared than the limit allows"

    explore_journeys(prepared, [sign_in(NEW), sign_in(OTHER)], check, faults=1)


def test_three_wrong_passwords_never_exceed_the_limit() -> None:
    prepared = worlds.signed_up(worlds.few_failures(password_guesses=2))

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert compared(results) <= 2

    explore_journeys(prepared, [sign_in(NEW), sign_in(OTHER), sign_in(NEW)], check, faults=0)


def test_a_right_and_a_wrong_password_leave_exactly_one_charge() -> None:
    prepared = worlds.signed_up(worlds.few_failures(password_guesses=3))

    def check(shared: Shared, results: Sequence[Any]) -> None:
        # Two uses are left of three, so two more wrong passwords are compared and a third is not.
        left = [worlds.alone(shared, sign_in(OTHER), f"left-{n}", prepared.policy) for n in range(3)]
        assert compared(left) == 2

    explore_journeys(prepared, [sign_in(OLD), sign_in(NEW)], check, faults=0)


def test_two_password_changes_make_one_change_each_or_none() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [change(prepared, NEW), change(prepared, OTHER)], changes_are_announced(prepared, [NEW, OTHER]), faults=1)


def test_a_password_change_and_the_courier_that_comes_late() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [change(prepared, NEW), courier()], changes_are_announced(prepared, [NEW]), faults=1, seconds=61)
