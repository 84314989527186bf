"""Whatever goes into the primitives, they tell two things apart, give back what they were given, and refuse the rest in one way."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from credkit.budgets import Tally
from credkit.context import SHOWN_CHARACTERS, Context, Session, harmless
from credkit.errors import ConfigurationError, Finding, FindingKind, Reason, Refused
from credkit.framing import Part, frame, from_microseconds, microseconds
from credkit.grants import GrantRecord, grant_secret, proves
from credkit.identifiers import EmailAddress, PhoneNumber
from credkit.keys import KeyRing, hkdf_sha256
from credkit.messages import Message, MessageKind
from credkit.otp import Challenge
from credkit.outbox import CodeDue, Intent, NoticeDue, OutboxItem, ReminderDue, read_outbox_item
from credkit.payloads import Json, UnreadableRecord, as_json, from_payload, to_payload
from credkit.policy import CourierPolicy, Limits, Policy
from credkit.secret import Secret, text_of
from credkit.site import Paths, Site
from credkit.tickets import Grant, Purpose, Ticket, Token, encode_bytes

thorough = settings(max_examples=max(300, settings().max_examples))
"""Cheap enough for more than a profile's usual number; a profile that explores asks for more still."""

T = TypeVar("T")

KEYS = KeyRing({name: hashlib.sha256(name.encode()).digest() for name in ("k1", "k2")})
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SITE = Site(name="Example", url="https://example.com", support="help@example.com")
TICKET = Ticket(
    purpose=Purpose.SIGN_UP, secret_text=Secret("s"), begun_at=START, expires_at=START, resend_at=START, label="7GQ", masked="a***@example.com", tries_left=5
)
GRANT = Grant(purpose=Purpose.SIGN_UP, secret_text=Secret("s"), begun_at=START, expires_at=START)
MESSAGE = Message(id="i", kind=MessageKind.PASSWORD_RESET, to=EmailAddress.restore("a@example.com", "a@example.com"), site=SITE, at=START)
YEAR = timedelta(days=365)

