"""What a thief of the stores has in hand: no code, no token, no password, and nothing from which one could be found without the keys (OT-14, ST-02).

Looked through is every record that was ever written, not only what is left at the end. What lies there in clear, and how long, is said exactly.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from credkit.context import Context
from credkit.errors import CredkitError, Reason, Refused
from credkit.framing import frame
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.otp import Challenge, code_of
from credkit.ports import Committed, Record, RecordStore, Write
from credkit.stores.memory import MemoryRecords
from credkit.stores.sqlite import SqliteStores
from credkit.testing import TestWorld, kit_for_tests
from credkit.testing.kits import keys_for_tests
from credkit.tickets import Grant, Ticket
from leaks.searching import found_in

ADA, EVE, PHONE = "Ada.Lovelace@example.com", "eve@example.com", "+1 415 555 2671"
OLD, NEW, REFUSED = "nine grey herons wade", "four loud kettles sing", "correct horse"
CONTEXT = Context(network_key="2001:db8:77::/64", session_key="session-of-a-browser", device_mark="mark-of-a-device", device="Firefox", place="Oslo")


@dataclass
class Kept:
    """A record store that keeps all that was ever written to it."""

    store: RecordStore = field(default_factory=MemoryRecords)
    written: list[Record] = field(default_factory=list)

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        return self.store.load(keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        self.written += [write.record for write in writes if write.record is not None]
        return self.store.commit(checks, writes)

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        return self.store.due(kind, now, limit)

    def purge(self, now: datetime, limit: int) -> int:
        return self.store.purge(now, limit)


@dataclass
class Life:
    """Somebody's whole life with a site, with all that is secret in it."""

    world: TestWorld
    secrets: dict[str, str] = field(default_factory=dict)

    def code(self, name: str, journey: Any, identifier: str) -> tuple[Ticket, str]:
        ticket = journey.begin(identifier, context=CONTEXT)
        code = self.world.inbox.last_code(identifier)
        self.secrets |= {f"{name}: code": code, f"{name}: ticket": ticket.text, f"{name}: ticket's secret": ticket.text.partition(".")[2]}
        return ticket, code

    def grant(self, name: str, journey: Any, ticket: Ticket, code: str) -> Grant:
        grant: Grant = journey.verify(ticket, code, context=CONTEXT)
        self.secrets |= {f"{name}: grant": grant.text, f"{name}: grant's secret": grant.text.partition(".")[2]}
        return grant

    def lead(self) -> Life:
        """Sign up, sign in, fail at everything, reset, change, and begin things that are never ended."""
        kit = self.world.kit
        grant = self.grant("sign-up", kit.sign_up, *self.code("sign-up", kit.sign_up, ADA))
        with pytest.raises(Refused):
            kit.sign_up.complete(grant, REFUSED, context=CONTEXT)
        kit.sign_up.complete(grant, OLD, context=CONTEXT)
        kit.sign_up.begin(ADA, context=CONTEXT)  # in use: its owner is told
        for password in (REFUSED, OLD):
            with pytest.raises(Refused):
                kit.sign_in.with_password(EVE, password, context=CONTEXT)
        ticket, code = self.code("reset", kit.reset, ADA)
        with pytest.raises(Refused):
            kit.reset.verify(ticket, "00000000", context=CONTEXT)
        grant = self.grant("reset", kit.reset, ticket, code)
        kit.reset.complete(grant, NEW, context=CONTEXT)
        signed_in = kit.sign_in.with_password(ADA, NEW, context=CONTEXT)
        kit.password.change(signed_in.session, NEW, OLD, context=CONTEXT)
        self.world.clock.advance(hours=2)
        ticket, _ = self.code("resent", kit.reset, ADA)
        self.world.clock.advance(seconds=400)
        kit.reset.resend(ticket, context=CONTEXT)
        self.secrets["resent: second code"] = self.world.inbox.last_code(ADA)
        for number in (3, 4):  # from the fourth on, a message holds a link as well
            self.world.clock.advance(minutes=1)
            self.code(f"piled up {number}", kit.reset, ADA)
        link = self.world.inbox.messages[-1].link
        assert link is not None
        self.secrets["piled up: link"] = link.reveal().rpartition(".")[2]
        self.code("by phone", kit.sign_up, PHONE)
        kit.reset.begin(EVE, context=CONTEXT)
        self.world.inbox.failing = RuntimeError("down")
        kit.password.change(replace(signed_in.session, session_epoch=2), OLD, NEW, context=CONTEXT)
        self.secrets |= {"old password": OLD, "new password": NEW, "refused password": REFUSED, "session key": "session-of-a-browser"}
        self.secrets |= {"network key": "2001:db8:77::/64", "device mark": "mark-of-a-device"}
        return self


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept()


