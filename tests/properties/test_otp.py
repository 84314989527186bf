"""One-time codes under every history: whatever is guessed whenever, by whatever clock, few guesses are compared, one is right, and what is over stays over."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from credkit.errors import ConfigurationError
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.keys import KeyRing
from credkit.otp import ALPHABET, Binding, Challenge, Issue, OtpPolicy, Verdict, code_of, judge, normalize_code
from credkit.payloads import UnreadableRecord
from credkit.secret import Secret
from credkit.testing.fakes import START
from credkit.tickets import Purpose

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

KEYS = KeyRing({"k2": bytes(range(32)), "k1": bytes(range(100, 132))})
RIGHT = "12345678"

moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone
names = st.text(max_size=8)
identifiers = st.sampled_from([EmailAddress.parse("Ada@example.com"), PhoneNumber.parse("+1 415 555 2671"), EmailAddress.restore("\u0101\ud800", "x")])
bindings = st.builds(Binding, destination=identifiers, credential_id=st.none() | names, generation=st.none() | names)
issues = st.integers(4, 12).flatmap(
    lambda digits: st.builds(
        Issue,
        number=st.integers(1, 99),
        key_id=st.sampled_from(["k1", "k2"]),
        nonce=st.binary(min_size=16, max_size=16),
        c=st.integers(0, 10**digits - 1),
        digits=st.just(digits),
        issued_at=moments,
        expires_at=moments,
        over=st.booleans(),
    )
)
challenges = st.builds(
    Challenge,
    id=names,
    purpose=st.sampled_from(Purpose),
    secret_digest=st.binary(max_size=32),
    session_digest=st.none() | st.binary(max_size=32),
    identifier=identifiers,
    label=names,
    begun_at=moments,
    resend_at=moments,
    resends=st.integers(0, 10),
    tries_left=st.integers(0, 10),
    issue=issues,
    binding=st.none() | bindings,
    verified_at=st.none() | moments,
    grant_id=st.none() | names,
)

FRESH = Challenge(
    id="i",
    purpose=Purpose.SIGN_UP,
    secret_digest=b"d",
    session_digest=None,
    identifier=EmailAddress.parse("ada@example.com"),
    label="X4T",
    begun_at=START,
    resend_at=START,
    resends=0,
    tries_left=5,
    issue=Issue(number=1, key_id="k1", nonce=bytes(16), c=7, digits=8, issued_at=START, expires_at=START + timedelta(seconds=600)),
    binding=Binding(destination=EmailAddress.parse("ada@example.com")),
)

steps = st.lists(
    st.tuples(
        st.sampled_from([RIGHT, RIGHT, "12345679", "0000"]),
        st.one_of(st.just(0), st.integers(-700, 700), st.sampled_from([29, 30, 31, 599, 600, 601])),
        st.booleans() | st.just(value=True),
    ),
    min_size=1,
    max_size=25,
)
OVER = {Verdict.EXPIRED, Verdict.EXHAUSTED, Verdict.USED}


@thorough
@given(history=steps, bound=st.booleans() | st.just(value=True), tries=st.integers(1, 10), repeat=st.sampled_from([0, 30, 60]))
@example(history=[(RIGHT, 0, True), (RIGHT, 31, True), (RIGHT, -31, True)], bound=True, tries=5, repeat=30)
@example(history=[(RIGHT, 600, True), (RIGHT, -600, True)], bound=True, tries=5, repeat=30)
def test_whatever_is_guessed_whenever_what_is_over_stays_over(history: list[tuple[str, int, bool]], bound: bool, tries: int, repeat: int) -> None:
    state, now = replace(FRESH, tries_left=tries, binding=FRESH.binding if bound else None), START
    seen: Counter[Verdict] = Counter()
    failures, ended = 0, None
    for number, (text, seconds, allowed) in enumerate(history):
        now += timedelta(seconds=seconds)  # backwards too
        before = state
        decision = judge(state, text, Secret(RIGHT), now=now, allowed=allowed, grant_id=f"grant {number}", repeat=timedelta(seconds=repeat))
        state = decision.after or state
        seen[decision.verdict] += 1
        failures += decision.compared
        # REQ-D1a, OT-03, OT-04, OT-06, OT-07.
        assert failures == tries - state.tries_left <= tries
        assert seen[Verdict.RIGHT] <= 1
        if decision.verdict in {Verdict.RIGHT, Verdict.REPEATED}:
            assert (text, allowed, bound) == (RIGHT, True, True)
            assert ended is None
        if decision.verdict is Verdict.REPEATED:
            assert seen[Verdict.RIGHT] == 1
        if before.grant_id is not None:
            assert (state.grant_id, state.verified_at) == (before.grant_id, before.verified_at)
        if ended is not None:
            assert decision.verdict in OVER
            assert not decision.compared
        ended = ended or (decision.verdict if decision.verdict in OVER else None)
        # Nothing else of the record ever moves.
        assert replace(state, tries_left=0, verified_at=None, grant_id=None, issue=FRESH.issue) == replace(
            before, tries_left=0, verified_at=None, grant_id=None, issue=FRESH.issue
        )


@thorough
@given(history=steps, tries=st.integers(1, 10))
def test_an_unbound_challenge_answers_like_one_that_is_bound_and_guessed_wrong(history: list[tuple[str, int, bool]], tries: int) -> None:
    # RS-02: the same verdicts, tries and counts, guess by guess.
    decoy, real, now = replace(FRESH, tries_left=tries, binding=None), replace(FRESH, tries_left=tries), START
    for text, seconds, allowed in history:
        now += timedelta(seconds=seconds)
        told = judge(decoy, text, Secret(RIGHT), now=now, allowed=allowed, grant_id="g", repeat=timedelta(seconds=30))
        wrong = judge(real, "99999999", Secret(RIGHT), now=now, allowed=allowed, grant_id="g", repeat=timedelta(seconds=30))
        assert (told.verdict, told.compared, told.after is None) == (wrong.verdict, wrong.compared, wrong.after is None)
        decoy, real = told.after or decoy, wrong.after or real
        assert replace(decoy, binding=real.binding) == real


@thorough
@given(state=challenges, site=names, record_key=names)
def test_a_code_has_its_length_and_moves_with_c(state: Challenge, site: str, record_key: str) -> None:
    space = 10**state.issue.digits
    text = code_of(state, KEYS, site=site, record_key=record_key).reveal()
    assert len(text) == state.issue.digits
    assert normalize_code(text) == text
    for step in (1, space // 3, space - 1):
        other = replace(state, issue=replace(state.issue, c=(state.issue.c + step) % space))
        assert int(code_of(other, KEYS, site=site, record_key=record_key).reveal()) == (int(text) + step) % space


@thorough
@given(one=bindings, other=bindings, state=challenges)
def test_two_bindings_have_one_code_only_if_they_are_one(one: Binding, other: Binding, state: Challenge) -> None:
    def parts(binding: Binding) -> tuple[Any, ...]:
        return binding.credential_id, binding.generation, binding.destination.kind, binding.destination.canonical

    assume(state.issue.digits >= 8)
    codes = [code_of(replace(state, binding=binding), KEYS, site="s", record_key="r") for binding in (one, other)]
    assert (codes[0] == codes[1]) is (parts(one) == parts(other))


@thorough
@given(state=challenges, carried=st.dictionaries(st.sampled_from(["newer", "zzz"]), st.none() | st.integers() | st.text(max_size=4), max_size=2))
def test_a_challenge_comes_back_as_it_was(state: Challenge, carried: dict[str, Any]) -> None:
    state = replace(state, carried=carried)
    restored = Challenge.from_payload(state.to_payload())
    assert restored == state
    assert restored.to_payload() == state.to_payload()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=6,
)


@thorough
@given(payload=st.binary(max_size=40))
def test_any_bytes_are_a_challenge_or_unreadable(payload: bytes) -> None:
    try:
        Challenge.from_payload(payload)
    except UnreadableRecord:
        return


@thorough
@given(state=challenges, path=st.lists(st.integers(0, 30), min_size=1, max_size=3), value=json_values)
def test_a_record_with_any_one_part_replaced_is_a_challenge_or_unreadable(state: Challenge, path: list[int], value: Any) -> None:
    whole = json.loads(state.to_payload())
    part = whole
    for number in path:
        name = sorted(part)[number % len(part)]
        if not isinstance(part[name], dict) or not part[name]:
            break
        part = part[name]
    part[sorted(part)[path[-1] % len(part)]] = value
    try:
        Challenge.from_payload(json.dumps(whole).encode())
    except UnreadableRecord:
        return


typed = st.one_of(st.text(max_size=60), st.text(st.sampled_from("0123456789ABCxyzIO -\u00a0\u2013\u0661\uff19\u00b2\u200b"), max_size=20))


@thorough
@given(text=st.one_of(typed, st.none(), st.integers(), st.binary(), st.booleans(), st.lists(st.text())))
def test_a_guess_is_four_to_twelve_characters_of_the_alphabet_or_none(text: object) -> None:
    kept = normalize_code(text)
    if kept is None:
        return
    assert isinstance(text, str)
    assert 4 <= len(kept) <= 12
    assert set(kept) <= set(ALPHABET)
    assert normalize_code(kept) == kept
    assert normalize_code(kept.lower()) == kept
    assert len(kept) <= len(text)


@thorough
@given(
    code=st.text(st.sampled_from(ALPHABET), min_size=4, max_size=12),
    gaps=st.lists(st.sampled_from(["", " ", "-", "\u00a0", "\u2011", "\n"]), min_size=13, max_size=13),
)
def test_however_a_code_is_grouped_it_is_the_same_guess(code: str, gaps: list[str]) -> None:
    grouped = "".join(gap + character for gap, character in zip(gaps, code, strict=False)) + gaps[-1]
    assert normalize_code(grouped) == normalize_code(grouped.lower()) == code


SCRIPTS = ["\u0660", "\u06f0", "\u0966", "\u0e50", "\uff10", "\U0001d7ce"]


@thorough
@given(code=st.text(st.sampled_from("0123456789"), min_size=4, max_size=12), zero=st.sampled_from(SCRIPTS))
def test_the_digits_of_any_script_are_digits(code: str, zero: str) -> None:
    assert normalize_code("".join(chr(ord(zero) + int(digit)) for digit in code)) == code


@thorough
@given(
    digits=st.integers(0, 14),
    comparisons=st.integers(-1, 12),
    lifetime=st.integers(-1, 700),
    pauses=st.lists(st.integers(-1, 400), max_size=12),
    repeat=st.integers(-1, 70),
)
def test_a_policy_is_built_exactly_if_it_keeps_every_floor(digits: int, comparisons: int, lifetime: int, pauses: list[int], repeat: int) -> None:
    keeps = (
        6 <= digits <= 12
        and 1 <= comparisons <= 10
        and 30 <= lifetime <= 600
        and len(pauses) <= 10
        and all(pause >= 30 for pause in pauses)
        and 0 <= repeat <= 60
    )
    try:
        OtpPolicy(
            digits=digits,
            comparisons=comparisons,
            lifetime=timedelta(seconds=lifetime),
            resend_pauses=tuple(timedelta(seconds=pause) for pause in pauses),
            repeat=timedelta(seconds=repeat),
        )
    except ConfigurationError:
        assert not keeps
    else:
        assert keeps
