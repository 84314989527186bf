"""Which email addresses are accepted, why others are refused, and which are the same."""

from __future__ import annotations

import pickle

import email_validator
import pytest

from credkit.errors import Reason
from credkit.identifiers import EmailAddress, InvalidIdentifier, PhoneNumber

LABEL_63 = "a" * 63
LOCAL_64 = "a" * 64
UMLAUTS_60 = "\u00fc" * 60
HAN = ".".join(["\u4e2d\u56fd\u6587\u5b57\u6c49"] * 10)


def refusal(text: object, **options: bool) -> Reason:
    with pytest.raises(InvalidIdentifier) as caught:
        EmailAddress.parse(text, **options)  # type: ignore[arg-type]
    return caught.value.reason


# Shapes after the categories VALID and DNSWARN of the isemail test set 3.05 (dominicsayers/isemail), with addresses of our own.
@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "ada.lovelace@example.co.uk",
        "a@example.com",
        "1815@example.com",
        "ada@123.com",
        "ada@e.com",
        "ada@e-x-a-m.com",
        "ada@c--n.com",
        "!#$%&'*+/=?^_`{|}~-@example.com",
        "ada+tag@example.com",
        "ada@example.museum",
        f"ada@{LABEL_63}.com",
    ],
)
def test_an_ordinary_address_is_accepted_as_it_is(text: str) -> None:
    address = EmailAddress.parse(text)
    assert (address.entered, address.canonical, address.address) == (text, text, text)