@pytest.fixture(scope="module")
def life(kept: Kept) -> Life:
    return Life(kit_for_tests(records=kept)).lead()


IDENTIFIERS = {"address as typed": ADA, "address": ADA.lower(), "stranger's address": EVE, "phone as typed": PHONE, "phone": "+14155552671"}


def test_no_record_ever_held_a_secret_in_any_form(kept: Kept, life: Life) -> None:
    assert len(life.secrets) > 20
    leaks = {f"{record.kind}: {what}" for record in kept.written for what in found_in(record.payload, life.secrets)}
    leaks |= {f"key of {record.kind}: {what}" for record in kept.written for what in found_in(record.key, life.secrets)}
    assert leaks == set()


def test_no_name_of_a_record_tells_an_identifier(kept: Kept, life: Life) -> None:
    # ST-08
    assert {what for record in kept.written for what in found_in(f"{record.key} {record.kind}", IDENTIFIERS)} == set()


def test_the_credential_store_holds_no_secret_but_the_hash(life: Life) -> None:
    (ada,) = life.world.credentials.dump()  # type: ignore[attr-defined]
    whole = repr([(name, getattr(ada, name)) for name in ada.__slots__])
    assert ADA.lower() not in ada.password_hash
    assert list(found_in(whole, life.secrets)) == []
    assert ada.password_hash.startswith("$argon2id$")


def test_the_bytes_of_the_sqlite_file_hold_no_secret_either(tmp_path: Path) -> None:
    """Files keep what rows have lost: deleted rows, old versions, the write-ahead log."""
    stores = SqliteStores(tmp_path / "stores.sqlite").create()
    life = Life(kit_for_tests(records=stores.records, credentials=stores.credentials)).lead()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["stores.sqlite", "stores.sqlite-shm", "stores.sqlite-wal"]
    leaks = {f"{file.name}: {what}" for file in files for what in found_in(file.read_bytes(), life.secrets)}
    assert leaks == set()
    assert any(ADA.encode() in file.read_bytes() for file in files), "the search would not have found anything"


# What lies there in clear ---------------------------------------------------------------------------------------------------


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a JSON value with where it is."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from places(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for part in value:
            yield from places(part, f"{path}[]")
    else:
        yield path, value


HOLDS_IDENTIFIERS = {
    ("main/challenge", "identifier"): "as typed: the courier has to find out whose it is, and a code is bound to it",
    ("main/challenge", "binding.destination"): "as stored: where the code went",
    ("main/challenge", "stand_in.destination"): "as typed: stands in for a binding while the challenge is nobody's",
    ("main/challenge", "link.binding.destination"): "as stored: where the link went that was sent beside it",
    ("main/grant", "identifier"): "whose code was right: it becomes the new credential's, or is verified by a reset",
    ("main/outbox", "to"): "a notice, until it is delivered",
    ("main/outbox", "destinations[]"): "the intent of a change, until it is settled",
}
"""Every place of a record where an email address or phone number stands in clear, with the reason."""


