"""One-time codes: what a guess means in every state, what a code is bound to, what counts as a guess, and what a record holds."""

from __future__ import annotations

import base64
import json
import traceback
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.errors import ConfigurationError, UnknownKey
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.keys import KeyRing
from credkit.otp import (
    ALPHABET,
    LETTERS,
    Binding,
    Challenge,
    Decision,
    Issue,
    Link,
    OtpPolicy,
    Rung,
    Verdict,
    code_of,
    judge,
    judge_link,
    link_secret,
    normalize_code,
    stop_secret,
)
from credkit.payloads import UnreadableRecord
from credkit.secret import Secret
from credkit.testing import SeededEntropy
from credkit.testing.fakes import START
from credkit.tickets import Purpose, Token

TICK = timedelta(microseconds=1)
LIFETIME = timedelta(seconds=600)
REPEAT = timedelta(seconds=30)
KEYS = KeyRing({"k2": bytes(range(32)), "k1": bytes(range(100, 132))})
MAIL = EmailAddress.parse("Ada@example.com")
BOUND = Binding(destination=MAIL, credential_id="c1", generation="g1")
RIGHT, WRONG = "12345678", "12345679"


def challenge(
    *, binding: Binding | None = BOUND, tries: int = 5, over: bool = False, digits: int = 8, c: int = 0, nonce: bytes = bytes(16), **changes: Any
) -> Challenge:
    whole = Challenge(
        id="AAAAAAAAAAAAAAAAAAAAAA",
        purpose=Purpose.PASSWORD_RESET,
        secret_digest=bytes(range(32)),
        session_digest=None,
        identifier=MAIL,
        label="X4T",
        begun_at=START,
        resend_at=START + timedelta(seconds=60),
        resends=0,
        tries_left=tries,
        issue=Issue(number=1, key_id="k2", nonce=nonce, c=c, digits=digits, issued_at=START, expires_at=START + LIFETIME, over=over),
        binding=binding,
    )
    return replace(whole, **changes)


def guess(state: Challenge, text: str = RIGHT, *, after: timedelta = timedelta(seconds=1), allowed: bool = True, repeat: timedelta = REPEAT) -> Decision:
    return judge(state, text, Secret(RIGHT), now=START + after, allowed=allowed, grant_id="grant", repeat=repeat)


# ------------------------------------------------------------------------------------------------------------------ guesses

FRESH = challenge()
VERIFIED = challenge(verified_at=START + timedelta(seconds=10), grant_id="first grant")

AT_ONCE, AT_THE_LAST, AT_THE_END = timedelta(0), LIFETIME - TICK, LIFETIME
IN_TIME, TOO_LATE = timedelta(seconds=40) - TICK, timedelta(seconds=40)
"""Of the 30 seconds in which the right code may be repeated, which begin when it was right."""


