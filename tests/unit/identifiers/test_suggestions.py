"""What is suggested for an address or number that is off, and for which ones nothing is; the vectors of sign-in help have many more."""

from __future__ import annotations

from importlib import resources

import phonenumbers
import pytest

from credkit.identifiers import EmailAddress, PhoneNumber, parse_identifier
from credkit.identifiers._domains import has_real_ending, is_well_known, suggested_domain
from credkit.identifiers._keyboards import layout_called, layouts, readings
from credkit.identifiers._typos import slip_cost
from credkit.identifiers.suggestions import Slip, Suggestion, suggest_email, suggest_phone

SIGNS_OF_NUMBERS = str.maketrans("", "", " -()./")


def suggested(text: object, **given: object) -> tuple[Slip, str] | None:
    found = suggest_email(text, **given)  # type: ignore[arg-type]
    return found and (found.slip, found.text)


def as_e164(found: Suggestion | None) -> str | None:
    return found and found.text.translate(SIGNS_OF_NUMBERS)


# Domains ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),  # two letters swapped
        ("gmaill.com", "gmail.com"),  # one doubled
        ("yaho.com", "yahoo.com"),  # one of two lost
        ("gnail.com", "gmail.com"),  # a neighbour on the keyboard
        ("gmal.com", "gmail.com"),  # one left out
        ("hotmaiil.con", "hotmail.com"),  # in the name and in the ending
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),  # Colombia exists, and Gmail has nothing there
        ("gmail.fr", "gmail.com"),
        ("gmail.com.com", "gmail.com"),
        ("yahoo.co.uk.co.uk", "yahoo.co.uk"),
        ("gmailcom", "gmail.com"),
        ("hotmialcom", "hotmail.com"),
        ("gmail", "gmail.com"),
        ("www.gmail.com", "gmail.com"),
        ("GMIAL.COM", "gmail.com"),
        ("gmx.ed", "gmx.de"),
        ("acme.con", "acme.com"),
        ("acme.com2", "acme.com"),
        ("acme.couk", "acme.co.uk"),
        ("acme.co.ik", "acme.co.uk"),
    ],
)
def test_a_slip_leads_back_to_the_domain_that_was_meant(typed: str, meant: str) -> None:
    assert suggested_domain(typed) == meant


@pytest.mark.parametrize(
    "domain",
    [
        "gmail.com",
        "ymail.com",  # one letter from another, and as well known
        "y7mail.com",  # a provider that is on the list of those left alone
        "acme.co",
        "acme.cm",
        "acme.museum",
        "mail.acme.com",
        "gmail.acme.com",
        "yahoo.ro",
        "libero.ir",  # Iran exists
        "aol.test",  # reserved: somebody is trying something out
        "acme.local",
        "all.com",  # three letters: too many names are near
        "fife.com",
        "acme.ed",  # two letters: too many countries are near
        "b\u00fccher.com",
        "localhost",
        "acme",
        "",
        ".",
        "acme.",
        ".com",
        "acme.c-m",
        "acme.co.xx",
    ],
)
def test_a_domain_that_may_be_right_is_left_alone(domain: str) -> None:
    assert suggested_domain(domain) is None


def test_a_provider_that_few_use_is_suggested_too() -> None:
    assert suggested_domain("wanado.fr") == "wanadoo.fr"
    assert suggested_domain("chelo.nl") == "chello.nl"
    assert suggested_domain("tin.itt") == "tin.it"


def test_the_lists_are_as_they_should_be() -> None:
    lines = resources.files("credkit.identifiers").joinpath("mail_domains.txt").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    domains = [f"{name.lstrip('!')}.{suffix}" for name, *suffixes in rows if name != "=" for suffix in suffixes]
    assert len(domains) == len(set(domains))
    assert [domain for domain in domains if not has_real_ending(domain)] == []
    assert [domain for domain in domains if EmailAddress.parse(f"ada@{domain}").canonical != f"ada@{domain}"] == []
    alone = [domain for name, *listed in rows if name == "=" for domain in listed]
    assert [domain for domain in alone if is_well_known(domain)] == []


