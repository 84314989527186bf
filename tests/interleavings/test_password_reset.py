"""Every order of two steps of a password reset with a fault at every point, and every order of three.

What must hold whatever the order: at most as many guesses are told as are counted; one grant; one change of password for
a grant; told success means that password works; every change has its notice, and no notice is without a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from credkit.errors import Reason, Refused
from credkit.flows.changes import Changed
from credkit.flows.sign_in import SignedIn
from credkit.testing import Shared
from credkit.tickets import Grant
from interleavings import worlds
from interleavings.worlds import NEW, OLD, OTHER, Aftermath, Check, Prepared, change, complete, courier, explore_journeys, resend, sign_in, verify

GUESSED = {Reason.CODE_WRONG, Reason.CODE_EXHAUSTED}


def guesses_are_counted(prepared: Prepared) -> Check:
    def check(shared: Shared, results: Sequence[Any]) -> None:
        challenge = worlds.challenge_of(shared, prepared.ticket)
        counted = prepared.policy.otp.comparisons - challenge.tries_left
        told = [result for result in results if isinstance(result, Refused) and result.reason in GUESSED and not _was_dead(result, counted)]
        grants = {result.text for result in results if isinstance(result, Grant)}
        assert challenge.tries_left >= 0, "more guesses were compared than allowed"
        assert len(told) <= counted, f"{len(told)} wrong guesses were told, {counted} are counted"
        assert len(grants) <= 1, "one code gave two grants"
        assert not grants or challenge.verified_at is not None, "a grant was given before the challenge was marked as used"

    def _was_dead(result: Refused, counted: int) -> bool:
        """Exhausted is also the answer to a guess that was not compared any more."""
        return result.reason is Reason.CODE_EXHAUSTED and counted == prepared.policy.otp.comparisons

    return check


def nothing_more(after: Aftermath, results: Sequence[Any]) -> None:
    """The check that needs no addition."""


def changes_are_announced(prepared: Prepared, passwords: Sequence[str], also: Callable[[Aftermath, Sequence[Any]], None] = nothing_more) -> Check:
    """Check what holds of calls that set *passwords*, each the first of the calls in their order, and *also*."""
    find_out = worlds.aftermath(prepared, passwords)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        after = find_out(shared)
        made = len(after.credential.marks) - len(prepared.credential.marks)
        assert len(after.told) == made, f"{made} changes were made, {len(after.told)} were announced"
        assert len(after.working) == 1, f"{len(after.working)} passwords work"
        (working,) = after.working
        asked = [result for password, result in zip(passwords, results, strict=False) if password == working]
        assert working == OLD or not all(isinstance(result, Refused) for result in asked), "a call that was refused changed the password"
        assert made >= any(isinstance(result, Changed) for result in results), "a change was told and not made"
        assert (working == OLD) == (made == 0), "the password changed without a mark, or a mark without a password"
        assert after.credential.session_epoch - prepared.credential.session_epoch == made, "a change did not end the sessions"
        also(after, results)

    return check


@pytest.mark.parametrize(("first", "second"), [("right", "right"), ("right", "wrong"), ("wrong", "wrong")])
@pytest.mark.parametrize("comparisons", [1, 2])
def test_two_guesses_are_never_told_before_they_are_counted(first: str, second: str, comparisons: int) -> None:
    prepared = worlds.reset_begun(worlds.few_tries(comparisons))
    codes = {"right": prepared.code, "wrong": "00000000"}
    flows = [verify(prepared, codes[first]), verify(prepared, codes[second])]
    explore_journeys(prepared, flows, guesses_are_counted(prepared), faults=1)


@pytest.mark.parametrize("guesses", [["right", "right", "right"], ["right", "wrong", "wrong"], ["wrong", "wrong", "wrong"]])
def test_three_guesses_at_a_ticket_with_two_tries(guesses: list[str]) -> None:
    prepared = worlds.reset_begun(worlds.few_tries(2))
    codes = {"right": prepared.code, "wrong": "00000000"}
    explore_journeys(prepared, [verify(prepared, codes[guess]) for guess in guesses], guesses_are_counted(prepared), faults=0)


def test_a_right_code_and_its_expiry() -> None:
    prepared = worlds.reset_begun()
    flows = [verify(prepared, prepared.code), verify(prepared, "00000000")]
    explore_journeys(prepared, flows, guesses_are_counted(prepared), faults=1, seconds=600)


def test_a_guess_a_resend_and_the_courier() -> None:
    prepared = worlds.reset_begun(worlds.few_tries(1))
    flows = [verify(prepared, prepared.code), resend(prepared), courier()]
    explore_journeys(prepared, flows, guesses_are_counted(prepared), faults=0, seconds=61)


def test_two_resends_leave_one_live_code_with_a_fault_anywhere() -> None:
    prepared = worlds.reset_begun()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        assert worlds.challenge_of(shared, prepared.ticket).resends <= 1 + sum(1 for r in results if isinstance(r, Exception))
        codes = {message.code.reveal() for message in shared.sent if message.code is not None}
        assert codes <= {prepared.code}, "a resend in the first half of a code's life sent another code"

    explore_journeys(prepared, [resend(prepared), resend(prepared)], check, faults=1, seconds=61)


def test_two_couriers_bind_a_code_to_its_owner_once() -> None:
    prepared = worlds.reset_begun(delivered=False)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        codes = {message.code.reveal() for message in shared.sent if message.code is not None}
        assert len(codes) == 1, "the code was not delivered, or two different ones were"
        binding = worlds.challenge_of(shared, prepared.ticket).binding
        assert binding is not None
        assert binding.credential_id == prepared.credential.id

    explore_journeys(prepared, [courier(), courier()], check, faults=1)


@pytest.mark.parametrize("second", [NEW, OTHER])
def test_two_completes_of_one_grant_change_the_password_once(second: str) -> None:
    prepared = worlds.reset_verified()

    def once(after: Aftermath, results: Sequence[Any]) -> None:
        assert len(after.credential.marks) - len(prepared.credential.marks) <= 1, "one grant changed the password twice"
        successes = [result for result in results if isinstance(result, Changed)]
        assert len(successes) <= 1 or second == NEW, "two passwords were told to be set with one grant"

    check = changes_are_announced(prepared, [NEW, second], once)
    explore_journeys(prepared, [complete(prepared, NEW), complete(prepared, second)], check, faults=1)


def test_a_complete_and_the_courier() -> None:
    prepared = worlds.reset_verified()
    explore_journeys(prepared, [complete(prepared, NEW), courier()], changes_are_announced(prepared, [NEW]), faults=1)


def test_a_complete_and_a_courier_that_comes_when_the_intent_is_overdue() -> None:
    prepared = worlds.reset_verified()
    explore_journeys(prepared, [complete(prepared, NEW), courier()], changes_are_announced(prepared, [NEW]), faults=1, seconds=61)


@pytest.mark.long
def test_two_completes_and_the_courier_at_any_time() -> None:
    prepared = worlds.reset_verified()
    calls = [complete(prepared, NEW), complete(prepared, OTHER), courier()]
    explore_journeys(prepared, calls, changes_are_announced(prepared, [NEW, OTHER]), faults=0, seconds=61)


def test_a_complete_and_a_password_change() -> None:
    prepared = worlds.reset_verified()

    def one_change(after: Aftermath, results: Sequence[Any]) -> None:  # the shape of an addition
        assert sum(isinstance(result, Changed) for result in results) <= 1, "a grant outlived the change that should have ended it"

    check = changes_are_announced(prepared, [NEW, OTHER], one_change)
    explore_journeys(prepared, [complete(prepared, NEW), change(prepared, OTHER)], check, faults=1)


def no_session_outlives_a_change(after: Aftermath, results: Sequence[Any]) -> None:
    """A sign-in with the old password gives no session that a change made meanwhile leaves alive (F32)."""
    for signed_in in results:
        if isinstance(signed_in, SignedIn) and after.working != (OLD,):
            assert signed_in.session.session_epoch != after.credential.session_epoch, "the old password gave a session that outlives the change"


def test_a_complete_and_a_sign_in_with_the_old_password() -> None:
    prepared = worlds.reset_verified()
    check = changes_are_announced(prepared, [NEW], no_session_outlives_a_change)
    explore_journeys(prepared, [complete(prepared, NEW), sign_in(OLD)], check, faults=1)


def test_a_complete_a_change_and_a_sign_in() -> None:
    prepared = worlds.reset_verified()
    check = changes_are_announced(prepared, [NEW, OTHER], no_session_outlives_a_change)
    explore_journeys(prepared, [complete(prepared, NEW), change(prepared, OTHER), sign_in(OLD)], check, faults=0)


def test_a_guess_and_a_complete_of_an_older_grant() -> None:
    """A change made with the first ticket's grant ends what the second ticket's right code would yield (REQ-D5c)."""
    prepared = worlds.reset_verified()
    later = worlds.begun_again(prepared)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        changed, granted = results
        if isinstance(changed, Changed) and isinstance(granted, Grant):
            second = worlds.alone(shared, complete(replace(prepared, grant=granted.text), OTHER), "second", prepared.policy)
            assert isinstance(second, Refused), "one of two grants survived the change made with the other"

    explore_journeys(prepared, [complete(prepared, NEW), verify(later, later.code)], check, faults=1)
