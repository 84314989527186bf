"""Whatever is stored, a verifier answers and never raises; and what was made with the parameters it reads is recognised and matches its password alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from credkit.passwords import Bcrypt, HashFacts, PasswordHasher, Pbkdf2, Scrypt, Verification
from credkit.secret import Secret
from credkit.testing import cheap_hasher

VECTORS = [vector["stored"] for vector in json.loads((Path(__file__).parents[1] / "vectors" / "legacy_hashes.json").read_text(encoding="utf-8"))["hashes"]]
VERIFIERS = (Pbkdf2(iterations=1, algorithm="sha1"), Pbkdf2(iterations=1), Pbkdf2(iterations=1, algorithm="sha512"), Scrypt(n=2, r=1, p=1), Bcrypt(cost=4))
HASHER = PasswordHasher(cheap_hasher()._profile, legacy=VERIFIERS)

passwords = st.binary(max_size=100)
salts = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="$"), min_size=1, max_size=40)
algorithms = st.sampled_from(["sha1", "sha256", "sha512"])


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A real hash with a piece taken out, doubled or changed: most are none any more, some are, of another password."""
    stored = draw(st.sampled_from(VECTORS))
    start = draw(st.integers(0, len(stored)))
    end = min(len(stored), start + draw(st.integers(0, 6)))
    return stored[:start] + draw(st.just("") | st.just(stored[start:end] * 2) | st.text(max_size=4)) + stored[end:]


def affordable(stored: str) -> bool:
    """Whether a damaged hash still costs as little as the real ones, so that many can be tried."""
    numbers = [int(part) for part in "".join(c if c.isascii() and c.isdigit() else " " for c in stored[:40]).split()]
    return all(number <= 4096 for number in numbers)


@given(stored=st.text() | damaged())
@example("\ud800")
@example("pbkdf2_sha256$" * 100_000)
def test_whatever_is_stored_is_recognised_or_not_and_described(stored: str) -> None:
    known = [verifier for verifier in VERIFIERS if verifier.recognises(stored)]
    assert len(known) <= 1
    facts = HASHER.describe(stored)
    assert isinstance(facts, HashFacts)
    if known:
        assert facts == HashFacts(scheme=known[0].scheme)


@given(stored=(st.text() | damaged()).filter(affordable), password=passwords)
def test_whatever_is_stored_is_compared_with_and_matches_nobody_elses_password(stored: str, password: bytes) -> None:
    for verifier in VERIFIERS:
        assert not verifier.verify(stored, b"x" + password)
    found = HASHER.verify(stored, Secret("x"), typed=Secret("y"))
    assert found in (Verification(matches=False), Verification(matches=False, malformed=True))


def in_django(algorithm: str, iterations: int, salt: str, result: bytes) -> tuple[str, bytes]:
    return f"pbkdf2_{algorithm}${iterations}${salt}${base64.b64encode(result).decode()}", salt.encode()


def in_werkzeug(algorithm: str, iterations: int, salt: str, result: bytes) -> tuple[str, bytes]:
    return f"pbkdf2:{algorithm}:{iterations}${salt}${result.hex()}", salt.encode()


def in_passlib(algorithm: str, iterations: int, salt: str, result: bytes) -> tuple[str, bytes]:
    name = "" if algorithm == "sha1" else f"-{algorithm}"
    return f"$pbkdf2{name}${iterations}${bare(salt.encode()).replace('+', '.')}${bare(result).replace('+', '.')}", salt.encode()


def in_phc(algorithm: str, iterations: int, salt: str, result: bytes) -> tuple[str, bytes]:
    name = "" if algorithm == "sha1" else f"-{algorithm}"
    return f"$pbkdf2{name}$i={iterations},l={len(result)}${bare(salt.encode())}${bare(result)}", salt.encode()


def bare(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


Spelling = Callable[[str, int, str, bytes], tuple[str, bytes]]


@given(
    spelling=st.sampled_from([in_django, in_werkzeug, in_passlib, in_phc]),
    algorithm=algorithms,
    iterations=st.integers(1, 50),
    salt=salts,
    password=passwords,
    other=passwords,
    dearest=st.integers(1, 100),
)
def test_pbkdf2_in_any_spelling_is_of_its_password(
    *, spelling: Spelling, algorithm: str, iterations: int, salt: str, password: bytes, other: bytes, dearest: int
) -> None:
    if spelling is in_django and algorithm == "sha512":
        return  # which Django has not
    stored, raw = spelling(algorithm, iterations, salt, hashlib.pbkdf2_hmac(algorithm, password, salt.encode(), iterations))
    verifier = Pbkdf2(iterations=dearest, algorithm=algorithm)  # type: ignore[arg-type]
    assert verifier.recognises(stored)
    assert verifier.verify(stored, password)
    # PBKDF2 cannot tell a password from one with zeros after it, or a long one from its digest: HMAC pads and digests its key.
    same = hashlib.pbkdf2_hmac(algorithm, other, raw, iterations) == hashlib.pbkdf2_hmac(algorithm, password, raw, iterations)
    assert verifier.verify(stored, other) is same


@given(
    log_n=st.integers(1, 6), r=st.integers(1, 8), p=st.integers(1, 4), salt=salts, password=passwords, spelling=st.sampled_from(["Django", "Werkzeug", "PHC"])
)
def test_scrypt_in_any_spelling_is_of_its_password(*, log_n: int, r: int, p: int, salt: str, password: bytes, spelling: str) -> None:
    n = 1 << log_n
    result = hashlib.scrypt(password, salt=salt.encode(), n=n, r=r, p=p, dklen=32 if spelling == "PHC" else 64)
    stored = {
        "Django": f"scrypt${n}${salt}${r}${p}${base64.b64encode(result).decode()}",
        "Werkzeug": f"scrypt:{n}:{r}:{p}${salt}${result.hex()}",
        "PHC": f"$scrypt$ln={log_n},r={r},p={p}${bare(salt.encode())}${bare(result)}",
    }[spelling]
    verifier = Scrypt(n=64, r=8, p=1)
    assert verifier.recognises(stored)
    assert verifier.verify(stored, password)
    assert not verifier.verify(stored, password + b"x")
