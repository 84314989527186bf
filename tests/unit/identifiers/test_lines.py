"""What the numbering plans say about a number, and which lines a gate lets messages through to (ID-13, ID-14)."""

from __future__ import annotations

import phonenumbers
import pytest

from credkit.errors import ConfigurationError
from credkit.identifiers import PhoneNumber
from credkit.identifiers.lines import Line, LineKind, SmsGate, line_of

EVERYWHERE = SmsGate(regions=frozenset(phonenumbers.SUPPORTED_REGIONS))
TYPES = {getattr(phonenumbers.PhoneNumberType, kind.name): kind for kind in LineKind if kind is not LineKind.UNKNOWN}


def number(text: str) -> PhoneNumber:
    return PhoneNumber.restore(text, text)


def examples() -> list[tuple[PhoneNumber, str, LineKind]]:
    """Return an example of each kind of line of each region, as libphonenumber's metadata has them."""
    found: list[tuple[PhoneNumber, str, LineKind]] = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in TYPES:
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None and phonenumbers.is_valid_number(example):
                e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                found.append((number(e164), phonenumbers.region_code_for_number(example), TYPES[phonenumbers.number_type(example)]))
    return found


def test_every_kind_of_every_region_is_told() -> None:
    told = examples()
    assert len(told) > 1000
    assert {kind for _, _, kind in told} == set(LineKind) - {LineKind.UNKNOWN}
    assert [phone.canonical for phone, region, kind in told if (line_of(phone).region, line_of(phone).kind) != (region, kind)] == []


def test_only_mobile_lines_are_sent_to() -> None:
    """ID-13: one vector for each region and kind; only the two kinds pass."""
    passed = {kind for phone, _, kind in examples() if EVERYWHERE.allows(phone)}
    assert passed == {LineKind.MOBILE, LineKind.FIXED_LINE_OR_MOBILE}


def test_internet_telephony_counts_only_if_that_is_said() -> None:
    voip = [phone for phone, _, kind in examples() if kind is LineKind.VOIP]
    assert len(voip) > 20
    assert not any(map(EVERYWHERE.allows, voip))
    assert all(map(SmsGate(regions=EVERYWHERE.regions, allow_voip=True).allows, voip))


def test_an_empty_list_lets_nothing_through() -> None:
    assert not any(SmsGate().allows(phone) for phone, _, _ in examples())


def test_a_region_is_no_country_code() -> None:
    """Canada shares +1 with the United States, and Guernsey +44 with Britain."""
    gate = SmsGate(regions=frozenset({"US", "GB"}))
    assert gate.allows(number("+14155552671"))
    assert not gate.allows(number("+15062345678"))
    assert not gate.allows(number("+447781123456"))


@pytest.mark.parametrize("text", ["+870301234567", "+883510012345", "+979123456789", "+80012345678"])
def test_networks_of_no_country_are_of_no_region(text: str) -> None:
    assert line_of(number(text)).region is None
    assert not EVERYWHERE.allows(number(text))


@pytest.mark.parametrize(("text", "code"), [("+1000", 1), ("+14150000000", 1), ("junk", 0), ("", 0)])
def test_a_number_that_is_in_no_plan_any_more_is_unknown(text: str, code: int) -> None:
    assert line_of(number(text)) == Line(kind=LineKind.UNKNOWN, country_code=code, region=None)
    assert not EVERYWHERE.allows(number(text))


@pytest.mark.parametrize("region", ["us", "USA", "1", "", "001", "\u00c4\u00d6"])
def test_a_gate_with_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(ConfigurationError):
        SmsGate(regions=frozenset({"US", region}))