def test_identifiers_stand_in_clear_exactly_where_it_is_said(kept: Kept, life: Life) -> None:
    assert life.secrets
    found = {
        (record.kind, path.rpartition(".")[0])
        for record in kept.written
        for path, leaf in places(json.loads(record.payload))
        if any(found_in(str(leaf), IDENTIFIERS))
    }
    assert found == set(HOLDS_IDENTIFIERS)


def test_what_a_stranger_says_of_himself_stands_in_the_outbox_only(kept: Kept, life: Life) -> None:
    assert life.secrets
    found = {(record.kind, path) for record in kept.written for path, leaf in places(json.loads(record.payload)) if leaf in {"Firefox", "Oslo"}}
    assert found == {("main/outbox", "device"), ("main/outbox", "place")}


def test_a_day_after_the_last_code_a_purge_leaves_no_identifier_but_in_notices_that_wait(kept: Kept) -> None:
    """ST-07: a code lives 10 minutes, a link beside it a day, and their record 30 minutes more; a notice is kept until somebody has read it."""
    kept = Kept()
    life = Life(kit_for_tests(records=kept)).lead()
    life.world.clock.advance(hours=24, minutes=31)
    life.world.kit.purge()
    left = kept.store.dump()  # type: ignore[attr-defined]
    assert {record.kind for record in left if any(found_in(record.payload, IDENTIFIERS))} == {"main/outbox"}
    life.world.inbox.failing = None
    for _ in range(3):
        life.world.clock.advance(hours=2)
        life.world.kit.courier.run_due()
    left = kept.store.dump()  # type: ignore[attr-defined]
    assert {record.kind for record in left} == {"main/budget"}
    assert [record for record in left if any(found_in(record.payload, IDENTIFIERS))] == []


# What could be found by trying -------------------------------------------------------------------------------------------------


def digests_of(guess: str, salts: Sequence[bytes]) -> Iterator[bytes]:
    """Yield what a thief without keys would compute for a guess: plain, salted and keyed with anything that lies there."""
    text = guess.encode()
    for name in ("md5", "sha1", "sha256", "sha512"):
        yield hashlib.new(name, text, usedforsecurity=False).digest()
    for framed in (frame(guess), frame("code", guess), frame("ticket", guess), frame("index", "main", guess), frame("session", "main", guess)):
        yield hashlib.sha256(framed).digest()
    for salt in salts:
        for joined in (salt + text, text + salt, frame(salt, guess), frame(guess, salt)):
            yield hashlib.sha256(joined).digest()
        yield hmac.digest(salt, text, "sha256")
        yield hmac.digest(salt, frame(guess), "sha256")


def salts_in(record: Record) -> list[bytes]:
    leaves = [leaf for _, leaf in places(json.loads(record.payload)) if isinstance(leaf, str)]
    raw = [base64.urlsafe_b64decode(leaf) for leaf in leaves if len(leaf) % 4 == 0 and leaf.isascii() and " " not in leaf and "@" not in leaf]
    return [*raw, *(leaf.encode() for leaf in leaves), record.key.encode()]


def test_no_code_and_no_identifier_can_be_recognised_by_trying_all(kept: Kept, life: Life) -> None:
    """A thief tries 10^8 codes and a list of addresses; what the right one would give is looked for at once."""
    guesses = [secret for name, secret in life.secrets.items() if name.endswith("code")] + list(IDENTIFIERS.values())
    whole = b"\n".join(record.key.encode() + b" " + record.payload for record in kept.written)
    for record in kept.written:
        if record.kind not in {"main/challenge", "main/grant"}:
            continue
        salts = salts_in(record)
        for guess in guesses:
            for digest in digests_of(guess, salts):
                for shown in (digest.hex().encode(), base64.b64encode(digest).rstrip(b"="), base64.urlsafe_b64encode(digest).rstrip(b"=")):
                    assert shown not in whole


