"""Hashes of older systems: each is compared with as the system that made it did, none can stop the machine, and all cost the same (PW-15, PW-16, PW-17)."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import argon2
import bcrypt
import pytest

import credkit
from credkit.errors import ConfigurationError, UnknownKey
from credkit.keys import KeyRing
from credkit.passwords import Bcrypt, HashFacts, LegacyHash, PasswordHasher, Pbkdf2, Scrypt, Verification, normalize_password
from credkit.secret import Secret
from credkit.testing import cheap_hasher

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "legacy_hashes.json").read_text(encoding="utf-8"))["hashes"]
OLDER = [vector for vector in VECTORS if not vector["scheme"].startswith("argon2")]
OF_ARGON2 = [vector for vector in VECTORS if vector["scheme"].startswith("argon2")]

VERIFIERS = (
    Pbkdf2(iterations=1000, algorithm="sha1"),
    Pbkdf2(iterations=1000),
    Pbkdf2(iterations=1000, algorithm="sha512"),
    Scrypt(n=256, r=8, p=5),
    Bcrypt(cost=4),
)

PUBLISHED = {
    # The manual of PHP, at password_verify.
    "PHP": ("rasmuslerdorf", "$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq"),
    # Tests of passlib 1.7.4, where they are said to come from https://www.openwall.com/lists/oss-security/2012/01/02/4 and from py-bcrypt.
    "eight bits": ("\u0451", "$2y$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu"),
    "254 bytes": (("0123456789" * 26)[:254], "$2a$04$R1lJ2gkNaoPGdafE.H.16.1MKHPvmKwryeulRe225LKProWYwt9Oi"),
    "255 bytes": (("0123456789" * 26)[:255], "$2a$04$R1lJ2gkNaoPGdafE.H.16.1MKHPvmKwryeulRe225LKProWYwt9Oi"),
    "256 bytes": (("0123456789" * 26)[:256], "$2a$04$R1lJ2gkNaoPGdafE.H.16.1MKHPvmKwryeulRe225LKProWYwt9Oi"),
    "signs": ("~!@#$%^&*()      ~!@#$%^&*()PNBFRD", "$2a$10$LgfYWkbzEvQ4JakH7rOvHe0y8pHKF9OaFgwUZ2q7W2FFZmZzJYlfS"),
    # The same, for libraries that left stray bits past the last byte of the salt or the result.
    "stray bits in the salt": ("test", "$2a$04$oaQbBqq8JnSM1NHRPQGXORY4Vw3bdHKLIXTecPDRAcJ98cz1ilveO"),
    "four stray bits in the salt": ("test", "$2a$04$yjDgE74RJkeqC0/1NheSScrvKeu9IbKDpcQf/Ox3qsrRS/Kw42qIS"),
    "stray bits in the result": ("test", "$2a$04$yjDgE74RJkeqC0/1NheSSOrvKeu9IbKDpcQf/Ox3qsrRS/Kw42qIV"),
    "passlib's bcrypt_sha256, version 1": ("password", "$bcrypt-sha256$2a,5$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu"),
    # The result is that of https://www.rfc-editor.org/rfc/rfc6070 (SHA-1), and its counterpart for SHA-256, in the spelling of PHC strings.
    "PHC, SHA-1": ("password", "$pbkdf2$i=4096,l=20$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE"),
    "PHC, SHA-256": ("password", "$pbkdf2-sha256$i=4096,l=32$c2FsdA$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o"),
    # https://www.rfc-editor.org/rfc/rfc7914 section 12, the second and the third vector.
    "RFC 7914, 2": (
        "password",
        "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA",
    ),
    "RFC 7914, 3": (
        "pleaseletmein",
        "scrypt:16384:8:1$SodiumChloride$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    ),
}

WRAPPED = "$2a$04$R1lJ2gkNaoPGdafE.H.16.nVyh2niHsGJhayOHLMiXlI45o8/DU.6"
"""Of 72 zeros, and in libraries that counted a password's bytes in eight bits also of the 255 above."""


def of(vector: dict[str, str]) -> str:
    return f"{vector['made_by']}: {ascii(vector['password'])[:12]}"


def knowing(stored: str) -> LegacyHash:
    (found,) = [verifier for verifier in VERIFIERS if verifier.recognises(stored)]
    return found


