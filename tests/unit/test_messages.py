"""The wording of every message, as a reader, a phone and a thief with a view of the screen meet it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from credkit.edits import Shown
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.messages import Message, MessageKind
from credkit.secret import Secret
from credkit.site import Paths, Site

AT = datetime(2026, 9, 30, 12, 34, 56, tzinfo=UTC)  # of the longest date there is
EMAIL = EmailAddress.restore("Ada@example.com", "ada@example.com")
PHONE = PhoneNumber.restore("+1 415 555 2671", "+14155552671")
USES = {
    MessageKind.SIGN_UP_CODE: "to confirm this is yours",
    MessageKind.RESET_CODE: "to set a new password",
    MessageKind.SIGN_IN_CODE: "to sign in now",
    MessageKind.IDENTIFIER_CODE: "to sign in with this",
    MessageKind.UNDO_CODE: "to undo a change",
}
CODES = list(USES)
LINKED = [MessageKind.RESET_LINK, MessageKind.SETTINGS_REQUEST, MessageKind.SETTINGS_CHANGED, MessageKind.UNDO_DISPUTED]
"""What comes with a link, which has to be in the message: nothing else leads to the page (NO-12)."""
NOTICES = [kind for kind in MessageKind if kind not in CODES]
CODE = "01234567"
LINK = "https://example.com/page#token"
SHOWN = (Shown(what="email", old="a***@example.com", new="b***@example.com"), Shown(what="new phone", new="***71"), Shown(what="password"))
PATHS = Paths(approve="/canary-a", undo="/canary-u", reset="/canary-r", stop="/canary-s")
SITE = Site(name="Example", url="https://example.com", support="help@example.com", paths=PATHS)
LONG = Site(name="Longest Reasonable 1", url="https://accounts.long-name.example", support="security-help@long.example.com", paths=PATHS)
"""Names as long as are reasonable for a text message: 20, 26 and 30 characters."""

# The default alphabet of 3GPP TS 23.038 section 6.2.1, in the order of its table, and the characters of its extension, which count twice.
GSM = (
    "@\u00a3$\u00a5\u00e8\u00e9\u00f9\u00ec\u00f2\u00c7\n\u00d8\u00f8\r\u00c5\u00e5\u0394_\u03a6\u0393\u039b\u03a9\u03a0\u03a8\u03a3\u0398\u039e\x1b"
    "\u00c6\u00e6\u00df\u00c9 !\"#\u00a4%&'()*+,-./0123456789:;<=>?\u00a1ABCDEFGHIJKLMNOPQRSTUVWXYZ\u00c4\u00d6\u00d1\u00dc\u00a7\u00bf"
    "abcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00f1\u00fc\u00e0"
)
GSM_EXTENSION = "\f^{}\\[~]|\u20ac"


def message(kind: MessageKind, to: Identifier = EMAIL, **given: Any) -> Message:
    parts: dict[str, Any] = {"id": "canary-id", "site": SITE, "at": AT, "expires_at": AT + timedelta(seconds=600), "label": "7GQ"}
    parts |= {"device": "Firefox on Linux", "place": "Oslo, Norway", "credential_id": "canary-credential", "accounts": ("canary-account",)}
    parts |= {"code": Secret(CODE) if kind in CODES else None, "link": Secret(LINK) if kind in LINKED else None, "shown": SHOWN}
    parts |= {"names": ("a***@example.com", "***71") if kind is MessageKind.SIGN_IN_NAMES else ()}
    return Message(kind=kind, to=to, **{**parts, **given})


CATALOGUE = [message(kind, to) for kind in MessageKind for to in (EMAIL, PHONE)]
LETTERS = [entry for entry in CATALOGUE if entry.to is EMAIL]
SHORT = [entry for entry in CATALOGUE if entry.to is PHONE]
OF_CODES = [entry for entry in CATALOGUE if entry.code]


def named(entry: object) -> str:
    return f"{entry.kind} by {entry.to.kind}" if isinstance(entry, Message) else ascii(entry)


def septets(text: str) -> int:
    return sum(1 if character in GSM else 2 for character in text)


def bound_code(text: str) -> tuple[str, str] | None:
    """Return host and code as a phone reads them: the last line is `@host #code`, then nothing or a space and more.

    https://wicg.github.io/sms-one-time-codes/ "parse an origin-bound one-time code message".
    """
    line = text.rpartition("\n")[2]
    if not line.startswith("@"):
        return None
    host, separator, rest = line[1:].partition(" #")
    code = rest.split(" ")[0]
    return (host, code) if separator and host and code and not re.search(r"\s", host) else None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("747723 is your ExampleCo authentication code.\n\n@example.com #747723", ("example.com", "747723")),
        ("@example.com #747723", ("example.com", "747723")),
        ("@example.com #747723 @embedded.example", ("example.com", "747723")),
        ("Your code is 747723 @example.com #747723", None),
        ("@example.com #747723\nthanks", None),
        ("@example.com  #747723", None),
        ("@example.com", None),
    ],
)
def test_the_reader_of_text_messages_used_here_reads_what_phones_read(text: str, read: tuple[str, str] | None) -> None:
    assert bound_code(text) == read


def test_the_alphabet_of_text_messages_used_here_is_whole() -> None:
    assert len(GSM) == len(set(GSM)) == 128
    assert (septets("aB1@\u00e9"), septets("[]"), septets("\u20ac")) == (5, 4, 2)


def test_kinds_are_called_what_stored_records_and_hosts_templates_call_them() -> None:  # TE-13
    codes = ["sign_up_code", "reset_code", "sign_in_code", "identifier_code", "undo_code"]
    notices = ["already_registered", "password_reset", "password_changed", "password_compromised", "reset_link", "sign_in_names"]
    settings = ["settings_request", "settings_approved", "settings_denied", "settings_changed", "sessions_ended"]
    undo = ["changes_undone", "undo_disputed", "undo_contested"]
    assert {kind.value for kind in MessageKind} == {*codes, *notices, *settings, *undo}


@pytest.mark.parametrize("entry", CATALOGUE, ids=named)
def test_every_message_is_plain_text_with_nothing_left_blank(entry: Message) -> None:
    assert all(line.isprintable() for line in entry.text.split("\n"))
    assert not re.search(r"None|[{}]|  +\w+ is|Secret\(", entry.text + entry.subject)
    assert SITE.name in entry.text


# NO-01, NO-16, DO-03.
@pytest.mark.parametrize("entry", CATALOGUE, ids=named)
def test_no_message_holds_an_id_an_account_an_address_or_a_page(entry: Message) -> None:
    for private in ("canary", EMAIL.entered, EMAIL.canonical, PHONE.entered, PHONE.canonical):
        assert private not in entry.text + entry.subject


@pytest.mark.parametrize("entry", CATALOGUE, ids=named)
def test_no_message_holds_a_link_but_its_own(entry: Message) -> None:  # NO-02, NO-09
    assert not re.search(r"://|www\.|mailto:|</|href", entry.text.replace(LINK, "") + entry.subject)


@pytest.mark.parametrize("entry", CATALOGUE, ids=named)
def test_a_link_stands_in_the_messages_that_are_for_it_once_and_in_no_other(entry: Message) -> None:
    assert entry.text.count(LINK) == (1 if entry.kind in LINKED else 0)


@pytest.mark.parametrize("to", [EMAIL, PHONE])
def test_a_notice_whose_link_has_ended_goes_without_and_says_what_to_do(to: Identifier) -> None:
    text = message(MessageKind.SETTINGS_CHANGED, to, link=None).text
    assert "undo" not in text.lower()
    assert SITE.support in text


@pytest.mark.parametrize("kind", [MessageKind.SETTINGS_REQUEST, MessageKind.SETTINGS_APPROVED, MessageKind.SETTINGS_DENIED, MessageKind.SETTINGS_CHANGED])
def test_a_letter_about_settings_shows_every_change_on_a_line_of_its_own(kind: MessageKind) -> None:  # NO-12
    lines = message(kind).text.split("\n")
    assert "    email: a***@example.com to b***@example.com" in lines
    assert "    new phone: ***71" in lines
    assert "    password" in lines


def test_a_request_for_settings_in_general_says_so() -> None:
    assert "its settings in general" in message(MessageKind.SETTINGS_REQUEST, shown=()).text


@pytest.mark.parametrize("entry", CATALOGUE, ids=named)
def test_a_code_stands_in_the_messages_that_are_for_it_and_in_no_other(entry: Message) -> None:
    shown = CODE in re.sub(r"\s", "", entry.text)
    assert shown is (entry.kind in CODES)


# NO-05, NO-16: what shows on a locked screen.
@pytest.mark.parametrize("entry", CATALOGUE, ids=named)
def test_a_subject_is_one_line_and_tells_a_bystander_nothing(entry: Message) -> None:
    assert entry.subject.isprintable()
    assert SITE.name in entry.subject
    assert not re.search(r"\d|7GQ|Firefox|Oslo|already|registered|account", entry.subject)


def test_subjects_do_not_tell_a_sign_up_from_a_reset() -> None:
    assert message(MessageKind.SIGN_UP_CODE).subject == message(MessageKind.RESET_CODE).subject


# NO-02, NO-03.
@pytest.mark.parametrize("url", ["https://example.com", "https://EXAMPLE.com:8443/", "https://xn--bcher-kva.example"])
@pytest.mark.parametrize("code", ["012345", "01234567", "0123456789AB"])
@pytest.mark.parametrize("kind", CODES)
def test_the_last_line_of_a_text_message_is_what_phones_fill_in_by_themselves(kind: MessageKind, code: str, url: str) -> None:
    site = replace(SITE, url=url)
    text = message(kind, PHONE, site=site, code=Secret(code)).text
    assert bound_code(text) == (site.host, code)
    assert text.endswith(f"\n@{site.host} #{code}")
    assert re.fullmatch(r"[a-z0-9.-]+", site.host)


@pytest.mark.parametrize("kind", NOTICES)
def test_a_text_message_without_a_code_has_no_line_that_could_be_taken_for_one(kind: MessageKind) -> None:
    text = message(kind, PHONE).text
    assert bound_code(text) is None
    assert "#" not in text.replace(LINK, "")


# NO-02, OT-18, NO-15.
@pytest.mark.parametrize("kind", CODES)
def test_a_text_message_says_whose_code_it_is_what_for_and_to_tell_nobody(kind: MessageKind) -> None:
    text = message(kind, PHONE).text
    use = USES[kind]
    assert text.startswith(f"Example: {CODE} is your code {use}")
    assert "request 7GQ" in text
    assert "Tell it to nobody" in text


# NO-04.
@pytest.mark.parametrize("site", [SITE, LONG], ids=["short names", "long names"])
@pytest.mark.parametrize("entry", [entry for entry in SHORT if entry.link is None], ids=named)  # a link alone takes most of one
def test_a_text_message_fits_one_segment(entry: Message, site: Site) -> None:
    text = replace(entry, site=site, code=entry.code and Secret("0123456789AB"), shown=SHOWN[:1]).text
    assert set(text) <= set(GSM + GSM_EXTENSION)
    assert septets(text) <= 160


# NO-05: the six things a letter with a code says, and the two it says beyond them.
@pytest.mark.parametrize("kind", CODES)
def test_a_letter_with_a_code_says_what_for_how_long_who_asked_and_what_to_do(kind: MessageKind) -> None:
    text = message(kind).text
    use = USES[kind]
    assert f"Your code {use} at Example" in text
    assert "\n    0123 4567\n" in text
    assert "for 10 minutes" in text
    assert "request 7GQ" in text
    assert "30 September 2026 at 12:34 UTC, from Firefox on Linux, Oslo, Norway." in text
    assert "If that was not you" in text
    assert "will ever ask you for it" in text
    assert SITE.support in text


# OT-19: layout only; every value of a code stays possible, and copying it with the space works.
@pytest.mark.parametrize(
    ("code", "grouped"),
    [("012345", "012 345"), ("0123456", "0123 456"), ("01234567", "0123 4567"), ("0123456789", "01234 56789"), ("0123456789AB", "012345 6789AB")],
)
@pytest.mark.parametrize("kind", CODES)
def test_a_letter_groups_a_code_for_reading(kind: MessageKind, code: str, grouped: str) -> None:
    assert f"\n    {grouped}\n" in message(kind, code=Secret(code)).text


@pytest.mark.parametrize(
    ("seconds", "told"), [(600, "10 minutes"), (599, "9 minutes"), (120, "2 minutes"), (119, "119 seconds"), (60, "60 seconds"), (30, "30 seconds")]
)
def test_a_letter_never_promises_more_time_than_a_code_has_nor_none(seconds: int, told: str) -> None:
    assert f"It works for {told}," in message(MessageKind.RESET_CODE, expires_at=AT + timedelta(seconds=seconds)).text


# NO-09: what happened, when, what to do if it was not you, whom to ask.
@pytest.mark.parametrize("entry", [entry for entry in CATALOGUE if entry.kind in NOTICES], ids=named)
def test_a_notice_says_what_happened_what_to_do_and_whom_to_ask(entry: Message) -> None:
    happened = {
        MessageKind.ALREADY_REGISTERED: "sign up",
        MessageKind.PASSWORD_RESET: "reset",
        MessageKind.PASSWORD_CHANGED: "changed",
        MessageKind.PASSWORD_COMPROMISED: "marked",
        MessageKind.SIGN_IN_NAMES: "you sign in",
        MessageKind.RESET_LINK: "new password",
        MessageKind.SETTINGS_REQUEST: "change",
        MessageKind.SETTINGS_APPROVED: "allowed",
        MessageKind.SETTINGS_DENIED: "denied",
        MessageKind.SETTINGS_CHANGED: "changed",
        MessageKind.SESSIONS_ENDED: "signed out",
        MessageKind.CHANGES_UNDONE: "undone",
        MessageKind.UNDO_DISPUTED: "undo a change",
        MessageKind.UNDO_CONTESTED: "objected",
    }[entry.kind]
    assert happened in entry.text.lower()
    assert SITE.support in entry.text
    # A mark is never the reader's own doing, so what to do comes without a condition.
    own = {MessageKind.SESSIONS_ENDED: "Sign in again|signed out", MessageKind.UNDO_DISPUTED: "object", MessageKind.UNDO_CONTESTED: "tell us|Contact"}
    usual = r"If (?:that|it) was not you|Not you\b.*\?|Reset it on our site|did not ask|never asked"
    assert re.search(own.get(entry.kind, usual), entry.text)


@pytest.mark.parametrize("kind", NOTICES)
def test_a_notice_by_letter_says_when_and_from_where(kind: MessageKind) -> None:
    text = " ".join(message(kind).text.split())
    assert "30 September 2026 at 12:34 UTC, from Firefox on Linux, Oslo, Norway" in text


@pytest.mark.parametrize("kind", [MessageKind.PASSWORD_RESET, MessageKind.PASSWORD_CHANGED, MessageKind.PASSWORD_COMPROMISED])
def test_a_notice_of_a_change_says_when_also_in_a_text_message(kind: MessageKind) -> None:
    assert "30 September 2026 at 12:34 UTC" in message(kind, PHONE).text


def test_a_message_calls_what_was_typed_by_its_name() -> None:
    assert "this email address" in message(MessageKind.ALREADY_REGISTERED, EMAIL).text
    assert "this number" in message(MessageKind.ALREADY_REGISTERED, PHONE).text


def test_a_reminder_lists_what_signs_in_and_a_text_message_as_much_of_it_as_it_has_room_for() -> None:
    many = ("a***@example.com", "a***@mail.example.org", "***71", "a***@example.net")
    assert "\n    ".join(("", *many)) + "\n" in message(MessageKind.SIGN_IN_NAMES, names=many).text
    short = message(MessageKind.SIGN_IN_NAMES, PHONE, names=many, site=LONG).text
    assert "with a***@example.com, a***@mail.example.org, ***71 and 1 more." in short
    assert septets(short) <= 160
    assert "with ***71." in message(MessageKind.SIGN_IN_NAMES, PHONE, names=("***71",)).text


@pytest.mark.parametrize(
    ("device", "place", "told"),
    [
        (None, None, "12:34 UTC"),
        ("Firefox", None, "12:34 UTC, from Firefox"),
        (None, "Oslo", "12:34 UTC, Oslo"),
        ("Firefox", "Oslo", "12:34 UTC, from Firefox, Oslo"),
    ],
)
@pytest.mark.parametrize("kind", MessageKind)
def test_what_the_host_does_not_know_is_not_mentioned(kind: MessageKind, device: str | None, place: str | None, told: str) -> None:
    text = message(kind, device=device, place=place).text.replace("\n", " ")
    assert told in text
    assert ("Firefox" in text, "Oslo" in text) == (device is not None, place is not None)


@pytest.mark.parametrize(
    ("month", "name"),
    [
        *[(1, "January"), (2, "February"), (3, "March"), (4, "April"), (5, "May"), (6, "June")],
        *[(7, "July"), (8, "August"), (9, "September"), (10, "October"), (11, "November"), (12, "December")],
    ],
)
def test_a_date_is_written_so_that_nobody_takes_the_month_for_the_day(month: int, name: str) -> None:
    text = message(MessageKind.PASSWORD_CHANGED, at=datetime(2026, month, 2, 3, 4, tzinfo=UTC)).text
    assert f"on 2 {name} 2026 at 03:04 UTC" in text


@pytest.mark.parametrize("entry", OF_CODES, ids=named)
def test_showing_a_message_does_not_show_its_code(entry: Message) -> None:
    assert CODE not in repr(entry) + str(entry)


def test_a_name_that_looks_like_a_template_is_only_a_name() -> None:
    site = replace(SITE, name="{support} {0} %s {code}")
    for entry in CATALOGUE:
        assert site.name in replace(entry, site=site).text
        assert site.name in replace(entry, site=site).subject