def test_without_the_key_a_record_is_as_good_for_any_code(kept: Kept, life: Life) -> None:
    """The same record under other keys gives other codes, spread over the whole space: it favours none."""
    bound = [challenge for challenge in map(Challenge.from_payload, payloads(kept, "main/challenge")) if challenge.binding is not None]
    challenge = bound[0]
    key = f"main/challenge/{challenge.id}"
    assert code_of(challenge, keys_for_tests(), site="main", record_key=key).reveal() in life.secrets.values()
    codes = [code_of(challenge, KeyRing({"test": hashlib.sha256(bytes([number, 1])).digest()}), site="main", record_key=key).reveal() for number in range(200)]
    assert len(set(codes)) == 200
    assert {code[0] for code in codes} == set("0123456789")
    assert {code[-1] for code in codes} == set("0123456789")


def payloads(kept: Kept, kind: str) -> list[bytes]:
    return [record.payload for record in kept.written if record.kind == kind]


# Who can write rows, but has no key ---------------------------------------------------------------------------------------------


@dataclass
class Thief:
    """Eve has a sign-in of her own, reads and writes the rows, and lacks the keys. She wants Ada's."""

    world: TestWorld = field(default_factory=kit_for_tests)

    def __post_init__(self) -> None:
        self.kit: Credkit = self.world.kit
        self.world.add(ADA, password=OLD)
        self.world.add(EVE, password=OLD)
        self.adas = self.kit.reset.begin(ADA, context=Context.none())
        self.eves = self.kit.reset.begin(EVE, context=Context.none())
        self.eves_code = self.world.inbox.last_code(EVE)

    def read(self, kind: str, text: str) -> dict[str, Any]:
        key = f"main/{kind}/{text.partition('.')[0]}"
        return json.loads(self.world.records.load([key])[key].payload)

    def write(self, kind: str, text: str, fields: dict[str, Any]) -> None:
        key = f"main/{kind}/{text.partition('.')[0]}"
        record = self.world.records.load([key])[key]
        changed = replace(record, payload=json.dumps(fields).encode(), version=record.version + 1)
        assert self.world.records.commit({}, [Write(key=key, expected_version=record.version, record=changed)]).done


MOVES = {
    "her code's parts under Ada's ticket": lambda hers, adas: adas | {"issue": hers["issue"]},
    "her whole challenge under Ada's name": lambda hers, adas: hers | {"id": adas["id"], "secret_digest": adas["secret_digest"], "binding": adas["binding"]},
    "Ada's binding and her code": lambda hers, adas: adas | {"issue": hers["issue"], "label": hers["label"], "identifier": hers["identifier"]},
}


# F19
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_code_that_was_sent_to_the_thief_opens_nothing_under_anothers_ticket(move: Any) -> None:
    thief = Thief()
    thief.write("challenge", thief.adas.text, move(thief.read("challenge", thief.eves.text), thief.read("challenge", thief.adas.text)))
    with pytest.raises(Refused) as refused:
        thief.kit.reset.verify(thief.adas, thief.eves_code, context=Context.none())
    assert refused.value.reason is Reason.CODE_WRONG


def test_a_code_is_worth_nothing_under_another_ticket_of_the_same_person() -> None:
    """Who has seen one code of somebody's, and can write rows, does not make it good a second time."""
    thief = Thief()
    again = thief.kit.reset.begin(EVE, context=Context.none())
    thief.world.clock.advance(seconds=61)
    thief.kit.courier.run_due()
    hers, other = thief.read("challenge", thief.eves.text), thief.read("challenge", again.text)
    assert hers["binding"] == other["binding"]
    thief.write("challenge", again.text, other | {"issue": hers["issue"]})
    with pytest.raises(Refused) as refused:
        thief.kit.reset.verify(again, thief.eves_code, context=Context.none())
    assert refused.value.reason is Reason.CODE_WRONG