wild = st.text(st.characters(), max_size=80)  # lone surrogates included
small = st.text(max_size=6)
parts: st.SearchStrategy[Part] = st.one_of(st.none(), wild, st.binary(max_size=40), st.integers())
tuples = st.lists(parts, max_size=5).map(tuple)
moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # the zone comes with it
values: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), wild),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(small, inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(small, values, max_size=4)
identifiers = st.builds(lambda make, entered, canonical: make(entered, canonical), st.sampled_from([EmailAddress.restore, PhoneNumber.restore]), wild, wild)


def built_or_refused(build: Callable[[], T]) -> T | ConfigurationError:
    try:
        return build()
    except ConfigurationError as error:
        return error


# ---------------------------------------------------------------------------------------------------------------- framing


def unframe(framed: bytes) -> tuple[Part, ...]:
    """Read a frame back: that one can is why no two meanings share one (KE-03)."""
    assert framed[:1] == b"\x01"
    rest, found = framed[1:], []
    readers: dict[bytes, Callable[[bytes], Part]] = {b"n": lambda _: None, b"s": lambda body: body.decode("utf-8", "surrogatepass"), b"b": bytes, b"i": int}
    while rest:
        tag, size = rest[:1], int.from_bytes(rest[1:9], "big")
        found.append(readers[tag](rest[9 : 9 + size]))
        rest = rest[9 + size :]
    return tuple(found)


def typed(given_parts: tuple[Part, ...]) -> tuple[tuple[type, Part], ...]:
    return tuple((type(part), part) for part in given_parts)


@thorough
@given(given_parts=tuples)
@example(given_parts=("\ud800", "\udfff"))
@example(given_parts=(frame("a", 1), "a", 1))
def test_a_frame_can_be_read_back_so_no_two_share_one(given_parts: tuple[Part, ...]) -> None:
    assert typed(unframe(frame(*given_parts))) == typed(given_parts)


@thorough
@given(one=tuples, other=tuples)
def test_frames_are_equal_exactly_if_their_parts_are(one: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert (frame(*one) == frame(*other)) is (typed(one) == typed(other))


@thorough
@given(text=wild, cut=st.integers(0, 80), more=wild)
def test_where_one_part_ends_and_the_next_begins_is_part_of_the_frame(text: str, cut: int, more: str) -> None:
    assert (frame(text[:cut], text[cut:]) == frame(text, "")) is (text[cut:] == "")
    assert frame(text, more) != frame(text + more)


@thorough
@given(moment=st.datetimes(timezones=st.timezones()))
def test_a_moment_comes_back_as_the_same_instant(moment: datetime) -> None:
    with contextlib.suppress(OverflowError):  # the first and last hours of the calendar have no counterpart in UTC
        assert from_microseconds(microseconds(moment)) == moment.astimezone(UTC)


@given(count=st.integers(-(2**62), 2**62))
def test_a_count_of_microseconds_comes_back_or_is_out_of_the_calendar(count: int) -> None:
    with contextlib.suppress(OverflowError):
        assert microseconds(from_microseconds(count)) == count


# ---------------------------------------------------------------------------------------------------------------- secrets


@thorough
@given(one=wild, other=wild)
def test_secrets_are_equal_exactly_if_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(one)


@given(text=wild)
def test_a_secret_shows_the_same_whatever_it_holds(text: str) -> None:
    secret = Secret(text)
    assert {repr(secret), str(secret), f"{secret}", f"{secret:>9}", ascii(secret)} == {"Secret(...)"}
    assert text_of(secret) == text


# ------------------------------------------------------------------------------------------------------------------- keys

KEY_PROBLEMS = {
    "a key ring needs at least one key",
    "key N is not of the form id:baseN",
    "key N has the id of an earlier key",
    "key N is not baseN",
    "key N is shorter than N bytes",
    "key N is not random",
    "the id of key N must be N to N of letters, digits, dot, dash and underscore",
    "two ids name the same key",
}
good_keys = st.binary(min_size=32, max_size=40)
ring_items = st.builds(
    "{}{}{}".format,
    st.one_of(small, st.sampled_from(["a", "b", "2026-11", " a", "a b", "\u0661"])),
    st.sampled_from([":", "", "::", " : "]),
    st.one_of(good_keys.map(lambda key: base64.b64encode(key).decode()), st.binary(max_size=40).map(lambda key: base64.b64encode(key).decode()), wild),
)


@thorough
@given(text=st.one_of(wild, st.lists(ring_items, max_size=4).map(",".join)))
def test_any_text_gives_a_key_ring_or_an_error_that_quotes_none_of_it(text: str) -> None:
    ring = built_or_refused(lambda: KeyRing.parse(text))
    if isinstance(ring, ConfigurationError):
        # What is left of an error once the numbers are out of it is one of our own sentences, so no part of the text is in it (KE-05).
        assert {re.sub(r"\d+", "N", problem) for problem in ring.problems} <= KEY_PROBLEMS
        assert str(ring) == "; ".join(ring.problems)
        return
    assert repr(ring) == f"KeyRing(ids={ring.ids!r})"
    assert len(ring.mac(ring.current, "p", "s")) == 32


@thorough
@given(
    keys=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", fullmatch=True), good_keys.filter(lambda key: len(set(key)) >= 8), min_size=1, max_size=3
    )
)
def test_a_ring_written_as_text_is_read_back(keys: dict[str, bytes]) -> None:
    assume(len(set(keys.values())) == len(keys))
    ring = KeyRing.parse(",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in keys.items()))
    assert ring.ids == tuple(keys)
    assert [ring.mac(name, "p", "s", "x") for name in keys] == [KeyRing({name: key}).mac(name, "p", "s", "x") for name, key in keys.items()]


@given(one=st.tuples(small, small, tuples), other=st.tuples(small, small, tuples))
def test_macs_are_equal_exactly_if_purpose_site_and_parts_are(
    one: tuple[str, str, tuple[Part, ...]], other: tuple[str, str, tuple[Part, ...]]
) -> None:  # KE-02
    same = one[:2] == other[:2] and typed(one[2]) == typed(other[2])
    assert (KEYS.mac("k1", *one[:2], *one[2]) == KEYS.mac("k1", *other[:2], *other[2])) is same
    assert KEYS.mac("k1", *one[:2], *one[2]) != KEYS.mac("k2", *one[:2], *one[2])


@given(key=st.binary(max_size=80), salt=st.binary(max_size=80), info=st.binary(max_size=80), length=st.integers(0, 200))
def test_a_longer_derivation_begins_with_the_shorter(key: bytes, salt: bytes, info: bytes, length: int) -> None:
    derived = hkdf_sha256(key, salt=salt, info=info, length=length)
    assert len(derived) == length
    assert hkdf_sha256(key, salt=salt, info=info, length=length + 33)[:length] == derived


# ----------------------------------------------------------------------------------------------------------------- tokens


@thorough
@given(text=st.one_of(wild, st.from_regex(r"[\w-]{20,23}\.?[\w-]{41,44}\n?", fullmatch=True)))
def test_any_text_is_a_token_that_is_written_the_same_or_none(text: str) -> None:
    token = Token.parse(text)
    fits = re.fullmatch(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", text)
    assert (token is not None) is (fits is not None)
    assert token is None or token.text == text


@given(value=st.one_of(st.none(), st.booleans(), st.integers(), st.binary(), st.lists(wild), st.dictionaries(wild, wild), st.floats()))
def test_what_is_no_text_is_no_token(value: object) -> None:
    assert Token.parse(value) is None


@given(token_id=st.binary(min_size=16, max_size=16), secret=st.binary(min_size=32, max_size=32))
def test_a_token_of_any_bytes_is_read_back(token_id: bytes, secret: bytes) -> None:
    token = Token(encode_bytes(token_id), Secret(encode_bytes(secret)))
    assert Token.parse(token.text) == token


# ---------------------------------------------------------------------------------------------------------------- records

grants = st.builds(
    GrantRecord,
    id=wild,
    purpose=st.sampled_from(Purpose),
    key_id=st.sampled_from(KEYS.ids),
    nonce=st.binary(max_size=20),
    identifier=identifiers,
    credential_id=st.none() | wild,
    generation=st.none() | wild,
    session_digest=st.none() | st.binary(max_size=32),
    begun_at=moments,
    expires_at=moments,
    tries_left=st.integers(),
)
common: dict[str, st.SearchStrategy[Any]] = {
    "id": wild,
    "at": moments,
    "device": st.none() | wild,
    "place": st.none() | wild,
    "locale": st.none() | small,
    "attempts": st.integers(),
}
kinds = st.sampled_from(MessageKind)
accounts = st.lists(wild, max_size=3).map(tuple)
items: st.SearchStrategy[OutboxItem] = st.one_of(
    st.builds(CodeDue, **common, challenge_id=wild, number=st.integers()),
    st.builds(ReminderDue, **common, typed=identifiers),
    st.builds(NoticeDue, **common, kind=kinds, to=identifiers, credential_id=wild, accounts=accounts),
    st.builds(Intent, **common, kind=kinds, credential_id=wild, accounts=accounts, destinations=st.lists(identifiers, max_size=3).map(tuple)),
)
READERS: list[Callable[[bytes], object]] = [GrantRecord.from_payload, Challenge.from_payload, Tally.from_payload, read_outbox_item, from_payload]


def unknown_to(fields_of: bytes, carried: dict[str, Json]) -> dict[str, Json]:
    """Return *carried* without the names that the record has itself."""
    return {name: value for name, value in carried.items() if name not in json.loads(fields_of)}


@thorough
@given(known=objects, carried=objects)
def test_fields_come_back_and_so_does_what_nobody_read(known: dict[str, Json], carried: dict[str, Json]) -> None:
    payload = to_payload(known, carried)
    expected = {name: value for name, value in {**carried, **known}.items() if name != "format"}
    assert from_payload(payload).rest() == expected
    assert to_payload({}, from_payload(payload).rest()) == payload
    assert payload.isascii()


@thorough
@given(one=objects, other=objects)
def test_payloads_are_equal_exactly_if_their_fields_are(one: dict[str, Json], other: dict[str, Json]) -> None:
    assert (to_payload(one, {}) == to_payload(other, {})) is (
        json.dumps(one | {"format": 1}, sort_keys=True) == json.dumps(other | {"format": 1}, sort_keys=True)
    )


@thorough
@given(grant=grants, carried=objects)
def test_any_grant_comes_back_whole_with_what_it_carries(grant: GrantRecord, carried: dict[str, Json]) -> None:
    # With "by", which a grant that a code has earned is written without: no release carries a name that it reads itself.
    stored = replace(grant, carried=unknown_to(replace(grant, by_password=True).to_payload(), carried))
    restored = GrantRecord.from_payload(stored.to_payload())
    assert restored == stored
    assert restored.identifier.entered == stored.identifier.entered
    assert restored.to_payload() == stored.to_payload()


@thorough
@given(item=items, carried=objects)
def test_any_item_of_the_outbox_comes_back_whole_with_what_it_carries(item: OutboxItem, carried: dict[str, Json]) -> None:
    stored = replace(item, carried=unknown_to(item.to_payload(), carried))
    restored = read_outbox_item(stored.to_payload())
    assert restored == stored
    assert restored.to_payload() == stored.to_payload()


@thorough
@given(payload=st.one_of(st.binary(max_size=80), values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))))
@example(payload=b'{"format":1,"x":NaN}')
@example(payload=b'{"format":1,"at":1e999}')
@example(payload=b"\xef\xbb\xbf{}")
@example(payload='{"format":1}'.encode("utf-16"))
def test_any_bytes_are_a_record_or_unreadable(payload: bytes) -> None:
    for read in READERS:
        with contextlib.suppress(UnreadableRecord):
            read(payload)


@thorough
@given(whole=st.one_of(grants, items).map(lambda record: json.loads(record.to_payload())), data=st.data())
def test_a_record_with_a_field_exchanged_for_anything_is_readable_or_unreadable(whole: dict[str, Json], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(whole)))
    whole[name] = data.draw(st.one_of(values, st.floats(), st.integers(-(10**30), 10**30), st.sampled_from(["code", "notice", "intent", "sign_up"])))
    payload = json.dumps(whole).encode()
    for read in READERS:
        with contextlib.suppress(UnreadableRecord):
            read(payload)


