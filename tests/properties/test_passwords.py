"""Whatever is typed as a password or stored as a hash: one form or one refusal, findings that give nothing away, and a comparison that never raises."""

from __future__ import annotations

import unicodedata

import argon2
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from credkit.errors import FindingKind, PasswordRefused
from credkit.identifiers import EmailAddress
from credkit.passwords import HIGHEST_SCORE, LONGEST_PASSWORD, PasswordRules, Verification, normalize_password
from credkit.passwords._blocklist import makings_of, shortest_unit, words_in
from credkit.passwords._words import listed
from credkit.passwords.strength import bits_of
from credkit.secret import Secret
from credkit.testing import cheap_hasher

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

RULES = PasswordRules()
HASHER = cheap_hasher()

wild = st.text(st.characters(), max_size=40)
marked = st.text(st.sampled_from("aeo\u0301\u0327\u00e9\u1ec7 \u00a0\u3000\u200d\u0958\ufb01\u0130"), max_size=30)
long = st.builds(lambda text, times: text * times, st.text(st.characters(), min_size=1, max_size=6), st.integers(100, 400))
typed = st.one_of(wild, marked, long)
plain = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABC0123456789 !-_@$\u00e9\u0436"), min_size=1, max_size=40)
words = st.sampled_from(sorted({word for word in listed("listed.txt") if len(word) >= 4}))


def normal(text: str) -> str | None:
    try:
        return normalize_password(text).reveal()
    except PasswordRefused:
        return None


@thorough
@given(text=typed)
@example(text="\ud800")
@example(text="\u0958" * LONGEST_PASSWORD)
def test_any_text_has_one_form_or_the_one_refusal(text: str) -> None:
    form = normal(text)
    if form is None:
        return
    assert 1 <= len(form) <= LONGEST_PASSWORD
    assert normal(form) == form
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in form)
    assert {character for character in form if unicodedata.category(character) == "Zs"} <= {" "}


@thorough
@given(text=st.one_of(wild, marked))
def test_the_spellings_of_one_text_have_one_form(text: str) -> None:
    forms = {normal(spelling) for spelling in (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))}
    assert len(forms - {None}) <= 1  # the decomposed one may be too long to look at


@thorough
@given(one=marked, other=marked)
def test_two_forms_are_the_same_only_if_the_texts_are_canonically_equivalent(one: str, other: str) -> None:
    assume(normal(one) is not None)
    same = [unicodedata.normalize("NFC", text.replace("\u00a0", " ").replace("\u3000", " ")) for text in (one, other)]
    assert (normal(one) == normal(other)) is (same[0] == same[1])


@thorough
@given(text=st.one_of(typed, st.none(), st.integers(), st.binary(), st.lists(st.text())), current=st.one_of(st.none(), plain.map(Secret)))
def test_any_proposal_gets_findings_and_no_exception(text: object, current: Secret | None) -> None:
    findings = RULES.findings(text, identifiers=[EmailAddress.parse("ada.lovelace@example.com")], words=["Example"], current=current)  # type: ignore[arg-type]
    kinds = [finding.kind for finding in findings]
    assert len(kinds) == len(set(kinds))
    assert len({FindingKind.COMMON, FindingKind.REPEATED, FindingKind.SEQUENCE, FindingKind.IDENTIFIER, FindingKind.SITE_WORD} & set(kinds)) <= 1


@thorough
@given(text=st.one_of(typed, st.none(), st.integers(), plain))
def test_strength_is_nothing_exactly_where_something_is_wrong(text: object) -> None:
    strength = RULES.strength(text, words=["Example"])  # type: ignore[arg-type]
    assert strength.findings == RULES.findings(text, words=["Example"])  # type: ignore[arg-type]
    assert (strength.score == 0) is bool(strength.findings)
    assert 0 <= strength.score <= HIGHEST_SCORE


@thorough
@given(text=plain, personal=st.frozensets(st.text(st.sampled_from("abc019"), min_size=1, max_size=4), max_size=4))
def test_knowing_more_of_the_person_never_makes_it_stronger(text: str, personal: frozenset[str]) -> None:
    assert 0 <= bits_of(text, personal) <= bits_of(text)


@thorough
@given(text=plain)
def test_too_short_is_said_exactly_of_fewer_than_fifteen(text: str) -> None:
    kinds = [finding.kind for finding in RULES.findings(text)]
    assert (FindingKind.TOO_SHORT in kinds) is (len(text) < 15)