# One row a state and guess: the challenge, what is typed, when, whether the budget has room; then the verdict, whether it counts as a failure.
@pytest.mark.parametrize(
    ("state", "text", "after", "allowed", "verdict", "counts"),
    [
        (FRESH, RIGHT, AT_ONCE, True, Verdict.RIGHT, False),
        (FRESH, RIGHT, AT_THE_LAST, True, Verdict.RIGHT, False),
        (FRESH, RIGHT, AT_THE_END, True, Verdict.EXPIRED, False),
        (FRESH, RIGHT, -LIFETIME, True, Verdict.RIGHT, False),
        (FRESH, RIGHT, AT_ONCE, False, Verdict.WRONG, True),
        (FRESH, WRONG, AT_ONCE, True, Verdict.WRONG, True),
        (FRESH, WRONG, AT_ONCE, False, Verdict.WRONG, True),
        (FRESH, WRONG, AT_THE_END, True, Verdict.EXPIRED, False),
        (challenge(tries=1), RIGHT, AT_ONCE, True, Verdict.RIGHT, False),
        (challenge(tries=1), RIGHT, AT_ONCE, False, Verdict.EXHAUSTED, True),
        (challenge(tries=1), WRONG, AT_ONCE, True, Verdict.EXHAUSTED, True),
        (challenge(tries=0), RIGHT, AT_ONCE, True, Verdict.EXHAUSTED, False),
        (challenge(tries=0), RIGHT, AT_THE_END, True, Verdict.EXHAUSTED, False),
        (challenge(tries=-1), RIGHT, AT_ONCE, True, Verdict.EXHAUSTED, False),
        (challenge(over=True), RIGHT, AT_ONCE, True, Verdict.EXPIRED, False),
        (challenge(over=True), RIGHT, -LIFETIME, True, Verdict.EXPIRED, False),
        (challenge(over=True, tries=0), RIGHT, AT_ONCE, True, Verdict.EXHAUSTED, False),
        (challenge(binding=None), RIGHT, AT_ONCE, True, Verdict.WRONG, True),
        (challenge(binding=None), WRONG, AT_ONCE, True, Verdict.WRONG, True),
        (challenge(binding=None, tries=1), RIGHT, AT_ONCE, True, Verdict.EXHAUSTED, True),
        (challenge(binding=None), RIGHT, AT_THE_END, True, Verdict.EXPIRED, False),
        (challenge(binding=Binding(destination=MAIL)), RIGHT, AT_ONCE, True, Verdict.RIGHT, False),
        (VERIFIED, RIGHT, timedelta(seconds=10), True, Verdict.REPEATED, False),
        (VERIFIED, RIGHT, IN_TIME, True, Verdict.REPEATED, False),
        (VERIFIED, RIGHT, TOO_LATE, True, Verdict.USED, False),
        (VERIFIED, RIGHT, AT_THE_END, True, Verdict.USED, False),
        (VERIFIED, RIGHT, AT_ONCE, False, Verdict.WRONG, True),
        (VERIFIED, WRONG, IN_TIME, True, Verdict.WRONG, True),
        (VERIFIED, WRONG, TOO_LATE, True, Verdict.USED, False),
        (replace(VERIFIED, tries_left=1), WRONG, IN_TIME, True, Verdict.EXHAUSTED, True),
        (replace(VERIFIED, tries_left=0), RIGHT, IN_TIME, True, Verdict.EXHAUSTED, False),
        (replace(VERIFIED, tries_left=0), RIGHT, TOO_LATE, True, Verdict.USED, False),
        (challenge(verified_at=START + AT_THE_LAST, grant_id="g"), RIGHT, AT_THE_END + timedelta(seconds=1), True, Verdict.REPEATED, False),
        (replace(VERIFIED, issue=replace(VERIFIED.issue, over=True)), RIGHT, AT_ONCE, True, Verdict.USED, False),
    ],
)
def test_what_a_guess_means(*, state: Challenge, text: str, after: timedelta, allowed: bool, verdict: Verdict, counts: bool) -> None:
    decision = guess(state, text, after=after, allowed=allowed)
    assert (decision.verdict, decision.compared) == (verdict, counts)
    # OT-06: what counts in the budgets has cost the ticket one try, and nothing else costs any.
    left = state.tries_left if decision.after is None else decision.after.tries_left
    assert left == state.tries_left - int(counts)


def moved(state: Challenge, decision: Decision) -> set[str]:
    assert decision.after is not None
    return {field.name for field in fields(Challenge) if getattr(state, field.name) != getattr(decision.after, field.name)}


def test_a_right_guess_is_written_down_with_its_moment_and_grant() -> None:
    decision = guess(FRESH)
    assert moved(FRESH, decision) == {"verified_at", "grant_id"}
    assert decision.after == replace(FRESH, verified_at=START + timedelta(seconds=1), grant_id="grant")


def test_a_wrong_guess_is_written_down_as_one_try_less() -> None:
    assert moved(FRESH, guess(FRESH, WRONG)) == {"tries_left"}


def test_an_expiry_is_written_down_when_it_is_first_seen() -> None:
    first = guess(FRESH, after=LIFETIME)
    assert moved(FRESH, first) == {"issue"}
    assert first.after is not None
    assert first.after.issue == replace(FRESH.issue, over=True)
    assert guess(first.after, after=LIFETIME) == Decision(Verdict.EXPIRED)


def test_a_clock_going_back_never_revives_an_expired_code() -> None:
    # OT-03.
    seen = guess(FRESH, after=LIFETIME).after
    assert seen is not None
    assert guess(seen, after=LIFETIME - timedelta(hours=1)).verdict is Verdict.EXPIRED


def test_a_clock_going_back_never_revives_a_used_code() -> None:
    # OT-03, OT-04: once it was refused as used it stays so, also within what is then its repeat.
    first = guess(VERIFIED, after=TOO_LATE)
    assert first.after is not None
    assert guess(first.after, after=IN_TIME) == Decision(Verdict.USED)
    assert guess(first.after, after=-timedelta(hours=1)) == Decision(Verdict.USED)


@pytest.mark.parametrize("state", [VERIFIED, challenge(tries=0), challenge(over=True)], ids=["repeated", "exhausted", "expired"])
def test_what_changes_nothing_writes_nothing(state: Challenge) -> None:
    assert guess(state).after is None


def test_a_repeat_keeps_the_first_grant_and_is_not_prolonged() -> None:
    assert guess(VERIFIED, after=IN_TIME) == Decision(Verdict.REPEATED)
    assert VERIFIED.grant_id == "first grant"


def test_without_a_time_to_repeat_the_right_code_works_once() -> None:
    once = guess(FRESH, repeat=timedelta(0)).after
    assert once is not None
    assert guess(once, repeat=timedelta(0)).verdict is Verdict.USED