# Known answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", OLDER, ids=of)
def test_a_hash_that_a_library_made_is_of_the_password_it_was_given(vector: dict[str, str]) -> None:
    verifier = knowing(vector["stored"])
    assert verifier.scheme == vector["scheme"]
    assert verifier.verify(vector["stored"], vector["password"].encode())
    assert not verifier.verify(vector["stored"], b"x" + vector["password"].encode())
    assert not verifier.verify(vector["stored"], b"")


@pytest.mark.parametrize(("password", "stored"), PUBLISHED.values(), ids=PUBLISHED)
def test_a_hash_that_was_published_is_of_its_password(password: str, stored: str) -> None:
    verifier = knowing(stored)
    assert verifier.verify(stored, password.encode())
    assert not verifier.verify(stored, f"{password[:-1]}~".encode()) or len(password) > 72


@pytest.mark.parametrize("vector", OF_ARGON2, ids=of)
def test_argon2_needs_no_verifier_whoever_made_it(vector: dict[str, str]) -> None:
    assert [verifier for verifier in VERIFIERS if verifier.recognises(vector["stored"])] == []
    password, other = Secret(vector["password"]), Secret("another")
    assert cheap_hasher().verify(vector["stored"], password) == Verification(matches=True, needs_rehash=True)
    assert cheap_hasher().verify(vector["stored"], other) == Verification(matches=False)


def test_php_argon2i_needs_none_either() -> None:  # the manual of PHP, at password_hash
    stored = "$argon2i$v=19$m=1024,t=2,p=2$YzJBSzV4TUhkMzc3d3laeg$zqU/1IN0/AogfP4cmSJI1vc8lpXRW9/S0sYY2i2jHT0"
    assert cheap_hasher().verify(stored, Secret("rasmuslerdorf")) == Verification(matches=True, needs_rehash=True)


def test_a_hash_by_django_with_todays_parameters_is_made_anew_all_the_same() -> None:
    stored = f"argon2{cheap_hasher().hash(Secret('tortoise plumbing verdict'))}"
    assert cheap_hasher().verify(stored, Secret("tortoise plumbing verdict")) == Verification(matches=True, needs_rehash=True)


# What bcrypt does to a password -----------------------------------------------------------------------------------------

LONG = "0123456789" * 7 + "ab"
BARE = [vector["stored"] for vector in OLDER if vector["password"].startswith(LONG) and "sha256" not in vector["stored"]]
DIGESTED = [vector["stored"] for vector in OLDER if vector["password"].startswith(LONG) and "sha256" in vector["stored"]]


@pytest.mark.parametrize("stored", BARE)
def test_bare_bcrypt_looks_at_72_bytes_as_it_did_in_the_old_system(stored: str) -> None:
    verifier = Bcrypt(cost=4)
    for same in (LONG, LONG + "cdefgh", LONG + "x" * 1000):
        assert verifier.verify(stored, same.encode())
    for other in (LONG[:-1], LONG[:-1] + "c"):
        assert not verifier.verify(stored, other.encode())


@pytest.mark.parametrize("stored", DIGESTED)
def test_bcrypt_after_a_digest_looks_at_all_of_it(stored: str) -> None:
    verifier = Bcrypt(cost=4)
    assert verifier.verify(stored, f"{LONG}cdefgh".encode())
    for other in (LONG, LONG + "cdefgx", LONG + "cdefgh1"):
        assert not verifier.verify(stored, other.encode())


def test_a_password_is_cut_at_72_bytes_also_within_a_character() -> None:
    password = "a" + "\u00e9" * 36  # the last of them lies on bytes 72 and 73
    stored = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    assert Bcrypt(cost=4).verify(stored, password.encode())
    assert Bcrypt(cost=4).verify(stored, f"{password[:-1]}\u00e8".encode())  # C3 A9 and C3 A8: cut between the two bytes, they are one
    assert not Bcrypt(cost=4).verify(stored, f"{password[:-1]}\u0101".encode())  # C4 81


def test_255_bytes_are_not_taken_for_none() -> None:
    assert Bcrypt(cost=4).verify(WRAPPED, b"0" * 72)
    assert not Bcrypt(cost=4).verify(WRAPPED, ("0123456789" * 26)[:255].encode())


@pytest.mark.parametrize("password", [b"cut\0here", b"cut\0", b"\0cut", b"\0"])
def test_a_nul_cuts_nothing_and_matches_no_bare_hash(password: bytes) -> None:
    for hashed in (password, password.partition(b"\0")[0], password.replace(b"\0", b"?")):
        stored = bcrypt.hashpw(hashed, bcrypt.gensalt(4)).decode()
        assert not Bcrypt(cost=4).verify(stored, password)


