"""What follows from the recent changes of a sign-in: what is trusted, what an undo gives back and to whom, and what is held still."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.credential import Credential, Mark, Registered, Standing
from credkit.edits import Shown
from credkit.errors import ConfigurationError, Reason, Refused, UnknownKey
from credkit.history import (
    Dispute,
    Entry,
    History,
    Hold,
    UndoPolicy,
    contest_secret,
    entry_id_of,
    hash_before,
    password_digest,
    restored,
    undo_secret,
)
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.keys import KeyRing
from credkit.payloads import UnreadableRecord
from credkit.sealing import sealed
from credkit.testing.fakes import START
from credkit.tickets import Token
from leaks.everything import frames_of, shown

TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
COOLING_OFF = timedelta(hours=12)
KEYS = KeyRing({"k2": bytes(range(32)), "k1": bytes(range(100, 132))})
POLICY = UndoPolicy()

MAIL = EmailAddress.parse("Ada@example.com")
WORK = EmailAddress.parse("ada@work.example.org")
PHONE = PhoneNumber.parse("+1 415 555 2671")
THIEF = EmailAddress.parse("eve@example.com")
V, C, U = Standing.VERIFIED, Standing.CARRIED_OVER, Standing.UNVERIFIED
OLD_HASH, NEW_HASH = "old hash", "new hash"


def first(identifiers: tuple[Identifier, ...]) -> Identifier | None:
    return next(iter(identifiers), None)


def registered(*held: Identifier | tuple[Identifier, Standing]) -> tuple[Registered, ...]:
    pairs = [item if isinstance(item, tuple) else (item, V) for item in held]
    return tuple(Registered(identifier=identifier, standing=standing, verified_at=START if standing is V else None) for identifier, standing in pairs)


def credential(*held: Identifier | tuple[Identifier, Standing], preferred: Identifier | None = None, **changes: Any) -> Credential:
    whole = Credential(
        id="c1",
        identifiers=registered(*held),
        password_hash=NEW_HASH,
        preferred=preferred,
        accounts=("account 1",),
        session_epoch=3,
        generation="g1",
        version="v1",
        locale="fr",
    )
    return replace(whole, **changes)


def entry(name: str = "e1", *held: Identifier | tuple[Identifier, Standing], at: timedelta = timedelta(0), **changes: Any) -> Entry:
    whole = Entry(
        id=name,
        change_id=f"change of {name}",
        at=START + at,
        identifiers=registered(*held),
        preferred=held[0] if held and not isinstance(held[0], tuple) else None,
        password_digest=password_digest(OLD_HASH),
        shown=(Shown(what="new email", new="e***@example.com"),),
        key_id="k2",
        nonce=bytes(16),
    )
    return replace(whole, **changes)


def history(*entries: Entry, **changes: Any) -> History:
    return replace(History(credential_id="c1", entries=entries), **changes)


def dispute(**changes: Any) -> Dispute:
    return replace(
        Dispute(id="d1", entry_id="e1", change_id="undo", opened_at=START, opened_by=MAIL, resolves_at=START + DAY, key_id="k2", nonce=bytes(range(16))),
        **changes,
    )


def trusted(state: History, now: Credential, after: timedelta, cooling_off: timedelta = COOLING_OFF) -> tuple[Identifier, ...]:
    return state.trusted(now, START + after, cooling_off)


# ------------------------------------------------------------------------------------------------------------------ trust

ADDED = history(entry("e1", MAIL))
"""WORK was added at START."""
BOTH = credential(MAIL, WORK)


def test_what_was_added_is_trusted_after_the_cooling_off_and_not_a_microsecond_before() -> None:  # ID-21
    assert trusted(ADDED, BOTH, timedelta(0)) == (MAIL,)
    assert trusted(ADDED, BOTH, COOLING_OFF - TICK) == (MAIL,)
    assert trusted(ADDED, BOTH, COOLING_OFF) == (MAIL, WORK)


def test_without_a_cooling_off_everything_verified_is_trusted() -> None:
    assert trusted(ADDED, BOTH, timedelta(0), timedelta(0)) == (MAIL, WORK)


def test_a_clock_that_goes_back_trusts_nobody_more() -> None:
    assert trusted(ADDED, BOTH, -DAY) == (MAIL,)


def test_without_changes_everything_verified_is_trusted_and_nothing_else() -> None:
    assert trusted(history(), credential(MAIL, (WORK, C), (PHONE, U)), timedelta(0)) == (MAIL,)


def test_what_stood_there_unverified_before_the_change_is_new() -> None:
    for standing in (C, U):
        assert trusted(history(entry("e1", MAIL, (WORK, standing))), BOTH, timedelta(0)) == (MAIL,)


def test_what_was_removed_and_added_again_is_new() -> None:
    # e1 shows it; it was removed then; e2 shows the sign-in without it, and it was added again.
    state = history(entry("e1", MAIL, WORK), entry("e2", MAIL, at=HOUR))
    assert trusted(state, BOTH, HOUR + COOLING_OFF - TICK) == (MAIL,)
    assert trusted(state, BOTH, HOUR + COOLING_OFF) == (MAIL, WORK)


def test_every_change_counts_and_not_the_last_alone() -> None:
    # The thief's address is older than the last change: that one shows it.
    state = history(entry("e1", MAIL), entry("e2", MAIL, THIEF, at=HOUR), entry("e3", MAIL, THIEF, at=2 * HOUR))
    assert trusted(state, credential(MAIL, THIEF), 3 * HOUR) == (MAIL,)


def test_a_thief_who_removes_all_the_owner_had_leaves_nobody_trusted() -> None:
    state = history(entry("e1", MAIL), entry("e2", MAIL, THIEF, at=HOUR))
    assert trusted(state, credential(THIEF), 2 * HOUR) == ()
    assert first(state.destinations(credential(THIEF), THIEF, START + 2 * HOUR, COOLING_OFF)) is None


def test_an_identifier_is_as_trusted_in_one_spelling_as_in_another() -> None:
    state = history(entry("e1", EmailAddress.parse("ADA@example.com")))
    assert trusted(state, BOTH, timedelta(0)) == (MAIL,)
    assert trusted(state, BOTH, timedelta(0))[0].entered == "Ada@example.com"


def held(*only: Identifier) -> Hold:
    return Hold(until=START + DAY, only=only)


def test_after_an_undo_only_what_it_did_not_touch_is_trusted_for_a_while() -> None:  # F24
    state = history(hold=held(PHONE, THIEF))
    now = credential(MAIL, PHONE)
    assert trusted(state, now, DAY - TICK) == (PHONE,)
    assert trusted(state, now, DAY) == (MAIL, PHONE)


def test_where_the_undo_touched_everything_nobody_is_trusted_for_a_while() -> None:
    state = history(hold=held())
    assert trusted(state, BOTH, DAY - TICK) == ()
    assert trusted(state, BOTH, DAY) == (MAIL, WORK)


def test_a_hold_and_a_cooling_off_hold_together() -> None:
    state = replace(ADDED, hold=held(WORK, PHONE))
    assert trusted(state, credential(MAIL, WORK, PHONE), timedelta(0)) == ()


def test_what_is_frozen_trusts_nobody_until_it_thaws() -> None:  # AP-16
    state = history(frozen_until=START + DAY)
    assert [state.frozen(START + after) for after in (timedelta(0), DAY - TICK, DAY)] == [True, True, False]
    assert trusted(state, BOTH, DAY - TICK) == ()
    assert trusted(state, BOTH, DAY) == (MAIL, WORK)


def test_a_hold_without_frost_lets_other_things_be_changed() -> None:
    assert not history(hold=held(MAIL)).frozen(START)


@pytest.mark.parametrize("contested", [True, False])
def test_a_dispute_freezes_until_it_is_settled_however_long_that_takes(*, contested: bool) -> None:
    state = history(entry("e1", MAIL), dispute=dispute(contested=contested))
    for after in (timedelta(0), DAY, 400 * DAY):
        assert state.frozen(START + after)
        assert trusted(state, BOTH, after) == ()
        assert first(state.destinations(BOTH, MAIL, START + after, COOLING_OFF)) is None


# ---------------------------------------------------------------------------------------------------------- where a reset goes


@pytest.mark.parametrize(
    ("state", "now", "typed", "goes_to"),
    [
        (history(), credential(MAIL, PHONE, preferred=PHONE), MAIL, PHONE),
        (history(), credential(MAIL, PHONE), MAIL, MAIL),
        (history(), credential(MAIL, PHONE), THIEF, None),
        (history(), credential(MAIL, (PHONE, U)), PHONE, None),
        # Not verified, and never was: it may still be reset at its own address.
        (history(), credential((MAIL, C)), MAIL, MAIL),
        # Once another is verified it may not: it may be there because somebody knew that its owner would come (ID-16).
        (history(), credential(PHONE, (MAIL, C)), MAIL, PHONE),
        (history(), credential((MAIL, C), disabled=True), MAIL, None),
        # The verification method was added or chosen by a thief: to what was there before, else nowhere.
        (history(entry("e1", MAIL)), credential(MAIL, THIEF, preferred=THIEF), MAIL, MAIL),
        (history(entry("e1", MAIL)), credential(MAIL, THIEF, preferred=THIEF), THIEF, MAIL),
        (history(entry("e1", MAIL)), credential(MAIL, THIEF), THIEF, MAIL),
        (history(entry("e1", MAIL)), credential(MAIL, THIEF), MAIL, MAIL),
        (history(entry("e1", MAIL)), credential(THIEF), THIEF, None),
        (history(entry("e1", MAIL)), credential(THIEF), MAIL, None),
        # Held back after an undo, also what was only carried over.
        (history(hold=held(PHONE)), credential(MAIL, PHONE, preferred=MAIL), MAIL, PHONE),
        (history(hold=held(PHONE)), credential(MAIL, PHONE, preferred=PHONE), MAIL, PHONE),
        (history(hold=held(PHONE)), credential(PHONE, (MAIL, C)), MAIL, PHONE),
        (history(hold=held()), credential(MAIL, PHONE), MAIL, None),
        (history(hold=held()), credential((MAIL, C)), MAIL, None),
        (history(frozen_until=START + DAY), credential(MAIL), MAIL, None),
        (history(dispute=dispute()), credential((MAIL, C)), MAIL, None),
        (history(hold=held(PHONE)), credential(MAIL, PHONE), THIEF, None),
    ],
)
def test_a_reset_goes_where_it_always_went_or_to_what_is_trusted_or_nowhere(
    state: History, now: Credential, typed: Identifier, goes_to: Identifier | None
) -> None:  # ID-21, F24
    assert first(state.destinations(now, typed, START + HOUR, COOLING_OFF)) == goes_to


def test_a_reset_goes_to_the_address_as_it_is_stored() -> None:  # ID-04
    goes_to = first(ADDED.destinations(BOTH, EmailAddress.parse("aDA@example.com"), START, COOLING_OFF))
    assert goes_to is not None
    assert goes_to.entered == "Ada@example.com"


@pytest.mark.parametrize(("after", "goes_to"), [(DAY - TICK, PHONE), (DAY, MAIL)])
def test_a_hold_ends_at_its_end(after: timedelta, goes_to: Identifier) -> None:
    assert first(history(hold=held(PHONE)).destinations(credential(MAIL, PHONE, preferred=MAIL), MAIL, START + after, COOLING_OFF)) == goes_to


# ------------------------------------------------------------------------------------------------------------------ the stack

STACK = (
    entry("e1", MAIL, PHONE),
    entry("e2", MAIL, PHONE, THIEF, at=HOUR),
    entry("e3", PHONE, THIEF, at=2 * HOUR),
)
"""THIEF was added, MAIL removed, and then something else was changed."""
AFTER = credential(THIEF, PHONE, WORK)


@pytest.mark.parametrize(("name", "common"), [("e1", (PHONE,)), ("e2", (THIEF, PHONE)), ("e3", (THIEF, PHONE))])
def test_a_proof_counts_by_what_was_verified_in_every_state_since(name: str, common: tuple[Identifier, ...]) -> None:  # F24, F25
    state = history(*STACK)
    found = state.entry(name)
    assert found is not None
    assert state.common(found, AFTER) == common


def test_what_went_away_between_and_came_back_proves_nothing() -> None:
    first = entry("e1", MAIL, PHONE)
    assert history(first, entry("e2", PHONE, at=HOUR)).common(first, credential(MAIL, PHONE)) == (PHONE,)


def test_what_was_or_is_only_carried_over_proves_nothing() -> None:
    first = entry("e1", MAIL, (PHONE, C), WORK)
    assert history(first).common(first, credential(MAIL, PHONE, (WORK, U))) == (MAIL,)


def test_changes_before_it_do_not_matter_to_an_undo() -> None:
    last = entry("e2", MAIL, THIEF)
    assert history(entry("e1", MAIL), last).common(last, credential(MAIL, THIEF)) == (MAIL, THIEF)


@pytest.mark.parametrize(("name", "concerned"), [("e1", (THIEF, PHONE, WORK, MAIL)), ("e2", (THIEF, PHONE, WORK, MAIL)), ("e3", (THIEF, PHONE, WORK))])
def test_everybody_verified_since_is_told_of_a_dispute_once(name: str, concerned: tuple[Identifier, ...]) -> None:  # F24
    state = history(*STACK)
    found = state.entry(name)
    assert found is not None
    assert state.concerned(found, AFTER) == concerned


def test_where_none_is_verified_now_those_carried_over_are_told_of_it() -> None:
    first = entry("e1", MAIL, (PHONE, U))
    assert history(first).concerned(first, credential((WORK, C))) == (WORK, MAIL)


def test_an_entry_is_found_by_its_id() -> None:
    state = history(*STACK)
    assert [state.entry(name) for name in ("e2", "e9", "change of e2", "")] == [STACK[1], None, None, None]


def test_undoing_one_change_undoes_all_later_ones_and_none_before() -> None:  # F25
    state = history(*STACK, hold=held(PHONE), carried={"later": 1})
    assert state.without("e1") == replace(state, entries=())
    assert state.without("e2") == replace(state, entries=STACK[:1])
    assert state.without("e3") == replace(state, entries=STACK[:2])


@pytest.mark.parametrize(("undone", "about", "kept"), [("e2", "e1", True), ("e2", "e2", False), ("e2", "e3", False), ("e1", "e1", False), ("e3", "e2", True)])
def test_a_dispute_ends_with_the_change_it_is_about_and_not_with_another(undone: str, about: str, *, kept: bool) -> None:
    waiting = dispute(entry_id=about)
    assert history(*STACK, dispute=waiting).without(undone).dispute == (waiting if kept else None)


def test_a_dispute_about_a_change_that_is_not_here_is_settled() -> None:
    assert history(*STACK, dispute=dispute(entry_id="gone")).without("e3").dispute is None


@pytest.mark.parametrize(("name", "only"), [("e1", (PHONE,)), ("e2", (THIEF, PHONE)), ("e3", (THIEF, PHONE))])
def test_after_an_undo_codes_go_only_to_what_none_of_the_undone_changes_touched(name: str, only: tuple[Identifier, ...]) -> None:  # F24
    state, now = history(*STACK), START + 5 * HOUR
    found = state.entry(name)
    assert found is not None
    assert state.hold_after_undo(found, AFTER, now, POLICY) == Hold(until=now + POLICY.after_undo, only=only)


@pytest.mark.parametrize(
    ("hold", "only"),
    [
        (Hold(until=START + HOUR + TICK, only=(PHONE, WORK)), (PHONE,)),
        (Hold(until=START + HOUR + TICK), ()),
        (Hold(until=START + HOUR, only=(PHONE,)), (MAIL, PHONE)),
    ],
    ids=["held back", "all held back", "over"],
)
def test_a_second_undo_frees_nothing_that_the_first_holds_back(hold: Hold, only: tuple[Identifier, ...]) -> None:  # F24
    # MAIL came back by the first undo. An older change did not touch it, so it could prove that one; it gets no codes for that.
    older = entry("e0", MAIL, PHONE)
    assert history(older, hold=hold).hold_after_undo(older, credential(MAIL, PHONE), START + HOUR, POLICY).only == only


def test_the_thief_of_the_old_mailbox_gets_no_code_after_his_undo() -> None:  # F24
    # The owner moved from MAIL, which is in other hands, to WORK; PHONE is theirs all along. The change is undone all the same.
    moved_away = entry("e1", MAIL, PHONE)
    state, now = history(moved_away), credential(WORK, PHONE, preferred=WORK)
    hold = state.hold_after_undo(moved_away, now, START + HOUR, POLICY)
    after, back = replace(state.without("e1"), hold=hold), restored(moved_away, now, change_id="undo", generation="g2", now=START + HOUR)
    assert after.trusted(back, START + 2 * HOUR, COOLING_OFF) == (PHONE,)
    assert first(after.destinations(back, MAIL, START + 2 * HOUR, COOLING_OFF)) == PHONE


def test_a_new_entry_comes_last() -> None:
    assert history(STACK[0], carried={"later": 1}).with_entry(STACK[1], POLICY) == history(*STACK[:2], carried={"later": 1})


def test_a_change_that_is_tried_again_has_one_entry_with_the_newer_picture_and_the_link_of_the_first() -> None:  # F25
    first = replace(STACK[0], delivered_at=START + HOUR)
    again = entry("e1 again", MAIL, at=2 * HOUR, change_id=first.change_id, key_id="k1", nonce=bytes(range(16)))
    after = history(first, STACK[1]).with_entry(again, POLICY)
    assert after.entries == (STACK[1], replace(first, identifiers=again.identifiers, preferred=again.preferred))
    assert undo_link(after.entries[-1]) == undo_link(first)


def test_every_try_of_a_change_has_the_same_entry_and_every_change_its_own() -> None:
    ids = [entry_id_of(name) for name in ("change 1", "change 1", "change 2", "")]
    assert (len({*ids}), ids[0]) == (3, ids[1])
    assert all(Token.parse(f"{name}.{'A' * 43}") is not None for name in ids)


@pytest.mark.parametrize(
    ("old", "age", "kept"),
    [
        (entry("e1", MAIL), POLICY.undelivered - TICK, True),
        (entry("e1", MAIL), POLICY.undelivered, False),
        # Its link is over after three days; but for a week it is needed to tell what is new (the longest cooling-off).
        (entry("e1", MAIL, delivered_at=START), timedelta(days=7) - TICK, True),
        (entry("e1", MAIL, delivered_at=START), timedelta(days=7), False),
    ],
)
def test_an_entry_is_kept_while_it_is_good_for_anything(old: Entry, age: timedelta, *, kept: bool) -> None:
    new = entry("e2", MAIL, at=age)
    assert history(old).with_entry(new, POLICY).entries == ((old, new) if kept else (new,))


def test_more_than_sixty_four_entries_are_refused_and_the_oldest_stays() -> None:  # F25: it may be the owner's undo
    state = history()
    for number in range(64):
        state = state.with_entry(entry(f"e{number}", MAIL, at=number * TICK), POLICY)
    with pytest.raises(Refused) as caught:
        state.with_entry(entry("e64", MAIL, at=64 * TICK), POLICY)
    assert caught.value.reason is Reason.TOO_MANY_CHANGES
    assert state.entries[0].id == "e0"


@pytest.mark.parametrize(
    ("delivered", "ends"),
    [
        (None, POLICY.undelivered),
        (timedelta(0), POLICY.lifetime),
        (DAY, DAY + POLICY.lifetime),
        (POLICY.undelivered - POLICY.lifetime, POLICY.undelivered),
        (POLICY.undelivered - POLICY.lifetime + TICK, POLICY.undelivered),
        (timedelta(days=29), POLICY.undelivered),
    ],
)
def test_an_undo_link_runs_from_its_first_delivery_and_never_longer_than_two_weeks_from_the_change(delivered: timedelta | None, ends: timedelta) -> None:  # F25
    state = entry("e1", MAIL, delivered_at=None if delivered is None else START + delivered)
    assert state.ends_at(POLICY) == START + ends


def test_the_first_delivery_counts_and_only_for_its_own_entry() -> None:
    once = history(*STACK).delivered("e2", START + DAY)
    assert [item.delivered_at for item in once.entries] == [None, START + DAY, None]
    assert once.delivered("e2", START + 2 * DAY) == once
    assert once.delivered("e2", START) == once
    assert history(*STACK).delivered("e9", START) == history(*STACK)


def test_what_was_verified_before_is_neither_carried_over_nor_unverified() -> None:
    assert entry("e1", MAIL, (PHONE, C), (WORK, U), THIEF).verified == (MAIL, THIEF)


# ---------------------------------------------------------------------------------------------------------------- what is given back


def undone(before: Entry, now: Credential) -> Credential:
    return restored(before, now, change_id="undo", generation="g2", now=START + HOUR)


BEFORE = entry("e1", MAIL, (PHONE, C), preferred=MAIL)


@pytest.mark.parametrize(("others", "kept"), [(30, True), (31, False), (63, False)])
def test_an_undo_leaves_room_for_changes_where_marks_run_short(others: int, kept: bool) -> None:
    """The mark of what is undone stays where there is room: its own notices may still be waiting, and go out by it (F1, F25)."""
    marks = tuple(Mark(change_id=name, at=START) for name in (BEFORE.change_id, *(f"other {number}" for number in range(others))))
    after = restored(BEFORE, credential(THIEF, marks=marks), change_id="undo", generation="g2", now=START + HOUR, undone=(BEFORE,))
    assert after.has_mark(BEFORE.change_id) is kept
    assert all(after.has_mark(f"other {number}") for number in range(others))
    assert after.has_mark("undo")


def test_an_undo_gives_back_identifiers_method_and_password_and_ends_all_else() -> None:
    now = credential(THIEF, preferred=THIEF, password_hash=OLD_HASH, earlier_hashes=("older hash",), marks=(Mark(change_id="first", at=START),))
    assert undone(BEFORE, now) == replace(
        now,
        identifiers=BEFORE.identifiers,
        preferred=MAIL,
        session_epoch=4,
        generation="g2",
        marks=(Mark(change_id="first", at=START), Mark(change_id="undo", at=START + HOUR)),
    )


def test_a_password_that_was_not_changed_stays() -> None:
    after = undone(BEFORE, credential(THIEF, password_hash=OLD_HASH, earlier_hashes=("older hash",)))
    assert (after.password_hash, after.earlier_hashes) == (OLD_HASH, ("older hash",))


@pytest.mark.parametrize("kept", [(), ("another hash",), (OLD_HASH,)])
def test_where_the_password_was_changed_nobodys_works(kept: tuple[str, ...]) -> None:
    assert undone(BEFORE, credential(THIEF, earlier_hashes=kept)).password_hash is None


def test_where_there_was_no_password_there_is_none_again() -> None:
    assert undone(replace(BEFORE, password_digest=None), credential(THIEF, earlier_hashes=(OLD_HASH,))).password_hash is None


def test_what_the_host_decided_outlives_an_undo() -> None:
    after = undone(BEFORE, credential(THIEF, disabled=True, compromised=True))
    assert (after.disabled, after.compromised, after.accounts, after.locale, after.version) == (True, True, ("account 1",), "fr", "v1")


def test_an_undo_after_too_many_changes_is_made_all_the_same() -> None:  # F25: a thief must not use it up
    after = undone(BEFORE, credential(THIEF, marks=tuple(Mark(change_id=f"m{n}", at=START) for n in range(64))))
    assert (len(after.marks), after.marks[-1].change_id) == (64, "undo")


@pytest.mark.parametrize(
    ("digest", "current", "earlier", "found"),
    [
        (password_digest(OLD_HASH), OLD_HASH, (), OLD_HASH),
        (password_digest(OLD_HASH), NEW_HASH, ("a", OLD_HASH, "b"), None),
        (password_digest(OLD_HASH), None, (OLD_HASH,), None),
        (password_digest(OLD_HASH), NEW_HASH, ("a",), None),
        (password_digest(OLD_HASH), None, (), None),
        (None, OLD_HASH, (NEW_HASH,), None),
        (None, None, (), None),
        (b"", "", ("",), None),
        (b"-", "-", (), None),
        (b"", NEW_HASH, (OLD_HASH,), None),
    ],
)
def test_the_hash_of_before_is_the_one_still_in_force_or_none(digest: bytes | None, current: str | None, earlier: tuple[str, ...], found: str | None) -> None:
    assert hash_before(replace(BEFORE, password_digest=digest), credential(MAIL, password_hash=current, earlier_hashes=earlier)) == found


def test_an_entry_keeps_no_hash() -> None:
    assert password_digest(None) is None
    digest = password_digest(OLD_HASH)
    assert digest is not None
    assert (len(digest), OLD_HASH.encode() in digest) == (32, False)
    assert len({password_digest(text) for text in (OLD_HASH, NEW_HASH, "", "\ud800")}) == 4


# ------------------------------------------------------------------------------------------------------------------ links


def undo_link(state: Entry, credential_id: str = "c1", to: Identifier = MAIL, *, site: str = "main", keys: KeyRing = KEYS) -> str:
    return undo_secret(state, credential_id, to, keys, site=site).reveal()


def contest_link(state: Dispute, credential_id: str = "c1", to: Identifier = MAIL, *, site: str = "main", keys: KeyRing = KEYS) -> str:
    return contest_secret(state, credential_id, to, keys, site=site).reveal()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "e2"},
        {"change_id": "change of e2"},
        {"id": "", "change_id": "e1change of e1"},
        {"at": START + TICK},
        {"at": START - TICK},
        {"nonce": bytes(15) + b"\x01"},
        {"nonce": bytes(17)},
        {"key_id": "k1"},
    ],
    ids=repr,
)
def test_an_undo_link_is_worth_nothing_for_another_entry(changes: dict[str, Any]) -> None:
    assert undo_link(replace(BEFORE, **changes)) != undo_link(BEFORE)


@pytest.mark.parametrize(
    "changes", [{"id": "d2"}, {"entry_id": "e2"}, {"id": "d1e", "entry_id": "1"}, {"nonce": bytes(16)}, {"nonce": bytes(range(17))}, {"key_id": "k1"}], ids=repr
)
def test_a_contest_link_is_worth_nothing_for_another_dispute(changes: dict[str, Any]) -> None:
    assert contest_link(dispute(**changes)) != contest_link(dispute())


@pytest.mark.parametrize(
    "where", [{"credential_id": "c2"}, {"site": "other"}, {"keys": KeyRing({"k2": bytes(range(9, 41))})}], ids=lambda where: next(iter(where))
)
def test_no_link_is_worth_anything_for_another_credential_site_or_ring(where: dict[str, Any]) -> None:
    assert undo_link(BEFORE, **where) != undo_link(BEFORE)
    assert contest_link(dispute(), **where) != contest_link(dispute())


def test_an_undo_link_is_no_contest_link() -> None:
    same = dispute(id=BEFORE.id, entry_id=BEFORE.change_id, nonce=BEFORE.nonce)
    assert undo_link(BEFORE) != contest_link(same)


@pytest.mark.parametrize("changes", [{"delivered_at": START}, {"shown": ()}], ids=repr)
def test_what_moves_while_an_undo_link_is_out_moves_no_secret(changes: dict[str, Any]) -> None:
    assert undo_link(replace(BEFORE, **changes)) == undo_link(BEFORE)


def test_a_contested_dispute_keeps_its_link() -> None:
    assert contest_link(dispute(contested=True)) == contest_link(dispute())


def test_the_secrets_of_both_links_are_256_bits() -> None:
    for text in (undo_link(BEFORE), contest_link(dispute())):
        assert (len(text), len(base64.urlsafe_b64decode(text + "="))) == (43, 32)


def test_the_secrets_stay_what_they_are_from_release_to_release() -> None:  # TE-13
    assert (undo_link(BEFORE), contest_link(dispute())) == (
        "S8XR-PgsmaiQUCKPuffu_7UmjmMsZxvmY8IlBVHZiec",
        "CWUyCtPDpTGgkrciyqIk5aIoKP9RVSxsWntn7jxXJ6U",
    )


def test_a_key_that_is_gone_is_trouble_and_no_wrong_link() -> None:  # KE-04
    gone = KeyRing({"k3": bytes(range(32))})
    with pytest.raises(UnknownKey):
        undo_link(BEFORE, keys=gone)
    with pytest.raises(UnknownKey):
        contest_link(dispute(), keys=gone)


@pytest.mark.parametrize("make", [lambda keys: undo_link(BEFORE, keys=keys), lambda keys: contest_link(dispute(), keys=keys)])
def test_that_a_key_is_gone_is_found_out_before_whose_link_it_is_is_at_hand(make: Callable[[KeyRing], str]) -> None:
    """A report of the trouble may show what every function on the way held (TE-06)."""
    with pytest.raises(UnknownKey) as caught:
        make(KeyRing({"k3": bytes(range(32))}))
    held = [shown(value) for frame in frames_of(caught.tb) for value in frame.f_locals.values()]
    assert held
    assert not any(identifier.canonical in text for identifier in (MAIL, WORK, PHONE, THIEF) for text in held)


# ------------------------------------------------------------------------------------------------------------------ records

FULL = history(
    replace(BEFORE, delivered_at=START + HOUR),
    entry("e2", (THIEF, U), at=HOUR, preferred=None, password_digest=None, shown=(), key_id="k1"),
    hold=held(MAIL, PHONE),
    frozen_until=START + DAY,
    dispute=dispute(contested=True),
)


def written(state: History, *, keys: KeyRing = KEYS, site: str = "main", record_key: str = "record") -> bytes:
    return state.to_payload(keys, site=site, record_key=record_key)


def read(payload: bytes, *, keys: KeyRing = KEYS, site: str = "main", record_key: str = "record") -> History:
    return History.from_payload(payload, keys, site=site, record_key=record_key)


@pytest.mark.parametrize(
    "state", [history(), history(*STACK), FULL, history(hold=held()), history(dispute=dispute())], ids=["empty", "stack", "full", "held", "disputed"]
)
def test_a_history_comes_back_as_it_was(state: History) -> None:
    restored_state = read(written(state))
    assert restored_state == state
    assert written(restored_state) == written(state)
    assert [item.entered for e in restored_state.entries for item in e.verified] == [item.entered for e in state.entries for item in e.verified]


def test_fields_of_a_newer_release_are_carried_through() -> None:  # F31
    newer = replace(FULL, carried={"paused": 2, "zzz": [None, {"a": 1}]})
    state = read(written(newer))
    assert state == newer
    assert json.loads(written(state.without("e2")))["paused"] == 2


def test_every_flipped_bit_of_a_stored_history_is_refused() -> None:  # AP-01
    payload = written(FULL)
    for place in range(len(payload)):
        touched = bytearray(payload)
        touched[place] ^= 1 << place % 8
        with pytest.raises((UnreadableRecord, UnknownKey)):
            read(bytes(touched))


# F19: what somebody who writes to the store but has no key might like to write.
@pytest.mark.parametrize("changes", [{"credential_id": "c2"}, {"entries": []}, {"hold": None}, {"dispute": None}, {"added": 1}], ids=repr)
def test_nobody_without_a_key_makes_a_history_say_anything_else(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        read(json.dumps(json.loads(written(FULL)) | changes, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "where", [{"record_key": "record2"}, {"site": "other"}, {"keys": KeyRing({"k2": bytes(range(9, 41))})}], ids=lambda where: next(iter(where))
)
def test_a_history_that_was_moved_is_refused(where: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        read(written(FULL), **where)


def test_a_history_under_a_key_that_is_gone_is_trouble_of_its_own() -> None:
    with pytest.raises(UnknownKey):
        read(written(FULL), keys=KeyRing({"k3": bytes(range(32))}))


def test_a_record_holds_no_secret_of_a_link_and_no_hash() -> None:
    payload = written(FULL).decode("ascii")
    assert not any(secret in payload for secret in (undo_link(FULL.entries[0]), contest_link(dispute(contested=True)), OLD_HASH, NEW_HASH))


def test_what_is_shown_of_a_history_holds_no_address_and_no_digest() -> None:
    shown = repr(replace(FULL, carried={"later": "secret"}))
    assert not any(text in shown for text in ("Ada@", "ada@", "5552671", "eve@", "password_digest", "secret"))


def damaged(path: tuple[Any, ...], value: Any) -> bytes:
    """Return a record with one other value under a seal that is right, as a release that knows more might write it."""
    whole = {name: item for name, item in json.loads(written(FULL)).items() if name not in {"seal", "seal_key", "format"}}
    part = whole
    for step in path[:-1]:
        part = part[step]
    if value is ...:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return sealed(whole, {}, KEYS, site="main", record_key="record")


NEEDED: list[tuple[Any, ...]] = [
    ("credential_id",),
    ("entries",),
    *(("entries", 0, field.name) for field in fields(Entry) if field.name not in {"preferred", "password_digest", "delivered_at"}),
    ("entries", 0, "identifiers", 0, "standing"),
    ("entries", 0, "identifiers", 0, "canonical"),
    *(("hold", field.name) for field in fields(Hold)),
    *(("dispute", field.name) for field in fields(Dispute)),
]


@pytest.mark.parametrize("path", NEEDED, ids=repr)
@pytest.mark.parametrize("value", [..., {"a": 1}, 1.5], ids=["missing", "object", "fraction"])
def test_a_record_that_lacks_a_part_or_has_another_thing_there_is_trouble(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(UnreadableRecord):
        read(damaged(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("entries",), [None]),
        (("entries", 0, "identifiers"), [None]),
        (("entries", 0, "identifiers", 0, "standing"), "trusted"),
        (("entries", 0, "identifiers", 0, "kind"), "fax"),
        (("entries", 0, "identifiers", 0, "verified_at"), "now"),
        (("entries", 0, "preferred"), "ada@example.com"),
        (("entries", 0, "password_digest"), "!"),
        (("entries", 0, "delivered_at"), True),
        (("entries", 0, "shown"), [{"what": None}]),
        (("entries", 0, "at"), 10**30),
        (("hold",), []),
        (("hold", "only"), [None]),
        (("frozen_until",), "x"),
        (("dispute",), "open"),
        (("dispute", "contested"), None),
    ],
    ids=repr,
)
def test_a_record_with_a_value_that_nobody_knows_is_trouble(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(UnreadableRecord):
        read(damaged(path, value))


# ------------------------------------------------------------------------------------------------------------------- policy


@pytest.mark.parametrize(
    "changes", [{name: value} for name in ("lifetime", "undelivered", "dispute") for value in (HOUR - TICK, timedelta(0), 30 * DAY + TICK)], ids=repr
)
def test_a_policy_outside_its_bounds_is_not_built(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="undo policy"):
        UndoPolicy(**changes)


@pytest.mark.parametrize("span", [-TICK, 30 * DAY + TICK])
def test_a_hold_after_an_undo_has_its_bounds(span: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="undo policy"):
        UndoPolicy(after_undo=span)


def test_a_policy_at_its_bounds_is_built() -> None:
    assert UndoPolicy(lifetime=HOUR, undelivered=HOUR, dispute=HOUR, after_undo=timedelta(0)).after_undo == timedelta(0)
    assert UndoPolicy(lifetime=30 * DAY, undelivered=30 * DAY, dispute=30 * DAY, after_undo=30 * DAY).dispute == 30 * DAY


def test_the_defaults_are_what_the_architecture_says() -> None:
    assert (POLICY.lifetime, POLICY.undelivered, POLICY.dispute, POLICY.after_undo) == (3 * DAY, 14 * DAY, DAY, DAY)