def test_after_five_wrong_guesses_the_right_code_is_dead_too() -> None:
    # REQ-D1a.
    state = FRESH
    verdicts = []
    for _ in range(5):
        decision = guess(state, WRONG)
        verdicts.append(decision.verdict)
        assert decision.after is not None
        state = decision.after
    assert verdicts == [Verdict.WRONG] * 4 + [Verdict.EXHAUSTED]
    assert guess(state) == Decision(Verdict.EXHAUSTED)


def test_no_guess_at_all_is_right_for_nobodys_challenge() -> None:
    # RS-02: every code of the space, also the one it would have.
    state = challenge(binding=None, digits=4)
    expected = code_of(state, KEYS, site="main", record_key="r")
    for number in range(10_000):
        decision = judge(state, f"{number:04}", expected, now=START, allowed=True, grant_id="g", repeat=REPEAT)
        assert decision == Decision(Verdict.WRONG, replace(state, tries_left=4), compared=True)


@pytest.mark.parametrize("text", ["1234567", "123456780", "0012345678", "1234", "123456789012", "ABCDEFGH", "00000000"])
def test_a_guess_of_any_length_is_compared_and_counted(text: str) -> None:
    # F14: a length that is not the one due is a wrong code and nothing else.
    assert guess(FRESH, text) == Decision(Verdict.WRONG, replace(FRESH, tries_left=4), compared=True)


# -------------------------------------------------------------------------------------------------------------------- codes


def code(state: Challenge, *, site: str = "main", record_key: str = "record", keys: KeyRing = KEYS) -> str:
    return code_of(state, keys, site=site, record_key=record_key).reveal()


def test_two_releases_agree_on_a_code() -> None:
    """During a deployment one worker makes what another compares: this sum and its parts stay, or get a key or a purpose of their own."""
    offset = KEYS.mac("k2", "code", "main", Purpose.PASSWORD_RESET, "record", 1, "c1", "g1", "email", "ada@example.com", 8, bytes(16))
    assert int(code(challenge(c=31_415_926))) == (31_415_926 + int.from_bytes(offset, "big")) % 10**8


def test_every_code_comes_from_exactly_one_c() -> None:
    # OT-02: for a given key and binding, c is moved round the whole space; so the code is as uniform as c is, which the system generator makes.
    policy = OtpPolicy(digits=4, weaker_than_the_floor=True)
    for nonce in (bytes(16), bytes(range(16))):
        codes = [code(challenge(digits=policy.digits, c=c, nonce=nonce)) for c in range(10_000)]
        assert sorted(codes) == [f"{number:04}" for number in range(10_000)]
        first = int(codes[0])
        assert all(int(text) == (first + c) % 10_000 for c, text in enumerate(codes))


