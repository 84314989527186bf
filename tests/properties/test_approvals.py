"""Approvals under every history: whatever is pressed whenever, no is no, nothing opens without yes, and nobody without a key has written it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from credkit.approvals import LIVE, TRANSITIONS, Approval, ApprovalPolicy, Event, State, Step, decide, link_secret, match_code_of, moved, window_secret
from credkit.edits import AddIdentifier, ChangeIdentifier, Edit, HostChange, Prefer, RemoveIdentifier, SetPassword, digest_of
from credkit.errors import ConfigurationError, Refused, UnknownKey
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.keys import KeyRing
from credkit.payloads import UnreadableRecord
from credkit.sealing import sealed, unsealed
from credkit.secret import Secret
from credkit.testing.fakes import START

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number, where no whole request is made up; a profile that explores asks for more still."""

KEYS = KeyRing({"k2": bytes(range(32)), "k1": bytes(range(100, 132))})
POLICY = ApprovalPolicy()
RIGHT, WRONG = "0420", "0421"
ENDS = {State.DENIED, State.DONE, State.CANCELLED}

moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone
names = st.text(max_size=8)
identifiers = st.sampled_from(
    [
        EmailAddress.parse("Ada@example.com"),
        EmailAddress.parse("b@example.com"),
        PhoneNumber.parse("+1 415 555 2671"),
        EmailAddress.restore("\u0101\ud800", "x"),
    ]
)
host_names = st.from_regex(r"[A-Za-z][A-Za-z0-9 _.-]{0,39}", fullmatch=True)
host_values = st.none() | st.text(max_size=20)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(AddIdentifier, identifiers),
    st.builds(ChangeIdentifier, identifiers, identifiers),
    st.builds(RemoveIdentifier, identifiers),
    st.builds(Prefer, identifiers),
    st.just(SetPassword()),
    st.builds(HostChange, st.sampled_from(["name", "nam", "add"]) | host_names, host_values, host_values),
)
steps = st.builds(Step, challenge_id=names, identifier=identifiers, replaces=st.none() | identifiers, lost_control=st.booleans())
newer = st.dictionaries(st.sampled_from(["newer", "zzz"]), st.none() | st.integers() | st.text(max_size=4), max_size=2)
approvals = st.integers(4, 8).flatmap(
    lambda digits: st.builds(
        Approval,
        id=names,
        credential_id=names,
        generation=names,
        session_digest=st.none() | st.binary(max_size=32),
        ticket_digest=st.binary(max_size=32),
        destination=identifiers,
        edits=st.none() | st.lists(edits, max_size=3).map(tuple),
        label=names,
        device=st.none() | names,
        place=st.none() | names,
        key_id=st.sampled_from(["k1", "k2"]),
        nonce=st.binary(max_size=16),
        c=st.integers(0, 10**digits - 1),
        digits=st.just(digits),
        asked_at=moments,
        state=st.sampled_from([state for state in State if state is not State.EXPIRED]),
        ends_at=moments,
        tries_left=st.integers(0, 5),
        told=st.lists(identifiers, max_size=2).map(tuple),
        accounts=st.lists(names, max_size=2).map(tuple),
        locale=st.none() | names,
        steps=st.lists(steps, max_size=2).map(tuple),
        not_me=st.booleans(),
        carried=newer,
    )
)
PENDING = Approval(
    id="AAAAAAAAAAAAAAAAAAAAAA",
    credential_id="c1",
    generation="g1",
    session_digest=None,
    ticket_digest=b"t",
    destination=EmailAddress.parse("ada@example.com"),
    edits=None,
    label="X4T",
    device=None,
    place=None,
    key_id="k1",
    nonce=bytes(16),
    c=7,
    digits=4,
    asked_at=START,
    state=State.PENDING,
    ends_at=START + POLICY.lifetime,
    tries_left=POLICY.match_tries,
    told=(),
    accounts=(),
    locale=None,
)

pauses = st.one_of(st.integers(0, 400), st.sampled_from([0, 1, 599, 600, 601, 899, 900, 901]))


def after(state: Approval, event: Event, now: datetime) -> Approval:
    """Return the request after *event*, as the flows give each state its time; the same one where it is refused."""
    spans = {Event.APPROVE: POLICY.approved, Event.OPEN: POLICY.window}
    try:
        return moved(state, event, now, ends_at=now + spans[event] if event in spans else None)
    except Refused:
        return state


@thorough
@given(history=st.lists(st.tuples(st.sampled_from(Event), pauses | st.integers(-2000, 0)), max_size=25))
def test_no_sequence_of_events_leaves_an_end_whatever_the_clock_does(history: list[tuple[Event, int]]) -> None:  # AP-09, F26
    state, now = PENDING, START
    for event, seconds in history:
        now += timedelta(seconds=seconds)
        before, state = state, after(state, event, now)
        if before.state in ENDS:
            assert state == before
        assert state.state is before.state or TRANSITIONS[before.state, event] is state.state
        # Nothing but the state and its end ever moves.
        assert replace(state, state=PENDING.state, ends_at=PENDING.ends_at) == PENDING


