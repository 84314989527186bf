"""Whoever steals the file has no code, no ticket, no grant, and nothing from which one could be found (promise 2, ST-02, KE-10)."""

from __future__ import annotations

import base64
import gc
import hashlib
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from credkit.context import Context
from credkit.errors import Refused
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.otp import Challenge, code_of
from credkit.stores.sqlite import SqliteStores
from credkit.testing import FrozenClock, Inbox, SeededEntropy
from credkit.testing.kits import keys_for_tests
from processes.kits import NEW, OLD, kit_on, roomy

CONTEXT = Context(network_key="198.51.100.0/24", session_key="the host's own session", device="Firefox on Linux", place="Oslo, Norway")

ENTERED = "Ada.Lovelace@Example.com"
PHONE = "+14155552671"


class Thief:
    """A site with a file that is stolen, again and again: the whole of it, write-ahead log included."""

    def __init__(self, path: Path, *, codes: KeyRing | None = None, index: KeyRing | None = None, seed: str = "dump") -> None:
        self.path, self.inbox, self.clock = path, Inbox(), FrozenClock()
        self.stores = SqliteStores(path).create()
        self.kit: Credkit = kit_on(
            self.stores,
            policy=roomy(),
            clock=self.clock,
            notifier=self.inbox,
            keys=codes,
            index_keys=index or keys_for_tests(),
            entropy=SeededEntropy(seed),
        )
        self._looking = sqlite3.connect(path)  # keeps the log from being taken into the file and removed

    def deliver(self) -> None:
        self.kit.courier.run_due()

    def steal(self) -> bytes:
        """Return every byte of the file and of what lies beside it."""
        files = sorted(self.path.parent.glob(self.path.name + "*"))
        assert [file.name.removeprefix(self.path.name) for file in files] == ["", "-shm", "-wal"]
        return b"\n".join(file.read_bytes() for file in files)

    def records(self) -> dict[str, tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return {row[0]: row for row in connection.execute("SELECT * FROM credkit_record")}

    def close(self) -> None:
        self._looking.close()
        self.stores._connections.close()
        gc.collect()


@pytest.fixture
def thief(tmp_path: Path) -> Iterator[Thief]:
    thief = Thief(tmp_path / "test.sqlite")
    yield thief
    thief.close()


def forms(secret: str) -> Iterator[bytes]:
    """Return the ways in which a secret could lie in a file without being seen at once."""
    texts = {secret, secret[::-1], secret.lower(), secret.upper()}
    for size in (2, 3, 4, 5):
        groups = [secret[start : start + size] for start in range(0, len(secret), size)]
        texts |= {separator.join(groups) for separator in (" ", "-", "\u00a0", ",", ".", ", ", '","')}
    texts |= {", ".join(secret), "-".join(secret), " ".join(secret), "\\u00" + "\\u00".join(f"{ord(c):02x}" for c in secret)}
    for text in texts:
        raw = text.encode()
        yield from (raw, text.encode("utf-16-le"), text.encode("utf-32-le"), raw.hex().encode(), raw.hex().upper().encode())
        for shift in range(3):  # wherever it stood in what was encoded: the characters at both ends depend on the neighbours
            encoded = base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 :].rstrip(b"=")[:-1]
            yield from (encoded, encoded.translate(bytes.maketrans(b"+/", b"-_")))
    if secret.isdecimal() and 2**24 <= int(secret) < 2**63:  # a smaller number is so short in bytes that it stands anywhere
        number = int(secret)
        for size in (4, 8) if number < 2**32 else (8,):
            yield from (number.to_bytes(size, "big"), number.to_bytes(size, "little"))
        yield from (f"{number:x}".encode(), f":{number},".encode())
    if re.fullmatch(r"[A-Za-z0-9_-]{43}", secret):
        yield base64.urlsafe_b64decode(secret + "=")


def hashes(text: str) -> Iterator[bytes]:
    """Return what anybody can make of *text* without a key, in the ways in which it is usually written down."""
    for raw in {text.encode(), text.lower().encode(), text.upper().encode()}:
        for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake2s", "sha3_256"):
            digest = hashlib.new(name, raw, usedforsecurity=False).digest()
            yield digest
            yield digest.hex().encode()
            yield base64.b64encode(digest).rstrip(b"=")
            yield base64.urlsafe_b64encode(digest).rstrip(b"=")


def assert_absent(secret: str, stolen: bytes, what: str) -> None:
    found = [form for form in forms(secret) if form in stolen]
    assert not found, f"{what} lies in the file as {found}"
    hashed = [form for form in hashes(secret) if form in stolen]
    assert not hashed, f"a plain hash of {what} lies in the file, as {hashed}"


def assert_no_token(token: str, stolen: bytes, what: str) -> None:
    """A token's id is the name of its record; its secret half is nowhere."""
    token_id, secret = token.split(".")
    assert token_id.encode() in stolen, "this is not the file that the token belongs to"
    assert_absent(token, stolen, what)
    assert_absent(secret, stolen, f"the secret of {what}")