@pytest.mark.parametrize("digits", range(4, 13))
def test_a_code_is_text_of_its_length_with_its_leading_zeros(digits: int) -> None:
    codes = [code(challenge(digits=digits, c=10**digits * number // 1000)) for number in range(1000)]
    assert {len(text) for text in codes} == {digits}
    assert all(text.isascii() and text.isdecimal() for text in codes)
    assert sum(text.startswith("0") for text in codes) in range(99, 102)


def with_issue(**changes: Any) -> Any:
    return lambda state: replace(state, issue=replace(state.issue, **changes))


def with_binding(**changes: Any) -> Any:
    return lambda state: replace(state, binding=replace(state.binding or BOUND, **changes))


ELSEWHERE: dict[str, tuple[Any, dict[str, Any]]] = {
    "purpose": (lambda state: replace(state, purpose=Purpose.SIGN_UP), {}),
    "site": (lambda state: state, {"site": "other"}),
    "record key": (lambda state: state, {"record_key": "other"}),
    "number of the code": (with_issue(number=2), {}),
    "key": (with_issue(key_id="k1"), {}),
    "nonce": (with_issue(nonce=bytes(15) + b"\x01"), {}),
    "credential": (with_binding(credential_id="c2"), {}),
    "no credential": (with_binding(credential_id=None), {}),
    "generation": (with_binding(generation="g2"), {}),
    "no generation": (with_binding(generation=None), {}),
    "credential and generation exchanged": (with_binding(credential_id="g1", generation="c1"), {}),
    "destination": (with_binding(destination=EmailAddress.parse("adb@example.com")), {}),
    "kind of destination": (with_binding(destination=PhoneNumber.restore(MAIL.entered, MAIL.canonical)), {}),
    "no binding": (lambda state: replace(state, binding=None), {}),
    "key ring": (lambda state: state, {"keys": KeyRing({"k2": bytes(range(50, 82))})}),
}


@pytest.mark.parametrize("changed", ELSEWHERE)
def test_a_code_is_worth_nothing_where_anything_it_is_bound_to_differs(changed: str) -> None:
    # OT-05, F19: of 200 challenges not one code is the same; by chance one in 500,000 runs of this test would have one.
    change, where = ELSEWHERE[changed]
    entropy = SeededEntropy(changed)
    states = [challenge(nonce=entropy.token(15) + b"\x00", c=entropy.below(10**8)) for _ in range(200)]
    assert [state for state in states if code(state) == code(change(state), **where)] == []


def test_a_code_of_another_length_is_not_the_same_digits_cut_off() -> None:
    entropy = SeededEntropy("digits")
    states = [challenge(nonce=entropy.token(16), c=entropy.below(10**6)) for _ in range(200)]
    pairs = [(code(with_issue(digits=6)(state)), code(state)) for state in states]
    assert all(len(short) == 6 for short, _ in pairs)
    assert sum(long.endswith(short) or long.startswith(short) for short, long in pairs) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"tries_left": 1},
        {"label": "Y5U"},
        {"resends": 2},
        {"session_digest": b"x"},
        {"identifier": PhoneNumber.parse("+1 415 555 2671")},
        {"verified_at": START, "grant_id": "g"},
        {"binding": replace(BOUND, destination=EmailAddress.parse("ADA@example.com"))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_courier_finds_the_same_code_again_whatever_has_happened_meanwhile(change: dict[str, Any]) -> None:
    assert code(replace(FRESH, **change)) == code(FRESH)


def test_a_code_outlives_a_rotation_of_its_key() -> None:
    # KE-04: the new key is in front, the old one still verifies.
    rotated = KeyRing({"k3": bytes(range(7, 39)), "k2": bytes(range(32))})
    assert code(FRESH, keys=rotated) == code(FRESH)


@pytest.mark.parametrize("binding", [BOUND, None])
def test_a_code_whose_key_is_gone_is_trouble_and_never_wrong(binding: Binding | None) -> None:
    # F21.
    with pytest.raises(UnknownKey):
        code(challenge(binding=binding), keys=KeyRing({"k3": bytes(range(32))}))


# ------------------------------------------------------------------------------------------------------------------- links


def linked(state: Challenge, **changes: Any) -> Challenge:
    made = Link(key_id="k2", nonce=bytes(16), binding=BOUND, expires_at=START + timedelta(hours=24))
    return replace(state, link=replace(made, **changes))


def secret_of_link(state: Challenge, *, site: str = "main", keys: KeyRing = KEYS) -> str:
    assert state.link is not None
    return link_secret(state, state.link, keys, site=site).reveal()


LINKED = linked(FRESH)


def test_the_secret_of_a_reset_link_is_256_bits_and_the_same_each_time() -> None:  # RS-15
    text = secret_of_link(LINKED)
    assert (len(text), len(base64.urlsafe_b64decode(text + "="))) == (43, 32)
    assert text == secret_of_link(replace(LINKED))
    assert Token.parse(f"{FRESH.id}.{text}") == Token(FRESH.id, Secret(text))


LINKED_ELSEWHERE: dict[str, tuple[Challenge, dict[str, Any]]] = {
    "purpose": (replace(LINKED, purpose=Purpose.SIGN_UP), {}),
    "site": (LINKED, {"site": "other"}),
    "ticket": (replace(LINKED, id="BAAAAAAAAAAAAAAAAAAAAA"), {}),
    "key": (linked(FRESH, key_id="k1"), {}),
    "nonce": (linked(FRESH, nonce=bytes(15) + b"\x01"), {}),
    "credential": (linked(FRESH, binding=replace(BOUND, credential_id="c2")), {}),
    "generation": (linked(FRESH, binding=replace(BOUND, generation="g2")), {}),
    "destination": (linked(FRESH, binding=replace(BOUND, destination=EmailAddress.parse("adb@example.com"))), {}),
    "end": (linked(FRESH, expires_at=START + timedelta(hours=24) + TICK), {}),
    "key ring": (LINKED, {"keys": KeyRing({"k2": bytes(range(50, 82))})}),
}


def test_a_reset_link_is_worth_nothing_where_anything_it_is_bound_to_differs() -> None:  # OT-05, F19
    made = {secret_of_link(state, **where) for state, where in LINKED_ELSEWHERE.values()}
    assert len(made | {secret_of_link(LINKED)}) == len(LINKED_ELSEWHERE) + 1


@pytest.mark.parametrize(
    "change",
    [
        {"tries_left": 0},
        {"label": "Y5U"},
        {"resends": 2},
        {"binding": None},
        {"issue": replace(FRESH.issue, number=2, nonce=b"x" * 16, over=True)},
        {"verified_at": START, "grant_id": "g"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_link_stays_good_whatever_is_guessed_or_sent_meanwhile(change: dict[str, Any]) -> None:  # F12
    assert secret_of_link(replace(LINKED, **change)) == secret_of_link(LINKED)


def test_a_reset_link_is_neither_the_code_nor_in_the_record() -> None:  # OT-14
    assert secret_of_link(LINKED) not in LINKED.to_payload().decode("ascii")
    assert code(FRESH) not in secret_of_link(LINKED)


def test_a_link_whose_key_is_gone_is_trouble_and_never_wrong() -> None:  # F21
    with pytest.raises(UnknownKey):
        secret_of_link(LINKED, keys=KeyRing({"k3": bytes(range(32))}))


def opened(state: Challenge, *, after: timedelta = timedelta(seconds=1)) -> Decision:
    assert state.link is not None
    return judge_link(state, state.link, now=START + after, grant_id="grant", repeat=REPEAT)


@pytest.mark.parametrize(
    ("state", "after", "verdict"),
    [
        (LINKED, AT_ONCE, Verdict.RIGHT),
        (LINKED, timedelta(hours=24) - TICK, Verdict.RIGHT),
        (LINKED, timedelta(hours=24), Verdict.EXPIRED),
        (replace(LINKED, tries_left=0), AT_ONCE, Verdict.RIGHT),
        (replace(LINKED, binding=None), AT_ONCE, Verdict.RIGHT),
        (replace(LINKED, issue=replace(LINKED.issue, over=True)), AT_THE_END, Verdict.RIGHT),
        (linked(VERIFIED), IN_TIME, Verdict.REPEATED),
        (linked(VERIFIED), TOO_LATE, Verdict.USED),
    ],
)
def test_what_opening_a_link_means(state: Challenge, after: timedelta, verdict: Verdict) -> None:
    assert opened(state, after=after).verdict is verdict


def test_a_link_proves_what_it_was_bound_to_and_not_what_the_code_is_bound_to_by_then() -> None:
    other = replace(BOUND, generation="g2")
    assert opened(replace(LINKED, binding=other)).after == replace(LINKED, binding=BOUND, verified_at=START + timedelta(seconds=1), grant_id="grant")


def test_a_link_that_was_seen_too_late_stays_so_when_a_clock_goes_back() -> None:  # OT-03
    after = opened(LINKED, after=timedelta(hours=24)).after
    assert after is not None
    assert after.link is None


def test_a_challenge_is_kept_for_as_long_as_its_link_works() -> None:
    assert (FRESH.ends_at, LINKED.ends_at) == (START + LIFETIME, START + timedelta(hours=24))


def stop(state: Challenge, *, to: Any = MAIL, site: str = "main") -> str:
    return stop_secret(state, to, KEYS, site=site).reveal()


def test_the_link_that_says_i_did_not_ask_is_one_for_each_ticket_site_and_addressee() -> None:  # RS-18
    others = [
        stop(FRESH, to=EmailAddress.parse("adb@example.com")),
        stop(FRESH, to=PhoneNumber.restore(MAIL.entered, MAIL.canonical)),
        stop(FRESH, site="other"),
        stop(replace(FRESH, id="BAAAAAAAAAAAAAAAAAAAAA")),
        stop(replace(FRESH, secret_digest=bytes(32))),
        stop(replace(FRESH, purpose=Purpose.SIGN_UP)),
        secret_of_link(LINKED),
    ]
    assert len({stop(FRESH), *others}) == 8


# ------------------------------------------------------------------------------------------------------------------ the ladder


def lettered(state: Challenge) -> Challenge:
    return replace(state, issue=replace(state.issue, letters=True, c=32**12 - 1))


def test_a_code_of_letters_is_a_guess_that_is_typed_as_it_is() -> None:  # OT-13
    text = code(lettered(FRESH))
    assert (len(text), set(text) <= set(ALPHABET), normalize_code(text.lower())) == (LETTERS, True, text)
    assert text != code(lettered(replace(FRESH, issue=replace(FRESH.issue, nonce=b"x" * 16))))


def test_codes_of_letters_are_as_many_as_their_numbers() -> None:
    numbers = [32**place * digit for place in range(12) for digit in range(1, 32)]
    made = {code(replace(FRESH, issue=replace(FRESH.issue, letters=True, c=number))) for number in (0, *numbers)}
    assert len(made) == len(numbers) + 1


@pytest.mark.parametrize(
    ("failures", "digits"),
    [(0, 8), (3995, 8), (3996, 10), (99_995, 10), (99_996, None), (10**9, None)],
)
def test_a_new_code_is_the_shortest_with_room_for_a_whole_ticket(failures: int, digits: int | None) -> None:  # OT-13
    assert OtpPolicy().length_for(failures, by_day=False) == digits


@pytest.mark.parametrize(("failures", "digits"), [(0, 8), (5, 8), (6, 10), (268, 10), (269, None)])
def test_where_failures_are_counted_by_the_day_the_ladder_is_that_of_a_day(failures: int, digits: int | None) -> None:  # F15: 4,000 // 366 = 10
    assert OtpPolicy().length_for(failures, by_day=True) == digits


@pytest.mark.parametrize(("failures", "digits"), [(0, 10), (3996, None)])
def test_codes_are_one_rung_longer_while_a_site_is_under_attack(failures: int, digits: int | None) -> None:  # OT-12
    assert OtpPolicy().length_for(failures, by_day=False, longer=True) == digits


@pytest.mark.parametrize(("digits", "failures", "compared"), [(8, 3999, True), (8, 4000, False), (10, 4000, True), (10, 99_999, True), (10, 100_000, False)])
def test_a_code_is_compared_by_the_cap_of_its_own_length(digits: int, failures: int, compared: bool) -> None:  # F11
    assert OtpPolicy().compares(challenge(digits=digits).issue, failures, by_day=False) is compared


def test_letters_are_compared_whatever_failed() -> None:
    assert OtpPolicy().compares(lettered(FRESH).issue, 10**9, by_day=False)


def test_a_length_that_is_on_no_ladder_is_not_compared() -> None:
    assert not OtpPolicy().compares(challenge(digits=9).issue, 0, by_day=False)


def test_a_policy_may_begin_at_a_length_that_the_ladder_does_not_have() -> None:
    assert [(rung.digits, rung.failures) for rung in OtpPolicy(digits=7).rungs] == [(7, 400), (8, 4000), (10, 100_000)]
    assert [(rung.digits, rung.failures) for rung in OtpPolicy(digits=12).rungs] == [(12, 100_000)]


@pytest.mark.parametrize("digits", range(6, 13))
def test_the_ladder_keeps_the_chance_of_a_year_below_the_highest_whatever_the_length_it_begins_at(digits: int) -> None:  # OT-01
    assert OtpPolicy(digits=digits).yearly_chance < 1e-4


@pytest.mark.parametrize(
    "ladder",
    [(), (Rung(digits=8, failures=0),), (Rung(digits=8, failures=9), Rung(digits=8, failures=10)), (Rung(digits=10, failures=1), Rung(digits=8, failures=2)),
     (Rung(digits=8, failures=2), Rung(digits=10, failures=2)), (Rung(digits=13, failures=2),), (Rung(digits=3, failures=2),)],
)  # fmt: skip
def test_a_ladder_that_does_not_rise_is_refused_whatever_is_said(ladder: tuple[Rung, ...]) -> None:
    if not ladder:
        assert OtpPolicy(ladder=ladder).rungs == (Rung(digits=8, failures=4000),)
        return
    with pytest.raises(ConfigurationError):
        OtpPolicy(ladder=ladder, weaker_than_the_floor=True)


def test_a_ladder_that_can_be_guessed_is_refused_with_its_chance() -> None:  # OT-01
    steep = (Rung(digits=6, failures=101),)
    with pytest.raises(ConfigurationError, match=r"101 at 6 digits\) is a yearly chance of 1\.0e-04, above 0\.0001"):
        OtpPolicy(digits=6, ladder=steep)
    assert OtpPolicy(digits=6, ladder=steep, weaker_than_the_floor=True).yearly_chance == pytest.approx(1.01e-4)


def test_that_a_key_is_gone_is_found_out_before_whose_code_it_is_is_at_hand() -> None:
    """A report of the trouble may show what every function on the way held."""
    with pytest.raises(UnknownKey) as caught:
        code(challenge(), keys=KeyRing({"k3": bytes(range(32))}))
    held = [repr(value) for frame, _ in traceback.walk_tb(caught.tb) if "credkit" in frame.f_globals["__name__"] for value in frame.f_locals.values()]
    assert held
    assert not any("ada@example.com" in text.lower() for text in held)


# ------------------------------------------------------------------------------------------------------------------ guesses typed


# OT-15: what people type and paste. F14: 4 to 12 characters, whatever the length due.
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("12345678", "12345678"),
        ("1234 5678", "12345678"),
        ("1234-5678", "12345678"),
        (" 12 34 56 78 \r\n", "12345678"),
        ("1234\t5678", "12345678"),
        ("1234\u00a05678", "12345678"),
        ("1234\u202f5678", "12345678"),
        ("1234\u20095678", "12345678"),
        ("\uff11\uff12\uff13\uff14\u3000\uff15\uff16\uff17\uff18", "12345678"),
        ("1234\uff0d5678", "12345678"),
        ("1234\u22125678", "12345678"),
        ("1234\u20075678", "12345678"),
        ("1234\u20105678", "12345678"),
        ("1234\u20115678", "12345678"),
        ("1234\u20125678", "12345678"),
        ("1234\u20135678", "12345678"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "12345678"),
        ("\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8", "12345678"),
        ("\uff11\uff12\uff13\uff14 \uff15\uff16\uff17\uff18", "12345678"),
        ("\u0967\u0968\u0969\u096a", "1234"),
        ("\U0001d7ce\U0001d7cf\U0001d7d0\U0001d7d1", "0123"),
        ("00000000", "00000000"),
        ("1234", "1234"),
        ("123456789012", "123456789012"),
        ("abcdefghjkmn", "ABCDEFGHJKMN"),
        ("PQRSTVWXYZ", "PQRSTVWXYZ"),
        ("7k9m-2x4t-p8qr", "7K9M2X4TP8QR"),
        ("-" * 40 + "12345678", "12345678"),
        ("", None),
        ("123", None),
        ("1 2 3", None),
        ("1234567890123", None),
        ("    ", None),
        ("1234567\u00b2", None),
        ("1234567\u2461", None),
        ("1234567\u00bd", None),
        ("1234567\u2167", None),
        ("1234567\u4e00", None),
        ("123456,78", None),
        ("123.456", None),
        ("+12345678", None),
        ("1234_5678", None),
        ("0x123456", "0X123456"),
        ("1234567i", None),
        ("1234567L", None),
        ("1234567o", None),
        ("1234567U", None),
        ("1234567\uff21", None),
        ("1234567\u0131", None),
        ("1234567\u017f", None),
        ("1234567\u212a", None),
        ("1234567\u0430", None),
        ("1234567\u00df", None),
        ("1234567\u0000", None),
        ("1234567\ud800", None),
        ("1234567\u200b8", None),
        ("12345678\u0301", None),
        ("-" * 41 + "12345678", None),
        ("1" * 1_000_000, None),
    ],
    ids=lambda text: ascii(text)[:24],
)
def test_what_counts_as_a_guess(text: str, kept: str | None) -> None:
    assert normalize_code(text) == kept


@pytest.mark.parametrize(
    "value",
    [None, True, False, 0, 12345678, 12345678.0, b"12345678", bytearray(b"12345678"), ["12345678"], ("1",) * 8, {"code": "12345678"}, Secret("12345678")],
    ids=repr,
)
def test_what_is_no_text_is_no_guess(value: object) -> None:
    # REQ-D4c: nothing of it may match by being converted.
    assert normalize_code(value) is None


def test_the_alphabet_has_no_two_characters_that_are_taken_for_each_other() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_every_code_of_every_length_is_a_guess_as_it_is_and_in_any_grouping() -> None:
    for digits in range(4, 13):
        text = code(challenge(digits=digits))
        assert normalize_code(text) == normalize_code(" ".join(text)) == normalize_code(f"{text[:4]}-{text[4:]}") == text


# ------------------------------------------------------------------------------------------------------------------- policy


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"digits": 5}, "digits"),
        ({"comparisons": 0}, "comparisons"),
        ({"comparisons": 11}, "comparisons"),
        ({"lifetime": timedelta(seconds=30) - TICK}, "lifetime"),
        ({"lifetime": timedelta(seconds=600) + TICK}, "lifetime"),
        ({"resend_pauses": (timedelta(seconds=60), timedelta(seconds=30) - TICK)}, "resend_pauses"),
        ({"resend_pauses": (timedelta(seconds=60),) * 11}, "resend_pauses"),
        ({"repeat": -TICK}, "repeat"),
        ({"repeat": timedelta(seconds=60) + TICK}, "repeat"),
    ],
    ids=repr,
)
def test_a_policy_weaker_than_a_floor_is_not_built_unless_the_word_is_said(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"otp\.{problem}.*weaker_than_the_floor"):
        OtpPolicy(**changes)
    possible = changes.get("comparisons") != 0
    if possible:
        OtpPolicy(**changes, weaker_than_the_floor=True)


