"""Every order of two steps of a password reset with a fault at every point, and every order of three.

What must hold whatever the order: at most as many guesses are told as are counted; one grant; one change of password for
a grant; told success means that password works; every change has its notice, and no notice is without a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from credkit.errors import Reason, Refused
from credkit.flows.changes import Changed
from credkit.flows.courier import AsyncCourier
from credkit.flows.password_change import AsyncPasswordChange
from credkit.flows.password_reset import AsyncPasswordReset
from credkit.flows.shell import Shell
from credkit.flows.sign_in import AsyncSignIn, SignedIn
from credkit.testing import Shared, explore
from credkit.tickets import Grant
from interleavings import worlds
from interleavings.worlds import CONTEXT, NEW, OLD, OTHER, Prepared

Flow = Callable[[Shell], Any]

GUESSED = {Reason.CODE_WRONG, Reason.CODE_EXHAUSTED}


def verify(prepared: Prepared, code: str, flow: type[AsyncPasswordReset] = AsyncPasswordReset) -> Flow:
    return lambda shell: flow(shell).verify(prepared.ticket, code, context=CONTEXT)


def resend(prepared: Prepared) -> Flow:
    return lambda shell: AsyncPasswordReset(shell).resend(prepared.ticket, context=CONTEXT)


def complete(prepared: Prepared, password: str, flow: type[AsyncPasswordReset] = AsyncPasswordReset) -> Flow:
    return lambda shell: flow(shell).complete(prepared.grant, password, context=CONTEXT)


def change(prepared: Prepared, password: str) -> Flow:
    return lambda shell: AsyncPasswordChange(shell).change(prepared.session, OLD, password, context=CONTEXT)


def sign_in(password: str) -> Flow:
    return lambda shell: AsyncSignIn(shell).with_password(worlds.ADA, password, context=CONTEXT)


def courier() -> Flow:
    return lambda shell: AsyncCourier(shell).run_due()


def explore_flows(prepared: Prepared, flows: Sequence[Flow], check: Callable[[Shared, Sequence[Any]], None], faults: int, **spans: float) -> str:
    def tasks(shell_for: Callable[[str], Shell]) -> list[Any]:
        made = [flow(shell_for(f"flow-{number}")) for number, flow in enumerate(flows)]
        if spans:
            shared: Any = shell_for("time").clock
            made.append(shared.advance(timedelta(**spans)))
        return made

    def check_all(shared: Shared, results: Sequence[Any]) -> None:
        worlds.only_documented(results)
        check(shared, results)

    report = explore(worlds.world(prepared, tasks, check_all), faults=faults)
    print(f"\n{len(flows)} flows{', time' if spans else ''}, {faults} faults: {report}")
    return str(report)


def guesses_are_counted(prepared: Prepared) -> Callable[[Shared, Sequence[Any]], None]:
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


def changes_are_announced(prepared: Prepared, passwords: Sequence[str]) -> Callable[[Shared, Sequence[Any]], None]:
    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        after = shared.stores.credentials.get(prepared.credential.id)
        assert after is not None
        made = len(after.marks) - len(prepared.credential.marks)
        told = {message.id for message in worlds.notices(shared)}
        assert len(told) == made, f"{made} changes were made, {len(told)} were announced"
        working = [password for password in dict.fromkeys((OLD, *passwords)) if worlds.signs_in(shared, prepared.policy, password)]
        assert len(working) == 1, f"{len(working)} passwords work"
        asked = [result for password, result in zip(passwords, results, strict=False) if password == working[0]]
        assert working[0] == OLD or not all(isinstance(result, Refused) for result in asked), "a call that was refused changed the password"
        successes = [result for result in results if isinstance(result, Changed)]
        assert made >= bool(successes), "a change was told and not made"
        assert (working[0] == OLD) == (made == 0), "the password changed without a mark, or a mark without a password"
        assert after.session_epoch - prepared.credential.session_epoch == made, "a change did not end the sessions"

    return check


@pytest.mark.parametrize(("first", "second"), [("right", "right"), ("right", "wrong"), ("wrong", "wrong")])
@pytest.mark.parametrize("comparisons", [1, 2])
def test_two_guesses_are_never_told_before_they_are_counted(first: str, second: str, comparisons: int) -> None:
    prepared = worlds.reset_begun(worlds.few_tries(comparisons))
    codes = {"right": prepared.code, "wrong": "00000000"}
    flows = [verify(prepared, codes[first]), verify(prepared, codes[second])]
    explore_flows(prepared, flows, guesses_are_counted(prepared), 1)


@pytest.mark.parametrize("guesses", [["right", "right", "right"], ["right", "wrong", "wrong"], ["wrong", "wrong", "wrong"]])
def test_three_guesses_at_a_ticket_with_two_tries(guesses: list[str]) -> None:
    prepared = worlds.reset_begun(worlds.few_tries(2))
    codes = {"right": prepared.code, "wrong": "00000000"}
    explore_flows(prepared, [verify(prepared, codes[guess]) for guess in guesses], guesses_are_counted(prepared), 0)


def test_a_right_code_and_its_expiry() -> None:
    prepared = worlds.reset_begun()
    flows = [verify(prepared, prepared.code), verify(prepared, "00000000")]
    explore_flows(prepared, flows, guesses_are_counted(prepared), 1, seconds=600)


def test_a_guess_a_resend_and_the_courier() -> None:
    prepared = worlds.reset_begun(worlds.few_tries(1))
    flows = [verify(prepared, prepared.code), resend(prepared), courier()]
    explore_flows(prepared, flows, guesses_are_counted(prepared), 0, seconds=61)


def test_two_resends_leave_one_live_code_with_a_fault_anywhere() -> None:
    prepared = worlds.reset_begun()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        assert worlds.challenge_of(shared, prepared.ticket).resends <= 1 + sum(1 for r in results if isinstance(r, Exception))
        codes = {message.code.reveal() for message in shared.sent if message.code is not None}
        assert codes <= {prepared.code}, "a resend in the first half of a code's life sent another code"

    explore_flows(prepared, [resend(prepared), resend(prepared)], check, 1, seconds=61)


def test_two_couriers_bind_a_code_to_its_owner_once() -> None:
    prepared = worlds.reset_begun(delivered=False)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        worlds.deliver_everything(shared, prepared.policy)
        codes = {message.code.reveal() for message in shared.sent if message.code is not None}
        assert len(codes) == 1, "the code was not delivered, or two different ones were"
        binding = worlds.challenge_of(shared, prepared.ticket).binding
        assert binding is not None
        assert binding.credential_id == prepared.credential.id

    explore_flows(prepared, [courier(), courier()], check, 1)


@pytest.mark.parametrize("second", [NEW, OTHER])
def test_two_completes_of_one_grant_change_the_password_once(second: str) -> None:
    prepared = worlds.reset_verified()
    check = changes_are_announced(prepared, [NEW, second])

    def once(shared: Shared, results: Sequence[Any]) -> None:
        check(shared, results)
        after = shared.stores.credentials.get(prepared.credential.id)
        assert after is not None
        assert len(after.marks) - len(prepared.credential.marks) <= 1, "one grant changed the password twice"

    explore_flows(prepared, [complete(prepared, NEW), complete(prepared, second)], once, 1)


def test_a_complete_and_the_courier() -> None:
    prepared = worlds.reset_verified()
    explore_flows(prepared, [complete(prepared, NEW), courier()], changes_are_announced(prepared, [NEW]), 1)


def test_a_complete_and_a_courier_that_comes_when_the_intent_is_overdue() -> None:
    prepared = worlds.reset_verified()
    explore_flows(prepared, [complete(prepared, NEW), courier()], changes_are_announced(prepared, [NEW]), 1, seconds=61)


def test_two_completes_and_the_courier() -> None:
    prepared = worlds.reset_verified()
    flows = [complete(prepared, NEW), complete(prepared, OTHER), courier()]
    explore_flows(prepared, flows, changes_are_announced(prepared, [NEW, OTHER]), 0, seconds=61)


def test_a_complete_and_a_password_change() -> None:
    prepared = worlds.reset_verified()
    check = changes_are_announced(prepared, [NEW, OTHER])

    def never_over_a_newer_generation(shared: Shared, results: Sequence[Any]) -> None:
        check(shared, results)
        changed = [result for result in results if isinstance(result, Changed)]
        assert len(changed) <= 1, "a grant outlived the change that should have ended it"

    explore_flows(prepared, [complete(prepared, NEW), change(prepared, OTHER)], never_over_a_newer_generation, 1)


def test_a_complete_and_a_sign_in_with_the_old_password() -> None:
    prepared = worlds.reset_verified()
    check = changes_are_announced(prepared, [NEW])

    def no_live_session(shared: Shared, results: Sequence[Any]) -> None:
        check(shared, results)
        after = shared.stores.credentials.get(prepared.credential.id)
        assert after is not None
        if isinstance(results[0], Changed) and isinstance(results[1], SignedIn):
            assert results[1].session.session_epoch != after.session_epoch, "the old password gave a session that outlives the reset"

    explore_flows(prepared, [complete(prepared, NEW), sign_in(OLD)], no_live_session, 1)