def test_what_is_looked_for_would_be_found(thief: Thief) -> None:
    """In every form, and also where it stands in the write-ahead log only."""
    for number, form in enumerate(forms("40718293")):
        thief.stores._connections.get().execute(
            "INSERT INTO credkit_record VALUES (?, 'kind', 1, ?, 0, NULL)", (f"planted-{number}", b"before" + form + b"after")
        )
    stolen = thief.steal()
    assert all(form in stolen for form in forms("40718293"))
    with pytest.raises(AssertionError, match="lies in the file"):
        assert_absent("40718293", stolen, "the code")
    with pytest.raises(AssertionError, match="plain hash"):
        assert_absent("somebody", stolen + hashlib.sha256(b"somebody").digest(), "the name")


def test_a_stolen_file_holds_no_code_ticket_grant_or_password(thief: Thief) -> None:
    ticket = thief.kit.sign_up.begin(ENTERED, context=CONTEXT)
    thief.deliver()
    code = thief.inbox.last_code(ENTERED)
    secrets: list[tuple[str, str]] = [("the code of the sign-up", code)]
    tokens: list[tuple[str, str]] = [("the ticket of the sign-up", ticket.text)]
    look(thief, secrets, tokens)
    grant = thief.kit.sign_up.verify(ticket, code, context=CONTEXT)
    tokens.append(("the grant of the sign-up", grant.text))
    look(thief, secrets, tokens)
    thief.kit.sign_up.complete(grant, OLD, context=CONTEXT)
    secrets.append(("the password", OLD))
    look(thief, secrets, tokens)

    thief.clock.advance(seconds=61)
    ticket = thief.kit.reset.begin(ENTERED, context=CONTEXT)
    tokens.append(("the ticket of the reset", ticket.text))
    look(thief, secrets, tokens)  # as begun: nobody knows yet whose it is
    thief.deliver()
    code = thief.inbox.last_code(ENTERED)
    secrets.append(("the code of the reset", code))
    look(thief, secrets, tokens)
    with pytest.raises(Refused):
        thief.kit.reset.verify(ticket, f"{(int(code) + 1) % 10**8:08}", context=CONTEXT)
    look(thief, secrets, tokens)
    grant = thief.kit.reset.verify(ticket, code, context=CONTEXT)
    tokens.append(("the grant of the reset", grant.text))
    look(thief, secrets, tokens)
    thief.kit.reset.complete(grant, NEW, context=CONTEXT)
    secrets.append(("the new password", NEW))
    look(thief, secrets, tokens)

    thief.clock.advance(minutes=5)
    ticket = thief.kit.reset.begin(ENTERED, context=CONTEXT)
    thief.deliver()
    thief.clock.advance(minutes=6)  # the second half of its life: a new code, which the new binding must not give away either
    ticket = thief.kit.reset.resend(ticket, context=CONTEXT)
    thief.deliver()
    secrets.append(("the code that was sent again", thief.inbox.last_code(ENTERED)))
    tokens.append(("the ticket of the second reset", ticket.text))
    look(thief, secrets, tokens)
    assert len({code for what, code in secrets if "code" in what}) == 3


def look(thief: Thief, secrets: list[tuple[str, str]], tokens: list[tuple[str, str]]) -> None:
    stolen = thief.steal()
    for what, secret in [*secrets, ("the host's session", "the host's own session")]:
        assert_absent(secret, stolen, what)
    for what, token in tokens:
        assert_no_token(token, stolen, what)


def test_names_of_records_say_nothing_about_people(thief: Thief) -> None:
    """KE-10, ST-08: identifiers and network keys are few enough to be tried out, so a plain hash would be as good as the text."""
    names = "\n".join(counted_names(thief)).encode()
    for text in (ENTERED, ENTERED.lower(), ENTERED.lower().split("@")[0], PHONE, PHONE.lstrip("+"), CONTEXT.network_key or "", "198.51.100"):
        assert_absent(text, names, text)


def test_no_name_of_a_record_can_be_made_without_the_key(tmp_path: Path) -> None:
    """Whatever it is a hash of: with another key in place, and everything else the same, every name is another."""
    names = []
    for number in (1, 2):
        site = Thief(tmp_path / f"{number}.sqlite", index=other_keys(number))
        names.append(counted_names(site))
        site.close()
    assert len(names[0]) == len(names[1])
    assert names[0].isdisjoint(names[1])


def counted_names(thief: Thief) -> set[str]:
    """Let strangers use up something of every limit; return the names of the records that count it."""
    for identifier in (ENTERED, PHONE):
        ticket = thief.kit.reset.begin(identifier, context=CONTEXT)
        with pytest.raises(Refused):
            thief.kit.reset.verify(ticket, "zzzz", context=CONTEXT)
        with pytest.raises(Refused):
            thief.kit.sign_in.with_password(identifier, NEW, context=CONTEXT)
    # Not those of the whole site, which are about nobody.
    names = {name for name in thief.records() if name.startswith("main/budget/") and "/site-failures/" not in name}
    assert len(names) >= 10
    return names