@thorough
@given(unit=st.text(st.characters(exclude_categories=["C", "Z", "M"]), min_size=1, max_size=14), times=st.integers(2, 40))
def test_whatever_is_short_and_repeated_is_refused(unit: str, times: int) -> None:
    text = unit * times
    assume(len(text) >= 15)
    form = normal(text)
    assume(form is not None and len(form) >= 15)
    (kind,) = [finding.kind for finding in RULES.findings(text)]
    assert kind in {FindingKind.COMMON, FindingKind.REPEATED}


@thorough
@given(text=st.text(st.sampled_from("ab-1"), max_size=24))
def test_a_unit_repeated_gives_its_text_back(text: str) -> None:
    unit = shortest_unit(text)
    if unit == text:
        shortest = next((size for size in range(1, len(text) // 2 + 1) if (text[:size] * len(text))[: len(text)] == text), None)
        assert shortest is None
        return
    whole = {text, text.replace("-", ""), "".join(filter(str.isalpha, text))}
    assert any((unit * len(spelling))[: len(spelling)] == spelling for spelling in whole if spelling)


@thorough
@given(first=words, second=words, signs=st.text(st.sampled_from("0123456789!?#%*"), max_size=4), title=st.booleans(), join=st.sampled_from(["", " ", "-", "."]))
def test_two_common_words_and_a_little_more_are_refused_however_they_are_put_together(first: str, second: str, signs: str, title: bool, join: str) -> None:
    text = join.join([first.capitalize() if title else first, second]) + signs
    assert makings_of(text)
    assert makings_of(text.upper())
    assert makings_of(signs + text[: len(text) - len(signs)])


@thorough
@given(rest=st.text(st.sampled_from("bdfghjkmnpqrvwxz"), min_size=9, max_size=20), common=words)
def test_a_common_word_is_never_held_against_the_whole(rest: str, common: str) -> None:
    assume(not makings_of(rest))
    assert not makings_of(f"{rest} {common} {rest[::-1]}{rest}")


@thorough
@given(name=st.text(st.sampled_from("bdfghjkmnpqrvwxyz"), min_size=3, max_size=12), signs=st.text(st.sampled_from("0123456789!?"), max_size=8))
def test_a_password_of_a_personal_word_is_refused_and_without_it_judged_alone(name: str, signs: str) -> None:
    personal = words_in(f"{name}@x.io")
    assert name in personal
    for text in (name + signs, (name + name).upper() + signs, signs + name):
        assert makings_of(text, personal)


@thorough
@given(text=plain, personal=st.frozensets(st.text(st.sampled_from("abc019"), min_size=1, max_size=4), max_size=4))
def test_knowing_more_of_the_person_never_accepts_more(text: str, personal: frozenset[str]) -> None:
    assert makings_of(text, personal) or not makings_of(text)


@thorough
@given(stored=st.one_of(st.text(st.characters(), max_size=60), st.binary(max_size=60).map(lambda data: data.decode("latin-1"))), password=plain)
@example(stored="", password="x")
@example(stored="$argon2id$v=19$m=8,t=1,p=1$\ud800$\ud800", password="x")
def test_no_stored_text_makes_a_comparison_raise_or_match(stored: str, password: str) -> None:
    assert HASHER.verify(stored, Secret(password)) == Verification(matches=False, malformed=True)


GOOD = HASHER.hash(Secret("tortoise plumbing verdict"))


@thorough
@given(
    place=st.integers(0, len(GOOD) - 1),
    change=st.text(st.one_of(st.sampled_from("$,=01789mtpvAz+/\x00\n"), st.characters()), max_size=3),
    cut=st.integers(0, 3),
)
def test_a_damaged_hash_never_raises_and_matches_only_if_it_means_the_same(place: int, change: str, cut: int) -> None:
    stored = GOOD[:place] + change + GOOD[place + cut :]
    verification = HASHER.verify(stored, Secret("tortoise plumbing verdict"))
    assert verification.matches is (stored == GOOD)
    assert not (verification.matches and verification.malformed)


@settings(max_examples=50)
@given(one=plain, other=plain)
def test_a_hash_matches_its_own_password_and_no_other(one: str, other: str) -> None:
    password, another = normalize_password(one), normalize_password(other)
    stored = HASHER.hash(password)
    assert HASHER.verify(stored, password) == Verification(matches=True)
    assert HASHER.verify(stored, another).matches is (password == another)
    assert argon2.extract_parameters(stored).salt_len == 16