@pytest.mark.parametrize(
    "changes", [{"digits": 3}, {"digits": 13}, {"comparisons": 0}, {"comparisons": -1}, {"lifetime": timedelta(0)}, {"lifetime": -LIFETIME}], ids=repr
)
def test_what_cannot_work_is_not_built_whatever_is_said(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OtpPolicy(**changes, weaker_than_the_floor=True)


@pytest.mark.parametrize("changes", [{"digits": 4, "comparisons": 1}, {"digits": 12, "comparisons": 11}, {"comparisons": 1, "lifetime": TICK}], ids=repr)
def test_what_can_just_work_is_built_when_the_word_is_said(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OtpPolicy(**changes)
    assert OtpPolicy(**changes, weaker_than_the_floor=True).weaker_than_the_floor


def test_a_policy_at_its_floors_is_built() -> None:
    bounds = {"digits": (6, 12), "comparisons": (1, 10), "lifetime": (timedelta(seconds=30), LIFETIME), "repeat": (timedelta(0), timedelta(seconds=60))}
    for name, values in bounds.items():
        for value in values:
            assert getattr(OtpPolicy(**{name: value}), name) == value  # type: ignore[arg-type]
    assert OtpPolicy(resend_pauses=()).resend_pauses == ()
    assert OtpPolicy(resend_pauses=(timedelta(seconds=30),) * 10).digits == 8


def test_all_that_is_wrong_with_a_policy_is_said_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        OtpPolicy(digits=4, comparisons=99, lifetime=timedelta(hours=1), resend_pauses=(timedelta(0),) * 11, repeat=timedelta(hours=1))
    assert len(caught.value.problems) == 8


# ------------------------------------------------------------------------------------------------------------------ records


@pytest.mark.parametrize(
    "state",
    [
        FRESH,
        VERIFIED,
        challenge(binding=None),
        challenge(binding=Binding(destination=PhoneNumber.parse("+1 415 555 2671"))),
        challenge(session_digest=b"\x00\xff", over=True, tries=0, purpose=Purpose.SIGN_UP, identifier=PhoneNumber.parse("+44 20 7183 8750")),
    ],
    ids=["fresh", "verified", "unbound", "an address alone", "everything else"],
)
def test_a_challenge_comes_back_as_it_was(state: Challenge) -> None:
    restored = Challenge.from_payload(state.to_payload())
    assert restored == state
    assert restored.to_payload() == state.to_payload()
    assert restored.identifier.entered == state.identifier.entered
    assert code(restored) == code(state)


def test_fields_of_a_newer_release_are_carried_through() -> None:
    # F31.
    newer = json.loads(VERIFIED.to_payload()) | {"channel": {"kind": "voice"}, "skew": None}
    restored = Challenge.from_payload(json.dumps(newer).encode())
    after = guess(restored, WRONG, after=IN_TIME).after
    assert after is not None
    assert json.loads(after.to_payload()) == newer | {"tries_left": 4}


def groupings(text: str) -> set[str]:
    cuts = [[text], [text[:4], text[4:]], [text[:3], text[3:6], text[6:]], [text[:2], text[2:4], text[4:6], text[6:]], list(text)]
    return {join.join(parts) for parts in cuts for join in ("", " ", "-", ",", ".")} | {text[::-1], str(int(text))}


def test_a_record_holds_no_code() -> None:
    # OT-14: what is written is c and a nonce, and the code follows from them under the key alone.
    entropy = SeededEntropy("dump")
    for _ in range(500):
        state = challenge(nonce=entropy.token(16), c=entropy.below(10**8), secret_digest=entropy.token(32), session_digest=entropy.token(32))
        payload = state.to_payload().decode("ascii")
        text = code(state)
        assert not any(grouped in payload for grouped in groupings(text) if len(grouped) >= 7)
        assert text not in repr(state)
        assert state.issue.c != int(text)


def test_a_record_tells_an_unbound_challenge_apart_only_by_its_binding_and_not_by_its_length() -> None:
    theirs = Binding(destination=challenge().identifier, credential_id="c" * 22, generation="g" * 22)
    bound, unbound = (challenge(binding=binding).to_payload() for binding in (theirs, None))
    one, other = json.loads(bound), json.loads(unbound)
    assert {name for name in one if one[name] != other[name]} == {"binding", "stand_in"}
    assert len(bound) == len(unbound)


def test_an_unbound_challenge_of_an_earlier_release_is_read_without_a_stand_in() -> None:
    fields = json.loads(challenge(binding=None).to_payload())
    del fields["stand_in"]
    assert Challenge.from_payload(json.dumps(fields).encode()) == challenge(binding=None)


def test_what_is_shown_of_a_challenge_holds_no_material() -> None:
    shown = repr(challenge(c=87654321, session_digest=b"\x01session"))
    assert not any(secret in shown for secret in ("87654321", "x01session", "session_digest", "secret_digest", "Ada@", "ada@"))


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"format": True},
        {"id": 1},
        {"id": None},
        {"purpose": "approval"},
        {"secret_digest": "not base64!"},
        {"secret_digest": None},
        {"session_digest": 5},
        {"identifier": {"kind": "fax", "entered": "x", "canonical": "x"}},
        {"identifier": None},
        {"label": None},
        {"begun_at": "yesterday"},
        {"resend_at": 10**30},
        {"resends": 1.5},
        {"tries_left": True},
        {"tries_left": "5"},
        {"issue": None},
        {"issue": []},
        {"issue": {}},
        {"binding": []},
        {"binding": {"destination": None}},
        {"verified_at": 0.5},
        {"grant_id": 7},
    ],
    ids=repr,
)
def test_a_damaged_record_is_trouble_and_never_a_challenge(damage: dict[str, Any]) -> None:
    fields_now = json.loads(FRESH.to_payload()) | damage
    with pytest.raises(UnreadableRecord):
        Challenge.from_payload(json.dumps(fields_now).encode())


@pytest.mark.parametrize("name", ["number", "key_id", "nonce", "c", "digits", "issued_at", "expires_at", "over"])
def test_a_record_without_a_part_of_its_code_is_trouble(name: str) -> None:
    fields_now = json.loads(FRESH.to_payload())
    del fields_now["issue"][name]
    with pytest.raises(UnreadableRecord):
        Challenge.from_payload(json.dumps(fields_now).encode())
