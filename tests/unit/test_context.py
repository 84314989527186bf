"""What a stranger's browser says of itself may stand in an official message only once it can do no harm there."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import assume, given
from hypothesis.strategies import ip_addresses, text

from credkit.context import SHOWN_CHARACTERS, Context, Session, checked, folded, harmless
from credkit.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Firefox on Linux", "Firefox on Linux"),
        ("Chrome 121.0, Windows 10 (x86-64)", "Chrome 121.0, Windows 10 (x86-64)"),
        ("Oslo, Norway", "Oslo, Norway"),
        ("S\u00e3o Paulo/\u6771\u4eac", "S\u00e3o Paulo/\u6771\u4eac"),
        ("St. Gallen", "St. Gallen"),
        ("  a \t b\u00a0\u3000c  ", "a b c"),
        ("", None),
        (" \r\n\t", None),
        ("!?*#@", None),
        (None, None),
    ],
)
def test_a_plain_description_is_shown_and_nothing_is_shown_for_nothing(text: str | None, shown: str | None) -> None:
    assert harmless(text) == shown


# NO-06: header breaks, markup, hidden and reordering characters, halves of characters.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nBcc: eve", "a Bcc eve"),
        ("a\x00b\x1b[31mc\x7f", "a b 31mc"),
        ("<b>bold</b>", "b bold /b"),
        ("a&amp;b", "a amp b"),
        ("{site} %s \\n", "site s n"),
        ("a\u202eb\u200bc\u2028d\u2066e\ufefff\u00adg", "a b c d e f g"),
        ("a\ud800b", "a b"),
        ("\U0001f4a9 phone", "phone"),
        ('"quoted" `code`', "quoted code"),
    ],
)
def test_controls_markup_and_hidden_characters_are_left_out(text: str, shown: str) -> None:
    assert harmless(text) == shown


# A mail client makes a link of anything that ends like a name, so no dot may stand before a letter.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("evil.example", "evil example"),
        ("https://evil.example/a?b=c", "https //evil example/a b c"),
        ("www.evil.example", "www evil example"),
        ("eve@evil.example", "eve evil example"),
        ("login1.example", "login1 example"),
        ("1und1.de", "1und1 de"),
        ("192.0.2.1.example", "192.0.2.1 example"),
        ("evil.\u00e9xample", "evil \u00e9xample"),
        ("evil\u3002example", "evil example"),
        ("evil\uff0eexample", "evil example"),
        ("evil.12345example", "evil example"),
        ("evil.\u0661\u0662\u0663\u0664\u0665example", "evil example"),
        ("a.b.c.d", "a b c d"),
    ],
)
def test_no_link_can_be_made_of_it(text: str, shown: str) -> None:
    assert harmless(text) == shown


# A message that carries a code must not carry a stranger's as well.
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("12345", None),
        ("use 12345678 now", "use now"),
        ("a12345b", "ab"),
        ("1234", "1234"),
        ("\uff11\uff12\uff13\uff14\uff15\uff16", None),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", None),
        ("1\u0662\uff1345", None),
        ("\u2460\u2461\u2462\u2463\u2464\u2465", None),
        ("\u00b9\u00b2\u00b3\u2074\u2075\u2076", None),
    ],
)
def test_no_run_of_digits_that_could_be_a_code_is_shown(text: str, shown: str | None) -> None:
    assert harmless(text) == shown


def test_it_is_cut_to_what_a_message_has_room_for() -> None:
    assert SHOWN_CHARACTERS == 60
    assert harmless("x" * 1_000_000) == "x" * SHOWN_CHARACTERS
    assert harmless("x" * (SHOWN_CHARACTERS - 1) + " y") == "x" * (SHOWN_CHARACTERS - 1)
    assert harmless("!" * 236 + "late" + "!" * 1_000_000) == "late"
    assert harmless("!" * 240 + "late") is None


def test_a_context_makes_what_is_shown_harmless_and_leaves_keys_alone() -> None:
    context = Context(
        network_key="192.0.2.0/24", locale="de-CH", device="<Firefox>", place="evil.example", region="US", session_key="<s>12345678", device_mark="<d>"
    )
    assert (context.device, context.place) == ("Firefox", "evil example")
    assert (context.network_key, context.locale, context.region) == ("192.0.2.0/24", "de-CH", "US")
    assert (context.session_key, context.device_mark) == ("<s>12345678", "<d>")


@pytest.mark.parametrize("value", [0, True, b"Firefox", ["Firefox"], {"a": 1}, object()])
def test_what_is_no_text_is_not_shown(value: object) -> None:  # REQ-D4c
    assert harmless(value) is None
    assert Context(device=value, place=value) == Context.none()  # type: ignore[arg-type]


@pytest.mark.parametrize("tag", ["de", "de-CH", "de_CH", "zh-Hant-TW", "x" * 35])
def test_a_language_tag_is_kept(tag: str) -> None:
    assert Context(locale=tag).locale == tag


@pytest.mark.parametrize("tag", ["", "-", "de-", "de--CH", "de CH", "de\n", "de,en;q=0.5", "../../etc", "<b>", "x" * 36, "\u0661", "\u00e9n", 1, b"de", ["de"]])
def test_what_does_not_look_like_a_language_tag_counts_as_none(tag: object) -> None:
    assert Context(locale=tag).locale is None  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 1, True, b"key", ("key",), object()])
def test_a_key_that_is_no_text_is_refused_because_leaving_it_out_would_lift_a_limit(value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Context(network_key=value, session_key=value, device_mark=value)  # type: ignore[arg-type]
    assert [problem.split()[0] for problem in caught.value.problems] == ["context.network_key", "context.session_key", "context.device_mark"]


def test_only_a_context_passes_for_one() -> None:
    context = Context(device="Firefox")
    assert checked(context) is context
    for other in (None, {}, "Firefox", Context, Session(credential_id="c", session_epoch=0)):
        with pytest.raises(ConfigurationError):
            checked(other)


def test_a_context_that_says_nothing_says_nothing() -> None:
    assert Context.none() == Context()
    assert {getattr(Context.none(), name) for name in Context.__slots__} == {None}


def test_keys_are_not_shown() -> None:
    context = Context(network_key="canary-n", session_key="canary-s", device_mark="canary-d", device="Firefox")
    session = Session(credential_id="c1", session_epoch=3, session_key="canary-s")
    assert "Firefox" in repr(context)
    assert "c1" in repr(session)
    assert "canary" not in repr(context) + str(context) + repr(session) + str(session)


# What limits of a network count by (REQ-D10) ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("64:ff9b::cb00:7107", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("64:ff9b:1::cb00:7107", "64:ff9b:1::/64"),
        ("::fffe:203.0.113.7", "::/64"),
    ],
)
def test_an_address_counts_as_the_network_of_one_subscriber(key: str, counted: str) -> None:
    assert Context(network_key=key).network_key == counted


@pytest.mark.parametrize("key", ["", "net", "192.0.2.0/24", "2001:db8::/64", "203.0.113.7 ", "203.0.113.007", "[2001:db8::1]", "1", "\ud800", "x" * 100_000])
def test_any_other_network_key_is_taken_as_it_is(key: str) -> None:
    assert Context(network_key=key).network_key == key


@given(ip_addresses(v=6), ip_addresses(v=6))
def test_two_ipv6_addresses_share_a_key_exactly_where_their_first_64_bits_agree(one: IPv6Address, other: IPv6Address) -> None:
    other = IPv6Address(int(other) % 2**64 + (int(one) >> 64 << 64)) if int(other) % 2 else other
    assume(not {int(one) >> 32, int(other) >> 32} & {0xFFFF, 0x64FF9B << 64})
    assert (folded(str(one)) == folded(other.exploded)) == (int(one) >> 64 == int(other) >> 64)


@given(text())
def test_folding_twice_is_folding_once(key: str) -> None:
    assert folded(folded(key)) == folded(key)
