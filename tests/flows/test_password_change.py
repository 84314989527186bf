"""Password change by a signed-in person: what it asks for, what it ends, and that it is no better place to guess than the sign-in page."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.credential import MARKS, Mark, Standing
from credkit.errors import Busy, Field, FindingKind, PasswordRefused, Reason, StoreError
from credkit.flows.changes import Changed, Ended
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.testing import TestWorld, async_kit_for_tests, kit_for_tests
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NEW, OLD, OTHER, PHONE, WEIRD, granted, refusal, registered, signs_in, verified


def session_of(world: TestWorld, password: str = OLD, identifier: str = ADA) -> Session:
    return world.kit.sign_in.with_password(identifier, password, context=CONTEXT).session


def change(world: TestWorld, who: Session, current: Any = OLD, new: Any = NEW, context: Context = CONTEXT) -> Changed:
    return world.kit.password.change(who, current, new, context=context)


def kinds(refused: Any) -> list[FindingKind]:
    return [finding.kind for finding in refused.findings]


# Success ----------------------------------------------------------------------------------------------------------------


def test_the_new_password_works_at_once_and_the_old_one_no_more() -> None:
    world = kit_for_tests()  # PW-20
    credential = journeys.ada(world, PHONE)
    changed = change(world, session_of(world))
    assert changed.credential == journeys.fresh(world, credential)
    assert [(signs_in(world, NEW, who), signs_in(world, OLD, who)) for who in (ADA, PHONE)] == [(True, False)] * 2


def test_all_other_sessions_end_and_the_acting_one_goes_on_under_the_new_epoch() -> None:
    world = kit_for_tests()  # F32
    journeys.ada(world)
    acting, other = session_of(world), session_of(world)
    changed = change(world, acting)
    assert changed.ended is Ended.OTHERS
    assert not world.kit.sign_in.holds(other)
    assert not world.kit.sign_in.holds(acting)
    assert world.kit.sign_in.holds(replace(acting, session_epoch=changed.session_epoch))
    assert session_of(world, NEW).session_epoch == changed.session_epoch


def test_every_verified_identifier_is_told_and_no_other() -> None:
    world = kit_for_tests()  # NO-08
    others = (registered("import@example.com", Standing.CARRIED_OVER), registered("unproved@example.com", Standing.UNVERIFIED))
    journeys.ada(world, identifiers=(verified(ADA), verified(PHONE), *others), locale="nb")
    world.add(BOB, password=OLD)
    change(world, session_of(world), context=Context(device="Firefox on Linux", place="Oslo, Norway"))
    assert sorted(message.to.canonical for message in world.inbox.messages) == [PHONE, ADA]
    assert {(message.kind, message.device, message.place, message.locale) for message in world.inbox.messages} == {
        (MessageKind.PASSWORD_CHANGED, "Firefox on Linux", "Oslo, Norway", "nb")
    }


def test_the_standing_of_identifiers_is_left_as_it_is() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, identifiers=(verified(ADA), registered(PHONE, Standing.CARRIED_OVER)))
    assert change(world, session_of(world)).credential.identifiers == credential.identifiers


def test_a_second_change_is_a_change_of_its_own() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    first = change(world, session_of(world))
    second = change(world, session_of(world, NEW), NEW, OTHER)
    assert second.session_epoch == first.session_epoch + 1
    assert len(world.inbox.messages) == 2


# Refusals ---------------------------------------------------------------------------------------------------------------


def test_a_wrong_current_password_changes_nothing() -> None:
    world = kit_for_tests()  # PW-20
    credential = journeys.ada(world)
    refused = refusal(change, world, session_of(world), OTHER)
    assert (refused.reason, refused.field) == (Reason.CURRENT_PASSWORD_WRONG, Field.CURRENT)
    assert journeys.fresh(world, credential) == credential
    assert world.inbox.messages == []


@pytest.mark.parametrize("current", [*(weird for weird in WEIRD if weird != "x"), "with\na line break in it"])
def test_what_can_be_nobodys_password_is_wrong_and_neither_counted_nor_hashed(current: Any) -> None:
    hasher = journeys.CountingHasher()  # REQ-D4c
    world = journeys.build(hasher=hasher, policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    who = session_of(world)
    hasher.calls.clear()
    assert refusal(change, world, who, current).reason is Reason.CURRENT_PASSWORD_WRONG
    assert hasher.calls == []
    assert change(world, who)


def test_a_sign_in_without_a_password_has_none_to_name() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    who = session_of(world)
    journeys.alter(world, credential, password_hash=None)
    assert refusal(change, world, who).reason is Reason.CURRENT_PASSWORD_WRONG


def test_all_that_is_wrong_with_the_new_password_is_told_at_once() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    with pytest.raises(PasswordRefused) as caught:
        change(world, session_of(world), new="password1")
    assert kinds(caught.value) == [FindingKind.TOO_SHORT, FindingKind.COMMON]


def test_the_new_password_must_differ_from_the_current_one() -> None:
    world = kit_for_tests()  # PW-21: in whatever spelling
    journeys.ada(world)
    for same in (OLD, OLD.replace(" ", "\u00a0")):
        with pytest.raises(PasswordRefused) as caught:
            change(world, session_of(world), new=same)
        assert kinds(caught.value) == [FindingKind.CURRENT]


@pytest.mark.parametrize("new", ["quibbleton 2026!!", "quibbleton 4155552671"])
def test_a_new_password_made_of_the_persons_identifiers_is_refused(new: str) -> None:
    world = kit_for_tests()  # PW-10
    journeys.ada(world, PHONE, "quibbleton@example.org")
    with pytest.raises(PasswordRefused) as caught:
        change(world, session_of(world), new=new)
    assert kinds(caught.value) == [FindingKind.IDENTIFIER]


@pytest.mark.parametrize("changes", [{"session_epoch": 9}, {"disabled": True}])
def test_a_session_that_has_ended_changes_nothing(changes: dict[str, Any]) -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    who = session_of(world)
    after = journeys.alter(world, credential, **changes)
    assert refusal(change, world, who).reason is Reason.SESSION_ENDED
    assert journeys.fresh(world, credential) == after


def test_a_session_of_nobody_has_ended() -> None:
    assert refusal(change, kit_for_tests(), Session(credential_id="nobody", session_epoch=0)).reason is Reason.SESSION_ENDED


def test_a_session_that_has_ended_is_no_place_to_guess_at_the_password() -> None:
    hasher = journeys.CountingHasher()
    world = journeys.build(hasher=hasher)
    credential = journeys.ada(world)
    who = session_of(world)
    journeys.alter(world, credential, session_epoch=9)
    hasher.calls.clear()
    refusal(change, world, who, OTHER)
    assert hasher.calls == []


def test_too_many_changes_within_a_month_are_refused() -> None:
    world = kit_for_tests()
    now = world.clock.now()
    journeys.ada(world, marks=tuple(Mark(change_id=str(number), at=now) for number in range(MARKS)))
    assert refusal(change, world, session_of(world)).reason is Reason.TOO_MANY_CHANGES
    assert signs_in(world, OLD)


def test_a_full_gate_is_busy_and_nothing_is_counted() -> None:
    records = journeys.SpiedRecords()
    world = journeys.build(records=records, policy=replace(Policy(), gate=1, gate_queue=0))
    journeys.ada(world)
    who = session_of(world)
    place = world.kit._shell.hashing.reserve()
    records.calls.clear()
    with pytest.raises(Busy):
        change(world, who)
    assert records.calls == []
    place.release()
    for refused_first in (OTHER, OLD):
        refusal(change, world, who, refused_first, "short")
    assert change(world, who)


# Counting ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["password_failures", "password_guesses"])
def test_wrong_current_passwords_are_limited_as_wrong_passwords_at_sign_in_are(limit: str) -> None:
    world = kit_for_tests(policy=journeys.lowered(**{limit: 2}))  # SI-05, PW-20
    journeys.ada(world)
    who = session_of(world)
    assert refusal(change, world, who, OTHER).reason is Reason.CURRENT_PASSWORD_WRONG
    assert refusal(change, world, who, OTHER).reason is Reason.CURRENT_PASSWORD_WRONG
    refused = refusal(change, world, who, OLD)
    assert refused.reason is Reason.TOO_MANY_TRIES
    assert refused.retry_after is not None
    world.clock.advance(refused.retry_after)
    assert change(world, who, OLD)


@pytest.mark.parametrize("limit", ["password_failures", "password_guesses"])
def test_whoever_guesses_at_sign_in_does_not_stop_who_is_signed_in_nor_the_other_way_round(limit: str) -> None:
    world = kit_for_tests(policy=journeys.lowered(**{limit: 1}))  # F10
    journeys.ada(world)
    who = session_of(world)
    assert not signs_in(world, OTHER)
    assert not signs_in(world, OLD)
    assert change(world, who).ended is Ended.OTHERS
    world = kit_for_tests(policy=journeys.lowered(**{limit: 1}))
    journeys.ada(world)
    who = session_of(world)
    refusal(change, world, who, OTHER)
    assert refusal(change, world, who).reason is Reason.TOO_MANY_TRIES
    assert signs_in(world, OLD)


def test_a_right_current_password_begins_the_count_of_failures_in_a_row_anew() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=2))
    journeys.ada(world)
    who = session_of(world)
    for _ in range(3):
        refusal(change, world, who, OTHER)
        with pytest.raises(PasswordRefused):
            change(world, who, new="short")


def test_a_change_gives_the_device_a_mark_that_holds_where_the_earlier_ones_do_not() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    signed_in = world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
    changed = change(world, signed_in.session)
    assert changed.device_mark is not None
    marks = [signed_in.device_mark.text, changed.device_mark.text]
    seen = [world.kit._shell.seen_by(journeys.parsed(ADA), Context(device_mark=mark)) for mark in marks]
    assert [found.device is not None and found.device.is_of(changed.credential) for found in seen] == [False, True]


def test_a_right_current_password_takes_its_charge_back_whatever_becomes_of_the_new_one() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    who = session_of(world)
    for _ in range(3):
        with pytest.raises(PasswordRefused):
            change(world, who, new="short")
    assert change(world, who)


# Changes that meet ------------------------------------------------------------------------------------------------------


def test_a_change_that_was_overtaken_by_a_reset_ends_as_the_session_did() -> None:
    hasher = journeys.CountingHasher()
    world = journeys.build(hasher=hasher)
    journeys.ada(world)
    who, grant = session_of(world), granted(world)
    hasher.meanwhile = lambda: world.kit.reset.complete(grant, OTHER, context=CONTEXT)
    assert refusal(change, world, who).reason is Reason.SESSION_ENDED
    assert (signs_in(world, OTHER), signs_in(world, NEW)) == (True, False)
    assert [message.kind for message in world.inbox.messages if message.code is None] == [MessageKind.PASSWORD_RESET]


def test_a_change_outlives_a_rehash_and_the_couriers_fence() -> None:
    spied = journeys.SpiedCredentials()  # F5: the version moved, the generation stands
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    who = session_of(world)
    spied.before_replace = [lambda: spied.touch(credential.id)]
    change(world, who)
    assert signs_in(world, NEW)
    assert len(world.inbox.messages) == 1


def test_a_lost_reply_of_the_swap_is_found_out() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    who = session_of(world)
    spied.replies_lost = 1
    assert change(world, who).credential == journeys.fresh(world, credential)
    assert len(world.inbox.messages) == 1


def test_a_swap_that_failed_is_trouble_and_nothing_is_changed() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    who = session_of(world)
    spied.before_replace = [journeys.failing]
    with pytest.raises(StoreError):
        change(world, who)
    assert journeys.fresh(world, credential) == credential


# Findings, for a form that judges while one types -----------------------------------------------------------------------


def test_findings_say_what_change_would() -> None:
    world = kit_for_tests()
    findings = world.kit.password.findings
    assert [finding.kind for finding in findings("password1")] == [FindingKind.TOO_SHORT, FindingKind.COMMON]
    assert [finding.kind for finding in findings("example.com example")] == [FindingKind.SITE_WORD]
    assert [finding.kind for finding in findings("")] == [FindingKind.EMPTY]
    assert findings(NEW) == ()


def test_strength_is_nothing_where_there_are_findings() -> None:
    world = kit_for_tests()
    strength = world.kit.password.strength
    assert strength("example.com example").findings == world.kit.password.findings("example.com example")
    assert strength("quibbleton 4155552671", identifiers=["quibbleton@", "(415) 555-2671", "quibbleton@example.org"]).score == 0
    assert strength(NEW).score >= 1


def test_findings_know_the_identifiers_typed_so_far_and_pass_over_those_not_complete() -> None:
    world = kit_for_tests()
    findings, proposed = world.kit.password.findings, "quibbleton 4155552671"
    assert findings(proposed, identifiers=["", "quibbleton", "quibbleton@", "(415)"]) == ()
    typed = ["quibbleton@", "quibbleton@example.org", "(415) 555-2671"]
    assert [finding.kind for finding in findings(proposed, identifiers=typed)] == [FindingKind.IDENTIFIER]


def test_findings_touch_no_store_and_hash_nothing() -> None:
    records, credentials, hasher = journeys.SpiedRecords(), journeys.SpiedCredentials(), journeys.CountingHasher()
    world = journeys.build(records=records, credentials=credentials, hasher=hasher)
    world.kit.password.findings("password1", identifiers=[ADA])
    world.kit.password.strength(NEW, identifiers=[ADA])
    assert (records.calls, credentials.calls, hasher.calls) == ([], [], [])


# From async code --------------------------------------------------------------------------------------------------------


def test_the_async_journey() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        kit = world.kit
        await world.add(ADA, password=OLD)
        session = (await kit.sign_in.with_password(ADA, OLD, context=CONTEXT)).session
        with pytest.raises(PasswordRefused):
            await kit.password.change(session, OLD, "short", context=CONTEXT)
        changed = await kit.password.change(session, OLD, NEW, context=CONTEXT)
        assert not await kit.sign_in.holds(session)
        assert await kit.sign_in.holds(replace(session, session_epoch=changed.session_epoch))
        assert [message.kind for message in world.inbox.messages] == [MessageKind.PASSWORD_CHANGED]
        assert [finding.kind for finding in await kit.password.findings("password1")] == [FindingKind.TOO_SHORT, FindingKind.COMMON]

    asyncio.run(journey())