# Shapes after the categories RFC5321, CFWS, DEPREC, RFC5322 and ERR of isemail 3.05, and ID-08.
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.IDENTIFIER_EMPTY),
        ("   \u00a0\u3000", Reason.IDENTIFIER_EMPTY),
        ("ada", Reason.EMAIL_INVALID),
        ("ada.example.com", Reason.EMAIL_INVALID),
        ("@", Reason.EMAIL_INVALID),
        ("@example.com", Reason.EMAIL_INVALID),
        ("ada@", Reason.EMAIL_INVALID),
        ("ada@@example.com", Reason.EMAIL_INVALID),
        (".ada@example.com", Reason.EMAIL_INVALID),
        ("ada.@example.com", Reason.EMAIL_INVALID),
        ("ada..lovelace@example.com", Reason.EMAIL_INVALID),
        ("ada lovelace@example.com", Reason.EMAIL_INVALID),
        ("ada,lovelace@example.com", Reason.EMAIL_INVALID),
        ("ada(countess)@example.com", Reason.EMAIL_INVALID),
        ("Ada <ada@example.com>", Reason.EMAIL_INVALID),
        ("mailto:ada@example.com", Reason.EMAIL_INVALID),
        ('ada"@example.com', Reason.EMAIL_INVALID),
        ('"ada lovelace"@example.com', Reason.EMAIL_UNSUPPORTED),
        ('"ada@home"@example.com', Reason.EMAIL_UNSUPPORTED),
        ("ada@[192.0.2.1]", Reason.EMAIL_UNSUPPORTED),
        ("ada@[IPv6:2001:db8::1]", Reason.EMAIL_UNSUPPORTED),
        ("\u00e4da@example.com", Reason.EMAIL_UNSUPPORTED),
        ("\u7528\u6237@example.com", Reason.EMAIL_UNSUPPORTED),
        ("ada@example", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@.example.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example.com.", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example..com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@-example.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example-.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@exam_ple.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@exam ple.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example,com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example.com;", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example.com(work)", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@example.123", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@192.0.2.1", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@xn--0.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@ab--cd.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@\u0301example.com", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@\u2488com.example.com", Reason.EMAIL_DOMAIN_INVALID),
        # Special-use names: RFC 6761, 6762, 7686.
        ("ada@localhost", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@mail.localhost", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@printer.local", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@site.invalid", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@site.onion", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@1.168.192.in-addr.arpa", Reason.EMAIL_DOMAIN_INVALID),
        ("ada@site.test", Reason.EMAIL_DOMAIN_INVALID),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, reason: Reason) -> None:
    assert refusal(text) is reason


@pytest.mark.parametrize(
    "text",
    [
        "a@x.com, b@y.com",
        "a@x.com,b@y.com",
        "a@x.com;b@y.com",
        "a@x.com b@y.com",
        "a@x.com/b@y.com",
        "Ada <a@x.com>, Bob <b@y.com>",
        "a@b@example.com",
        "a@x.com, +1 415 555 2671",
    ],
)
def test_several_addresses_are_refused_as_several(text: str) -> None:
    assert refusal(text) is Reason.IDENTIFIER_SEVERAL


@pytest.mark.parametrize("value", [None, True, 0, 1.5, b"ada@example.com", ["ada@example.com"], {"email": "ada@example.com"}, object()])
def test_what_is_no_text_is_refused_like_wrong_text(value: object) -> None:
    assert refusal(value) is Reason.IDENTIFIER_UNRECOGNISED


def test_a_test_domain_is_accepted_where_the_caller_says_so() -> None:
    assert EmailAddress.parse("Ada@Mail.Test", allow_test_domains=True).canonical == "ada@mail.test"


@pytest.mark.parametrize("text", ["ada@test", "ada@site.local", "ada@localhost", "ada@example"])
def test_allowing_test_domains_allows_nothing_else(text: str) -> None:
    assert refusal(text, allow_test_domains=True) is Reason.EMAIL_DOMAIN_INVALID


def test_outer_spaces_go_and_nothing_else() -> None:
    address = EmailAddress.parse(" \u00a0Ada.Lovelace@EXAMPLE.com\u3000 ")
    assert address.entered == "Ada.Lovelace@EXAMPLE.com"
    assert address.canonical == "ada.lovelace@example.com"


def test_what_is_sent_to_keeps_the_case_of_the_local_part() -> None:
    assert EmailAddress.parse("Ada@EXAMPLE.com").address == "Ada@example.com"


def test_a_subclass_of_str_leaves_no_trace() -> None:
    class Markup(str):
        __slots__ = ()

        def strip(self, chars: str | None = None) -> str:
            return "eve@example.com"

    assert type(EmailAddress.parse(Markup("ada@example.com")).entered) is str
    assert EmailAddress.parse(Markup("ada@example.com")).entered == "ada@example.com"


# RFC 5321 section 4.5.3.1: 64 octets for the local part, 254 for the whole, RFC 1035: 63 for a label (ID-06).
@pytest.mark.parametrize(
    "text",
    [f"{LOCAL_64}@example.com", f"ada@{LABEL_63}.com", f"{LOCAL_64}@{LABEL_63}.{LABEL_63}.{'a' * 57}.com"],
)
def test_the_longest_forms_are_accepted(text: str) -> None:
    assert EmailAddress.parse(text).canonical == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"a{LOCAL_64}@example.com", Reason.IDENTIFIER_TOO_LONG),
        (f"ada@a{LABEL_63}.com", Reason.EMAIL_DOMAIN_INVALID),
        (f"{LOCAL_64}@{LABEL_63}.{LABEL_63}.{'a' * 58}.com", Reason.IDENTIFIER_TOO_LONG),
        ("a" * 320 + "@", Reason.IDENTIFIER_TOO_LONG),
        # 60 umlauts fit into a label as they are typed, not as an A-label.
        (f"ada@{UMLAUTS_60}.com", Reason.EMAIL_DOMAIN_INVALID),
        # As typed 128 code points and 228 octets of UTF-8; the ten labels of Han characters are longer as A-labels.
        (f"{LOCAL_64}@{HAN}.com", Reason.IDENTIFIER_TOO_LONG),
    ],
)
def test_one_more_is_refused_counted_as_sent(text: str, reason: Reason) -> None:
    assert refusal(text) is reason


def test_a_megabyte_is_refused_for_its_length_before_anything_is_done_with_it() -> None:
    assert refusal(" " * 1_000_000) is Reason.IDENTIFIER_TOO_LONG
    assert refusal("a\u0300" * 500_000 + "\x00@example.com") is Reason.IDENTIFIER_TOO_LONG