def test_no_nul_reaches_the_library_which_might_cut_there_or_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []
    hashpw = bcrypt.hashpw

    def noted(password: bytes, salt: bytes) -> bytes:
        given.append(password)
        return hashpw(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", noted)
    assert not Bcrypt(cost=5).verify(_B, b"a\0b")
    assert len(given) == 2
    assert not any(b"\0" in password for password in given)


def test_a_nul_past_what_bcrypt_looks_at_matters_to_nobody() -> None:
    stored = bcrypt.hashpw(LONG.encode(), bcrypt.gensalt(4)).decode()
    assert Bcrypt(cost=4).verify(stored, f"{LONG}\0more".encode())


def test_a_nul_before_a_digest_is_a_character_like_any_other() -> None:
    made = bcrypt.hashpw(hashlib.sha256(b"a\0b").hexdigest().encode(), bcrypt.gensalt(4)).decode()
    assert Bcrypt(cost=4).verify(f"bcrypt_sha256${made}", b"a\0b")
    assert not Bcrypt(cost=4).verify(f"bcrypt_sha256${made}", b"a")


# What is not recognised (PW-17) -----------------------------------------------------------------------------------------

_32, _64 = base64.b64encode(bytes(32)).decode(), base64.b64encode(bytes(64)).decode()
_B = "$2b$04$" + "." * 53

NOT_RECOGNISED = {
    "nothing": "",
    "a word": "password",
    "a lone surrogate": "\ud800",
    "Argon2": "$argon2id$v=19$m=8,t=1,p=1$T4i4qQmqy/0m9ipBqlbWVw$tJBkgfDDzRQ2xv45F8Grm1MWcSo7SK7pJpAB8pLq+2w",
    "Django, no password": "!Rl7eMwTTqUoLkc3GTqVoGTQPnXjrnFZ5rLhYTzqX",
    "Django's MD5": "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
    "Werkzeug before 3, salted SHA-1": "sha1$w5gKDYOq$4ad05e9e36f8cda6bdb01c9c32e3b9bf54fbe0e7",
    "crypt's SHA-512": "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJuesI68OTLiBFdcbYEdFCoEOfaS35inz1",
    "pbkdf2, no iterations": f"pbkdf2_sha256$0$salt${_32}",
    "pbkdf2, too many iterations": f"pbkdf2_sha256${(1 << 24) + 1}$salt${_32}",
    "pbkdf2, iterations without end": f"pbkdf2_sha256${'9' * 5000}$salt${_32}",
    "pbkdf2, negative": f"pbkdf2_sha256$-1$salt${_32}",
    "pbkdf2, wide digits": f"pbkdf2_sha256$\uff11000$salt${_32}",
    "pbkdf2, no salt": f"pbkdf2_sha256$1000$${_32}",
    "pbkdf2, no result": "pbkdf2_sha256$1000$salt$",
    "pbkdf2, a short result": f"pbkdf2_sha256$1000$salt${base64.b64encode(bytes(31)).decode()}",
    "pbkdf2, a long result": f"pbkdf2_sha256$1000$salt${base64.b64encode(bytes(33)).decode()}",
    "pbkdf2, a result that is no base64": f"pbkdf2_sha256$1000$salt${'A' * 45}",
    "pbkdf2, another function": f"pbkdf2_md5$1000$salt${_32}",
    "pbkdf2, one field more": f"pbkdf2_sha256$1000$salt${_32}$x",
    "pbkdf2, a line end": f"pbkdf2_sha256$1000$salt${_32}\n",
    "pbkdf2, a NUL in the salt": f"pbkdf2_sha256$1000$sa\0lt${_32}",
    "pbkdf2, Werkzeug, odd": f"pbkdf2:sha256:1000$salt${'0' * 63}",
    "pbkdf2, Werkzeug, capitals": f"pbkdf2:sha256:1000$salt${'A' * 64}",
    "pbkdf2, Werkzeug, another function": f"pbkdf2:blake2b:1000$salt${'0' * 64}",
    "pbkdf2, passlib, a salt that is no base64": f"$pbkdf2-sha256$1000$AAAAA${'A' * 43}",
    "pbkdf2, a mebibyte": "pbkdf2_sha256$" * 74899,
    "scrypt, n no power of two": f"scrypt$255$salt$8$1${_64}",
    "scrypt, n of one": f"scrypt$1$salt$8$1${_64}",
    "scrypt, n of none": f"scrypt$0$salt$8$1${_64}",
    "scrypt, no blocks": f"scrypt$256$salt$0$1${_64}",
    "scrypt, no lanes": f"scrypt$256$salt$8$0${_64}",
    "scrypt, over a gibibyte": f"scrypt${1 << 21}$salt$8$1${_64}",
    "scrypt, exponent of 99": f"$scrypt$ln=99,r=8,p=1$AAAA${'A' * 43}",
    "scrypt, too much work": f"scrypt${1 << 20}$salt$8$4${_64}",
    "scrypt, too many lanes": f"scrypt$2$salt$8${1 << 12}${_64}",
    "scrypt, blocks too large": f"scrypt$2$salt${1 << 15}$1${_64}",
    "scrypt, a short result": f"scrypt$256$salt$8$1${'A' * 20}",
    "scrypt, a long result": f"scrypt$256$salt$8$1${'A' * 90}",
    "scrypt, odd": f"scrypt:256:8:1$salt${'0' * 127}",
    "bcrypt, cost 3": _B.replace("$04$", "$03$"),
    "bcrypt, cost 17": _B.replace("$04$", "$17$"),
    "bcrypt, cost 31": _B.replace("$04$", "$31$"),
    "bcrypt, one digit": _B.replace("$04$", "$4$"),
    "bcrypt, the faulty one of PHP": _B.replace("$2b$", "$2x$"),
    "bcrypt, the first": _B.replace("$2b$", "$2$"),
    "bcrypt, cut short": _B[:-1],
    "bcrypt, too long": f"{_B}.",
    "bcrypt, a sign that it does not use": f"{_B[:-1]}+",
    "bcrypt, a NUL and more": f"{_B}\0x",
    "bcrypt, Django, digested twice": f"bcrypt_sha256$bcrypt_sha256${_B}",
    "bcrypt, passlib, cost 31": f"$bcrypt-sha256$v=2,t=2b,r=31${'.' * 22}${'.' * 31}",
    "bcrypt, passlib, version 3": f"$bcrypt-sha256$v=3,t=2b,r=4${'.' * 22}${'.' * 31}",
}


@pytest.mark.parametrize("stored", NOT_RECOGNISED.values(), ids=NOT_RECOGNISED)
def test_what_is_damaged_planted_or_of_another_kind_is_not_recognised(stored: str) -> None:
    for verifier in (*VERIFIERS, Scrypt(n=2, r=1, p=1), Pbkdf2(iterations=1)):
        assert not verifier.recognises(stored)
        assert not verifier.verify(stored, b"password")


@pytest.mark.parametrize(
    "stored",
    [
        f"pbkdf2_sha256${1 << 24}$salt${_32}",
        f"scrypt${1 << 20}$salt$8$1${_64}",
        f"scrypt$1024$salt$8${1 << 11}${_64}",
        _B.replace("$04$", "$16$"),
        f"$pbkdf2-sha256$1000$${'A' * 43}",
        f"scrypt$2$salt$1$1${_64}",
    ],
)
def test_what_is_just_within_the_bounds_is_recognised(stored: str) -> None:
    assert knowing(stored)


# One cost for all (PW-15) -----------------------------------------------------------------------------------------------


@dataclass
class Spent:
    """What the functions below the verifiers were really called for."""

    work: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> Spent:
    made = Spent()
    pbkdf2, scrypt, hashpw, run = hashlib.pbkdf2_hmac, hashlib.scrypt, bcrypt.hashpw, argon2.PasswordHasher.verify

    def counted_pbkdf2(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        made.work[f"pbkdf2_{name}"] += iterations
        return pbkdf2(name, password, salt, iterations)

    def counted_scrypt(password: bytes, *, n: int, r: int, p: int, **more: Any) -> bytes:
        made.work["scrypt"] += n * r * p
        return scrypt(password, n=n, r=r, p=p, **more)

    def counted_hashpw(password: bytes, salt: bytes) -> bytes:
        made.work["bcrypt"] += 1 << int(salt.split(b"$")[2])
        return hashpw(password, salt)

    def counted_argon2(hasher: argon2.PasswordHasher, phc: str, material: bytes) -> bool:
        try:
            matches = run(hasher, phc, material)
        except argon2.exceptions.VerifyMismatchError:
            made.work["argon2"] += 1
            raise
        made.work["argon2"] += 1
        return matches

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted_pbkdf2)
    monkeypatch.setattr(hashlib, "scrypt", counted_scrypt)
    monkeypatch.setattr(bcrypt, "hashpw", counted_hashpw)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted_argon2)
    return made