def test_a_row_under_anothers_key_is_no_ticket_and_no_grant() -> None:
    thief = Thief()
    thief.write(
        "challenge", thief.adas.text, thief.read("challenge", thief.eves.text) | {"secret_digest": thief.read("challenge", thief.adas.text)["secret_digest"]}
    )
    with pytest.raises(Refused) as refused:
        thief.kit.reset.verify(thief.adas, thief.eves_code, context=Context.none())
    assert refused.value.reason is Reason.TICKET_INVALID

    grant = thief.kit.reset.verify(thief.eves, thief.eves_code, context=Context.none())
    row = thief.read("grant", grant.text)
    moved = "A" * 22 + "." + grant.text.partition(".")[2]
    expires_at = thief.world.clock.now() + timedelta(minutes=10)
    record = Record(key="main/grant/" + "A" * 22, kind="main/grant", version=1, payload=json.dumps(row).encode(), expires_at=expires_at)
    assert thief.world.records.commit({}, [Write(key=record.key, expected_version=0, record=record)]).done
    with pytest.raises(Refused) as refused:
        thief.kit.reset.complete(moved, NEW, context=Context.none())
    assert refused.value.reason is Reason.GRANT_INVALID


@pytest.mark.parametrize("part", ["credential_id", "generation", "destination"])
def test_a_code_that_was_sent_to_the_thief_opens_nothing_once_its_binding_is_anothers(part: str) -> None:
    thief = Thief()
    hers, adas = thief.read("challenge", thief.eves.text), thief.read("challenge", thief.adas.text)
    hers["binding"][part] = adas["binding"][part]
    thief.write("challenge", thief.eves.text, hers)
    with pytest.raises(Refused) as refused:
        thief.kit.reset.verify(thief.eves, thief.eves_code, context=Context.none())
    assert refused.value.reason is Reason.CODE_WRONG


def test_a_row_put_back_as_it_was_is_as_good_as_before() -> None:
    """A check of the tool: the thief's writes are such that an unchanged row still works."""
    thief = Thief()
    thief.write("challenge", thief.eves.text, thief.read("challenge", thief.eves.text))
    assert thief.kit.reset.verify(thief.eves, thief.eves_code, context=Context.none())


OTHER = {"key_id": "another", "purpose": "sign_up", "nonce": "A" * 43 + "=", "session_digest": "A" * 43 + "=", "format": 2}

NOT_COVERED = {"tries_left": "how many passwords may still be proposed: it moves with each"}
"""Fields of a grant that its secret does not cover, with the reason."""


def test_a_grant_is_worth_nothing_once_a_byte_of_its_row_is_another() -> None:
    """Not another credential, generation, address or expiry: the secret in the browser is the MAC of the row itself."""
    thief = Thief()
    grant = thief.kit.reset.verify(thief.eves, thief.eves_code, context=Context.none())
    row, adas = thief.read("grant", grant.text), thief.read("challenge", thief.adas.text)
    changes = {
        **{name: value + 1 if isinstance(value, int) else value + "x" if isinstance(value, str) else value for name, value in row.items()},
        **OTHER,
        "credential_id": adas["binding"]["credential_id"],
        "generation": adas["binding"]["generation"],
        "identifier": adas["identifier"],
    }
    assert set(changes) == set(row)
    for name, value in changes.items():
        thief.write("grant", grant.text, row | {name: value})
        with pytest.raises((Refused, CredkitError)) as caught:
            thief.kit.reset.complete(grant, "too short", context=Context.none())
        reason = getattr(caught.value, "reason", None)
        expected = Reason.PASSWORD_REFUSED if name in NOT_COVERED else Reason.GRANT_INVALID
        assert reason is expected or (reason is None and name in {"key_id", "format", "id", "nonce"}), f"{name}: {caught.value!r}"
    thief.write("grant", grant.text, row)
    assert thief.kit.reset.complete(grant, NEW, context=Context.none())