# UTS 46, non-transitional; A-labels checked against the UTS 46 conformance page of unicode.org and RFC 5891.
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("ada@B\u00dcCHER.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@bu\u0308cher.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@XN--BCHER-KVA.example.com", "ada@xn--bcher-kva.example.com"),
        ("ada@stra\u00dfe.com", "ada@xn--strae-oqa.com"),
        ("somename@\uff47\uff4d\uff41\uff49\uff4c.com", "somename@gmail.com"),
        ("ada@example\u3002com", "ada@example.com"),
    ],
)
def test_a_domain_is_compared_and_sent_to_by_its_a_labels(text: str, canonical: str) -> None:
    address = EmailAddress.parse(text)
    assert (address.entered, address.canonical, address.address) == (text, canonical, canonical)


# CVE-2019-19844 and the table of Unicode pitfalls (REQ-D8): full case mapping would make each pair one account.
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada@stra\u00dfe.com", "ada@strasse.com"),
        ("ada@p\u0131zza.com", "ada@pizza.com"),
        ("ada@\u0440ayp\u0430l.com", "ada@paypal.com"),
        ("a.b+x@gmail.com", "ab@gmail.com"),
        ("ada+x@example.com", "ada@example.com"),
    ],
)
def test_look_alikes_stay_apart(first: str, second: str) -> None:
    one, other = EmailAddress.parse(first), EmailAddress.parse(second)
    assert one != other
    assert one.canonical != other.canonical
    assert one.address != other.address


@pytest.mark.parametrize("character", ["\u0131", "\u0130", "\u017f", "\u212a", "\u00df", "\ufb01", "\u0430", "\uff41", "\u00e9"])
def test_a_look_alike_in_the_local_part_is_refused(character: str) -> None:
    assert refusal(f"m{character}ke@example.com") is Reason.EMAIL_UNSUPPORTED


def test_addresses_are_equal_by_their_canonical_form_alone() -> None:
    typed, stored = EmailAddress.parse("ADA@Example.COM"), EmailAddress.parse("ada@example.com")
    assert typed == stored
    assert hash(typed) == hash(stored)
    assert typed.entered != stored.entered


def test_an_address_is_never_equal_to_a_number() -> None:
    assert EmailAddress.restore("x", "x") != PhoneNumber.restore("x", "x")


@pytest.mark.parametrize("text", ["j@example.com", "jo@example.com", f"j{'o' * 60}@example.com", "J.Doe+tag@EXAMPLE.com"])
def test_the_mask_shows_the_first_character_and_the_domain(text: str) -> None:
    assert EmailAddress.parse(text).masked == "j***@example.com"


def test_the_mask_shows_a_domain_of_another_script_as_a_labels() -> None:
    assert EmailAddress.parse("ada@\u0440ayp\u0430l.com").masked == "a***@xn--aypl-73d6g.com"


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r:>40}".format])
def test_no_way_of_printing_shows_more_than_the_mask(shown: type[str]) -> None:
    text = shown(EmailAddress.parse("Ada.Lovelace@example.com"))
    assert "a***@example.com" in text
    assert "lovelace" not in text.lower()


def test_a_refusal_holds_nothing_that_was_typed() -> None:
    with pytest.raises(InvalidIdentifier) as caught:
        EmailAddress.parse("ada@secret_place.com")
    assert caught.value.__context__ is None
    assert "secret" not in f"{caught.value!r} {caught.value.text()} {caught.value.problem()}"


def test_a_stored_address_comes_back_without_being_judged_again() -> None:
    restored = EmailAddress.restore("Ada@site.local", "ada@site.local")
    assert (restored.entered, restored.canonical, restored.masked) == ("Ada@site.local", "ada@site.local", "a***@site.local")


def test_an_address_survives_pickling() -> None:
    address = EmailAddress.parse("Ada@example.com")
    copy = pickle.loads(pickle.dumps(address))  # noqa: S301  # made one line above
    assert (copy, copy.entered) == (address, address.entered)


