"""Passwords of before: none is remembered unless the policy says so, and what is remembered is compared with at one cost (PW-21)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credkit.context import Session
from credkit.credential import Credential
from credkit.errors import ConfigurationError, FindingKind, PasswordRefused, Reason
from credkit.passwords import Bcrypt, PasswordHasher
from credkit.policy import Policy
from credkit.testing import TestWorld, async_kit_for_tests, cheap_hasher, kit_for_tests
from flows import journeys
from flows.journeys import ADA, CONTEXT, NEW, OLD, granted, refusal, signs_in

PASSWORDS = [OLD, NEW, "six brown otters swim", "two tall poplars bend", "ten wet sparrows argue", "red lamps hum upstairs", "old maps smell of rain"]
THIRD, FOURTH, UNUSED = PASSWORDS[2], PASSWORDS[3], "cold tea waits forever"


def remembering(count: int, **parts: Any) -> Policy:
    return Policy(password_history=count, **parts)


def reset_to(world: TestWorld, password: str) -> Any:
    world.clock.advance(hours=1)
    return world.kit.reset.complete(granted(world), password, context=CONTEXT)


def change_to(world: TestWorld, credential: Credential, current: str, password: str) -> Any:
    epoch = journeys.fresh(world, credential).session_epoch
    return world.kit.password.change(Session(credential_id=credential.id, session_epoch=epoch), current, password, context=CONTEXT)


def lived(count: int, passwords: list[str] = PASSWORDS, **parts: Any) -> tuple[TestWorld, Credential]:
    """Return a world in which Ada has had all of *passwords*, by resets and changes in turn; she has the last."""
    world = journeys.build(policy=remembering(count), **parts)
    credential = world.add(ADA, password=passwords[0])
    for number, (before, after) in enumerate(pairwise(passwords)):
        if number % 2:
            change_to(world, credential, before, after)
        else:
            reset_to(world, after)
    return world, journeys.fresh(world, credential)


def findings(call: Any) -> list[FindingKind]:
    with pytest.raises(PasswordRefused) as caught:
        call()
    return [finding.kind for finding in caught.value.findings]


def is_of(stored: str, password: str) -> bool:
    return cheap_hasher().verify(stored, journeys.Secret(password)).matches


# What is remembered -----------------------------------------------------------------------------------------------------


def test_by_default_nothing_is_remembered_and_an_earlier_password_may_come_back() -> None:
    assert Policy().password_history == 0
    world, credential = lived(0, [OLD, NEW])
    assert credential.earlier_hashes == ()
    reset_to(world, OLD)
    change_to(world, credential, OLD, NEW)
    assert signs_in(world, NEW)
    assert journeys.fresh(world, credential).earlier_hashes == ()


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_last_so_many_are_remembered_the_newest_first(count: int) -> None:
    _, credential = lived(count)
    expected = PASSWORDS[-2::-1][:count]
    assert len(credential.earlier_hashes) == len(expected)
    assert all(is_of(stored, password) for stored, password in zip(credential.earlier_hashes, expected, strict=True))


def test_a_password_that_was_never_there_is_not_remembered() -> None:
    world = kit_for_tests(policy=remembering(3))
    credential = journeys.ada(world, password_hash=None)
    reset_to(world, NEW)
    assert journeys.fresh(world, credential).earlier_hashes == ()


def test_a_rehash_remembers_nothing() -> None:
    world, credential = lived(3, [OLD, NEW])
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)), policy=world.kit.policy)
    assert signs_in(dearer, NEW)
    after = journeys.fresh(world, credential)
    assert after.password_hash != credential.password_hash
    assert after.earlier_hashes == credential.earlier_hashes


def test_a_mark_leaves_what_is_remembered_and_a_forced_change_adds_to_it() -> None:
    world, credential = lived(3, [OLD, NEW])
    assert world.kit.admin.mark_compromised(credential.id, actor="support").earlier_hashes == credential.earlier_hashes
    grant = refusal(world.kit.sign_in.with_password, ADA, NEW, context=CONTEXT).grant  # type: ignore[attr-defined]
    assert findings(lambda: world.kit.reset.complete(grant, OLD, context=CONTEXT)) == [FindingKind.EARLIER]
    world.kit.reset.complete(grant, THIRD, context=CONTEXT)
    assert [is_of(stored, password) for stored, password in zip(journeys.fresh(world, credential).earlier_hashes, [NEW, OLD], strict=True)] == [True, True]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_where_the_policy_remembers_fewer_the_rest_is_forgotten_at_the_next_change(count: int) -> None:
    world, credential = lived(3)
    narrower = journeys.beside(world, policy=remembering(count))
    reset_to(narrower, UNUSED)
    after = journeys.fresh(world, credential)
    assert len(after.earlier_hashes) == count
    assert after.earlier_hashes[1:] == credential.earlier_hashes[: max(0, count - 1)]


def test_what_is_remembered_is_not_shown() -> None:
    _, credential = lived(2)
    assert not any(stored in repr(credential) for stored in credential.earlier_hashes)


@given(before=st.lists(st.text(min_size=1), max_size=12), own=st.none() | st.text(min_size=1), history=st.integers(0, 10))
def test_never_more_than_the_policy_says_and_always_the_newest(before: list[str], own: str | None, history: int) -> None:
    world = kit_for_tests()
    credential = replace(journeys.ada(world), password_hash=own, earlier_hashes=tuple(before))
    after = credential.with_password("new", change_id="c", generation="g", now=world.clock.now(), history=history)
    assert after.earlier_hashes == tuple(([own] if own else []) + before)[:history]


@pytest.mark.parametrize("count", [-1, 11, 100])
def test_a_policy_remembers_ten_at_most(count: int) -> None:
    with pytest.raises(ConfigurationError, match="password_history"):
        remembering(count)


# What is refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_remembered_password_is_refused_by_a_reset_and_an_older_one_is_not(count: int) -> None:
    world, _ = lived(count)
    world.clock.advance(hours=1)
    grant = granted(world)
    for password in PASSWORDS[-1 - count : -1]:
        assert findings(lambda password=password: world.kit.reset.complete(grant, password, context=CONTEXT)) == [FindingKind.EARLIER]
    assert findings(lambda: world.kit.reset.complete(grant, PASSWORDS[-1], context=CONTEXT)) == [FindingKind.CURRENT]
    older = PASSWORDS[: -1 - count]
    assert world.kit.reset.complete(grant, older[-1] if older else UNUSED, context=CONTEXT)


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_remembered_password_is_refused_by_a_change_and_an_older_one_is_not(count: int) -> None:
    world, credential = lived(count)
    for password in PASSWORDS[-1 - count : -1]:
        assert findings(lambda password=password: change_to(world, credential, PASSWORDS[-1], password)) == [FindingKind.EARLIER]
        world.clock.advance(hours=1)  # each is an answer about a password that was not shown, and counts
    assert findings(lambda: change_to(world, credential, PASSWORDS[-1], PASSWORDS[-1])) == [FindingKind.CURRENT]
    older = PASSWORDS[: -1 - count]
    assert change_to(world, credential, PASSWORDS[-1], older[-1] if older else UNUSED)


def test_a_refusal_changes_nothing_and_says_what_to_do() -> None:
    world, credential = lived(2)
    refused = refusal(change_to, world, credential, PASSWORDS[-1], PASSWORDS[-2])
    assert refused.reason is Reason.PASSWORD_REFUSED
    assert refused.text() == "Choose a different password. It is a password you had before. Choose one that you have not used here."
    assert journeys.fresh(world, credential) == credential


def test_an_earlier_password_is_known_in_any_spelling() -> None:
    accents = "caf\u00e9 verdict olive grove"
    world, credential = lived(2, [accents, OLD])
    assert findings(lambda: change_to(world, credential, OLD, "cafe\u0301 verdict\u00a0olive grove")) == [FindingKind.EARLIER]


def test_an_earlier_password_of_an_older_system_is_known_as_it_was_typed_then() -> None:
    """Remembered is the hash that was replaced by the change, and that may be one of text that was not normalised."""
    typed = "cafe\u0301 verdict olive"
    stored = bcrypt.hashpw(typed.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()
    world = journeys.build(hasher=PasswordHasher(journeys.cheap_profile(), legacy=[Bcrypt(cost=4)]), policy=remembering(1))
    credential = journeys.ada(world, password_hash=stored)
    change_to(world, credential, typed, NEW)
    assert journeys.fresh(world, credential).earlier_hashes == (stored,)
    assert findings(lambda: change_to(world, credential, NEW, typed)) == [FindingKind.EARLIER]
    world.clock.advance(hours=1)
    grant = granted(world)
    assert findings(lambda: world.kit.reset.complete(grant, typed, context=CONTEXT)) == [FindingKind.EARLIER]


def test_rules_are_judged_before_any_hash_is_made() -> None:
    hasher = journeys.CountingHasher()
    world, credential = lived(5, hasher=hasher)
    hasher.calls.clear()
    assert FindingKind.TOO_SHORT in findings(lambda: change_to(world, credential, PASSWORDS[-1], "short"))
    assert hasher.calls == ["verify"]


def test_an_earlier_hash_that_cannot_be_compared_with_any_more_is_passed_over() -> None:
    """KE-07: a key that is gone, a hash of a system whose verifier is gone; what is in force must never hang on what is past."""
    world, credential = lived(4, [OLD, NEW])
    keyed = journeys.CountingHasher(pepper=journeys.ring("gone")).hash(journeys.Secret(THIRD))
    journeys.alter(world, credential, earlier_hashes=(keyed, "$2b$04$" + "." * 53, "", *credential.earlier_hashes))
    assert findings(lambda: change_to(world, credential, NEW, OLD)) == [FindingKind.EARLIER]
    change_to(world, credential, NEW, THIRD)
    assert signs_in(world, THIRD)


# One cost ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proposed", [*PASSWORDS[:-1], UNUSED])
@pytest.mark.parametrize("had", [1, 3, 7])
def test_a_reset_makes_as_many_comparisons_whatever_is_there_and_is_found(had: int, proposed: str) -> None:
    hasher = journeys.CountingHasher()
    world, _ = lived(5, PASSWORDS[-had:], hasher=hasher)
    world.clock.advance(hours=1)
    grant = granted(world)
    hasher.calls.clear()
    try:
        world.kit.reset.complete(grant, proposed, context=CONTEXT)
    except PasswordRefused:
        assert hasher.calls == ["verify"] * 6
    else:
        assert hasher.calls == ["verify"] * 6 + ["hash"]


@pytest.mark.parametrize("proposed", [*PASSWORDS[:-1], UNUSED])
@pytest.mark.parametrize("had", [1, 3, 7])
def test_a_change_does_so_too(had: int, proposed: str) -> None:
    hasher = journeys.CountingHasher()
    world, credential = lived(5, PASSWORDS[-had:], hasher=hasher)
    hasher.calls.clear()
    try:
        change_to(world, credential, PASSWORDS[-1], proposed)
    except PasswordRefused:
        assert hasher.calls == ["verify"] * 6
    else:
        assert hasher.calls == ["verify"] * 6 + ["hash"]


def test_a_hash_under_a_key_that_is_gone_costs_what_any_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    world, credential = lived(1, [OLD, NEW])
    keyed = journeys.CountingHasher(pepper=journeys.ring("gone")).hash(journeys.Secret(THIRD))
    journeys.alter(world, credential, earlier_hashes=(keyed,))
    runs: list[str] = []
    run = PasswordHasher._run_argon2

    def counted(hasher: PasswordHasher, phc: str, material: bytes) -> bool | None:
        runs.append(phc)
        return run(hasher, phc, material)

    monkeypatch.setattr(PasswordHasher, "_run_argon2", counted)
    change_to(world, credential, NEW, THIRD)
    assert len(runs) == 2  # the current one, and one for what is remembered


def test_asking_which_passwords_were_there_before_is_counted_like_guessing() -> None:
    """A session and the current password are not enough to find out the earlier ones, which may be in use elsewhere."""
    world = kit_for_tests(policy=replace(journeys.lowered(password_failures=2), password_history=3))
    credential = journeys.ada(world)
    reset_to(world, NEW)
    for _ in range(2):
        assert findings(lambda: change_to(world, credential, NEW, OLD)) == [FindingKind.EARLIER]
    assert refusal(change_to, world, credential, NEW, OLD).reason is Reason.TOO_MANY_TRIES


@pytest.mark.parametrize("proposed", ["short", NEW, FOURTH])
def test_any_other_answer_takes_its_charge_back(proposed: str) -> None:
    world = kit_for_tests(policy=replace(journeys.lowered(password_failures=1), password_history=3))
    credential = journeys.ada(world)
    reset_to(world, NEW)
    for _ in range(3):
        if proposed == FOURTH:
            change_to(world, credential, NEW, proposed)
            break
        assert refusal(change_to, world, credential, NEW, proposed).reason is Reason.PASSWORD_REFUSED
    assert signs_in(world, FOURTH if proposed == FOURTH else NEW)


def test_the_async_journey() -> None:
    async def journey() -> None:
        world = async_kit_for_tests(policy=remembering(2))
        await world.add(ADA, password=OLD)
        for before, after in ((OLD, NEW), (NEW, THIRD)):
            signed_in = await world.kit.sign_in.with_password(ADA, before, context=CONTEXT)
            await world.kit.password.change(signed_in.session, before, after, context=CONTEXT)
        signed_in = await world.kit.sign_in.with_password(ADA, THIRD, context=CONTEXT)
        with pytest.raises(PasswordRefused):
            await world.kit.password.change(signed_in.session, THIRD, OLD, context=CONTEXT)

    asyncio.run(journey())
