"""Which identifiers look alike, and which domains mix scripts (ID-09, ID-10)."""

from __future__ import annotations

import pytest

from credkit.identifiers import EmailAddress, confusable_skeleton, mixes_scripts, parse_identifier


def skeleton(text: str) -> str:
    return confusable_skeleton(parse_identifier(text))


# UTS 39 confusables.txt, and what a sans-serif face confuses besides.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@paypal.com", "ada@\u0440\u0430y\u0440\u0430l.com"),  # Cyrillic er and a
        ("ada@paypal.com", "ada@paypa1.com"),
        ("ada@paypal.com", "ada@PAYPAI.com"),
        ("ada@google.com", "ada@g00gle.com"),
        ("ada@google.com", "ada@g\u03bf\u03bfgle.com"),  # Greek omicron
        ("ada@google.com", "ada@\u0261oogle.com"),  # LATIN SMALL LETTER SCRIPT G
        ("ada@apple.com", "ada@\u0430\u0440\u0440l\u0435.com"),
        ("ada@acme.com", "ada@ac\u043ce.com".replace("\u043c", "rn")),
        ("ada@view.com", "ada@vievv.com"),
        ("modern@acme.com", "rnodern@acme.com"),
        ("lily@acme.com", "1i1y@acme.com"),
    ],
)
def test_what_looks_alike_has_one_skeleton(one: str, other: str) -> None:
    assert parse_identifier(one) != parse_identifier(other)
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@acme.com", "eve@acme.com"),
        ("ada@acme.com", "ada@acne.com"),
        ("ada@bucher.com", "ada@b\u00fccher.com"),  # the dots can be seen
        ("ada@acme.com", "ada@acme.org"),
        ("a.da@acme.com", "ada@acme.com"),
        ("+1 415 555 2671", "+1 415 555 2677"),
    ],
)
def test_what_can_be_told_apart_has_two(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def test_a_number_is_its_own_skeleton() -> None:
    assert skeleton("+1 415 555 2671") == "+14155552671"


def test_the_local_part_and_the_domain_stay_apart() -> None:
    assert skeleton("ada@acme.com").count("@") == 1


def test_a_label_that_only_pretends_to_be_encoded_is_taken_as_it_stands() -> None:
    assert confusable_skeleton(EmailAddress.restore("ada@xn--\u00e4.com", "ada@xn--\u00e4.com")).startswith("ada@xn--a")


@pytest.mark.parametrize(
    "domain",
    [
        "\u0440aypal.com",
        "xn--aypal-uye.com",
        "p\u0430ypal.com",
        "a.b\u03b1.com",
        "\u0430\u03b1.com",  # Cyrillic and Greek
        "abc\ud55c\uad6d\u65e5\u3042.com",  # Hangul with kana
        "A\u0411.COM",
    ],
)
def test_scripts_that_no_word_is_written_in_together_are_mixed(domain: str) -> None:
    assert mixes_scripts(domain)


@pytest.mark.parametrize(
    "domain",
    [
        "acme.com",
        "b\u00fccher.com",
        "xn--bcher-kva.com",
        "\u043f\u043e\u0447\u0442\u0430.com",  # each label by itself
        "\u043f\u043e\u0447\u0442\u0430-24.\u0440\u0444",
        "\u65e5\u672c\u8a9e\u30ab\u30ca\u304b\u306a-abc.jp",
        "\u4eba\u3005.jp",  # with its iteration mark
        "\ud55c\uad6dabc.kr",
        "\u03bb\u03cc\u03b3\u03bf\u03c2.gr",
        "\uff41\uff42\uff43.com",  # full-width letters are Latin
        "1815.com",
        "xn--\u00e4.com",
        "",
    ],
)
def test_one_script_or_several_of_one_language_are_not(domain: str) -> None:
    assert not mixes_scripts(domain)
