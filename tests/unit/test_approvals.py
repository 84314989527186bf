"""What may become of a request, what its secrets are bound to, and that nobody without a key can have written it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.approvals import (
    LIVE,
    TRANSITIONS,
    Approval,
    ApprovalPolicy,
    Event,
    State,
    Step,
    decide,
    link_secret,
    match_code_of,
    moved,
    refusal_of,
    window_secret,
)
from credkit.edits import AddIdentifier, ChangeIdentifier, Edit, HostChange, Prefer, RemoveIdentifier, SetPassword
from credkit.errors import ConfigurationError, Reason, Refused, UnknownKey
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.keys import KeyRing
from credkit.payloads import UnreadableRecord
from credkit.sealing import sealed
from credkit.secret import Secret
from credkit.testing import SeededEntropy
from credkit.testing.fakes import START
from credkit.tickets import Purpose, encode_bytes, secret_digest
from leaks.everything import frames_of, shown

TICK = timedelta(microseconds=1)
KEYS = KeyRing({"k2": bytes(range(32)), "k1": bytes(range(100, 132))})
POLICY = ApprovalPolicy()
MAIL = EmailAddress.parse("Ada@example.com")
NEW = EmailAddress.parse("Ada@new.example.org")
OTHER = EmailAddress.parse("adb@new.example.org")
PHONE = PhoneNumber.parse("+1 415 555 2671")
ENDS_AT = START + timedelta(minutes=10)
RIGHT, WRONG = Secret("0420"), "0421"

STORED = tuple(state for state in State if state is not State.EXPIRED)
EDITS: tuple[Edit, ...] = (
    AddIdentifier(NEW),
    ChangeIdentifier(MAIL, NEW),
    RemoveIdentifier(PHONE),
    Prefer(PHONE),
    SetPassword(),
    HostChange("display name", "Zoë", "Zo\u202eë"),
)


def approval(**changes: Any) -> Approval:
    whole = Approval(
        id="AAAAAAAAAAAAAAAAAAAAAA",
        credential_id="c1",
        generation="g1",
        session_digest=bytes(range(32)),
        ticket_digest=bytes(range(32, 64)),
        destination=MAIL,
        edits=None,
        label="X4T",
        device="Firefox on Linux",
        place="Oslo, Norway",
        key_id="k2",
        nonce=bytes(16),
        c=7,
        digits=4,
        asked_at=START,
        state=State.PENDING,
        ends_at=ENDS_AT,
        tries_left=3,
        told=(MAIL, PHONE),
        accounts=("account 1",),
        locale="fr",
    )
    return replace(whole, **changes)


def reason_of(act: Callable[[], object]) -> Reason:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.reason


# -------------------------------------------------------------------------------------------------------------- transitions

EDGES: dict[tuple[State, Event], State] = {
    (State.PENDING, Event.APPROVE): State.APPROVED,
    (State.PENDING, Event.DENY): State.DENIED,
    (State.PENDING, Event.CANCEL): State.CANCELLED,
    (State.APPROVED, Event.OPEN): State.OPEN,
    (State.APPROVED, Event.DENY): State.DENIED,
    (State.APPROVED, Event.CANCEL): State.CANCELLED,
    (State.OPEN, Event.OPEN): State.OPEN,
    (State.OPEN, Event.DONE): State.DONE,
    (State.OPEN, Event.DENY): State.DENIED,
    (State.OPEN, Event.CANCEL): State.CANCELLED,
    (State.DENIED, Event.DENY): State.DENIED,
    (State.DONE, Event.DONE): State.DONE,
    (State.CANCELLED, Event.CANCEL): State.CANCELLED,
}
"""Written out once more, from AP-09, AP-10 and F26, so that an edge nobody meant cannot come in by one slip."""

REASONS = {
    State.PENDING: Reason.APPROVAL_PENDING,
    State.APPROVED: Reason.APPROVAL_DECIDED,
    State.OPEN: Reason.APPROVAL_DECIDED,
    State.DONE: Reason.APPROVAL_OVER,
    State.DENIED: Reason.APPROVAL_DENIED,
    State.CANCELLED: Reason.APPROVAL_OVER,
    State.EXPIRED: Reason.APPROVAL_EXPIRED,
}


def test_the_table_is_what_was_decided() -> None:  # AP-09
    assert dict(TRANSITIONS) == EDGES
    assert {State.PENDING, State.APPROVED, State.OPEN} == LIVE


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", STORED)
def test_every_edge_is_taken_and_every_other_refused_with_where_it_stands(state: State, event: Event) -> None:  # AP-09
    before, now, later = approval(state=state), ENDS_AT - TICK, ENDS_AT + timedelta(hours=1)
    after = EDGES.get((state, event))
    if after is None:
        assert reason_of(lambda: moved(before, event, now, ends_at=later)) is REASONS[state]
    elif after is state:
        # Asked for again: nothing moves, and above all not the end.
        assert moved(before, event, now, ends_at=later) is before
    else:
        assert moved(before, event, now) == replace(before, state=after)
        assert moved(before, event, now, ends_at=later) == replace(before, state=after, ends_at=later)


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", STORED)
@pytest.mark.parametrize("after", [timedelta(0), TICK, timedelta(days=400)])
def test_what_has_ended_by_itself_can_only_be_asked_about(state: State, event: Event, after: timedelta) -> None:  # AP-10
    before = approval(state=state)
    if state in LIVE:
        assert reason_of(lambda: moved(before, event, ENDS_AT + after)) is Reason.APPROVAL_EXPIRED
    else:
        # An end that was reached stays what it was, and is not called expired years later.
        assert before.state_at(ENDS_AT + after) is state


@pytest.mark.parametrize(("state", "at_the_end"), [(state, State.EXPIRED if state in LIVE else state) for state in STORED])
def test_a_request_is_over_at_its_end_and_not_a_microsecond_before(state: State, at_the_end: State) -> None:
    before = approval(state=state)
    assert before.state_at(ENDS_AT - TICK) is state
    assert before.state_at(ENDS_AT) is at_the_end
    assert before.state_at(START - timedelta(days=1)) is state


@pytest.mark.parametrize("state", STORED)
def test_a_refusal_says_where_the_request_stands(state: State) -> None:
    assert refusal_of(approval(state=state), START).reason is REASONS[state]
    assert refusal_of(approval(state=state), ENDS_AT).reason is REASONS[State.EXPIRED if state in LIVE else state]


def test_deny_is_possible_while_anything_is_and_nothing_leads_out_of_it() -> None:  # F26
    assert {state for state, event in TRANSITIONS if event is Event.DENY} == LIVE | {State.DENIED}
    assert {after for (state, _), after in TRANSITIONS.items() if state is State.DENIED} == {State.DENIED}


def test_approve_is_possible_from_pending_only() -> None:  # F26
    assert [state for state, event in TRANSITIONS if event is Event.APPROVE] == [State.PENDING]


def test_a_window_opens_only_after_yes() -> None:  # AP-02
    assert {state for (state, _), after in TRANSITIONS.items() if after is State.OPEN} == {State.APPROVED, State.OPEN}


def test_an_expired_state_is_never_an_end_that_is_written() -> None:
    assert State.EXPIRED not in TRANSITIONS.values()
    assert State.EXPIRED not in {state for state, _ in TRANSITIONS}


# ------------------------------------------------------------------------------------------------------------------ yes

NOW = START + timedelta(minutes=1)


def said_yes(before: Approval, typed: str | None, *, now: Any = NOW, policy: ApprovalPolicy = POLICY) -> Approval:
    return decide(before, typed, RIGHT, now, policy)


def test_the_right_code_approves_and_begins_the_time_to_open() -> None:  # AP-07, AP-10
    assert said_yes(approval(), "0420") == approval(state=State.APPROVED, ends_at=NOW + POLICY.approved)


def test_the_last_try_may_be_right() -> None:
    assert said_yes(approval(tries_left=1), "0420").state is State.APPROVED


def test_a_wrong_code_takes_a_try_and_nothing_else() -> None:
    assert said_yes(approval(), WRONG) == approval(tries_left=2)


def test_the_last_wrong_code_denies() -> None:  # AP-07
    state = approval()
    left: list[tuple[State, int]] = []
    for _ in range(3):
        state = said_yes(state, WRONG)
        left.append((state.state, state.tries_left))
    assert left == [(State.PENDING, 2), (State.PENDING, 1), (State.DENIED, 0)]
    assert reason_of(lambda: said_yes(state, "0420")) is Reason.APPROVAL_DENIED
    assert state.ends_at == ENDS_AT


@pytest.mark.parametrize("typed", ["", "420", "00420", "0420 ", "0420\x00", "\uff10\uff14\uff12\uff10", "\u0660\u0664\u0662\u0660", "\ud800", "0" * 100_000])
def test_what_is_not_exactly_the_code_is_wrong(typed: str) -> None:
    # What people type is normalised before it comes here; this comparison forgives nothing and raises nothing.
    assert said_yes(approval(), typed) == approval(tries_left=2)


def test_without_a_code_nothing_is_approved_and_nothing_counted() -> None:  # AP-06
    assert reason_of(lambda: said_yes(approval(), None)) is Reason.MATCH_CODE_REQUIRED


def test_the_named_weaker_mode_approves_without_a_code_and_still_counts_a_wrong_one() -> None:  # AP-06
    weaker = ApprovalPolicy(without_match_code=True)
    assert said_yes(approval(), None, policy=weaker) == approval(state=State.APPROVED, ends_at=NOW + POLICY.approved)
    assert said_yes(approval(), WRONG, policy=weaker) == approval(tries_left=2)
    assert said_yes(approval(), "0420", policy=weaker).state is State.APPROVED


@pytest.mark.parametrize("typed", ["0420", WRONG, None])
@pytest.mark.parametrize("without", [True, False])
@pytest.mark.parametrize("state", [state for state in STORED if state is not State.PENDING])
def test_only_what_is_pending_is_decided_whatever_is_typed(state: State, typed: str | None, *, without: bool) -> None:
    policy = ApprovalPolicy(without_match_code=without)
    assert reason_of(lambda: said_yes(approval(state=state), typed, policy=policy)) is REASONS[state]


@pytest.mark.parametrize("typed", ["0420", WRONG, None])
def test_a_yes_that_comes_too_late_is_none_and_counts_nothing(typed: str | None) -> None:
    assert reason_of(lambda: said_yes(approval(), typed, now=ENDS_AT)) is Reason.APPROVAL_EXPIRED


def test_a_yes_in_the_last_microsecond_is_one() -> None:
    assert said_yes(approval(), "0420", now=ENDS_AT - TICK).ends_at == ENDS_AT - TICK + POLICY.approved


# -------------------------------------------------------------------------------------------------------------- the secrets


def code(state: Approval, *, site: str = "main", keys: KeyRing = KEYS) -> str:
    return match_code_of(state, keys, site=site).reveal()


def link(state: Approval, *, site: str = "main", keys: KeyRing = KEYS) -> str:
    return link_secret(state, keys, site=site).reveal()


def window(state: Approval, *, site: str = "main", keys: KeyRing = KEYS) -> str:
    return window_secret(state, keys, site=site).reveal()


def test_every_match_code_comes_from_exactly_one_c() -> None:  # AP-07: as uniform as the system generator makes c
    for nonce in (bytes(16), bytes(range(16))):
        codes = [code(approval(c=c, nonce=nonce)) for c in range(10_000)]
        assert sorted(codes) == [f"{number:04}" for number in range(10_000)]


@pytest.mark.parametrize("digits", range(4, 9))
def test_a_match_code_has_its_length_with_its_leading_zeros(digits: int) -> None:
    codes = [code(approval(digits=digits, c=10**digits * number // 1000)) for number in range(1000)]
    assert {len(text) for text in codes} == {digits}
    assert all(text.isascii() and text.isdecimal() for text in codes)
    assert sum(text.startswith("0") for text in codes) in range(99, 102)


BOUND: dict[str, tuple[Callable[[Approval], Approval], dict[str, Any]]] = {
    "id": (lambda a: replace(a, id="AAAAAAAAAAAAAAAAAAAAAB"), {}),
    "nonce": (lambda a: replace(a, nonce=bytes(15) + b"\x01"), {}),
    "length of the nonce": (lambda a: replace(a, nonce=bytes(17)), {}),
    "credential": (lambda a: replace(a, credential_id="c2"), {}),
    "generation": (lambda a: replace(a, generation="g2"), {}),
    "credential and generation exchanged": (lambda a: replace(a, credential_id="g1", generation="c1"), {}),
    "credential and generation run together": (lambda a: replace(a, credential_id="c1g", generation="1"), {}),
    "destination": (lambda a: replace(a, destination=NEW), {}),
    "kind of destination": (lambda a: replace(a, destination=PHONE), {}),
    "key": (lambda a: replace(a, key_id="k1"), {}),
    "no edits instead of any": (lambda a: replace(a, edits=()), {}),
    "one edit": (lambda a: replace(a, edits=(SetPassword(),)), {}),
    "edits": (lambda a: replace(a, edits=EDITS), {}),
    "edits in another order": (lambda a: replace(a, edits=EDITS[::-1]), {}),
    "site": (lambda a: a, {"site": "other"}),
    "key ring": (lambda a: a, {"keys": KeyRing({"k2": bytes(range(50, 82))})}),
}


@pytest.mark.parametrize("secret", [link, window], ids=["link", "window"])
@pytest.mark.parametrize("changed", BOUND)
def test_a_secret_is_another_one_where_anything_it_is_bound_to_differs(changed: str, secret: Callable[..., str]) -> None:  # AP-01, REQ-D6b, REQ-D6d
    change, where = BOUND[changed]
    assert secret(change(approval()), **where) != secret(approval())


@pytest.mark.parametrize("changed", BOUND)
def test_a_match_code_is_worth_nothing_where_anything_it_is_bound_to_differs(changed: str) -> None:
    # Of 100 requests with codes of 8 digits not one has the same; by chance one in a million runs of this test would have one.
    change, where = BOUND[changed]
    entropy = SeededEntropy(changed)
    states = [approval(digits=8, nonce=entropy.token(15) + b"\x00", c=entropy.below(10**8)) for _ in range(100)]
    assert [state for state in states if code(state) == code(change(state), **where)] == []


def test_every_way_to_be_bound_gives_secrets_of_its_own() -> None:
    variants = [(change(approval()), where) for change, where in BOUND.values()] + [(approval(), {})]
    made = [secret(state, **where) for state, where in variants for secret in (link, window)]
    assert len(set(made)) == len(made) == 2 * (len(BOUND) + 1)


@pytest.mark.parametrize(
    "change",
    [
        {"state": State.OPEN},
        {"ends_at": ENDS_AT + TICK},
        {"tries_left": 1},
        {"steps": (Step(challenge_id="i", identifier=NEW),)},
        {"not_me": True},
        {"label": "Y5U"},
        {"carried": {"later": 1}},
        {"destination": EmailAddress.parse("ADA@example.com")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_moves_while_a_request_is_out_moves_no_secret(change: dict[str, Any]) -> None:  # AP-08: made again whenever needed
    after = approval(**change)
    assert (code(after), link(after), window(after)) == (code(approval()), link(approval()), window(approval()))


def test_the_three_handles_of_a_request_are_three_values() -> None:  # AP-08
    state, ticket = approval(), Secret(encode_bytes(bytes(32)))
    texts = [ticket.reveal(), link(state), window(state)]
    digests = [secret_digest(Purpose.SETTINGS, state.id, Secret(text)) for text in texts]
    assert len({*texts}) == 3
    assert len({*digests}) == 3
    assert not {encode_bytes(digest) for digest in digests} & {*texts}


def test_the_secrets_of_a_link_and_a_window_are_256_bits_each() -> None:
    for text in (link(approval()), window(approval())):
        assert len(base64.urlsafe_b64decode(text + "=")) == 32
        assert len(text) == 43


def test_the_secrets_stay_what_they_are_from_release_to_release() -> None:  # TE-13
    made = (code(approval()), link(approval()), window(approval()))
    assert made == ("6150", "qgNW9Yl_I6waUEy4XBwdFEp2poK2_ReSRAgUxWaSDms", "pDtKc8pPGCNOXLPV8CaIf5Y09299UIOcF4q_Lzx3kTA")


def test_the_secrets_outlive_a_rotation_of_their_key() -> None:  # KE-04
    rotated = KeyRing({"k3": bytes(range(7, 39)), "k2": bytes(range(32))})
    assert (code(approval(), keys=rotated), link(approval(), keys=rotated)) == (code(approval()), link(approval()))


@pytest.mark.parametrize("secret", [code, link, window])
def test_a_key_that_is_gone_is_trouble_and_no_wrong_secret(secret: Callable[..., str]) -> None:
    """And it is found out before whose secret it is is at hand: a report of the trouble may show what every function on the way held (TE-06)."""
    with pytest.raises(UnknownKey) as caught:
        secret(approval(), keys=KeyRing({"k3": bytes(range(32))}))
    held = [shown(value) for frame in frames_of(caught.tb) for value in frame.f_locals.values()]
    assert held
    assert not any(MAIL.canonical in text for text in held)


# --------------------------------------------------------------------------------------------------------------- what it allows

NEAR_MISSES: dict[Edit, tuple[Edit, ...]] = {
    AddIdentifier(NEW): (
        AddIdentifier(OTHER),
        AddIdentifier(MAIL),
        AddIdentifier(PhoneNumber.restore(NEW.entered, NEW.canonical)),
        ChangeIdentifier(MAIL, NEW),
        RemoveIdentifier(NEW),
        Prefer(NEW),
        HostChange("add", NEW.canonical),
    ),
    ChangeIdentifier(MAIL, NEW): (
        ChangeIdentifier(NEW, MAIL),
        ChangeIdentifier(MAIL, OTHER),
        ChangeIdentifier(PHONE, NEW),
        ChangeIdentifier(MAIL, MAIL),
        AddIdentifier(NEW),
        RemoveIdentifier(MAIL),
        HostChange("change", MAIL.canonical, NEW.canonical),
    ),
    RemoveIdentifier(PHONE): (RemoveIdentifier(MAIL), AddIdentifier(PHONE), Prefer(PHONE), RemoveIdentifier(PhoneNumber.parse("+1 415 555 2672"))),
    Prefer(PHONE): (Prefer(MAIL), AddIdentifier(PHONE), RemoveIdentifier(PHONE)),
    SetPassword(): (HostChange("password"), Prefer(PHONE), AddIdentifier(NEW)),
    HostChange("name", "a", "b"): (
        HostChange("name", "a", "c"),
        HostChange("name", "c", "b"),
        HostChange("name", "b", "a"),
        HostChange("name", "a"),
        HostChange("name", None, "b"),
        HostChange("name", "a", ""),
        HostChange("name"),
        HostChange("Name", "a", "b"),
        HostChange("name ", "a", "b"),
        HostChange("name", "ab", ""),
        HostChange("name", "a", "b\u200b"),
        SetPassword(),
    ),
}


@pytest.mark.parametrize("asked", NEAR_MISSES, ids=lambda edit: type(edit).__name__)
def test_what_was_approved_is_allowed_and_nothing_near_it(asked: Edit) -> None:  # AP-02, REQ-D6d
    state = approval(edits=(asked,))
    assert state.permits(asked)
    assert [edit for edit in NEAR_MISSES[asked] if state.permits(edit)] == []


@pytest.mark.parametrize("edit", [*NEAR_MISSES, *(miss for misses in NEAR_MISSES.values() for miss in misses)], ids=repr)
def test_a_request_for_settings_in_general_allows_each_of_them_and_a_request_for_nothing_none(edit: Edit) -> None:
    assert approval(edits=None).permits(edit)
    assert not approval(edits=()).permits(edit)


def test_of_several_changes_each_is_allowed_in_any_order() -> None:
    state = approval(edits=EDITS)
    assert all(state.permits(edit) for edit in EDITS[::-1])
    assert not state.permits(AddIdentifier(OTHER))


def test_an_address_is_the_same_however_it_is_spelled() -> None:
    assert approval(edits=(AddIdentifier(NEW),)).permits(AddIdentifier(EmailAddress.parse("ADA@NEW.example.org")))


def test_a_hosts_change_is_found_by_its_exact_name_with_the_values_that_were_approved() -> None:
    state = approval(edits=(SetPassword(), HostChange("name", "a", "b"), HostChange("name", "a", "c"), HostChange("bank", None, "x")))
    assert state.host_change("name") == HostChange("name", "a", "b")
    assert state.host_change("bank") == HostChange("bank", None, "x")
    assert [state.host_change(name) for name in ("Name", "password", "", "nam")] == [None] * 4
    assert approval(edits=None).host_change("name") is None


@pytest.mark.parametrize(
    ("generation", "made"),
    [
        ("g1", True),
        ("AAAAAAAAAAAAAAAAAAAAAA.x", True),
        ("AAAAAAAAAAAAAAAAAAAAAA.", True),
        ("AAAAAAAAAAAAAAAAAAAAAA", False),
        ("AAAAAAAAAAAAAAAAAAAAAAB.x", False),
        ("AAAAAAAAAAAAAAAAAAAAAB.x", False),
        ("AAAAAAAAAAAAAAAAAAAAA.x", False),
        ("x.AAAAAAAAAAAAAAAAAAAAAA.x", False),
        ("aaaaaaaaaaaaaaaaaaaaaa.x", False),
        ("g2", False),
        ("g1.x", False),
        ("g", False),
        ("", False),
    ],
)
def test_a_request_holds_for_the_credential_it_found_and_for_what_its_own_window_left(generation: str, *, made: bool) -> None:  # REQ-D6c, F5
    assert approval().made(generation) is made


def test_a_step_is_found_by_its_code_and_knows_its_edit() -> None:
    added = Step(challenge_id="i1", identifier=NEW)
    changed = Step(challenge_id="i2", identifier=NEW, replaces=MAIL, lost_control=True)
    state = approval(steps=(added, changed))
    assert [state.step(name) for name in ("i1", "i2", "i3", "")] == [added, changed, None, None]
    assert (added.edit, changed.edit) == (AddIdentifier(NEW), ChangeIdentifier(MAIL, NEW))


# ------------------------------------------------------------------------------------------------------------------ records

FULL = approval(
    edits=EDITS,
    steps=(Step(challenge_id="i1", identifier=NEW), Step(challenge_id="i2", identifier=PHONE, replaces=MAIL, lost_control=True)),
    not_me=True,
    device="Fire\ud800fox",
    state=State.OPEN,
)
BARE = approval(session_digest=None, device=None, place=None, locale=None, told=(), accounts=(), edits=(), key_id="k1", destination=PHONE)


def written(state: Approval, *, keys: KeyRing = KEYS, site: str = "main", record_key: str = "record") -> bytes:
    return state.to_payload(keys, site=site, record_key=record_key)


def read(payload: bytes, *, keys: KeyRing = KEYS, site: str = "main", record_key: str = "record") -> Approval:
    return Approval.from_payload(payload, keys, site=site, record_key=record_key)


@pytest.mark.parametrize("state", [approval(), FULL, BARE, *(approval(state=state) for state in STORED)], ids=lambda state: str(state.state))
def test_a_request_comes_back_as_it_was(state: Approval) -> None:
    restored = read(written(state))
    assert restored == state
    assert written(restored) == written(state)
    assert (restored.destination.entered, code(restored), link(restored)) == (state.destination.entered, code(state), link(state))


def test_a_request_without_changes_is_not_one_for_settings_in_general() -> None:
    assert (read(written(approval(edits=()))).edits, read(written(approval(edits=None))).edits) == ((), None)


def test_fields_of_a_newer_release_are_carried_through() -> None:  # F31
    newer = replace(FULL, carried={"quorum": 2, "zzz": [None, {"a": 1}]})
    restored = read(written(newer))
    assert restored == newer
    denied = moved(restored, Event.DENY, START)
    assert read(written(denied)).carried == newer.carried
    assert json.loads(written(denied))["quorum"] == 2


@pytest.mark.parametrize("state", [FULL, BARE], ids=["full", "bare"])
def test_every_flipped_bit_of_a_stored_request_is_refused(state: Approval) -> None:  # AP-01
    payload = written(state)
    for place in range(len(payload)):
        touched = bytearray(payload)
        touched[place] ^= 1 << place % 8
        with pytest.raises((UnreadableRecord, UnknownKey)):
            read(bytes(touched))
        with pytest.raises((UnreadableRecord, UnknownKey)):
            read(payload[:place] + payload[place + 1 :])


# F19: what somebody who writes to the store but has no key might like to write.
@pytest.mark.parametrize(
    "changes",
    [
        {"state": "approved"},
        {"state": "open"},
        {"credential_id": "c2"},
        {"generation": "g2"},
        {"edits": None},
        {"edits": []},
        {"session_digest": None},
        {"destination": {"kind": "email", "entered": "eve@example.com", "canonical": "eve@example.com"}},
        {"ends_at": 10**17},
        {"tries_left": 1000},
        {"c": 0},
        {"told": []},
        {"not_me": False},
        {"steps": []},
        {"added": True},
    ],
    ids=repr,
)
def test_nobody_without_a_key_makes_a_request_say_anything_else(changes: dict[str, Any]) -> None:
    whole = json.loads(written(FULL))
    whole = (whole | {"c": 8} if "c" not in changes else whole) | changes
    with pytest.raises(UnreadableRecord):
        read(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize("where", [{"record_key": "record2"}, {"record_key": ""}, {"site": "other"}], ids=repr)
def test_a_request_that_was_moved_is_refused(where: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        read(written(FULL), **where)


def test_a_request_under_a_key_that_is_gone_is_trouble_of_its_own() -> None:  # KE-04
    with pytest.raises(UnknownKey):
        read(written(FULL), keys=KeyRing({"k3": bytes(range(32))}))


def test_a_request_under_another_key_of_the_same_name_is_refused() -> None:
    with pytest.raises(UnreadableRecord):
        read(written(FULL), keys=KeyRing({"k2": bytes(range(9, 41))}))


def test_a_record_holds_no_code_and_no_secret_of_a_link() -> None:  # AP-08
    entropy = SeededEntropy("dump")
    for _ in range(200):
        state = approval(digits=8, nonce=entropy.token(16), c=entropy.below(10**8), ticket_digest=entropy.token(32), session_digest=entropy.token(32))
        payload = written(state).decode("ascii")
        assert not any(secret in payload for secret in (code(state), link(state), window(state)))
        assert not any(secret in repr(state) for secret in (code(state), link(state), window(state), f"c={state.c}"))


def test_what_is_shown_of_a_request_holds_no_address() -> None:
    shown = repr(FULL)
    assert not any(text in shown for text in ("Ada@", "ada@", "5552671", "Zo", "session_digest", "ticket_digest"))


@pytest.mark.parametrize(
    "name", [field.name for field in fields(Approval) if field.name not in {"session_digest", "edits", "device", "place", "locale", "carried"}]
)
def test_a_record_that_lacks_a_field_is_trouble(name: str) -> None:
    with pytest.raises(UnreadableRecord):
        read(sealed_with({name: ...}))


@pytest.mark.parametrize(
    "damage",
    [
        {"state": "expired later"},
        {"state": None},
        {"edits": "all"},
        {"edits": [None]},
        {"edits": [{"type": None}]},
        {"edits": [{"type": "everything"}]},
        {"edits": [{"type": "host", "name": "<b>"}]},
        {"steps": None},
        {"steps": [{"challenge_id": "i"}]},
        {"destination": None},
        {"destination": {"kind": "fax", "entered": "a", "canonical": "a"}},
        {"told": [None]},
        {"accounts": [1]},
        {"c": "7"},
        {"digits": True},
        {"tries_left": 1.5},
        {"not_me": 1},
        {"ends_at": 10**30},
        {"nonce": "not base64!"},
        {"session_digest": 5},
    ],
    ids=repr,
)
def test_a_record_with_a_value_that_nobody_knows_is_trouble_also_under_its_seal(damage: dict[str, Any]) -> None:
    with pytest.raises(UnreadableRecord):
        read(sealed_with(damage))


def sealed_with(changes: dict[str, Any]) -> bytes:
    """Return a record with other fields under a seal that is right, as a release that knows more might write it."""
    whole = {name: value for name, value in (json.loads(written(FULL)) | changes).items() if value is not ... and name not in {"seal", "seal_key", "format"}}
    return sealed(whole, {}, KEYS, site="main", record_key="record")


# ------------------------------------------------------------------------------------------------------------------- policy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lifetime", timedelta(minutes=1) - TICK),
        ("lifetime", timedelta(days=1) + TICK),
        ("approved", timedelta(minutes=1) - TICK),
        ("approved", timedelta(minutes=30) + TICK),
        ("window", timedelta(minutes=1) - TICK),
        ("window", timedelta(hours=1) + TICK),
        ("match_digits", 3),
        ("match_digits", 9),
        ("match_tries", 0),
        ("match_tries", 6),
        ("poll", timedelta(seconds=1) - TICK),
        ("poll", timedelta(minutes=1) + TICK),
        ("cooling_off", -TICK),
        ("cooling_off", timedelta(days=7) + TICK),
        ("freeze_after_not_me", -TICK),
        ("freeze_after_not_me", timedelta(days=7) + TICK),
    ],
)
def test_a_policy_outside_its_bounds_is_not_built(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        ApprovalPolicy(**{name: value})


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("lifetime", timedelta(minutes=1), timedelta(days=1)),
        ("approved", timedelta(minutes=1), timedelta(minutes=30)),
        ("window", timedelta(minutes=1), timedelta(hours=1)),
        ("match_digits", 4, 8),
        ("match_tries", 1, 5),
        ("poll", timedelta(seconds=1), timedelta(minutes=1)),
        ("cooling_off", timedelta(0), timedelta(days=7)),
        ("freeze_after_not_me", timedelta(0), timedelta(days=7)),
    ],
)
def test_a_policy_at_its_bounds_is_built(name: str, least: Any, most: Any) -> None:
    for value in (least, most):
        assert getattr(ApprovalPolicy(**{name: value}), name) == value


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:
    day = timedelta(days=30)
    with pytest.raises(ConfigurationError) as caught:
        ApprovalPolicy(lifetime=day, approved=day, window=day, match_digits=1, match_tries=9, poll=day, cooling_off=day, freeze_after_not_me=day)
    assert len(caught.value.problems) == 7


def test_the_defaults_are_what_the_requirements_say() -> None:  # requirements 1.4, AP-07, AP-10, AP-13, ID-21
    assert (POLICY.lifetime, POLICY.approved, POLICY.poll) == (timedelta(minutes=10), timedelta(minutes=10), timedelta(seconds=5))
    assert (POLICY.match_digits, POLICY.match_tries, POLICY.cooling_off) == (4, 3, timedelta(hours=12))
    assert (POLICY.without_match_code, POLICY.other_channels) == (False, False)