@given(value=st.one_of(st.binary(), moments, wild, st.integers(), st.none()))
def test_a_value_as_json_is_json(value: bytes | datetime | str | int | None) -> None:
    assert json.loads(json.dumps(as_json(value))) == as_json(value)


# ----------------------------------------------------------------------------------------------------------------- grants


@thorough
@given(grant=grants, other=grants, tries_left=st.integers())
def test_a_grant_with_any_field_exchanged_is_not_proved_by_its_secret(grant: GrantRecord, other: GrantRecord, tries_left: int) -> None:  # AP-01, REQ-D4b
    secret = grant_secret(grant, KEYS, site="main")
    assert proves(secret, replace(grant, tries_left=tries_left, carried={"later": 1}), KEYS, site="main")
    for field in fields(GrantRecord):
        theirs = getattr(other, field.name)
        mine = getattr(grant, field.name)
        same = mine == theirs and getattr(mine, "entered", None) == getattr(theirs, "entered", None)
        covered = field.name not in {"tries_left", "carried"}
        assert proves(secret, replace(grant, **{field.name: theirs}), KEYS, site="main") is (same or not covered)


@given(grant=grants, site=small)
def test_a_grant_is_worth_nothing_at_another_site(grant: GrantRecord, site: str) -> None:
    assert proves(grant_secret(grant, KEYS, site="main"), grant, KEYS, site=site) is (site == "main")


