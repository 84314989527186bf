"""Whatever is typed, hints come out and the reset last; suggestions are accepted and final; nothing of a password is in any hint."""

from __future__ import annotations

import string

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from credkit.identifiers import EmailAddress, InvalidIdentifier, confusable_skeleton, mixes_scripts, parse_identifier
from credkit.identifiers._domains import is_well_known, suggested_domain
from credkit.identifiers._keyboards import LATIN_LAYOUTS, case_is_inverted, from_leet, from_number_pad, layouts, readings
from credkit.identifiers._letters import likeness, scripts_of
from credkit.identifiers._typos import slip_cost
from credkit.identifiers.suggestions import suggest_email, suggest_phone
from credkit.secret import Secret
from credkit.sign_in_help import Hint, HintKind, Keyboard, SignInHelp
from credkit.site import Site

thorough = settings(max_examples=max(300, settings().max_examples))

HELP = SignInHelp(site=Site(name="Example", url="https://example.com", support="help@example.com"))
TEXTS = {Hint(kind=kind, field=field).text() for kind in HintKind for field in (None, *(hint.field for hint in HELP.hints(identifier="", password=" a")))}
"""All that a hint about a password can say."""

SIGNS = "@@..+-_ ,;:()[]<>#x*/~\"'\\\t\n\x00\u00a0\u00ad\u200b\u200d\u202e\uff20\u0301\ud800"
SCRIPTS = "abyz019\u00e9\u0430\u0444\u044b\u0456\u03b1\u03c3\u03c2\u05d0\u05dd\u0634\u0629\ufefb\u0644\u0627\u65e5\ud55c\u0661\uff11"

wild = st.text(st.characters(), max_size=340)
crafted = st.text(st.sampled_from(SIGNS + SCRIPTS), max_size=60)
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
popular = st.sampled_from(["gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "hotmail.co.uk", "protonmail.com", "comcast.net", "acme.com"])
addresses = st.builds("{}@{}".format, names, popular)
numbers = st.builds(
    "{}{}".format, st.sampled_from(["+", "+1 ", "+44 0", "+39 0", "+54 9", "+52 1", "+49 49", "00", "011", "0", ""]), st.text("0123456789 -()/.O", max_size=16)
)


@st.composite
def slipped(draw: st.DrawFn) -> str:
    """Return an address with one to three signs changed, put in, taken out or swapped."""
    text = draw(addresses)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text) - 2))
        sign = draw(st.sampled_from(string.ascii_lowercase + "@., \u200b"))
        before, here, after, rest = text[:place], text[place], text[place + 1], text[place + 2 :]
        text = before + draw(st.sampled_from([sign + after, here + sign + after, after, after + here])) + rest
    return text


typed = st.one_of(wild, crafted, slipped(), numbers, st.builds("{}{}".format, numbers, crafted))
regions = st.one_of(st.none(), st.sampled_from(["US", "GB", "IT", "DE", "AR", "MX", "zz", "\u0131t"]), st.text(max_size=3))
keyboards = st.builds(
    Keyboard,
    caps_lock=st.sampled_from([True, False, None]),
    num_lock=st.sampled_from([True, False, None]),
    layout=st.one_of(st.none(), st.sampled_from(["de", "fr", "ru", "qwerty"]), st.text(max_size=5)),
)


@thorough
@given(identifier=st.one_of(st.none(), typed), password=st.one_of(st.none(), wild, crafted), keyboard=keyboards, region=regions)
@example(identifier="a@" + "b." * 159, password="\u0430" * 1024, keyboard=Keyboard(), region="US")
@example(identifier="@" * 320, password="aB" * 512, keyboard=Keyboard(), region="US")
@example(identifier="1" * 320, password="1a" * 512, keyboard=Keyboard(layout="fr"), region="AR")
def test_whatever_is_typed_hints_come_out_and_the_reset_last(identifier: str | None, password: str | None, keyboard: Keyboard, region: str | None) -> None:
    hints = HELP.hints(identifier=identifier, password=password, keyboard=keyboard, region=region)
    assert [hint.kind for hint in hints].count(HintKind.USE_RESET) == 1
    assert hints[-1].kind is HintKind.USE_RESET
    assert len({(hint.kind, hint.field) for hint in hints}) == len(hints)
    assert all(isinstance(hint.public(), dict) for hint in hints)


@thorough
@given(password=st.one_of(wild, crafted, st.builds("{} {}".format, names, names)), keyboard=keyboards)
def test_no_hint_about_a_password_holds_a_part_of_it(password: str, keyboard: Keyboard) -> None:
    """Its texts are a closed list, and it suggests nothing: neither the password nor its length can be read from it."""
    for hint in HELP.hints(password=password, keyboard=keyboard):
        assert hint.text() in TEXTS
        assert (hint.suggestion, hint.reason) == (None, None)


@given(password=st.one_of(wild, crafted), keyboard=keyboards)
def test_a_wrapped_password_gets_the_same_hints(password: str, keyboard: Keyboard) -> None:
    assert HELP.hints(password=Secret(password), keyboard=keyboard) == HELP.hints(password=password, keyboard=keyboard)


