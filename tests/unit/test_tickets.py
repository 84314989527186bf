"""What a browser holds between two steps: how its text is read, what shows it, and which cookie it travels in."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from credkit.context import Context
from credkit.framing import frame
from credkit.secret import Secret
from credkit.site import Site
from credkit.testing import kit_for_tests
from credkit.tickets import Asked, EditWindow, Grant, Purpose, Ticket, Token, cookie_name, encode_bytes, ended_cookie, secret_digest

START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
ID, SECRET = "A" * 21 + "g", "canarySECRET-_" * 3 + "A"
TEXT = f"{ID}.{SECRET}"


def ticket(*, purpose: Purpose = Purpose.SIGN_UP, insecure: bool = False, lifetime: timedelta = timedelta(seconds=600)) -> Ticket:
    return Ticket(
        purpose=purpose,
        secret_text=Secret(TEXT),
        begun_at=START,
        expires_at=START + lifetime,
        resend_at=START + timedelta(seconds=60),
        label="7GQ",
        masked="a***@example.com",
        tries_left=5,
        insecure=insecure,
    )


def grant(*, purpose: Purpose = Purpose.SIGN_UP, insecure: bool = False, lifetime: timedelta = timedelta(seconds=600)) -> Grant:
    return Grant(purpose=purpose, secret_text=Secret(TEXT), begun_at=START, expires_at=START + lifetime, insecure=insecure)


def asked(*, insecure: bool = False, lifetime: timedelta = timedelta(seconds=600)) -> Asked:
    return Asked(secret_text=Secret(TEXT), begun_at=START, expires_at=START + lifetime, label="7GQ", masked="a***@example.com", insecure=insecure)


def window(*, insecure: bool = False, lifetime: timedelta = timedelta(seconds=600)) -> EditWindow:
    return EditWindow(secret_text=Secret(TEXT), begun_at=START, expires_at=START + lifetime, insecure=insecure)


Make = Callable[..., Ticket | Grant]
MakeAny = Callable[..., Ticket | Grant | Asked | EditWindow]


def test_a_token_is_read_as_its_two_halves_and_written_the_same() -> None:
    token = Token.parse(TEXT)
    assert token is not None
    assert (token.id, token.secret.reveal(), token.text) == (ID, SECRET, TEXT)


def test_a_token_made_of_an_id_and_a_secret_is_read_back() -> None:
    made = Token(encode_bytes(bytes(range(16))), Secret(encode_bytes(bytes(range(32)))))
    assert Token.parse(made.text) == made


# REQ-D4c, ID-01: whatever a client sends, it is a token or nothing.
@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        66,
        TEXT.encode(),
        [TEXT],
        {"ticket": TEXT},
        Secret(TEXT),
        "",
        ".",
        " " * 66,
        "." * 66,
        TEXT[:-1],
        TEXT + "A",
        TEXT + "\n",
        TEXT[:-1] + "\n",
        " " + TEXT[1:],
        TEXT.replace(".", "-"),
        TEXT.replace(".", ":"),
        ID[:-1] + "." + SECRET + "A",
        ID + "A." + SECRET[:-1],
        TEXT[:-1] + "=",
        TEXT[:-1] + "+",
        TEXT[:-1] + "/",
        TEXT[:-1] + "\u00e9",
        TEXT[:-1] + "\uff11",
        TEXT[:-1] + "\ud800",
        TEXT[:-1] + "\x00",
        TEXT * 100_000,
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_cannot_be_a_token_is_none(value: object) -> None:
    assert Token.parse(value) is None


@pytest.mark.parametrize(
    "link",
    [
        TEXT,
        f"#{TEXT}",
        f"/{TEXT}",
        f"https://example.com/security/approve#{TEXT}",
        f"https://example.com/security/approve/{TEXT}",
        f"https://example.com/a?b=c#{TEXT}",
        f"http://localhost:8000/#{TEXT}",
        f"/security/approve/{TEXT}",
        f"https://example.com/{'B' * 22}.{'C' * 43}#{TEXT}",
        f"{'#' * 1900}{TEXT}",
    ],
    ids=lambda link: link[:40],
)
def test_a_token_is_found_at_the_end_of_its_link(link: str) -> None:  # AP-20
    assert Token.in_link(link) == Token(ID, Secret(SECRET))


@pytest.mark.parametrize(
    "link",
    [
        "",
        "https://example.com/",
        f"{TEXT}/",
        f"{TEXT}#",
        f"{TEXT} ",
        f" {TEXT}",
        f"{TEXT}\n",
        f"https://example.com/a?token={TEXT}",
        f"https://example.com/a&{TEXT}",
        f"https://example.com/#{TEXT}?utm_source=mail",
        f"https://example.com/#x{TEXT}",
        f"https://example.com/#{TEXT}x",
        f"https://example.com/\n#{TEXT}",
        f"https://example.com/#{TEXT[:-1]}",
        f"https://example.com/#{TEXT[1:]}",
        f"https://example.com/#{TEXT.replace('.', '/')}",
        f"{'/' * 2000}{TEXT}",
        f"{'#' * 1_000_000}",
        None,
        7,
        TEXT.encode(),
        [TEXT],
    ],
    ids=lambda link: repr(link)[:40],
)
def test_what_is_no_link_has_no_token(link: object) -> None:  # REQ-D4c
    assert Token.in_link(link) is None


def test_a_token_proves_its_own_secret_and_no_other() -> None:  # KE-09
    token = Token(ID, Secret(SECRET))
    assert token.proves(Secret(SECRET))
    assert not any(token.proves(Secret(text)) for text in ("", SECRET[:-1], f"{SECRET}A", SECRET.swapcase(), ID, TEXT, "A" * 43))


def edit_window(*, insecure: bool = False, lifetime: timedelta = timedelta(seconds=900)) -> EditWindow:
    return EditWindow(secret_text=Secret(TEXT), begun_at=START, expires_at=START + lifetime, insecure=insecure)


def test_the_public_form_of_a_request_and_of_a_window_is_json_and_whole() -> None:
    whole = {"asked": TEXT, "expires_at": "2026-01-01T12:10:00.123456+00:00", "label": "7GQ", "masked": "a***@example.com"}
    assert json.loads(json.dumps(asked().public())) == whole
    assert json.loads(json.dumps(edit_window().public())) == {"window": TEXT, "expires_at": "2026-01-01T12:15:00.123456+00:00"}


@pytest.mark.parametrize("held", [asked(), edit_window()], ids=["request", "window"])
def test_the_secret_of_a_request_or_a_window_leaves_by_three_doors_only(held: Asked | EditWindow) -> None:
    assert TEXT in (held.text, held.cookie()["value"])
    assert not any(SECRET in shown for shown in (repr(held), str(held), f"{held}"))
    with pytest.raises(TypeError):
        pickle.dumps(held)


def test_a_window_takes_the_place_of_the_request_in_its_cookie() -> None:
    assert asked().cookie() == {
        "key": "__Host-credkit-settings",
        "value": TEXT,
        "max_age": 600,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
    }
    assert edit_window().cookie() == asked().cookie() | {"max_age": 900}
    assert {asked(insecure=True).cookie()["key"], edit_window(insecure=True).cookie()["key"]} == {"credkit-settings"}
    assert edit_window(lifetime=timedelta(seconds=-1)).cookie()["max_age"] == 0


def test_a_token_shows_its_id_only() -> None:
    token = Token.parse(TEXT)
    assert ID in repr(token)
    assert SECRET not in repr(token) + str(token)


def test_bytes_are_written_for_a_url_without_padding() -> None:
    assert encode_bytes(b"\xfb\xff\xfe") == "-__-"
    assert [len(encode_bytes(bytes(size))) for size in (0, 16, 32)] == [0, 22, 43]


def test_what_is_stored_of_a_secret_is_its_hash_bound_to_purpose_and_id() -> None:  # ASVS 6.5.2, REQ-D4b
    expected = hashlib.sha256(frame("ticket", "sign_up", ID, SECRET)).digest()
    assert secret_digest(Purpose.SIGN_UP, ID, Secret(SECRET)) == expected
    others = [
        secret_digest(Purpose.PASSWORD_RESET, ID, Secret(SECRET)),
        secret_digest(Purpose.SIGN_UP, ID[:-1] + "A", Secret(SECRET)),
        secret_digest(Purpose.SIGN_UP, ID, Secret(SECRET[:-1] + "B")),
        secret_digest(Purpose.SIGN_UP, ID + SECRET[:1], Secret(SECRET[1:])),
    ]
    assert len({expected, *others}) == 5


# REQ-D4c: a link as it was sent, as a mail program mended it, or the token that a page took out of it.
@pytest.mark.parametrize(
    "link",
    [
        TEXT,
        f"#{TEXT}",
        f"/{TEXT}",
        f"/undo/{TEXT}",
        f"/undo#{TEXT}",
        f"https://example.com/undo#{TEXT}",
        f"https://example.com/undo/{TEXT}",
        f"https://example.com/undo?utm_source=mail#{TEXT}",
        f"https://example.com/#/{TEXT}",
        "x" * (2000 - 67) + f"#{TEXT}",
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_link_is_read_as_the_token_at_its_end(link: str) -> None:
    assert Token.in_link(link) == Token.parse(TEXT)


@pytest.mark.parametrize(
    "link",
    [
        None,
        66,
        TEXT.encode(),
        Secret(TEXT),
        "",
        "#",
        "https://example.com/undo",
        f"https://example.com/undo?token={TEXT}",
        f"https://example.com/undo#{TEXT}/",
        f"https://example.com/undo#{TEXT}#",
        f"https://example.com/undo#{TEXT}?a=b",
        f"https://example.com/undo#{TEXT}\n",
        f"https://example.com/undo\n#{TEXT}",
        f"https://example.com/undo#{TEXT[:-1]}",
        f"https://example.com/undo#{TEXT}A",
        f"https://example.com/undo#A{TEXT}",
        f"token={TEXT}",
        "x" * (2001 - 67) + f"#{TEXT}",
        f"#{TEXT}" * 100_000,
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_does_not_end_in_a_token_is_no_link(link: object) -> None:
    assert Token.in_link(link) is None


def test_the_last_token_of_a_link_counts() -> None:
    other = f"{'B' * 21}g.{'c' * 43}"
    assert Token.in_link(f"https://example.com/{other}#{TEXT}") == Token.parse(TEXT)


@pytest.mark.parametrize("make", [ticket, grant, asked, edit_window])
def test_the_secret_leaves_by_three_doors_only(make: MakeAny) -> None:
    held = make()
    (named,) = held.public().keys() & {"ticket", "grant", "asked", "window"}
    assert held.text == held.public()[named] == held.cookie()["value"] == TEXT
    assert SECRET not in repr(held) + str(held) + f"{held}"
    for leave in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            leave(held)


def test_the_public_form_of_a_ticket_is_json_and_whole() -> None:
    assert json.loads(json.dumps(ticket().public())) == {
        "ticket": TEXT,
        "expires_at": "2026-01-01T12:10:00.123456+00:00",
        "resend_at": "2026-01-01T12:01:00.123456+00:00",
        "label": "7GQ",
        "masked": "a***@example.com",
        "tries_left": 5,
    }


def test_the_public_form_of_a_grant_is_json_and_whole() -> None:
    assert json.loads(json.dumps(grant().public())) == {"grant": TEXT, "expires_at": "2026-01-01T12:10:00.123456+00:00"}


def test_the_public_form_of_a_request_is_json_and_whole() -> None:
    assert json.loads(json.dumps(asked().public())) == {
        "asked": TEXT,
        "expires_at": "2026-01-01T12:10:00.123456+00:00",
        "label": "7GQ",
        "masked": "a***@example.com",
    }


def test_the_public_form_of_a_window_is_json_and_whole() -> None:
    assert json.loads(json.dumps(edit_window().public())) == {"window": TEXT, "expires_at": "2026-01-01T12:15:00.123456+00:00"}


@pytest.mark.parametrize(
    ("purpose", "name"),
    [
        (Purpose.SIGN_UP, "credkit-sign-up"),
        (Purpose.PASSWORD_RESET, "credkit-reset"),
        (Purpose.SIGN_IN, "credkit-sign-in"),
        (Purpose.SETTINGS, "credkit-settings"),
        (Purpose.IDENTIFIER, "credkit-identifier"),
        (Purpose.UNDO, "credkit-undo"),
    ],
)
@pytest.mark.parametrize("make", [ticket, grant])
def test_a_cookie_is_bound_to_its_host_and_to_https(make: Make, purpose: Purpose, name: str) -> None:
    assert make(purpose=purpose).cookie() == {
        "key": f"__Host-{name}",
        "value": TEXT,
        "max_age": 600,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
    }


@pytest.mark.parametrize("make", [asked, edit_window])
def test_a_request_and_its_window_share_one_cookie_so_that_the_window_takes_the_place_of_the_request(make: Callable[..., Asked | EditWindow]) -> None:
    assert make(lifetime=timedelta(seconds=600)).cookie() == {
        "key": "__Host-credkit-settings",
        "value": TEXT,
        "max_age": 600,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
    }
    assert (make(insecure=True).cookie()["key"], make(insecure=True).cookie()["secure"]) == ("credkit-settings", False)
    assert make(lifetime=timedelta(seconds=-1)).cookie()["max_age"] == 0


# A browser refuses a `__Host-` cookie that is not Secure, and a Secure one over http.
@pytest.mark.parametrize("make", [ticket, grant])
def test_on_plain_http_a_cookie_does_without_the_prefix_and_secure(make: Make) -> None:
    cookie = make(insecure=True).cookie()
    assert (cookie["key"], cookie["secure"], cookie["httponly"], cookie["samesite"]) == ("credkit-sign-up", False, True, "lax")


@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.parametrize("purpose", Purpose)
def test_a_cookie_is_taken_away_by_one_of_the_same_name_and_place(purpose: Purpose, insecure: bool) -> None:
    given, ended = ticket(purpose=purpose, insecure=insecure).cookie(), ended_cookie(purpose, insecure=insecure)
    assert ended == given | {"value": "", "max_age": 0}
    assert ended["key"] == cookie_name(purpose, insecure=insecure)


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_has_a_cookie_that_grant_and_ticket_share(purpose: Purpose) -> None:
    assert ticket(purpose=purpose).cookie()["key"] == grant(purpose=purpose).cookie()["key"]


def test_purposes_are_called_what_stored_records_call_them() -> None:  # TE-13
    assert [purpose.value for purpose in Purpose] == ["sign_up", "password_reset", "sign_in", "settings", "identifier", "undo"]


def test_no_two_purposes_share_a_cookie() -> None:
    assert len({ticket(purpose=purpose).cookie()["key"] for purpose in Purpose}) == len(Purpose)


@pytest.mark.parametrize(("lifetime", "seconds"), [(timedelta(seconds=59.9), 59), (timedelta(0), 0), (timedelta(seconds=-1), 0)])
def test_a_cookie_never_outlives_what_it_holds(lifetime: timedelta, seconds: int) -> None:
    assert ticket(lifetime=lifetime).cookie()["max_age"] == grant(lifetime=lifetime).cookie()["max_age"] == seconds


@pytest.mark.parametrize(
    ("url", "name", "secure"),
    [
        ("https://example.com", "__Host-credkit-sign-up", True),
        ("https://localhost", "__Host-credkit-sign-up", True),
        ("http://localhost:8000", "credkit-sign-up", False),
        ("http://127.0.0.1", "credkit-sign-up", False),
    ],
)
def test_only_a_site_on_http_localhost_hands_out_insecure_cookies(url: str, name: str, secure: bool) -> None:
    world = kit_for_tests(site=Site(name="Example", url=url, support="help@example.com"))
    begun = world.kit.sign_up.begin("ada@example.com", context=Context.none())
    proved = world.kit.sign_up.verify(begun, world.inbox.last_code("ada@example.com"), context=Context.none())
    assert {(held.cookie()["key"], held.cookie()["secure"]) for held in (begun, proved)} == {(name, secure)}


def test_the_cookie_is_what_a_frameworks_own_function_takes() -> None:
    responses = pytest.importorskip("starlette.responses")
    response = responses.Response()
    response.set_cookie(**ticket().cookie())
    name_and_value, *attributes = response.headers["set-cookie"].split("; ")
    assert name_and_value == f"__Host-credkit-sign-up={TEXT}"
    assert set(attributes) == {"HttpOnly", "Max-Age=600", "Path=/", "SameSite=lax", "Secure"}