DEAREST = (Pbkdf2(iterations=1500, algorithm="sha1"), Pbkdf2(iterations=5000), Pbkdf2(iterations=2000, algorithm="sha512"), Scrypt(n=1024, p=2), Bcrypt(cost=7))
WHOLE = {"argon2": 1, "pbkdf2_sha1": 1500, "pbkdf2_sha256": 5000, "pbkdf2_sha512": 2000, "scrypt": 1024 * 8 * 2, "bcrypt": 1 << 7}
PEPPER = KeyRing({"2026-11": bytes(range(32))})

STORED: dict[str, str | None] = {
    **{f"{vector['made_by']}, {number}": vector["stored"] for number, vector in enumerate(OLDER)},
    "Argon2, credkit's own": cheap_hasher().hash(Secret("nine grey herons wade")),
    "Argon2, keyed": cheap_hasher(PEPPER).hash(Secret("nine grey herons wade")),
    "Argon2, Django's": OF_ARGON2[0]["stored"],
    "nobody, or no password": None,
    "malformed": "pbkdf2_sha256$1000$salt$",
    "planted": "$2b$31$" + "." * 53,
    "random": "\xf3\x9a\x00\x17\xdb\xfe$\x81\x07",
}


def legacy_hasher(*verifiers: LegacyHash, pepper: KeyRing | None = PEPPER, made_elsewhere: bool = False) -> PasswordHasher:
    return PasswordHasher(cheap_hasher()._profile, pepper=pepper, legacy=verifiers, made_elsewhere=made_elsewhere)


