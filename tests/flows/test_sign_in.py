"""Sign-in with a password: one answer for everything that does not fit, one cost for everybody, and what a session is worth."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.credential import Standing
from credkit.errors import Busy, Next, Reason, Refused, SeveralAccounts, UnknownKey
from credkit.flows.sign_in import PasswordChangeRequired
from credkit.identifiers import InvalidIdentifier
from credkit.keys import KeyRing
from credkit.policy import Policy
from credkit.testing import TestWorld, async_kit_for_tests, kit_for_tests
from flows import journeys
from flows.journeys import ADA, BOB, CONTEXT, NEW, NOBODY, OLD, OTHER, PAUSE, PHONE, WEIRD, granted, refusal, registered, signs_in, verified


def sign_in(world: TestWorld, password: Any = OLD, identifier: Any = ADA, context: Context = CONTEXT) -> Any:
    return world.kit.sign_in.with_password(identifier, password, context=context)


# Success ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [ADA, " ADA@example.COM ", PHONE, "415 555 2671", "(415) 555-2671"])
def test_any_spelling_of_any_usable_identifier_signs_in(typed: str) -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, identifiers=(verified(ADA), registered(PHONE, Standing.CARRIED_OVER)))
    assert sign_in(world, identifier=typed).credential == credential


def test_the_result_says_what_was_proved_and_when() -> None:
    world = kit_for_tests()  # SI-03, SI-09
    journeys.ada(world)
    world.clock.advance(hours=1)
    signed_in = sign_in(world)
    assert (signed_in.factors, signed_in.at) == (("password",), world.clock.now())


def test_the_session_names_the_credential_its_epoch_and_the_hosts_session() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world, session_epoch=7)
    session = sign_in(world, context=Context(session_key="own")).session
    assert session == Session(credential_id=credential.id, session_epoch=7, session_key="own")


def test_a_sign_in_of_one_account_names_it() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    assert sign_in(world).account == credential.id


def test_a_sign_in_of_no_account_names_none() -> None:
    world = kit_for_tests()
    journeys.ada(world, accounts=())
    assert sign_in(world).account is None


def test_a_sign_in_of_several_accounts_leaves_the_choice_to_the_person() -> None:
    world = kit_for_tests()
    journeys.ada(world, accounts=("first", "second"))
    signed_in = sign_in(world)
    with pytest.raises(SeveralAccounts):
        _ = signed_in.account
    assert signed_in.credential.accounts == ("first", "second")


def test_a_sign_in_sends_nothing_and_changes_nothing() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    sign_in(world)
    assert world.inbox.messages == []
    assert journeys.fresh(world, credential) == credential


@pytest.mark.parametrize("spelling", ["nine\u00a0grey herons wade", "nine grey\u2003herons wade"])
def test_the_password_is_compared_in_one_form_whatever_the_keyboard(spelling: str) -> None:
    world = kit_for_tests()  # PW-03
    journeys.ada(world)
    assert signs_in(world, spelling)


# Failure: one answer, one cost (SI-01, PW-15, REQ-D7a) ------------------------------------------------------------------

CASES = ("wrong", "unknown", "disabled", "unverified", "no password", "malformed hash", "silently limited")


def case(name: str, **parts: Any) -> tuple[TestWorld, str, str]:
    """Return a world, and an identifier and a password that do not sign in there."""
    world = journeys.build(policy=journeys.lowered(password_failures=1) if name == "silently limited" else None, **parts)
    credential = world.add(ADA, password=OLD)
    if name == "disabled":
        journeys.alter(world, credential, disabled=True)
    if name == "unverified":
        journeys.alter(world, credential, identifiers=(verified(BOB), registered(ADA, Standing.UNVERIFIED)))
    if name == "no password":
        journeys.alter(world, credential, password_hash=None)
    if name == "malformed hash":
        journeys.alter(world, credential, password_hash="$argon2id$v=19$m=8,t=1,p=1$!$!")
    if name == "silently limited":
        assert not signs_in(world, OTHER)
    return world, NOBODY if name == "unknown" else ADA, OTHER if name == "wrong" else OLD


@pytest.mark.parametrize("name", CASES)
def test_whatever_does_not_fit_is_answered_alike(name: str) -> None:
    world, identifier, password = case(name)
    refused = refusal(sign_in, world, password, identifier)
    assert (refused.reason, refused.next, refused.field) == (Reason.SIGN_IN_FAILED, Next.RETRY, None)
    assert (refused.retry_after, refused.tries_left, refused.findings) == (None, None, ())


def test_whatever_does_not_fit_costs_the_same() -> None:
    traces: dict[str, object] = {}
    for name in CASES:
        records, credentials, hasher = journeys.SpiedRecords(), journeys.SpiedCredentials(), journeys.CountingHasher()
        world, identifier, password = case(name, records=records, credentials=credentials, hasher=hasher)
        for calls in (records.calls, credentials.calls, hasher.calls):
            calls.clear()
        refusal(sign_in, world, password, identifier, Context(network_key="net"))
        traces[name] = (list(records.calls), list(credentials.calls), list(hasher.calls))
    assert traces["wrong"] == ([("load", 3, 0), ("commit", 0, 3)], ["find"], ["verify"])
    assert {name: trace for name, trace in traces.items() if trace != traces["wrong"]} == {}


@pytest.mark.parametrize("password", [*(weird for weird in WEIRD if weird != "x"), "with\na line break in it", "x" * 1025])
def test_what_can_be_nobodys_password_fails_alike_and_is_neither_counted_nor_hashed(password: Any) -> None:
    hasher, records = journeys.CountingHasher(), journeys.SpiedRecords()  # REQ-D4c
    world = journeys.build(hasher=hasher, records=records)
    journeys.ada(world)
    for calls in (hasher.calls, records.calls):
        calls.clear()
    assert refusal(sign_in, world, password).reason is Reason.SIGN_IN_FAILED
    assert (hasher.calls, records.calls) == ([], [])


@pytest.mark.parametrize("identifier", WEIRD)
def test_what_can_be_nobodys_identifier_is_refused_as_that(identifier: Any) -> None:
    with pytest.raises(InvalidIdentifier):
        sign_in(kit_for_tests(), identifier=identifier)


def test_a_full_gate_is_busy_and_nothing_is_counted() -> None:
    records = journeys.SpiedRecords()  # F9
    world = journeys.build(records=records, policy=replace(Policy(), gate=1, gate_queue=0))
    journeys.ada(world)
    place = world.kit._shell.hashing.reserve()
    records.calls.clear()
    with pytest.raises(Busy) as caught:
        sign_in(world)
    assert (records.calls, caught.value.next, caught.value.retry_seconds) == ([], Next.WAIT, 1)
    place.release()
    assert sign_in(world)


def test_every_end_of_the_call_gives_its_place_in_the_gate_back() -> None:
    world = kit_for_tests(policy=replace(journeys.lowered(password_guesses=2), gate=1, gate_queue=0))
    journeys.ada(world)
    reasons = [refusal(sign_in, world, OTHER).reason for _ in range(3)]
    assert reasons == [Reason.SIGN_IN_FAILED, Reason.SIGN_IN_FAILED, Reason.TOO_MANY_TRIES]
    assert refusal(sign_in, world, OTHER, BOB).reason is Reason.SIGN_IN_FAILED


# Counting (F9) ----------------------------------------------------------------------------------------------------------


def test_a_success_takes_its_own_charge_back_and_no_other() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_guesses=3))
    journeys.ada(world)
    assert not signs_in(world, OTHER)
    assert all(signs_in(world, OLD) for _ in range(5))
    reasons = [refusal(sign_in, world, OTHER).reason for _ in range(3)]
    assert reasons == [Reason.SIGN_IN_FAILED, Reason.SIGN_IN_FAILED, Reason.TOO_MANY_TRIES]


def test_the_success_of_one_does_not_clear_the_count_of_a_network() -> None:
    world = kit_for_tests(policy=journeys.lowered(network_passwords=2))  # REQ-D10
    journeys.ada(world)
    world.add(BOB, password=NEW)
    context = Context(network_key="net")
    refusal(sign_in, world, OTHER, ADA, context)
    assert sign_in(world, NEW, BOB, context)
    refusal(sign_in, world, OTHER, ADA, context)
    assert refusal(sign_in, world, NEW, BOB, context).reason is Reason.TOO_MANY_TRIES


def test_a_charge_that_cannot_be_taken_back_stays_counted_and_the_sign_in_stands() -> None:
    records = _FailingRecords()
    world = journeys.build(records=records, policy=journeys.lowered(password_guesses=1))
    journeys.ada(world)
    records.commits_left = 1
    assert sign_in(world)
    records.commits_left = None
    assert refusal(sign_in, world).reason is Reason.TOO_MANY_TRIES


class _FailingRecords(journeys.SpiedRecords):
    """Records that can be committed so many times more."""

    commits_left: int | None = None

    def commit(self, *given: Any) -> Any:
        if self.commits_left is not None:
            if self.commits_left == 0:
                raise OSError("the database is away")
            self.commits_left -= 1
        return super().commit(*given)


# Known devices (PW-19, SI-11) ---------------------------------------------------------------------------------------------


def device(signed_in: Any, **more: Any) -> Context:
    """Return what the host says of a request from the device that *signed_in* left its mark on."""
    return Context(device_mark=signed_in.device_mark.text, **more)


def hammered(world: TestWorld, *identifiers: str) -> None:
    """Let a stranger guess until the sign-in is stopped in silence, and be made to wait besides."""
    for _ in range(200):
        for identifier in identifiers or (ADA,):
            try:
                sign_in(world, OTHER, identifier, Context(network_key="net"))
            except Refused as refused:
                if refused.reason is Reason.TOO_MANY_TRIES:
                    world.clock.advance(refused.retry_after or PAUSE)
    for _ in range(5):
        refusal(sign_in, world, OTHER)


def test_the_owner_signs_in_on_a_known_device_whatever_strangers_guess() -> None:
    world = kit_for_tests()
    journeys.ada(world, PHONE)
    here = device(sign_in(world), network_key="net")
    hammered(world)
    assert refusal(sign_in, world).reason is Reason.TOO_MANY_TRIES
    assert sign_in(world, context=here)


def test_a_known_device_is_held_up_by_no_network() -> None:
    world = kit_for_tests(policy=journeys.lowered(network_passwords=1))
    journeys.ada(world)
    here = device(sign_in(world), network_key="net")
    refusal(sign_in, world, OTHER, NOBODY, here)
    assert refusal(sign_in, world, context=Context(network_key="net")).reason is Reason.TOO_MANY_TRIES
    assert sign_in(world, context=here)


def test_a_known_device_has_waits_of_its_own() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    here = device(sign_in(world))
    reasons = [refusal(sign_in, world, OTHER, context=here).reason for _ in range(5)]
    assert reasons == [Reason.SIGN_IN_FAILED] * 4 + [Reason.TOO_MANY_TRIES]
    assert refusal(sign_in, world, context=here).reason is Reason.TOO_MANY_TRIES
    assert sign_in(world)


def test_signing_in_again_on_a_known_device_gives_it_no_new_count() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    first = sign_in(world)
    for _ in range(3):
        refusal(sign_in, world, OTHER, context=device(first))
    again = sign_in(world, context=device(first))
    assert again.device_mark.expires_at == world.clock.now() + timedelta(days=90)
    reasons = [refusal(sign_in, world, OTHER, context=device(again)).reason for _ in range(2)]
    assert reasons == [Reason.SIGN_IN_FAILED, Reason.TOO_MANY_TRIES]


def test_wrong_passwords_on_a_known_device_count_for_the_sign_in_too() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=2))
    journeys.ada(world)
    here = device(sign_in(world))
    for _ in range(2):
        refusal(sign_in, world, OTHER, context=here)
    assert refusal(sign_in, world).reason is Reason.SIGN_IN_FAILED
    assert sign_in(world, context=here)
    assert sign_in(world)


def test_the_device_of_one_person_is_unknown_to_another() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    world.add(BOB, password=NEW)
    here = device(sign_in(world, NEW, BOB))
    for _ in range(4):
        refusal(sign_in, world, OTHER)
    assert refusal(sign_in, world, context=here).reason is Reason.TOO_MANY_TRIES


@pytest.mark.parametrize("end", ["reset", "end_sessions", "another site", "age"])
def test_what_ends_all_sessions_ends_all_devices(end: str) -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))  # RS-11
    credential = journeys.ada(world)
    here = device(sign_in(world))
    password = OLD
    if end == "reset":
        world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
        password = NEW
    if end == "end_sessions":
        journeys.alter(world, credential, session_epoch=1)
    if end == "another site":
        here = device(sign_in(journeys.beside(world, site=journeys.other_site(), policy=world.kit.policy)))
    if end == "age":
        world.clock.advance(days=90)
    refusal(sign_in, world, OTHER)
    assert refusal(sign_in, world, password, context=here).reason is Reason.SIGN_IN_FAILED


def test_a_reset_by_code_makes_the_device_known() -> None:
    world = kit_for_tests(policy=journeys.lowered(password_failures=1))
    journeys.ada(world)
    changed = world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    refusal(sign_in, world, OTHER)
    assert sign_in(world, NEW, context=device(changed))


def test_a_new_password_that_an_old_one_was_enough_for_makes_no_device_known() -> None:
    world = kit_for_tests()  # whoever else may know the old one could have set it
    credential = journeys.ada(world)
    world.kit.admin.mark_compromised(credential.id, actor="support")
    with pytest.raises(PasswordChangeRequired) as caught:
        sign_in(world)
    assert world.kit.reset.complete(caught.value.grant, NEW, context=CONTEXT).device_mark is None


def test_a_known_device_costs_what_an_unknown_one_costs_without_a_network() -> None:
    records, credentials = journeys.SpiedRecords(), journeys.SpiedCredentials()
    world = journeys.build(records=records, credentials=credentials)
    journeys.ada(world)
    here = device(sign_in(world), network_key="net")
    traces = []
    for context in (here, CONTEXT):
        for calls in (records.calls, credentials.calls):
            calls.clear()
        refusal(sign_in, world, OTHER, context=context)
        traces.append((list(records.calls), list(credentials.calls)))
    assert traces[0] == traces[1] == ([("load", 2, 0), ("commit", 0, 2)], ["find"])


# Hashes that are out of date (PW-13, PW-14, PW-17) ----------------------------------------------------------------------


def test_a_hash_of_older_parameters_is_made_anew_by_a_sign_in() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    signed_in = sign_in(dearer)
    after = journeys.fresh(world, credential)
    assert "m=16," in (after.password_hash or "")
    assert signed_in.credential == after
    assert replace(after, password_hash=credential.password_hash, version=credential.version) == credential


def test_a_wrong_password_makes_no_hash_anew() -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    refusal(sign_in, dearer, OTHER)
    assert journeys.fresh(world, credential) == credential


def test_a_password_set_during_a_rehash_wins() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    grant = granted(world)
    spied.before_replace = [lambda: world.kit.reset.complete(grant, NEW, context=CONTEXT)]
    sign_in(dearer)
    assert signs_in(world, NEW)
    assert not signs_in(world, OLD)
    assert "m=8," in (journeys.fresh(world, credential).password_hash or "")


def test_a_rehash_that_cannot_be_stored_does_not_fail_the_sign_in() -> None:
    spied = journeys.SpiedCredentials()
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    spied.before_replace = [journeys.failing]
    assert sign_in(dearer).credential == credential
    assert sign_in(world).credential == credential


def test_a_pepper_key_that_was_rotated_verifies_and_is_replaced() -> None:
    old, new = journeys.ring("old"), journeys.ring("new", "old")
    world = journeys.build(hasher=journeys.CountingHasher(pepper=old))
    credential = journeys.ada(world)
    sign_in(journeys.beside(world, hasher=journeys.CountingHasher(pepper=new)))
    assert (journeys.fresh(world, credential).password_hash or "").startswith("keyed:new:")


def test_a_pepper_key_that_was_dropped_is_trouble_and_not_a_wrong_password() -> None:
    world = journeys.build(hasher=journeys.CountingHasher(pepper=journeys.ring("old")))  # KE-07
    journeys.ada(world)
    bare = journeys.beside(world, hasher=journeys.CountingHasher(pepper=journeys.ring("new")))
    with pytest.raises(UnknownKey):
        sign_in(bare)


def test_a_comparison_that_could_not_be_made_is_not_counted() -> None:
    world = journeys.build(hasher=journeys.CountingHasher(pepper=journeys.ring("old")), policy=journeys.lowered(password_guesses=1))  # F21
    journeys.ada(world)
    bare = journeys.beside(world, hasher=journeys.CountingHasher(pepper=journeys.ring("new")), policy=world.kit.policy)
    for _ in range(2):
        with pytest.raises(UnknownKey):
            sign_in(bare)
    assert sign_in(world)


# Sessions ---------------------------------------------------------------------------------------------------------------


def test_a_session_holds_until_it_is_ended() -> None:
    world = kit_for_tests()
    journeys.ada(world)
    session = sign_in(world).session
    world.clock.advance(days=400)
    assert world.kit.sign_in.holds(session)


def test_a_session_does_not_hold_after_a_reset() -> None:
    world = kit_for_tests()  # RS-11
    journeys.ada(world)
    session = sign_in(world).session
    world.kit.reset.complete(granted(world), NEW, context=CONTEXT)
    assert not world.kit.sign_in.holds(session)


@pytest.mark.parametrize("changes", [{"disabled": True}, {"session_epoch": 4}, {"session_epoch": 6}])
def test_a_session_of_another_epoch_or_a_disabled_sign_in_does_not_hold(changes: dict[str, Any]) -> None:
    world = kit_for_tests()  # F32: also when the epochs went back, as after a restored backup
    credential = journeys.ada(world, session_epoch=5)
    session = sign_in(world).session
    journeys.alter(world, credential, **changes)
    assert not world.kit.sign_in.holds(session)


def test_a_session_of_nobody_does_not_hold() -> None:
    assert not kit_for_tests().kit.sign_in.holds(Session(credential_id="nobody", session_epoch=0))


@pytest.mark.parametrize("session", [None, "", {}, *(Session(credential_id=weird, session_epoch=0) for weird in (None, 0, b"", []))])
def test_what_is_no_session_does_not_hold(session: Any) -> None:
    assert not kit_for_tests().kit.sign_in.holds(session)  # REQ-D4c: it may have been read from a cookie


@pytest.mark.parametrize("epoch", [None, False, 0.0, "0"])
def test_an_epoch_that_is_no_whole_number_does_not_hold(epoch: Any) -> None:
    world = kit_for_tests()
    credential = journeys.ada(world)
    assert world.kit.sign_in.holds(Session(credential_id=credential.id, session_epoch=0))
    assert not world.kit.sign_in.holds(Session(credential_id=credential.id, session_epoch=epoch))


def test_whether_a_session_holds_costs_one_look_up_and_no_record() -> None:
    records, credentials = journeys.SpiedRecords(), journeys.SpiedCredentials()
    world = journeys.build(records=records, credentials=credentials)
    journeys.ada(world)
    session = sign_in(world).session
    for calls in (records.calls, credentials.calls):
        calls.clear()
    world.kit.sign_in.holds(session)
    assert (records.calls, credentials.calls) == ([], ["get"])


def test_a_sign_in_compared_just_before_a_reset_gives_a_session_that_has_ended() -> None:
    hasher = journeys.CountingHasher()  # F32
    world = journeys.build(hasher=hasher)
    journeys.ada(world)
    grant = granted(world)
    hasher.meanwhile = lambda: world.kit.reset.complete(grant, NEW, context=CONTEXT)
    session = sign_in(world, OLD).session
    assert not world.kit.sign_in.holds(session)


def test_a_rehash_after_a_reset_in_between_gives_no_live_session_either() -> None:
    spied = journeys.SpiedCredentials()  # F32: the epoch is the one read with the hash, not the one after the rehash
    world = journeys.build(credentials=spied)
    credential = journeys.ada(world)
    dearer = journeys.beside(world, hasher=journeys.CountingHasher(journeys.cheap_profile(16)))
    spied.before_replace = [lambda: spied.touch(credential.id, session_epoch=1, generation="moved")]
    assert not world.kit.sign_in.holds(sign_in(dearer).session)


# From async code --------------------------------------------------------------------------------------------------------


def test_the_async_journey() -> None:
    async def journey() -> None:
        world = async_kit_for_tests()
        credential = await world.add(ADA, password=OLD)
        signed_in = await world.kit.sign_in.with_password(ADA, OLD, context=CONTEXT)
        assert (signed_in.credential, signed_in.account) == (credential, credential.id)
        assert await world.kit.sign_in.holds(signed_in.session)
        for identifier in (ADA, NOBODY):
            with pytest.raises(Refused) as caught:
                await world.kit.sign_in.with_password(identifier, OTHER, context=CONTEXT)
            assert caught.value.reason is Reason.SIGN_IN_FAILED

    asyncio.run(journey())


def test_fifty_wrong_passwords_at_once_are_compared_four_times() -> None:
    async def journey() -> list[object]:
        world = async_kit_for_tests()  # OT-06 for passwords: the limit holds however they come
        await world.add(ADA, password=OLD)
        return await asyncio.gather(*(world.kit.sign_in.with_password(ADA, OTHER, context=CONTEXT) for _ in range(50)), return_exceptions=True)

    reasons = [result.reason for result in asyncio.run(journey()) if isinstance(result, Refused)]
    assert reasons.count(Reason.SIGN_IN_FAILED) == Policy().limits.password_guesses.count
    assert reasons.count(Reason.TOO_MANY_TRIES) == 50 - Policy().limits.password_guesses.count


def test_keys_of_sign_in_records_name_nobody() -> None:
    world = journeys.build(keys=KeyRing({"k": bytes(range(32))}))
    journeys.ada(world, PHONE)
    sign_in(world, identifier=PHONE, context=Context(network_key="2001:db8::/64"))
    refusal(sign_in, world, OTHER)
    names = " ".join(record.key for kind in ("budget", "outbox", "challenge", "grant") for record in journeys.stored(world, kind))
    assert not any(text in names for text in (ADA, PHONE, "2001"))