def test_a_slip_costs_the_less_the_easier_it_is() -> None:
    easiest = [slip_cost(typed, "hotmail") for typed in ("hotmail", "hotmial", "hotnail", "hotail", "hoztmail", "hotxail", "jotmail")]
    assert easiest == sorted(easiest)
    assert easiest[0] == 0


# Addresses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "slip", "meant"),
    [
        ("Ada.L@Gmial.com", Slip.EMAIL_DOMAIN, "Ada.L@gmail.com"),
        ("ada@gmail,com", Slip.EMAIL_FORMAT, "ada@gmail.com"),
        ("ada@@acme.com", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("ada@gmail@com", Slip.EMAIL_FORMAT, "ada@gmail.com"),
        ("Ada <ada@acme.com>", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("Ada Lovelace ada@acme.com", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("mailto:ada@acme.com?subject=hello", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("adagmail.com", Slip.EMAIL_FORMAT, "ada@gmail.com"),
        ("ada2gmail.com", Slip.EMAIL_FORMAT, "ada@gmail.com"),
        ("ada#acme.com", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("ada\uff20acme.com", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("ada (at) acme (dot) com", Slip.EMAIL_FORMAT, "ada@acme.com"),
        ("ada @acme.com", Slip.SPACES, "ada@acme.com"),
        ("ada@acme.com\r\n", Slip.SPACES, "ada@acme.com"),
        ("ada\u200b@acme.com", Slip.INVISIBLE, "ada@acme.com"),
        ("ada\u200b@gmial.com", Slip.INVISIBLE, "ada@gmail.com"),
        ("ada@acme.com ada@acme.com", Slip.SEVERAL, "ada@acme.com"),
        ("ada@acme.comada@acme.com", Slip.SEVERAL, "ada@acme.com"),
        ('ada"acme.com', Slip.KEYBOARD_LAYOUT, "ada@acme.com"),
        ("\u0444\u0432\u0444@\u043f\u044c\u0444\u0448\u0434.\u0441\u0449\u044c", Slip.KEYBOARD_LAYOUT, "ada@gmail.com"),  # Russian, on a phone
        ('\u0444\u0432\u0444"\u043f\u044c\u0444\u0448\u0434\u044e\u0441\u0449\u044c', Slip.KEYBOARD_LAYOUT, "ada@gmail.com"),  # on a keyboard
        ("qdq2g,qil:co,", Slip.KEYBOARD_LAYOUT, "ada@gmail.com"),  # AZERTY
        ("grqce2hqrbour)lights:co,", Slip.KEYBOARD_LAYOUT, "grace@harbour-lights.com"),
        ("adz@zahoo.com", Slip.KEYBOARD_LAYOUT, "ady@yahoo.com"),  # QWERTZ
        ("ada@g0a53.c60", Slip.NUM_LOCK, "ada@gmail.com"),
    ],
)
def test_a_slip_leads_back_to_the_address_that_was_meant(typed: str, slip: Slip, meant: str) -> None:
    assert suggested(typed) == (slip, meant)


@pytest.mark.parametrize(
    "typed",
    [
        "ada@acme.com",
        "ada@gmail.com",
        " ada@gmail.com ",
        "ada lovelace@acme.com",  # half of the local part, or a name
        "ada@acme.com, eve@acme.com",
        "ada@acme.com, +1 415 555 2671",
        "\u0430da@gmail.com",  # two alphabets
        "ada@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",  # a domain of its own script
        "\u0438\u043c\u044f@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
        "gr\u00e4ce@gmail.com",  # no apostrophe from another layout
        "ada@acme",
        "ada@",
        "@gmail.com",
        "gmail.com",
        "ada",
        "",
        "@",
        "@@@",
        '"',
        "a" * 400 + "@gmial.com",
        None,
        7,
        ["ada@gmial.com"],
    ],
)
def test_nothing_is_suggested_where_nothing_is_likely(typed: object) -> None:
    assert suggested(typed) is None


def test_a_test_domain_is_suggested_only_where_it_is_accepted() -> None:
    assert suggested("ada @acme.test") is None
    assert suggested("ada @acme.test", allow_test_domains=True) == (Slip.SPACES, "ada@acme.test")


def test_a_suggestion_hides_from_logs() -> None:
    assert "gmail" not in repr(suggest_email("ada@gmial.com"))


# Numbers ----------------------------------------------------------------------------------------------------------------

MOBILES = {
    region: phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    if (example := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)) is not None
}
"""The example mobile numbers of libphonenumber's metadata."""


def test_there_are_numbers_of_all_the_world() -> None:
    assert len(MOBILES) > 230


@pytest.mark.parametrize("prefix", ["00", "+00", "++", "+ 00 "])
def test_a_prefix_for_dialling_abroad_becomes_a_plus(prefix: str) -> None:
    assert {region: as_e164(suggest_phone(prefix + number[1:])) for region, number in MOBILES.items()} == MOBILES


@pytest.mark.parametrize("joint", ["", " ", "+", " +"])
def test_a_doubled_country_code_is_left_out_once(joint: str) -> None:
    codes = {region: str(phonenumbers.country_code_for_region(region)) for region in MOBILES}
    doubled = {region: suggest_phone(f"+{codes[region]}{joint}{number[1:]}") for region, number in MOBILES.items()}
    assert {region: as_e164(found) for region, found in doubled.items()} == MOBILES
    assert {found.slip for found in doubled.values() if found} == {Slip.COUNTRY_CODE_DOUBLED}


def test_a_number_with_its_country_code_is_left_alone() -> None:
    written = [spelled for number in MOBILES.values() for spelled in (number, as_typed(number, "INTERNATIONAL"))]
    assert [text for text in written if suggest_phone(text)] == []


def as_typed(number: str, form: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(number), getattr(phonenumbers.PhoneNumberFormat, form))


def test_a_number_as_at_home_is_shown_as_it_is_read() -> None:
    found = {region: suggest_phone(as_typed(number, "NATIONAL"), region=region) for region, number in MOBILES.items()}
    assert {region: as_e164(suggestion) for region, suggestion in found.items()} == MOBILES
    assert {suggestion.slip for suggestion in found.values() if suggestion} == {Slip.COUNTRY_CODE_ASSUMED}


def test_without_a_region_a_number_as_at_home_gets_no_country() -> None:
    """But for the Chinese: theirs have 11 digits and begin as the American ones do with their country code."""
    guessed = [region for region, number in MOBILES.items() if suggest_phone(as_typed(number, "NATIONAL"))]
    assert guessed == ["CN"]


# The local ways of some countries; numbers of libphonenumber's examples.
@pytest.mark.parametrize(
    ("typed", "region", "slip", "meant"),
    [
        ("+39 6 6982", None, Slip.PHONE_PREFIX, "+39066982"),  # the Italian zero belongs to the number
        ("+39 0347 123 4567", None, Slip.PHONE_PREFIX, "+393471234567"),  # and mobile numbers have none
        ("+54 11 2345 6789", None, Slip.PHONE_PREFIX, "+5491123456789"),  # Argentina, called from abroad
        ("011 15 2345 6789", "AR", Slip.COUNTRY_CODE_ASSUMED, "+5491123456789"),
        ("+52 1 55 1234 5678", None, Slip.PHONE_PREFIX, "+525512345678"),  # Mexico, as until 2019
        ("044 55 1234 5678", "MX", Slip.PHONE_PREFIX, "+525512345678"),
        ("8 912 345-67-89", "RU", Slip.COUNTRY_CODE_ASSUMED, "+79123456789"),
        ("+8 912 345-67-89", None, Slip.PHONE_PREFIX, "+79123456789"),
        ("091 98765 43210", "IN", Slip.PHONE_PREFIX, "+919876543210"),
        ("\u0660\u0661\u0660\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667", "EG", Slip.COUNTRY_CODE_ASSUMED, "+201001234567"),
        ("\uff10\uff10\uff14\uff14 7400 123456", None, Slip.PHONE_PREFIX, "+447400123456"),
        ("+44 0 7400 123456", None, Slip.PHONE_PREFIX, "+447400123456"),
        ("447400123456", "DE", Slip.COUNTRY_CODE_MISSING, "+447400123456"),  # valid in Germany, but no mobile
        ("49 1512 3456789", "DE", Slip.COUNTRY_CODE_MISSING, "+4915123456789"),
        ("442071838750", None, Slip.COUNTRY_CODE_MISSING, "+442071838750"),
        ("+1 415 555 267I", None, Slip.PHONE_FORMAT, "+14155552671"),
        ("\u202a+1 415 555 267l\u202c", None, Slip.PHONE_FORMAT, "+14155552671"),
        ("+49 0049 49 1512 3456789", None, Slip.COUNTRY_CODE_DOUBLED, "+4915123456789"),  # three times
        ("tel:+1-415-555-2671", None, Slip.PHONE_FORMAT, "+14155552671"),
    ],
)
def test_numbers_as_they_are_dialled_here_and_there_are_mended(typed: str, region: str | None, slip: Slip, meant: str) -> None:
    found = suggest_phone(typed, region=region)
    assert found is not None
    assert (found.slip, as_e164(found)) == (slip, meant)


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("+44 (0)7400 123456", None),  # everybody writes so
        ("00447400123456", "GB"),
        ("1 (415) 555-2671", "US"),
        ("447400123456", "GB"),
        ("415 555 26711", "US"),  # a digit too many, and no Swiss number
        ("415 555 2671", None),
        ("+1 415 555 267", None),
        ("+1 415 555 26I", None),
        ("+49 49 1", None),
        ("+54 11 234", None),
        ("+1 415 555 2671 ext. 5", None),
        ("1-800-FLOWERS", "US"),
        ("+14155552671, +14155552672", None),
        ("0000000", "US"),
        ("+", None),
        ("", None),
        (None, None),
        (14155552671, None),
        ("1" * 400, "US"),
    ],
)
def test_a_number_that_is_right_or_past_mending_gets_no_suggestion(typed: object, region: str | None) -> None:
    assert suggest_phone(typed, region=region) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("region", ["", "zz", "USA", "\u0131t", 7])
def test_a_region_that_is_not_known_counts_as_none(region: object) -> None:
    assert suggest_phone("415 555 2671", region=region) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("typed", ["0044 20 7183 8750", "+39 6 6982", "+1 1 415 555 2671"])
def test_a_suggested_number_is_accepted(typed: str) -> None:
    found = suggest_phone(typed)
    assert found is not None
    assert isinstance(parse_identifier(found.text), PhoneNumber)


# Keyboards --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(layouts()) - {"qwerty"}))
def test_what_another_layout_made_of_a_text_is_undone(name: str) -> None:
    text = "the quick brown fox jumps over a lazy dog 0123456789"
    on, qwerty = layouts()[name], layouts()["qwerty"]
    written = "".join(dict(zip(qwerty.signs, on.signs, strict=True)).get(sign, sign) for sign in text)
    assert text in readings(written, on=on, meant=qwerty)


def test_every_layout_has_as_many_keys() -> None:
    assert {len(layout.signs) for layout in layouts().values()} == {2 * 47}


@pytest.mark.parametrize(("name", "found"), [("russian", "russian"), ("ru", "russian"), ("ru-RU", "russian"), ("UK", "ukrainian"), ("xx", None), ("", None)])
def test_a_layout_is_known_by_name_and_by_language(name: str, found: str | None) -> None:
    layout = layout_called(name)
    assert (layout and layout.name) == found