def about(spent: Spent) -> dict[str, int]:
    """Return the work, with scrypt's to the sixteenth that it is made up to."""
    work = dict(spent.work)
    whole = WHOLE["scrypt"]
    assert whole * 15 / 16 <= work.get("scrypt", whole) <= whole
    return {**work, "scrypt": whole} if "scrypt" in work else work


@pytest.mark.parametrize("password", ["nine grey herons wade", "another password"])
@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
def test_whatever_is_stored_a_comparison_is_one_argon2_and_the_dearest_hash_of_every_kind(stored: str | None, password: str, spent: Spent) -> None:
    legacy_hasher(*DEAREST).verify(stored, Secret(password))
    assert about(spent) == WHOLE


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
def test_a_password_that_is_typed_otherwise_costs_twice_that_whosever_it_is(stored: str | None, spent: Spent) -> None:
    hasher = legacy_hasher(*DEAREST)
    hasher.verify(stored, Secret("caf\u00e9 verdict olive"), typed=Secret("cafe\u0301 verdict olive"))
    work = dict(spent.work)
    assert work.pop("scrypt") / 2 >= WHOLE["scrypt"] * 15 / 16
    assert work == {name: 2 * count for name, count in WHOLE.items() if name != "scrypt"}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED)
def test_with_no_verifier_left_a_comparison_is_one_argon2_however_it_was_typed(stored: str | None, spent: Spent) -> None:
    legacy_hasher().verify(stored, Secret("caf\u00e9 verdict olive"), typed=Secret("cafe\u0301 verdict olive"))
    assert spent.work == {"argon2": 1}