# A thief who tries every code ----------------------------------------------------------------------------------------------------
#
# To try codes offline one needs something in the file that says "right" for the right code and "wrong" for the others. The next
# tests show that there is nothing of that kind. Two sites differ in one thing, the key that codes are made with, which is not in the
# file. Their files hold the same records, byte for byte, at every step of a reset; and yet the right codes differ. Whatever a thief
# works out from the file, by trying all of 10^8 codes or in any other way, he works out the same from both, so he is wrong at one
# of the two. And the third test shows that it is not only one of two: over all keys, every code is as likely as any other.


def other_keys(number: int) -> KeyRing:
    return KeyRing({"test": hashlib.sha256(b"a key for codes, number %d" % number).digest()})


def test_the_same_file_is_right_for_different_codes_under_different_keys(tmp_path: Path) -> None:
    before = Thief(tmp_path / "before.sqlite")
    ticket = before.kit.sign_up.begin(ENTERED, context=CONTEXT)
    before.deliver()
    grant = before.kit.sign_up.verify(ticket, before.inbox.last_code(ENTERED), context=CONTEXT)
    before.kit.sign_up.complete(grant, OLD, context=CONTEXT)
    before.close()
    sites = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(before.path, folder / "test.sqlite")
        sites.append(Thief(folder / "test.sqlite", codes=other_keys(number), seed="after"))
    codes, grants = journeys_in_step(*sites)
    assert codes[0] != codes[1]
    assert grants[0] != grants[1]
    assert [grant.split(".")[0] for grant in grants[:1]] == [grant.split(".")[0] for grant in grants[1:]], "the ids are in the file, the secrets are not"
    for site in sites:
        site.close()


def journeys_in_step(*sites: Thief) -> tuple[list[str], list[str]]:
    """Take all *sites* through a reset; after each step their files hold the same records."""
    for site in sites:
        site.clock.advance(seconds=61)
    tickets = [site.kit.reset.begin(ENTERED, context=CONTEXT) for site in sites]
    in_step(sites)
    for site in sites:
        site.deliver()
    in_step(sites)
    codes = [site.inbox.last_code(ENTERED) for site in sites]
    for site, ticket in zip(sites, tickets, strict=True):
        with pytest.raises(Refused):
            site.kit.reset.verify(ticket, "zzzz", context=CONTEXT)
    in_step(sites)
    for site, ticket, code in zip(sites, tickets, reversed(codes), strict=True):
        with pytest.raises(Refused):
            site.kit.reset.verify(ticket, code, context=CONTEXT)
    in_step(sites)
    grants = [site.kit.reset.verify(ticket, code, context=CONTEXT).text for site, ticket, code in zip(sites, tickets, codes, strict=True)]
    in_step(sites)
    return codes, grants


def in_step(sites: tuple[Thief, ...]) -> None:
    first, *others = [site.records() for site in sites]
    assert first
    assert all(other == first for other in others), "the files differ by more than a key that is not in them"


def test_over_all_keys_every_code_is_equally_likely(tmp_path: Path) -> None:
    """With the record given, 20,000 keys give every one of 1,000 last three digits about 20 times."""
    thief = Thief(tmp_path / "test.sqlite")
    thief.kit.sign_up.begin(ENTERED, context=CONTEXT)
    thief.deliver()
    (record,) = [row for row in thief.records().values() if row[1] == "main/challenge"]
    challenge = Challenge.from_payload(record[3])
    assert challenge.binding is not None
    keys = 20_000
    codes = [code_of(challenge, other_keys(number), site="main", record_key=record[0]).reveal() for number in range(keys)]
    thief.close()
    assert len(set(codes)) > keys - 20, "8 digits: hardly any two keys give the same code"
    endings = Counter(code[-3:] for code in codes)
    squares = sum((endings[f"{ending:03}"] - keys / 1000) ** 2 for ending in range(1000)) / (keys / 1000)
    assert 850 < squares < 1150, "chi-square with 999 degrees of freedom: outside with a chance of about one in a thousand, and the keys are fixed"


def test_the_number_in_the_record_is_not_the_code(thief: Thief) -> None:
    """Nor is it so for an unbound challenge, whose code is nobody's."""
    thief.kit.sign_up.begin(ENTERED, context=CONTEXT)
    (unbound,) = [Challenge.from_payload(row[3]) for row in thief.records().values() if row[1] == "main/challenge"]
    thief.deliver()
    (bound,) = [Challenge.from_payload(row[3]) for row in thief.records().values() if row[1] == "main/challenge"]
    code = thief.inbox.last_code(ENTERED)
    assert unbound.binding is None
    assert unbound.issue == bound.issue
    assert f"{bound.issue.c:08}" != code


def test_the_file_is_for_its_owner_alone_if_the_folder_is(tmp_path: Path) -> None:
    """SQLite makes its log with the rights of the file; nothing is readable that the host did not make so."""
    path = tmp_path / "test.sqlite"
    path.touch(mode=0o600)
    thief = Thief(path)
    thief.kit.reset.begin(ENTERED, context=CONTEXT)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("test.sqlite*")}
    thief.close()
    assert set(modes.values()) == {0o600}, modes