@thorough
@given(history=st.lists(st.tuples(st.sampled_from(Event), pauses), max_size=25))
def test_what_has_ended_by_itself_never_goes_on(history: list[tuple[Event, int]]) -> None:  # AP-10
    state, now, over = PENDING, START, False
    for event, seconds in history:
        now += timedelta(seconds=seconds)
        over = over or state.state_at(now) is State.EXPIRED
        before, state = state, after(state, event, now)
        assert not over or state == before
        assert (state.state_at(now) is State.EXPIRED) is over


@thorough
@given(history=st.lists(st.tuples(st.sampled_from([*Event, Event.APPROVE, Event.OPEN]), st.integers(0, 20)), max_size=15))
def test_a_window_is_open_only_after_yes_and_its_end_is_never_put_off_by_opening_it_again(history: list[tuple[Event, int]]) -> None:
    state, now, accepted, opened = PENDING, START, list[Event](), START
    for event, seconds in history:
        now += timedelta(seconds=seconds)
        before, state = state, after(state, event, now)
        if state is not before:
            accepted.append(event)
            opened = now if event is Event.OPEN else opened
        if state.state in {State.OPEN, State.DONE}:
            assert accepted[:2] == [Event.APPROVE, Event.OPEN]
        if state.state is State.OPEN:
            assert state.ends_at == opened + POLICY.window


@thorough
@given(order=st.permutations([*Event, *Event]))
def test_once_no_was_taken_it_is_no_in_whatever_order_all_the_rest_comes(order: list[Event]) -> None:  # F26
    state, taken = PENDING, False
    for event in order:
        alive = state.state in LIVE
        state = after(state, event, START)
        taken = taken or (event is Event.DENY and alive)
        assert (state.state is State.DENIED) is taken
    assert state.state in ENDS


@thorough
@given(before=st.lists(st.sampled_from([Event.APPROVE, Event.OPEN]), max_size=4), order=st.permutations([Event.APPROVE, Event.DENY, Event.OPEN]))
def test_where_yes_and_no_meet_the_end_is_no_whichever_came_first(before: list[Event], order: list[Event]) -> None:  # F26
    state = PENDING
    for event in (*before, *order):
        state = after(state, event, START)
    assert state.state is State.DENIED


@thorough
@given(
    typed=st.lists(st.sampled_from([RIGHT, WRONG, WRONG, "", "420", None]) | st.text(max_size=5), max_size=10), tries=st.integers(1, 5), without=st.booleans()
)
def test_a_yes_takes_the_right_code_within_its_tries_and_no_answer_is_counted_twice(
    typed: list[str | None], tries: int, *, without: bool
) -> None:  # AP-06, AP-07
    policy = ApprovalPolicy(match_tries=tries, without_match_code=without)
    state, wrong = replace(PENDING, tries_left=tries), 0
    for text in typed:
        before = state
        try:
            state = decide(before, text, Secret(RIGHT), START, policy)
        except Refused:
            assert before.state is not State.PENDING or (text is None and not without)
            continue
        assert before.state is State.PENDING
        wrong += text not in {RIGHT, None}
        if state.state is State.APPROVED:
            assert text == RIGHT or (without and text is None)
            assert wrong < tries
            assert state.ends_at == START + policy.approved
        else:
            assert state.state is (State.DENIED if wrong == tries else State.PENDING)
            assert state.tries_left == tries - wrong


def bound(state: Approval) -> tuple[Any, ...]:
    return state.id, state.nonce, state.credential_id, state.generation, state.destination.canonical, digest_of(state.edits), state.key_id


@given(one=approvals, other=approvals, shared=st.sets(st.sampled_from(["id", "nonce", "credential_id", "generation", "destination", "edits", "key_id"])))
def test_two_requests_have_one_secret_only_if_all_they_are_bound_to_is_one(one: Approval, other: Approval, shared: set[str]) -> None:  # AP-01, REQ-D6d
    other = replace(other, **{name: getattr(one, name) for name in shared})
    same = bound(one) == bound(other)
    assert (link_secret(one, KEYS, site="s") == link_secret(other, KEYS, site="s")) is same
    assert (window_secret(one, KEYS, site="s") == window_secret(other, KEYS, site="s")) is same
    assert link_secret(one, KEYS, site="s") != window_secret(other, KEYS, site="s")


