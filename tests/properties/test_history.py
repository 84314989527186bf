"""Histories under every sequence of changes: an undo gives back exactly what was, and what a thief added is trusted by nobody in time."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from credkit.credential import MARKS, Credential, Registered, Standing
from credkit.edits import Shown
from credkit.errors import Refused, UnknownKey
from credkit.history import Dispute, Entry, History, Hold, UndoPolicy, contest_secret, hash_before, password_digest, restored, undo_secret
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.keys import KeyRing
from credkit.payloads import UnreadableRecord
from credkit.sealing import sealed
from credkit.testing.fakes import START

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

KEYS = KeyRing({"k2": bytes(range(32)), "k1": bytes(range(100, 132))})
POLICY = UndoPolicy()
COOLING_OFF = timedelta(hours=12)

MAIL = EmailAddress.parse("ada@example.com")
WORK = EmailAddress.parse("ada@work.example.org")
PHONE = PhoneNumber.parse("+1 415 555 2671")
THIEF = EmailAddress.parse("eve@example.com")
POOL: tuple[Identifier, ...] = (MAIL, WORK, PHONE, EmailAddress.parse("c@example.com"))

# -------------------------------------------------------------------------------------------------------------- a sign-in's life


def first(identifiers: tuple[Identifier, ...]) -> Identifier | None:
    return next(iter(identifiers), None)


@dataclass(frozen=True, kw_only=True)
class Life:
    """A credential and its history, and the whole truth beside them: every state there was, with its moment."""

    credential: Credential
    history: History
    states: tuple[tuple[datetime, Credential], ...] = ()
    """As each was just before a change that was tried."""
    count: int = 0

    def changed(self, now: datetime, kind: str, one: Identifier, other: Identifier) -> Life:
        """Return what is there after a change as the flows make it: the entry first, then the swap; one that is refused may leave its entry."""
        before, name = self.credential, f"{self.count}"
        entry = Entry(
            id=f"e{name}",
            change_id=f"change {name}",
            at=now,
            identifiers=before.identifiers,
            preferred=before.preferred,
            password_digest=password_digest(before.password_hash),
            shown=(),
            key_id="k2",
            nonce=bytes(16),
        )
        try:
            after = change_of(before, kind, one, other, change_id=entry.change_id, now=now)
        except Refused:
            if kind != "nothing":
                return self
            after = before
        history = self.history.with_entry(entry, POLICY)
        return Life(credential=after, history=history, states=(*self.states, (now, before)), count=self.count + 1)


def change_of(before: Credential, kind: str, one: Identifier, other: Identifier, *, change_id: str, now: datetime) -> Credential:
    generation = f"g {change_id}"
    match kind:
        case "add":
            return before.with_identifier(one, change_id=change_id, generation=generation, now=now)
        case "change":
            return before.with_identifier(one, replaces=other, change_id=change_id, generation=generation, now=now)
        case "remove":
            return before.without_identifier(one, change_id=change_id, generation=generation, now=now)
        case "prefer":
            return before.with_preferred(one, change_id=change_id, generation=generation, now=now)
        case "password":
            return before.with_password(f"hash of {change_id}", change_id=change_id, generation=generation, now=now, history=24)
        case _:
            return before  # an entry whose change never happened: a crash, or another sign-in has the identifier


KINDS = st.sampled_from(["add", "add", "change", "change", "remove", "prefer", "password", "nothing"])
pauses = st.one_of(st.integers(0, 3600 * 5), st.sampled_from([0, 1, 12 * 3600 - 1, 12 * 3600, 12 * 3600 + 1]))


def changes(pool: tuple[Identifier, ...] = POOL, *, most: int = 12) -> st.SearchStrategy[list[tuple[str, Identifier, Identifier, int]]]:
    return st.lists(st.tuples(KINDS, st.sampled_from(pool), st.sampled_from(pool), pauses), max_size=most)


starts = st.lists(
    st.tuples(st.sampled_from(POOL), st.sampled_from([Standing.VERIFIED, Standing.VERIFIED, *Standing])), min_size=1, max_size=3, unique_by=lambda pair: pair[0]
)


def born(held: list[tuple[Identifier, Standing]]) -> Life:
    whole = Credential(
        id="c1",
        identifiers=tuple(Registered(identifier=identifier, standing=standing) for identifier, standing in held),
        password_hash="first hash",
        preferred=held[0][0],
        accounts=("a",),
        session_epoch=1,
        generation="g",
    )
    return Life(credential=whole, history=History(credential_id="c1"))


def lived(life: Life, steps: list[tuple[str, Identifier, Identifier, int]], now: datetime = START) -> tuple[Life, datetime]:
    for kind, one, other, seconds in steps:
        life, now = life.changed(now, kind, one, other), now + timedelta(seconds=seconds)
    return life, now


@thorough
@given(held=starts, steps=changes(), which=st.integers(0))
def test_undoing_a_change_gives_back_exactly_what_was_before_it_whatever_came_later(
    held: list[tuple[Identifier, Standing]], steps: list[tuple[str, Identifier, Identifier, int]], which: int
) -> None:  # F25
    life, now = lived(born(held), steps)
    assume(life.history.entries)
    entry = life.history.entries[which % len(life.history.entries)]
    at, snapshot = life.states[int(entry.id[1:])]
    back = restored(entry, life.credential, change_id="undo", generation="g undo", now=now)
    assert at == entry.at
    same = snapshot.password_hash == life.credential.password_hash
    assert (back.identifiers, back.preferred) == (snapshot.identifiers, snapshot.preferred)
    assert back.password_hash == hash_before(entry, life.credential) == (snapshot.password_hash if same else None)
    # And nothing that was proved or held before is worth anything: sessions, codes, grants, windows.
    assert back.session_epoch == life.credential.session_epoch + 1
    assert back.generation not in {life.credential.generation, snapshot.generation}
    assert back.has_mark("undo")


@thorough
@given(held=starts, steps=changes(), which=st.integers(0))
def test_an_undone_change_takes_all_later_ones_with_it_and_leaves_the_earlier_ones(
    held: list[tuple[Identifier, Standing]], steps: list[tuple[str, Identifier, Identifier, int]], which: int
) -> None:
    life, _ = lived(born(held), steps)
    assume(life.history.entries)
    place = which % len(life.history.entries)
    after = life.history.without(life.history.entries[place].id)
    assert after.entries == life.history.entries[:place]
    # What could be undone before it can be undone still, to the same end.
    for entry in after.entries:
        assert restored(entry, life.credential, change_id="u", generation="g", now=START).identifiers == life.states[int(entry.id[1:])][1].identifiers


@thorough
@given(held=starts, before=changes(most=4), after=changes((*POOL, THIEF, THIEF), most=10), cooling=st.integers(0, 20))
def test_what_a_thief_adds_is_never_trusted_in_time_and_never_proves_an_undo(
    held: list[tuple[Identifier, Standing]],
    before: list[tuple[str, Identifier, Identifier, int]],
    after: list[tuple[str, Identifier, Identifier, int]],
    cooling: int,
) -> None:  # ID-21, F24, F25
    owner, now = lived(born(held), before)
    theirs = len(owner.states)
    life, now = lived(owner, after, now)
    cooling_off = timedelta(hours=cooling)
    for entry in life.history.entries:
        number = int(entry.id[1:])
        common = life.history.common(entry, life.credential)
        # Of a change that was made before the thief came or by him at first, his address proves nothing: some state since was without it.
        if number <= theirs:
            assert THIEF not in common
            assert THIEF not in life.history.hold_after_undo(entry, life.credential, now, POLICY).only
        assert set(common) == {identifier for identifier in life.credential.verified if all(identifier in state.verified for _, state in life.states[number:])}
        assert set(life.history.concerned(entry, life.credential)) >= {*common, *entry.verified, *life.credential.verified}
    trusted = life.history.trusted(life.credential, now, cooling_off)
    assert set(trusted) == {
        identifier for identifier in life.credential.verified if all(identifier in state.verified for at, state in life.states if now < at + cooling_off)
    }


@thorough
@given(
    held=starts,
    steps=changes(),
    again=changes((*POOL, THIEF), most=6),
    which=st.integers(0),
    seconds=st.integers(0, 86_399),
    typed=st.sampled_from([*POOL, THIEF]),
)
def test_after_an_undo_codes_go_only_to_what_it_did_not_touch(
    *,
    held: list[tuple[Identifier, Standing]],
    steps: list[tuple[str, Identifier, Identifier, int]],
    again: list[tuple[str, Identifier, Identifier, int]],
    which: int,
    seconds: int,
    typed: Identifier,
) -> None:  # F24
    life, now = lived(born(held), steps)
    assume(life.history.entries)
    entry = life.history.entries[which % len(life.history.entries)]
    untouched = {i for i in life.credential.verified if all(i in state.verified for _, state in life.states[int(entry.id[1:]) :])}
    hold = life.history.hold_after_undo(entry, life.credential, now, POLICY)
    back = restored(entry, life.credential, change_id="undo", generation="g undo", now=now)
    held_back = replace(life.history.without(entry.id), hold=hold)
    later, _ = lived(Life(credential=back, history=held_back, states=life.states, count=1000), [], now)
    # Whatever is changed after it, until the hold ends.
    for kind, one, other, _ in again:
        later = later.changed(now, kind, one, other)
    at = now + timedelta(seconds=seconds)
    for when, cooling_off in ((at, COOLING_OFF), (at, timedelta(0))):
        assert set(later.history.trusted(later.credential, when, cooling_off)) <= untouched
        goes_to = first(later.history.destinations(later.credential, typed, when, cooling_off))
        assert goes_to is None or goes_to in untouched


@thorough
@given(
    held=starts,
    steps=changes((*POOL, THIEF)),
    typed=st.sampled_from([*POOL, THIEF]),
    cooling=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
    still=st.tuples(
        st.sampled_from([None, Hold(until=START + timedelta(days=3), only=(MAIL, WORK)), Hold(until=START + timedelta(days=3))]),
        st.sampled_from([None, START + timedelta(days=3)]),
    ),
)
def test_a_reset_goes_to_what_is_trusted_or_where_it_went_before_anything_was_verified(
    held: list[tuple[Identifier, Standing]],
    steps: list[tuple[str, Identifier, Identifier, int]],
    typed: Identifier,
    cooling: list[int],
    still: tuple[Hold | None, datetime | None],
) -> None:  # ID-21
    (life, now), (hold, frozen) = lived(born(held), steps), still
    state, whole = replace(life.history, hold=hold, frozen_until=frozen), life.credential
    shorter, longer = (timedelta(hours=hours) for hours in cooling)
    assert set(state.trusted(whole, now, longer)) <= set(state.trusted(whole, now, shorter)) <= set(whole.verified)
    goes_to, usual = first(state.destinations(whole, typed, now, longer)), whole.destination(typed)
    assert usual is not None or goes_to is None
    if goes_to is not None and goes_to not in state.trusted(whole, now, longer):
        assert (goes_to, goes_to in whole.verified, hold is None or now >= hold.until) == (usual, False, True)
    if frozen is not None and now < frozen:
        assert goes_to is None
    assert first(replace(state, dispute=DISPUTE).destinations(whole, typed, now, longer)) is None
    assert replace(state, dispute=DISPUTE).trusted(whole, now, longer) == ()


moments = st.datetimes(datetime(1990, 1, 2), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone


@thorough
@given(added=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 14 * 24)), max_size=90), delivered=st.sets(st.integers(0, 90)))
def test_the_newest_entry_is_last_each_change_has_one_and_there_are_few(added: list[tuple[int, int]], delivered: set[int]) -> None:
    state, now = History(credential_id="c1"), START
    for place, (number, hours) in enumerate(added):
        now += timedelta(hours=hours % 5)
        entry = replace(ENTRY, id=f"e{place}", change_id=f"change {number}", at=now, delivered_at=now if place in delivered else None)
        before, state = state.entries, state.with_entry(entry, POLICY).delivered(f"e{hours}", now)
        first = next((kept for kept in before if kept.change_id == entry.change_id), entry)
        assert (state.entries[-1].change_id, state.entries[-1].id, state.entries[-1].at) == (entry.change_id, first.id, first.at)
        assert len(state.entries) <= MARKS
        assert len({kept.change_id for kept in state.entries}) == len(state.entries)
        # The order of what stays is the order of the changes, and what stays is what can still be undone, or tells what is new.
        stays = [kept.id for kept in before if kept.change_id != entry.change_id and now < max(kept.ends_at(POLICY), kept.at + timedelta(days=7))]
        assert [kept.id for kept in state.entries] == [*stays, first.id][-MARKS:]
        assert all(kept.delivered_at is not None for kept in state.entries if kept.id == f"e{hours}")


# ------------------------------------------------------------------------------------------------------------------ records

names = st.text(max_size=8)
identifiers = st.sampled_from([MAIL, PHONE, EmailAddress.restore("\u0101\ud800", "x")])
lines = st.lists(st.builds(Shown, what=names, old=st.none() | names, new=st.none() | names), max_size=2).map(tuple)
entries = st.builds(
    Entry,
    id=names,
    change_id=names,
    at=moments,
    identifiers=st.lists(st.builds(Registered, identifier=identifiers, standing=st.sampled_from(Standing), verified_at=st.none() | moments), max_size=2).map(
        tuple
    ),
    preferred=st.none() | identifiers,
    password_digest=st.none() | st.binary(max_size=32),
    shown=lines,
    key_id=st.sampled_from(["k1", "k2"]),
    nonce=st.binary(max_size=16),
    delivered_at=st.none() | moments,
)
disputes = st.builds(
    Dispute,
    id=names,
    entry_id=names,
    change_id=names,
    opened_at=moments,
    resolves_at=moments,
    key_id=st.sampled_from(["k1", "k2"]),
    nonce=st.binary(max_size=16),
    contested=st.booleans(),
)
histories = st.builds(
    History,
    credential_id=names,
    entries=st.lists(entries, max_size=3).map(tuple),
    hold=st.none() | st.builds(Hold, until=moments, only=st.lists(identifiers, max_size=2).map(tuple)),
    dispute=st.none() | disputes,
    carried=st.dictionaries(st.sampled_from(["newer", "zzz"]), st.none() | st.integers() | st.text(max_size=4), max_size=2),
)
ENTRY = Entry(id="e", change_id="c", at=START, identifiers=(), preferred=None, password_digest=None, shown=(), key_id="k2", nonce=bytes(16))
DISPUTE = Dispute(id="d", entry_id="e", change_id="u", opened_at=START, opened_by=MAIL, resolves_at=START + timedelta(days=1), key_id="k2", nonce=bytes(16))


@given(state=histories, site=names, record_key=names)
def test_a_history_comes_back_as_it_was(state: History, site: str, record_key: str) -> None:
    payload = state.to_payload(KEYS, site=site, record_key=record_key)
    again = History.from_payload(payload, KEYS, site=site, record_key=record_key)
    assert again == state
    assert again.to_payload(KEYS, site=site, record_key=record_key) == payload


@given(state=histories, place=st.integers(0), byte=st.binary(max_size=3), cut=st.integers(0, 3))
def test_a_history_of_which_any_bytes_were_changed_is_refused(state: History, place: int, byte: bytes, cut: int) -> None:  # AP-01
    payload = state.to_payload(KEYS, site="s", record_key="r")
    place %= len(payload) + 1
    touched = payload[:place] + byte + payload[place + cut :]
    assume(touched != payload)
    try:
        History.from_payload(touched, KEYS, site="s", record_key="r")
    except (UnreadableRecord, UnknownKey):
        return
    raise AssertionError(touched)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)


@given(state=histories, path=st.lists(st.integers(0, 30), min_size=1, max_size=3), value=json_values)
def test_under_its_seal_a_record_with_any_one_part_replaced_is_a_history_or_unreadable(state: History, path: list[int], value: Any) -> None:
    whole = json.loads(state.to_payload(KEYS, site="s", record_key="r"))
    part = whole = {name: item for name, item in whole.items() if name not in {"seal", "seal_key", "format"}}
    for number in path:
        name = sorted(part)[number % len(part)]
        inner = part[name][0] if isinstance(part[name], list) and part[name] else part[name]
        if not isinstance(inner, dict) or not inner:
            break
        part = inner
    part[sorted(part)[path[-1] % len(part)]] = value
    try:
        History.from_payload(sealed(whole, {}, KEYS, site="s", record_key="r"), KEYS, site="s", record_key="r")
    except UnreadableRecord:
        return


@given(one=entries, other=entries, shared=st.sets(st.sampled_from(["id", "change_id", "at", "nonce", "key_id"])), credentials=st.tuples(names, names))
def test_two_entries_have_one_link_only_if_they_are_one(one: Entry, other: Entry, shared: set[str], credentials: tuple[str, str]) -> None:
    other = replace(other, **{name: getattr(one, name) for name in shared})
    same = all(getattr(one, name) == getattr(other, name) for name in ("id", "change_id", "at", "nonce", "key_id")) and credentials[0] == credentials[1]
    first, second = (undo_secret(entry, owner, MAIL, KEYS, site="s") for entry, owner in zip((one, other), credentials, strict=True))
    assert (first == second) is same


@given(one=disputes, other=disputes, shared=st.sets(st.sampled_from(["id", "entry_id", "nonce", "key_id"])))
def test_two_disputes_have_one_link_only_if_they_are_one(one: Dispute, other: Dispute, shared: set[str]) -> None:
    other = replace(other, **{name: getattr(one, name) for name in shared})
    same = all(getattr(one, name) == getattr(other, name) for name in ("id", "entry_id", "nonce", "key_id"))
    assert (contest_secret(one, "c", MAIL, KEYS, site="s") == contest_secret(other, "c", MAIL, KEYS, site="s")) is same