# ---------------------------------------------------------------------------------------------------------------- context

crafted = st.text(st.sampled_from("ab1.\uff11\u0661\u00b2\u2460\u3002/:@-_ ,()<>&;#{}%\r\n\u202e\u200b\u0301\ud800\U0001f600"), max_size=90)


@thorough
@given(text=st.one_of(wild, crafted, st.text(max_size=400)))
@example(text="a.12345b")
@example(text="1.a")
@example(text="a" * 59 + " .b")
@example(text="." * 300 + "a")
def test_any_text_is_made_harmless(text: str) -> None:
    shown = harmless(text)
    if shown is None:
        return
    assert 1 <= len(shown) <= SHOWN_CHARACTERS
    assert shown == " ".join(shown.split())
    for character in shown:
        assert character in " .,()/-" or unicodedata.category(character)[0] == "L" or unicodedata.category(character) == "Nd"
    assert not re.search(r"\.[^\W\d_]", shown)
    assert not re.search(r"\d{5}", shown)
    assert harmless(shown) == shown


# --------------------------------------------------------------------------------------------------------- sites, messages

names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp"]), min_size=1, max_size=40)
url_text = st.text(st.sampled_from("aZ0.-:@/?#[]\\% \t\n\u00e9\u212a\u017f_"), max_size=20)
url_starts = st.sampled_from(["https://", "http://", "HTTPS://", "https:/", "", "//"])
url_ends = st.sampled_from(["", ".example", "localhost", ".example/", "localhost:8000", ":", "?", "#", "/a"])
urls = st.one_of(wild, st.builds("{}{}{}".format, url_starts, url_text, url_ends))


@thorough
@given(
    name=st.one_of(wild, names), url=st.one_of(st.just("https://example.com"), urls), support=st.one_of(wild, names), site_id=st.one_of(st.just("main"), small)
)
@example(name="a", url="https://a b", support="a", site_id="main")
@example(name="a", url="https://a?", support="a", site_id="main")
@example(name="a", url="http\u017f://a", support="a", site_id="main")
def test_any_settings_give_a_site_that_is_safe_to_speak_for_or_a_configuration_error(name: str, url: str, support: str, site_id: str) -> None:
    site = built_or_refused(lambda: Site(name=name, url=url, support=support, id=site_id))
    if isinstance(site, ConfigurationError):
        assert all(problem.startswith("site.") for problem in site.problems)
        return
    assert site.name.isprintable()
    assert site.support.isprintable()
    assert re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|::1", site.host)
    assert re.fullmatch(r"https?://[A-Za-z0-9._:\[\]-]+/?", site.url, re.ASCII | re.IGNORECASE)
    assert not site.insecure or site.host in {"localhost", "127.0.0.1", "::1"}


