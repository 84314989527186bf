"""Every order of sign-ins and password changes: no limit is exceeded by one, and only a success gives its charge back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from credkit.context import Context
from credkit.errors import Reason, Refused
from credkit.flows.shell import Shell
from credkit.flows.sign_in import AsyncSignIn, SignedIn
from credkit.testing import Shared
from interleavings import worlds
from interleavings.test_password_reset import changes_are_announced
from interleavings.worlds import NEW, OLD, OTHER, change, complete, courier, explore_journeys, sign_in


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


@pytest.mark.parametrize("count", [1, 2])
def test_three_wrong_passwords_on_a_known_device_never_exceed_its_limit_nor_touch_that_of_others(count: int) -> None:
    prepared = worlds.signed_up(worlds.few_failures(password_guesses=count))
    known = worlds.alone(Shared(prepared.stores, prepared.at), sign_in(OLD), "known", prepared.policy).device_mark.text

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert compared(results) <= count, "more passwords were compared than the device may try"
        assert isinstance(worlds.alone(shared, sign_in(OLD), "owner elsewhere", prepared.policy), SignedIn)

    explore_journeys(prepared, [on_device(password, known) for password in (NEW, OTHER, NEW)], check, faults=0)


def test_an_owner_on_a_known_device_signs_in_whatever_two_strangers_do_at_that_moment() -> None:
    prepared = worlds.signed_up(worlds.few_failures(password_guesses=1, password_failures=1))
    known = worlds.alone(Shared(prepared.stores, prepared.at), sign_in(OLD), "known", prepared.policy).device_mark.text

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert isinstance(results[0], SignedIn)
        assert compared(results[1:]) <= 1

    explore_journeys(prepared, [on_device(OLD, known), sign_in(NEW), sign_in(OTHER)], check, faults=0)


def test_a_device_of_before_a_reset_is_held_up_like_any_other() -> None:
    # RS-11: a thief's device may be among them
    prepared = worlds.reset_verified(worlds.few_failures(password_failures=1))
    known = worlds.alone(Shared(prepared.stores, prepared.at), sign_in(OLD), "known", prepared.policy).device_mark.text

    async def reset_then_try(shell: Shell) -> Any:
        await complete(prepared, NEW)(shell)
        with suppress(Refused):
            await sign_in(OTHER)(shell)
        return await on_device(NEW, known)(shell)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert not isinstance(results[0], SignedIn), "a device was still known after a reset"

    explore_journeys(prepared, [reset_then_try, sign_in(OTHER)], check, faults=0)


def on_device(password: str, mark: str) -> worlds.Journey:
    return lambda shell: AsyncSignIn(shell).with_password(worlds.ADA, password, context=Context(device_mark=mark))


def test_two_password_changes_make_one_change_each_or_none() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [change(prepared, NEW), change(prepared, OTHER)], changes_are_announced(prepared, [NEW, OTHER]), faults=1)


def test_a_password_change_and_the_courier_that_comes_late() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [change(prepared, NEW), courier()], changes_are_announced(prepared, [NEW]), faults=1, seconds=61)
