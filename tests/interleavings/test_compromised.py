"""Every order of marking a password as compromised and of what else may go on: the owner is told, no session survives, and one grant sets one password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from credkit.credential import Credential
from credkit.errors import Refused
from credkit.flows.admin import AsyncAdmin
from credkit.flows.changes import Changed
from credkit.flows.sign_in import PasswordChangeRequired, SignedIn
from credkit.messages import MessageKind
from credkit.testing import Shared
from interleavings import worlds
from interleavings.worlds import NEW, OLD, OTHER, Check, Journey, Prepared, change, complete, courier, explore_journeys, sign_in

NOTICES = {MessageKind.PASSWORD_RESET, MessageKind.PASSWORD_CHANGED, MessageKind.PASSWORD_COMPROMISED}


def mark(prepared: Prepared) -> Journey:
    """Mark the password."""
    return lambda shell: AsyncAdmin(shell).mark_compromised(prepared.credential.id, actor="support")


def marked() -> Prepared:
    """A password is marked and its owner told; two grants are out that the right password has earned."""
    prepared = worlds.signed_up()
    shared = prepared.shared()
    credential = worlds.alone(shared, mark(prepared), "mark")
    grants = [worlds.alone(shared, sign_in(OLD), f"earn-{number}") for number in range(2)]
    worlds.deliver_everything(shared, prepared.policy)
    assert all(isinstance(earned, PasswordChangeRequired) for earned in grants)
    return replace(prepared, stores=shared.stores, credential=credential, grant=grants[0].grant.text, ticket=grants[1].grant.text)


def marks_are_told(prepared: Prepared) -> Check:
    """Return a check that holds at the end of every schedule, once everything has been delivered."""
    before = {one.change_id for one in prepared.credential.marks}

    def check(shared: Shared, results: Sequence[Any]) -> None:
        shared = shared.copy()
        worlds.deliver_everything(shared, prepared.policy)
        credential = shared.stores.credentials.get(prepared.credential.id)
        assert credential is not None
        made = {one.change_id for one in credential.marks} - before
        told = {message.id.rpartition(".")[0] for message in shared.sent if message.kind in NOTICES}
        assert told == made, "what was told is not what was done"
        if any(isinstance(result, Credential) and result.generation != prepared.credential.generation for result in results):
            assert [message for message in shared.sent if message.kind is MessageKind.PASSWORD_COMPROMISED], "a mark was made and its owner not told"
        if made:
            assert credential.session_epoch > prepared.credential.session_epoch
            ended = [result.session.session_epoch for result in results if isinstance(result, SignedIn)]
            assert credential.session_epoch not in ended, "a session outlived what should have ended it"
        for password in (OLD, NEW, OTHER):
            answer = worlds.alone(shared, sign_in(password), f"check-{password}", prepared.policy)
            assert isinstance(answer, Refused) or not credential.compromised, "a compromised password signed somebody in"

    return check


def test_two_marks() -> None:
    prepared = worlds.signed_up()

    def once(shared: Shared, results: Sequence[Any]) -> None:
        credential = shared.stores.credentials.get(prepared.credential.id)
        assert credential is not None
        assert credential.session_epoch - prepared.credential.session_epoch <= 1, "one password was marked twice"
        marks_are_told(prepared)(shared, results)

    explore_journeys(prepared, [mark(prepared), mark(prepared)], once, faults=1)


def test_a_mark_and_the_courier() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [mark(prepared), courier()], marks_are_told(prepared), faults=1)


def test_a_mark_and_a_courier_that_comes_when_the_intent_is_overdue() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [mark(prepared), courier()], marks_are_told(prepared), faults=1, seconds=61)


def test_a_mark_and_a_reset_that_was_under_way() -> None:
    prepared = worlds.reset_verified()
    explore_journeys(prepared, [mark(prepared), complete(prepared, NEW)], marks_are_told(prepared), faults=1)


def test_a_mark_and_a_password_change() -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [mark(prepared), change(prepared, NEW)], marks_are_told(prepared), faults=1)


@pytest.mark.parametrize("password", [OLD, OTHER], ids=["right", "wrong"])
def test_a_mark_and_a_sign_in(password: str) -> None:
    prepared = worlds.signed_up()
    explore_journeys(prepared, [mark(prepared), sign_in(password)], marks_are_told(prepared), faults=1)


def test_two_passwords_set_with_two_grants_that_the_right_password_has_earned() -> None:
    prepared = marked()

    def one(shared: Shared, results: Sequence[Any]) -> None:
        assert sum(isinstance(result, Changed) for result in results) <= 1, "a mark allowed two changes"
        marks_are_told(prepared)(shared, results)

    other = replace(prepared, grant=prepared.ticket)
    explore_journeys(prepared, [complete(prepared, NEW), complete(other, OTHER)], one, faults=1)


def test_two_passwords_set_with_one_grant() -> None:
    prepared = marked()
    explore_journeys(prepared, [complete(prepared, NEW), complete(prepared, OTHER)], marks_are_told(prepared), faults=1)


def test_a_forced_change_and_another_mark() -> None:
    prepared = marked()
    explore_journeys(prepared, [complete(prepared, NEW), mark(prepared)], marks_are_told(prepared), faults=1)