@thorough
@given(
    name=names,
    support=names,
    device=st.one_of(wild, crafted),
    place=st.one_of(wild, crafted),
    kind=kinds,
    to=identifiers,
    at=moments.filter(lambda moment: moment < datetime(9999, 1, 1, tzinfo=UTC)),
    code=st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=6, max_size=12),
    lifetime=st.integers(30, 600),
)
def test_a_message_of_any_names_can_be_sent_and_holds_its_code_where_it_belongs(**given_parts: Any) -> None:
    part = given_parts
    assume(part["name"].strip() and part["support"].strip() and part["name"].isprintable() and part["support"].isprintable())
    site = Site(name=part["name"], url="https://accounts.example.com", support=part["support"])
    context = Context(device=part["device"], place=part["place"])
    coded = part["kind"].value.endswith("_code")
    message = Message(
        id="i",
        kind=part["kind"],
        to=part["to"],
        site=site,
        at=part["at"],
        expires_at=part["at"] + timedelta(seconds=part["lifetime"]),
        label="7GQ",
        device=context.device,
        place=context.place,
        code=Secret(part["code"]) if coded else None,
    )
    assert message.subject.isprintable()
    assert all(line.isprintable() for line in message.text.split("\n"))
    assert part["name"] in message.text
    if coded and message.to.kind == "phone":
        assert message.text.split("\n")[-2:] == ["", f"@accounts.example.com #{part['code']}"]
    elif coded:
        half = math.ceil(len(part["code"]) / 2)
        assert f"\n    {part['code'][:half]} {part['code'][half:]}\n" in message.text
    else:
        assert part["support"] in message.text


# ----------------------------------------------------------------------------------------------------------------- errors

findings = st.builds(Finding, kind=st.sampled_from(FindingKind), limit=st.none() | st.integers(0, 2000))


@thorough
@given(
    reason=st.sampled_from(Reason),
    retry_after=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    tries_left=st.none() | st.integers(0, 10),
    found=st.lists(findings, max_size=4),
)
def test_a_problem_document_of_any_refusal_is_json_without_nothings(
    reason: Reason, retry_after: timedelta | None, tries_left: int | None, found: list[Finding]
) -> None:
    refused = Refused(reason, retry_after=retry_after, tries_left=tries_left, findings=found)
    problem = refused.problem()
    assert json.loads(json.dumps(problem)) == problem
    assert "null" not in json.dumps(problem)
    assert problem.get("tries_left") == tries_left
    assert len(problem.get("findings", [])) == len(found)
    if retry_after is not None:
        assert timedelta(0) <= timedelta(seconds=problem["retry_after"]) - retry_after < timedelta(seconds=1)


# ----------------------------------------------------------------------------------------------------------------- values


@given(
    value=st.one_of(
        *[
            grants,
            items,
            findings,
            st.builds(Token, wild, wild.map(Secret)),
            st.builds(Context, device=wild),
            st.builds(Session, credential_id=wild, session_epoch=st.integers()),
        ],
        *[st.just(value) for value in (SITE, SITE.paths, Policy(), Limits(), CourierPolicy(), TICKET, GRANT, MESSAGE)],
    )
)
def test_a_value_cannot_be_changed_nor_given_what_it_has_no_field_for(value: Any) -> None:
    assert not hasattr(value, "__dict__")
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)
    with pytest.raises((FrozenInstanceError, TypeError)):  # TypeError from a frozen class with slots, until 3.12
        value.something_else = 1


@pytest.mark.parametrize(
    "kind",
    [GrantRecord, CodeDue, ReminderDue, NoticeDue, Intent, Finding, Context, Session, Site, Paths, Policy, Limits, CourierPolicy, Ticket, Grant, Message],
)
def test_a_value_is_built_by_the_names_of_its_fields(kind: type[Any]) -> None:
    assert all(field.kw_only for field in fields(kind))


# ----------------------------------------------------------------------------------------------------------------- policy


@given(attempts=st.integers(), longest=st.integers(1, 10**6))
def test_the_wait_after_a_failure_grows_and_keeps_to_its_bounds(attempts: int, longest: int) -> None:
    policy = CourierPolicy(longest_wait=timedelta(seconds=longest))
    wait = policy.backoff(attempts)
    assert min(timedelta(seconds=30), policy.longest_wait) <= wait <= policy.longest_wait
    assert wait <= policy.backoff(attempts + 1)