def test_defaults_that_a_host_changed_in_the_package_change_nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALLOW_SMTPUTF8", "ALLOW_QUOTED_LOCAL", "ALLOW_DOMAIN_LITERAL", "ALLOW_DISPLAY_NAME", "TEST_ENVIRONMENT", "CHECK_DELIVERABILITY"):
        monkeypatch.setattr(email_validator, name, True)
    monkeypatch.setattr(email_validator, "GLOBALLY_DELIVERABLE", False)
    assert refusal("ada@example") is Reason.EMAIL_DOMAIN_INVALID
    assert refusal("ada@site.test") is Reason.EMAIL_DOMAIN_INVALID
    assert EmailAddress.parse("ada@example.com").canonical == "ada@example.com"


# ID-09: off unless the mailer can send to it.
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("\u00e4da@example.com", "\u00e4da@example.com"),
        ("a\u0308DA@Example.com", "\u00e4da@example.com"),
        ("\u7528\u6237@example.com", "\u7528\u6237@example.com"),
        (
            "\u0438\u0432\u0430\u043d.\u043f\u0435\u0442\u0440\u043e\u0432+x@example.com",
            "\u0438\u0432\u0430\u043d.\u043f\u0435\u0442\u0440\u043e\u0432+x@example.com",
        ),
        ("\u0418\u0432\u0430\u043d@example.com", "\u0418\u0432\u0430\u043d@example.com"),
        ("\u0939\u093f\u0928\u094d\u0926\u0940@example.com", "\u0939\u093f\u0928\u094d\u0926\u0940@example.com"),
        ("m\u0131ke@example.com", "m\u0131ke@example.com"),
        ("stra\u00dfe@b\u00fccher.example.com", "stra\u00dfe@xn--bcher-kva.example.com"),
    ],
)
def test_an_address_beyond_ascii_is_accepted_only_where_the_mailer_can_send_to_it(text: str, canonical: str) -> None:
    assert refusal(text) is Reason.EMAIL_UNSUPPORTED
    address = EmailAddress.parse(text, smtputf8=True)
    assert (address.entered, address.canonical) == (text, canonical)
    assert address.address == f"{text.rpartition('@')[0]}@{canonical.rpartition('@')[2]}"
    assert EmailAddress.parse(canonical, smtputf8=True) == address
    assert address.masked == f"{canonical[0]}***@{canonical.rpartition('@')[2]}"


@pytest.mark.parametrize(
    "local",
    [
        *("m\u212ake", "\uff41da", "o\ufb03ce", "\u017fue", "a\u2460"),  # compatible with other letters
        *("\u0440aypal", "p\u0430ypal", "\u03bfffice", "p\u0323\u0430ypal"),  # of scripts that no word mixes
        *("\u2603", "ada\U0001f600", "a\u2013b", "a\u00a0b", "\u201cada\u201d"),  # no letters, marks or digits
        "\u0301ada",  # a mark with nothing to stand on
    ],
    ids=ascii,
)
def test_beyond_ascii_only_plain_words_are_accepted(local: str) -> None:
    with pytest.raises(InvalidIdentifier) as refused:
        EmailAddress.parse(f"{local}@example.com", smtputf8=True)
    assert refused.value.reason is Reason.EMAIL_UNSUPPORTED


def test_a_local_part_is_as_long_as_it_is_sent() -> None:
    # RFC 6531 section 3.3: octets, of UTF-8.
    assert EmailAddress.parse("\u00e4" * 32 + "@example.com", smtputf8=True)
    with pytest.raises(InvalidIdentifier) as refused:
        EmailAddress.parse("\u00e4" * 33 + "@example.com", smtputf8=True)
    assert refused.value.reason is Reason.IDENTIFIER_TOO_LONG


@pytest.mark.parametrize(("text", "reason"), [("\u00e4..b@example.com", Reason.EMAIL_INVALID), (".\u00e4@example.com", Reason.EMAIL_INVALID)])
def test_dots_stand_between_letters_also_beyond_ascii(text: str, reason: Reason) -> None:
    with pytest.raises(InvalidIdentifier) as refused:
        EmailAddress.parse(text, smtputf8=True)
    assert refused.value.reason is reason