@thorough
@given(identifier=typed, region=regions)
def test_hints_depend_on_nothing_but_what_is_given(identifier: str, region: str | None) -> None:
    assert HELP.hints(identifier=identifier, region=region) == HELP.hints(identifier=identifier, region=region)


@thorough
@given(identifier=typed, region=regions)
@example(identifier="ada@gmial.con", region=None)
@example(identifier="+49 0049 49 151 12345678", region=None)
def test_what_is_suggested_is_accepted_and_gets_no_hint_itself(identifier: str, region: str | None) -> None:
    for hint in HELP.hints(identifier=identifier, region=region):
        if hint.suggestion is None:
            continue
        parse_identifier(hint.suggestion)
        assert [again.kind for again in HELP.hints(identifier=hint.suggestion, region=region)] == [HintKind.USE_RESET]


@thorough
@given(address=addresses)
def test_an_address_at_a_well_known_domain_is_left_alone(address: str) -> None:
    assert suggest_email(address) is None


@thorough
@given(name=names, domain=st.sampled_from(["gmail.com", "hotmail.com", "outlook.com", "icloud.com", "yahoo.com"]), place=st.integers(0, 6))
def test_two_letters_of_a_well_known_domain_may_be_swapped(name: str, domain: str, place: int) -> None:
    first, _, ending = domain.partition(".")
    swapped = first[:place] + first[place : place + 2][::-1] + first[place + 2 :]
    assume(swapped != first)
    found = suggest_email(f"{name}@{swapped}.{ending}")
    assert found is not None
    assert found.text == f"{name}@{domain}"


@thorough
@given(domain=st.one_of(st.builds("{}.{}".format, names, st.sampled_from(["com", "con", "co", "de", "edd"])), st.text(max_size=40)))
def test_a_suggested_domain_is_another_one_and_the_last_word(domain: str) -> None:
    found = suggested_domain(domain)
    if found is None:
        return
    assert found != domain.lower()
    assert suggested_domain(found) is None


@thorough
@given(one=names, other=names)
def test_only_what_is_the_same_costs_nothing(one: str, other: str) -> None:
    assert (slip_cost(one, other) == 0) is (one == other)


@thorough
@given(text=st.text(string.ascii_letters + string.digits + " ", max_size=40), name=st.sampled_from(sorted(layouts())))
def test_a_layout_is_undone(text: str, name: str) -> None:
    qwerty, on = layouts()["qwerty"], layouts()[name]
    keys = dict(zip(qwerty.signs, on.signs, strict=True))
    assume(all(keys[sign] != "\u00b7" and on.signs.count(keys[sign]) == 1 for sign in text if sign != " "))
    assert text in readings("".join(keys.get(sign, sign) for sign in text), on=on, meant=qwerty)


@thorough
@given(text=st.one_of(wild, crafted), on=st.sampled_from(sorted(layouts())), meant=st.sampled_from(LATIN_LAYOUTS))
def test_anything_can_be_read_on_any_layout(text: str, on: str, meant: str) -> None:
    for reading in (*readings(text, on=layouts()[on], meant=layouts()[meant]), *from_number_pad(text), *from_leet(text), text):
        value = likeness(reading)
        assert value is None or -4 <= value <= 5
        assert isinstance(scripts_of(reading), frozenset)


@thorough
@given(words=st.lists(st.text(string.ascii_lowercase, min_size=2, max_size=10).map(str.capitalize), min_size=1, max_size=4))
def test_words_as_people_write_them_are_not_inverted_and_their_inversion_is(words: list[str]) -> None:
    text = " ".join(words)
    assert not case_is_inverted(text)
    assume(max(map(len, words)) >= 4)
    assert case_is_inverted(text.swapcase()) is (sum(map(len, words)) >= 4 * len(words))


@thorough
@given(text=st.one_of(slipped(), addresses, st.builds("{}@{}.com".format, names, st.text(st.characters(min_codepoint=0x61, max_codepoint=0x2FFF), max_size=8))))
def test_a_skeleton_is_the_same_for_all_spellings_and_its_own_skeleton(text: str) -> None:
    try:
        address = EmailAddress.parse(text)
    except InvalidIdentifier:
        return
    skeleton = confusable_skeleton(address)
    assert skeleton == confusable_skeleton(EmailAddress.parse(address.canonical))
    assert confusable_skeleton(EmailAddress.restore(skeleton, skeleton)) == skeleton


@thorough
@given(label=st.text(st.characters(min_codepoint=0x61, max_codepoint=0x2FFF), min_size=1, max_size=8))
def test_a_domain_mixes_scripts_in_either_form(label: str) -> None:
    try:
        address = EmailAddress.parse(f"ada@{label}.com")
    except InvalidIdentifier:
        return
    domain = address.canonical.rpartition("@")[2]
    assert mixes_scripts(domain) == mixes_scripts(address.entered.rpartition("@")[2])
    assert is_well_known(domain) or domain.isascii()


@thorough
@given(text=st.one_of(numbers, crafted), region=regions)
def test_a_suggested_number_reads_back_as_itself(text: str, region: str | None) -> None:
    found = suggest_phone(text, region=region)
    if found is None:
        return
    number = parse_identifier(found.text)
    assert parse_identifier(number.canonical) == number
    assert suggest_phone(found.text, region=region) is None