@given(state=approvals, site=names)
def test_a_match_code_has_its_length_and_moves_with_c(state: Approval, site: str) -> None:  # AP-07
    space = 10**state.digits
    text = match_code_of(state, KEYS, site=site).reveal()
    assert len(text) == state.digits
    for step in (1, space // 3, space - 1):
        other = replace(state, c=(state.c + step) % space)
        assert int(match_code_of(other, KEYS, site=site).reveal()) == (int(text) + step) % space


@thorough
@given(asked=st.lists(edits, max_size=4), edit=edits)
def test_what_is_allowed_is_what_was_asked_and_nothing_else(asked: list[Edit], edit: Edit) -> None:  # AP-02
    assert replace(PENDING, edits=tuple(asked)).permits(edit) is (edit in asked)
    assert all(replace(PENDING, edits=tuple(asked)).permits(one) for one in asked)


# ------------------------------------------------------------------------------------------------------------------ records


@given(state=approvals, site=names, record_key=names)
def test_a_request_comes_back_as_it_was(state: Approval, site: str, record_key: str) -> None:
    payload = state.to_payload(KEYS, site=site, record_key=record_key)
    restored = Approval.from_payload(payload, KEYS, site=site, record_key=record_key)
    assert restored == state
    assert restored.to_payload(KEYS, site=site, record_key=record_key) == payload
    assert [step.identifier.entered for step in restored.steps] == [step.identifier.entered for step in state.steps]


@given(state=approvals, place=st.integers(0), byte=st.binary(max_size=3), cut=st.integers(0, 3))
def test_a_request_of_which_any_bytes_were_changed_is_refused(state: Approval, place: int, byte: bytes, cut: int) -> None:  # AP-01
    payload = state.to_payload(KEYS, site="s", record_key="r")
    place %= len(payload) + 1
    touched = payload[:place] + byte + payload[place + cut :]
    assume(touched != payload)
    try:
        Approval.from_payload(touched, KEYS, site="s", record_key="r")
    except (UnreadableRecord, UnknownKey):
        return
    raise AssertionError(touched)


@given(state=approvals, one=st.tuples(names, names), other=st.tuples(names, names))
def test_a_request_is_read_only_where_it_was_written(state: Approval, one: tuple[str, str], other: tuple[str, str]) -> None:  # F19
    payload = state.to_payload(KEYS, site=one[0], record_key=one[1])
    try:
        Approval.from_payload(payload, KEYS, site=other[0], record_key=other[1])
    except UnreadableRecord:
        assert one != other
    else:
        assert one == other


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)
own_names = st.text(max_size=5).filter(lambda name: name not in {"seal", "seal_key", "format"})


@thorough
@given(fields=st.dictionaries(own_names, json_values, max_size=4), carried=st.dictionaries(own_names, json_values, max_size=2))
def test_a_seal_survives_any_values(fields: dict[str, Any], carried: dict[str, Any]) -> None:
    payload = sealed(fields, carried, KEYS, site="s", record_key="r")
    whole = dict(unsealed(payload, KEYS, site="s", record_key="r").whole())
    assert repr(json.loads(json.dumps({**carried, **fields}, sort_keys=True))) == repr(
        {name: whole[name] for name in sorted(whole) if name not in {"seal", "seal_key", "format"}}
    )


@thorough
@given(payload=st.binary(max_size=40) | st.builds(lambda whole: json.dumps(whole).encode(), json_values))
def test_any_bytes_are_unreadable(payload: bytes) -> None:
    try:
        Approval.from_payload(payload, KEYS, site="s", record_key="r")
    except (UnreadableRecord, UnknownKey):
        return
    raise AssertionError(payload)


@given(state=approvals, path=st.lists(st.integers(0, 30), min_size=1, max_size=3), value=json_values)
def test_under_its_seal_a_record_with_any_one_part_replaced_is_a_request_or_unreadable(state: Approval, path: list[int], value: Any) -> None:
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
        Approval.from_payload(sealed(whole, {}, KEYS, site="s", record_key="r"), KEYS, site="s", record_key="r")
    except UnreadableRecord:
        return


@thorough
@given(lifetime=st.integers(0, 90_000), approved=st.integers(0, 2000), window=st.integers(0, 4000), digits=st.integers(0, 12), tries=st.integers(-1, 9))
def test_a_policy_is_built_exactly_if_it_keeps_every_bound(lifetime: int, approved: int, window: int, digits: int, tries: int) -> None:
    keeps = 60 <= lifetime <= 86_400 and 60 <= approved <= 1800 and 60 <= window <= 3600 and 4 <= digits <= 8 and 1 <= tries <= 5
    spans = (timedelta(seconds=span) for span in (lifetime, approved, window))
    try:
        ApprovalPolicy(**dict(zip(("lifetime", "approved", "window"), spans, strict=True)), match_digits=digits, match_tries=tries)  # type: ignore[arg-type]
    except ConfigurationError:
        assert not keeps
    else:
        assert keeps