@pytest.mark.parametrize("stored", [STORED[name] for name in STORED if name not in {"Argon2, credkit's own", "Argon2, Django's"}])
def test_with_a_pepper_each_costs_one_keyed_step_too(stored: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for an Argon2 hash from before the pepper, which is compared with as it was made."""
    made: list[str] = []
    mac = KeyRing.mac

    def counted(ring: KeyRing, key_id: str, *parts: Any) -> bytes:
        made.append(key_id)
        return mac(ring, key_id, *parts)

    monkeypatch.setattr(KeyRing, "mac", counted)
    legacy_hasher(*VERIFIERS).verify(stored, Secret("another password"))
    assert made == ["2026-11"]


def test_a_hash_dearer_than_the_dearest_said_costs_what_it_costs(spent: Spent) -> None:
    """The only case that time can tell; the page on older hashes says how to find the dearest."""
    (stored,) = [
        vector["stored"]
        for vector in OLDER
        if vector["made_by"].startswith("Django") and vector["password"].startswith("nine") and "sha256$1000" in vector["stored"]
    ]
    Pbkdf2(iterations=400).verify(stored, b"x")
    assert spent.work == {"pbkdf2_sha256": 1000}


@pytest.mark.parametrize(("n", "r", "p"), [(2, 1, 1), (64, 8, 1), (256, 8, 1), (512, 8, 1), (1024, 8, 1), (512, 16, 1), (128, 4, 9), (1024, 8, 2)])
def test_a_cheaper_scrypt_is_made_up_to_a_sixteenth(n: int, r: int, p: int, spent: Spent) -> None:
    Scrypt(n=1024, r=8, p=2).verify(f"scrypt:{n}:{r}:{p}$salt${'0' * 128}", b"x")
    assert 15 / 16 <= spent.work["scrypt"] / (1024 * 8 * 2) <= 1


@pytest.mark.parametrize("cost", range(4, 9))
def test_a_cheaper_bcrypt_is_made_up_exactly(cost: int, spent: Spent) -> None:
    Bcrypt(cost=8).verify(f"$2b${cost:02}${'.' * 53}", b"x")
    assert spent.work["bcrypt"] == 1 << 8


@pytest.mark.parametrize("verifier", DEAREST, ids=repr)
def test_what_stands_in_is_recognised_matches_nobody_and_is_as_dear_as_the_dearest(verifier: LegacyHash, spent: Spent) -> None:
    assert verifier.recognises(verifier.stand_in)
    for password in (b"", b"nobody", b"\0" * 72):
        assert not verifier.verify(verifier.stand_in, password)
    assert spent.work == {verifier.scheme: 3 * WHOLE[verifier.scheme]}


def test_each_verifier_knows_its_own_stand_in_only() -> None:
    knows = [[verifier.recognises(other.stand_in) for other in DEAREST] for verifier in DEAREST]
    assert knows == [[one is other for other in DEAREST] for one in DEAREST]


# The hasher with verifiers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", OLDER, ids=of)
@pytest.mark.parametrize("pepper", [None, PEPPER], ids=["no pepper", "pepper"])
def test_a_match_is_to_be_made_anew(vector: dict[str, str], pepper: KeyRing | None) -> None:
    hasher = legacy_hasher(*VERIFIERS, pepper=pepper)
    assert hasher.verify(vector["stored"], Secret(vector["password"])) == Verification(matches=True, needs_rehash=True)
    assert hasher.verify(vector["stored"], Secret("another")) == Verification(matches=False)


@pytest.mark.parametrize("vector", OLDER, ids=of)
def test_without_a_verifier_it_is_no_hash_at_all(vector: dict[str, str]) -> None:
    """PW-16: none is registered unless the host does it."""
    assert cheap_hasher().verify(vector["stored"], Secret(vector["password"])) == Verification(matches=False, malformed=True)


def test_credkits_own_hashes_go_on_as_before_beside_verifiers() -> None:
    hasher, password = legacy_hasher(*VERIFIERS), Secret("nine grey herons wade")
    assert hasher.verify(hasher.hash(password), password) == Verification(matches=True)
    assert hasher.verify(hasher.hash(password), Secret("another")) == Verification(matches=False)
    assert hasher.verify(None, password) == Verification(matches=False)
    assert hasher.verify("pbkdf2_sha256$", password) == Verification(matches=False, malformed=True)


def test_a_keyed_hash_still_needs_its_key() -> None:
    stored = legacy_hasher(pepper=KeyRing({"old": bytes(range(50, 82))})).hash(Secret("x"))
    with pytest.raises(UnknownKey):
        legacy_hasher(*VERIFIERS).verify(stored, Secret("x"))
    with pytest.raises(ConfigurationError, match="pepper"):
        legacy_hasher(*VERIFIERS, pepper=None).verify(stored, Secret("x"))


NFD, NFC = "cafe\u0301 verdict olive", "caf\u00e9 verdict olive"
AS_TYPED = [vector for vector in VECTORS if vector["password"] == NFD]


@pytest.mark.parametrize("vector", AS_TYPED, ids=of)
def test_an_older_hash_is_compared_with_what_was_typed_too(vector: dict[str, str]) -> None:
    typed, hasher = Secret(NFD), legacy_hasher(*VERIFIERS)
    normal = normalize_password(NFD)
    assert normal.reveal() == NFC
    assert hasher.verify(vector["stored"], normal, typed=typed) == Verification(matches=True, needs_rehash=True)
    assert hasher.verify(vector["stored"], normal) == Verification(matches=False)
    assert hasher.verify(vector["stored"], Secret("another"), typed=Secret("an other")) == Verification(matches=False)


def test_argon2_made_elsewhere_is_compared_with_what_was_typed_if_the_host_says_so() -> None:
    stored = cheap_hasher().hash(Secret(NFD))
    given: dict[str, Any] = {"password": Secret(NFC), "typed": Secret(NFD)}
    assert legacy_hasher(pepper=None, made_elsewhere=True).verify(stored, **given) == Verification(matches=True, needs_rehash=True)
    assert legacy_hasher(pepper=None).verify(stored, **given) == Verification(matches=False)


def test_a_right_password_needs_no_rehash_for_having_been_typed_otherwise() -> None:
    hasher = legacy_hasher(*VERIFIERS)
    assert hasher.verify(hasher.hash(Secret(NFC)), Secret(NFC), typed=Secret(NFD)) == Verification(matches=True)


@dataclass
class HostsOwn:
    """A verifier as a host may write one, which counts and may fail."""

    known: str = "md5$"
    answer: Any = True
    recognising: Exception | None = None
    comparing: Exception | None = None
    calls: list[str] = field(default_factory=list)
    scheme: str = "own"
    stand_in: str = "md5$nobody"

    def recognises(self, stored: str) -> bool:
        if self.recognising is not None:
            raise self.recognising
        return stored.startswith(self.known)

    def verify(self, stored: str, password: bytes) -> bool:
        self.calls.append(stored)
        if stored == self.stand_in:
            return False
        if self.comparing is not None:
            raise self.comparing
        return bool(self.answer) if isinstance(self.answer, bool) else self.answer  # type: ignore[no-any-return]


def test_the_first_that_recognises_a_hash_compares_and_the_others_stand_in() -> None:
    first, second, third = HostsOwn(known="sha1$"), HostsOwn(answer=False), HostsOwn()
    assert not legacy_hasher(first, second, third).verify("md5$x", Secret("y")).matches
    assert [one.calls for one in (first, second, third)] == [["md5$nobody"], ["md5$x"], ["md5$nobody"]]


@pytest.mark.parametrize("failure", [ValueError("password"), MemoryError(), KeyError("password")], ids=repr)
def test_a_verifier_that_raises_is_a_hash_that_cannot_be_read_and_costs_the_same(failure: Exception) -> None:
    failing, other = HostsOwn(comparing=failure), HostsOwn()
    assert legacy_hasher(failing, other).verify("md5$x", Secret("y")) == Verification(matches=False, malformed=True)
    assert [one.calls for one in (failing, other)] == [["md5$x", "md5$nobody"], ["md5$nobody"]]


def test_a_verifier_that_raises_over_what_it_is_shown_is_passed_over() -> None:
    hasher = legacy_hasher(HostsOwn(recognising=ValueError("no")), HostsOwn())
    assert hasher.verify("md5$x", Secret("y")) == Verification(matches=True, needs_rehash=True)


@pytest.mark.parametrize("answer", [1, "yes", b"1", object(), None, 0])
def test_only_true_is_a_match(answer: object) -> None:
    assert not legacy_hasher(HostsOwn(answer=answer)).verify("md5$x", Secret("y")).matches


def test_a_verifier_that_cannot_work_at_all_is_trouble_for_everybody_and_names_no_password() -> None:
    class Broken(HostsOwn):
        def verify(self, stored: str, password: bytes) -> bool:
            raise ValueError(password)

    with pytest.raises(ConfigurationError, match="verifier for own") as caught:
        legacy_hasher(Broken()).verify(None, Secret("nine grey herons wade"))
    assert caught.value.__context__ is None


def test_the_stand_in_of_a_verifier_is_no_way_in() -> None:
    generous = HostsOwn(stand_in="md5$open")

    def always(stored: str, password: bytes) -> bool:
        return True

    generous.verify = always  # type: ignore[method-assign]
    for stored in (None, "random", cheap_hasher().hash(Secret("x"))):
        assert not legacy_hasher(generous, pepper=None).verify(stored, Secret("y")).matches


# What a stored hash says of itself (KE-07) ------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=of)
def test_an_older_hash_says_what_it_is(vector: dict[str, str]) -> None:
    assert legacy_hasher(*VERIFIERS).describe(vector["stored"]) == HashFacts(scheme=vector["scheme"])


def test_a_hash_says_which_key_it_needs_and_whether_it_is_as_made_today() -> None:
    old, new = KeyRing({"old": bytes(range(50, 82))}), KeyRing({"new": bytes(range(32)), "old": bytes(range(50, 82))})
    hashes = [cheap_hasher(old).hash(Secret("x")), cheap_hasher(new).hash(Secret("x")), cheap_hasher().hash(Secret("x")), PasswordHasher().hash(Secret("x"))]
    described = list(map(cheap_hasher(new).describe, hashes))
    assert described == [
        HashFacts(scheme="argon2id", key_id="old"),
        HashFacts(scheme="argon2id", key_id="new", up_to_date=True),
        HashFacts(scheme="argon2id"),
        HashFacts(scheme="argon2id"),
    ]
    assert cheap_hasher().describe(hashes[2]) == HashFacts(scheme="argon2id", up_to_date=True)
    assert cheap_hasher().describe(hashes[1]) == HashFacts(scheme="argon2id", key_id="new")


def test_a_key_that_is_not_on_the_ring_is_named_and_not_trouble() -> None:
    """So that a host which has dropped one too soon can find out how many it has shut out."""
    stored = cheap_hasher(KeyRing({"gone": bytes(range(50, 82))})).hash(Secret("x"))
    for hasher in (cheap_hasher(), cheap_hasher(PEPPER)):
        assert hasher.describe(stored) == HashFacts(scheme="argon2id", key_id="gone")


@pytest.mark.parametrize(
    "stored", ["", "password", "\ud800", "$argon2id$", "keyed:a:x", "$argon2id$v=19$m=08,t=1,p=1$AAAAAAAAAAA$AAAAAA", *NOT_RECOGNISED.values()]
)
def test_anything_may_be_described(stored: str) -> None:
    facts = legacy_hasher(*VERIFIERS).describe(stored)
    assert facts.scheme in {"unreadable", "argon2id"}
    assert not facts.up_to_date or facts.scheme == "argon2id"


def test_no_password_is_not_an_unreadable_one() -> None:
    assert cheap_hasher().describe(None) == HashFacts(scheme="none")
    assert cheap_hasher().describe("!unusable") == HashFacts(scheme="unreadable")


def test_facts_can_be_counted_and_hold_nothing_of_the_hash() -> None:
    hasher = cheap_hasher(PEPPER)
    made = [hasher.hash(Secret("x")) for _ in range(3)]
    counted = Counter(map(hasher.describe, [*made, None]))
    assert counted == {HashFacts(scheme="argon2id", key_id="2026-11", up_to_date=True): 3, HashFacts(scheme="none"): 1}
    assert not any(phc.rpartition("$")[2] in repr(counted) for phc in made)


# Building one -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("iterations", [0, -1, (1 << 24) + 1])
def test_pbkdf2_needs_a_number_that_a_hash_may_have(iterations: int) -> None:
    with pytest.raises(ConfigurationError):
        Pbkdf2(iterations=iterations)


def test_pbkdf2_needs_a_function_that_the_old_systems_had() -> None:
    with pytest.raises(ConfigurationError):
        Pbkdf2(iterations=1, algorithm="md5")  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "r", "p"), [(0, 8, 1), (1, 8, 1), (255, 8, 1), (256, 0, 1), (256, 8, 0), (1 << 21, 8, 1), (1 << 20, 8, 4), (-256, 8, 1)])
def test_scrypt_needs_parameters_that_a_hash_may_have(n: int, r: int, p: int) -> None:
    with pytest.raises(ConfigurationError):
        Scrypt(n=n, r=r, p=p)


def test_scrypt_says_at_once_if_python_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(hashlib, "scrypt")
    with pytest.raises(ConfigurationError, match="without scrypt"):
        Scrypt(n=256)


@pytest.mark.parametrize("cost", [3, 17, 31, 0, -4])
def test_bcrypt_needs_a_cost_that_a_hash_may_have(cost: int) -> None:
    with pytest.raises(ConfigurationError):
        Bcrypt(cost=cost)


def test_bcrypt_says_at_once_if_its_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("credkit.passwords.legacy.find_spec", lambda name: None if name == "bcrypt" else find(name))
    with pytest.raises(ConfigurationError, match="legacy"):
        Bcrypt()


def test_making_verifiers_loads_no_bcrypt() -> None:
    source = str(Path(credkit.__path__[0]).parent)
    program = f"import sys; sys.path.insert(0, {source!r}); from credkit.passwords import Bcrypt; Bcrypt(); print('bcrypt' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "False", done.stderr
