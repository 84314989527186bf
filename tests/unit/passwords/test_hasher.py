"""What is stored of a password, and that a comparison never raises, never says more than it must, and always costs one Argon2 (PW-11 to PW-17)."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import argon2
import pytest

import credkit
from credkit.errors import ConfigurationError, UnknownKey
from credkit.keys import KeyRing
from credkit.passwords import LONGEST_PASSWORD, OWASP_MINIMUM, RFC_9106_LOW_MEMORY, HashingProfile, PasswordHasher, Verification, normalize_password
from credkit.secret import Secret
from credkit.testing import cheap_hasher

PASSWORD = Secret("tortoise plumbing verdict")
OTHER = Secret("tortoise plumbing verdicu")

OLD_KEY, NEW_KEY = bytes(range(32)), bytes(range(100, 132))
OLD = KeyRing({"2025-05": OLD_KEY})
ROTATED = KeyRing({"2026-11": NEW_KEY, "2025-05": OLD_KEY})

KNOWN = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
"""Of the word ``password`` with the salt ``somesalt``: the reference implementation's own test vector (its src/test.c)."""

CHEAP = cheap_hasher().hash(PASSWORD)
HEAD, SALT, TAG = CHEAP.rsplit("$", 2)


@pytest.fixture
def comparisons(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Argon2 was really computed for: argon2-cffi tells a mismatch from a text that it could not read and computed nothing for."""
    made: list[str] = []
    verify = argon2.PasswordHasher.verify

    def counted(hasher: argon2.PasswordHasher, phc: str, material: bytes) -> bool:
        try:
            result = verify(hasher, phc, material)
        except argon2.exceptions.VerifyMismatchError:
            made.append(phc)
            raise
        made.append(phc)
        return result

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    return made


def test_a_fresh_hash_has_the_pinned_parameters() -> None:
    # PW-11, PW-12: RFC 9106's second recommended option, written out, whatever argon2-cffi's default is by now.
    made = PasswordHasher().hash(PASSWORD)
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    parameters = argon2.extract_parameters(made)
    assert (parameters.salt_len, parameters.hash_len, parameters.type, parameters.version) == (16, 32, argon2.Type.ID, 19)
    assert PasswordHasher().verify(made, PASSWORD) == Verification(matches=True)


def test_the_named_profiles_are_what_their_sources_say() -> None:
    assert (RFC_9106_LOW_MEMORY.memory_kib, RFC_9106_LOW_MEMORY.passes, RFC_9106_LOW_MEMORY.lanes) == (64 * 1024, 3, 4)
    assert (OWASP_MINIMUM.memory_kib, OWASP_MINIMUM.passes, OWASP_MINIMUM.lanes) == (19 * 1024, 2, 1)


def test_every_salt_is_another() -> None:
    hasher = cheap_hasher()
    made = {hasher.hash(PASSWORD) for _ in range(2000)}
    assert len({phc.split("$")[-2] for phc in made}) == 2000
    assert len({phc.split("$")[-1] for phc in made}) == 2000


def test_a_hash_made_elsewhere_verifies() -> None:
    assert PasswordHasher().verify(KNOWN, Secret("password")) == Verification(matches=True, needs_rehash=True)
    assert PasswordHasher().verify(KNOWN, Secret("passwore")) == Verification(matches=False)


@pytest.mark.parametrize("kind", [argon2.Type.I, argon2.Type.D])
@pytest.mark.parametrize("version", [16, 19])
def test_an_older_argon2_verifies_and_is_to_be_made_anew(kind: argon2.Type, version: int) -> None:
    made = argon2.low_level.hash_secret(b"tortoise plumbing verdict", b"somesalt", 1, 8, 1, 32, kind, version).decode()
    assert cheap_hasher().verify(made, PASSWORD) == Verification(matches=True, needs_rehash=True)
    assert cheap_hasher().verify(made, OTHER) == Verification(matches=False)


def test_the_last_character_of_the_longest_password_counts() -> None:
    # PW-02: nothing is cut, as bcrypt would at 72 bytes.
    hasher = cheap_hasher()
    text = "\U0001f335" * (LONGEST_PASSWORD - 1)
    made = hasher.hash(normalize_password(text + "x"))
    assert hasher.verify(made, normalize_password(text + "x")).matches
    assert not hasher.verify(made, normalize_password(text + "y")).matches


def test_a_password_verifies_however_its_accents_are_spelled() -> None:
    hasher = cheap_hasher()
    made = hasher.hash(normalize_password("caf\u00e9\u3000verdict olive"))
    assert hasher.verify(made, normalize_password("cafe\u0301 verdict olive")).matches


# The equal rows of the OWASP table (PW-12), and one KiB less of each.
@pytest.mark.parametrize(("memory", "passes"), [(47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5), (7168, 6), (7168, 100)])
def test_the_floor_is_the_owasp_table(memory: int, passes: int) -> None:
    assert HashingProfile(memory_kib=memory, passes=passes, lanes=1).memory_kib == memory
    with pytest.raises(ConfigurationError, match="OWASP"):
        HashingProfile(memory_kib=memory - 1, passes=passes, lanes=1)


@pytest.mark.parametrize(
    ("memory", "passes", "lanes"),
    [(65536, 0, 1), (65536, -1, 1), (65536, 3, 0), (65536, 3, 65), (7, 3, 1), (31, 3, 4), (0, 1, 1), ((1 << 22) + 1, 1, 1), (1 << 21, 9, 1), (65536, 257, 1)],
)
@pytest.mark.parametrize("insecure", [False, True])
def test_a_profile_that_no_hash_could_be_made_or_compared_with_is_not_built(memory: int, passes: int, lanes: int, insecure: bool) -> None:
    with pytest.raises(ConfigurationError):
        HashingProfile(memory_kib=memory, passes=passes, lanes=lanes, insecure_for_tests=insecure)


@pytest.mark.parametrize(("memory", "passes"), [(1 << 22, 4), (1 << 21, 8), (65536, 256)])
def test_the_strongest_profiles_are_built(memory: int, passes: int) -> None:
    assert HashingProfile(memory_kib=memory, passes=passes, lanes=64).passes == passes


def test_a_weak_profile_is_loud() -> None:
    with pytest.warns(UserWarning, match="for tests only"):
        HashingProfile(memory_kib=8, passes=1, lanes=1, insecure_for_tests=True)


def test_a_strong_profile_is_not() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        HashingProfile(memory_kib=65536, passes=3, lanes=4, insecure_for_tests=True)


def test_other_parameters_are_to_be_made_anew() -> None:
    stored = PasswordHasher(OWASP_MINIMUM).hash(PASSWORD)
    assert PasswordHasher(OWASP_MINIMUM).verify(stored, PASSWORD) == Verification(matches=True)
    assert PasswordHasher().verify(stored, PASSWORD) == Verification(matches=True, needs_rehash=True)
    assert PasswordHasher().verify(stored, OTHER) == Verification(matches=False)  # said of a match only


def test_a_keyed_hash_names_its_key() -> None:
    made = cheap_hasher(ROTATED).hash(PASSWORD)
    assert made.startswith("keyed:2026-11:$argon2id$v=19$m=8,t=1,p=1$")
    assert cheap_hasher(ROTATED).verify(made, PASSWORD) == Verification(matches=True)
    assert cheap_hasher(ROTATED).verify(made, OTHER) == Verification(matches=False)


def test_a_key_that_has_been_rotated_verifies_and_is_to_be_replaced() -> None:
    stored = cheap_hasher(OLD).hash(PASSWORD)
    assert cheap_hasher(OLD).verify(stored, PASSWORD) == Verification(matches=True)
    assert cheap_hasher(ROTATED).verify(stored, PASSWORD) == Verification(matches=True, needs_rehash=True)
    assert cheap_hasher(ROTATED).verify(stored, OTHER) == Verification(matches=False)


def test_a_hash_from_before_the_key_verifies_and_is_to_be_replaced() -> None:
    assert cheap_hasher(OLD).verify(CHEAP, PASSWORD) == Verification(matches=True, needs_rehash=True)


def test_without_the_key_nothing_verifies() -> None:
    # PW-14: neither the hash alone nor another key under the same name.
    stored = cheap_hasher(OLD).hash(PASSWORD)
    assert not cheap_hasher().verify(stored.removeprefix("keyed:2025-05:"), PASSWORD).matches
    assert not cheap_hasher(KeyRing({"2025-05": NEW_KEY})).verify(stored, PASSWORD).matches


def test_a_key_that_is_gone_is_trouble_and_no_wrong_password() -> None:
    stored = cheap_hasher(ROTATED).hash(PASSWORD)
    with pytest.raises(UnknownKey):
        cheap_hasher(OLD).verify(stored, PASSWORD)


def test_a_kit_without_a_pepper_refuses_keyed_hashes() -> None:
    stored = cheap_hasher(OLD).hash(PASSWORD)
    with pytest.raises(ConfigurationError, match="pepper"):
        cheap_hasher().verify(stored, PASSWORD)


# PW-17: each is a mismatch outward, an error inward, and costs what any comparison costs (PW-15).
MALFORMED = {
    "nothing": "",
    "a word": "password",
    "blank": "   ",
    "null": "null",
    "random bytes": "\xf3\x9a\x00\x17\xdb\xfe$\x81\x07",
    "lone surrogates": "\ud800\udfff\udc80",
    "bcrypt": "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    "Django": "pbkdf2_sha256$600000$c29tZXNhbHQ$q0w8mN0N3lHqZkzb1x9Hk0H0a7D0z4nR1z8pQk3X9yE=",
    "another function": CHEAP.replace("argon2id", "argon2x"),
    "capitals": CHEAP.replace("argon2id", "ARGON2ID"),
    "the head alone": HEAD,
    "no result": f"{HEAD}${SALT}$",
    "no salt": f"{HEAD}$${TAG}",
    "cut short": f"{HEAD}${SALT}${TAG[:5]}",
    "a short salt": f"{HEAD}$c2FsdA${TAG}",
    "one field more": f"{CHEAP}${TAG}",
    "version 99": CHEAP.replace("v=19", "v=99"),
    "version 18": CHEAP.replace("v=19", "v=18"),
    "version nonsense": CHEAP.replace("v=19", "v=x"),
    "fields in another order": CHEAP.replace("m=8,t=1", "t=1,m=8"),
    "no memory": CHEAP.replace("m=8", "m=0"),
    "less memory than the lanes need": CHEAP.replace("p=1", "p=2"),
    "no passes": CHEAP.replace("t=1", "t=0"),
    "no lanes": CHEAP.replace("p=1", "p=0"),
    "negative memory": CHEAP.replace("m=8", "m=-8"),
    "a leading zero": CHEAP.replace("m=8", "m=08"),
    "an underscore": CHEAP.replace("m=8", "m=1_0"),
    "wide digits": CHEAP.replace("m=8", "m=\uff18"),
    "memory of 4 TiB": CHEAP.replace("m=8", "m=4294967295"),
    "memory just above the bound": CHEAP.replace("m=8", f"m={(1 << 22) + 1}"),
    "memory of 60 digits": CHEAP.replace("m=8", "m=" + "9" * 60),
    "passes without end": CHEAP.replace("t=1", "t=4294967295"),
    "work just above the bound": CHEAP.replace("t=1", f"t={(1 << 21) + 1}"),
    "lanes without end": CHEAP.replace("p=1", "p=16777215"),
    "passes of 5000 digits": CHEAP.replace("t=1", "t=" + "1" * 5000),
    "a space before": f" {CHEAP}",
    "a line end": f"{CHEAP}\n",
    "a NUL and more": f"{CHEAP}\x00x",
    "padded base64": f"{HEAD}${SALT}==${TAG}=",
    "bits beyond the last byte": f"{HEAD}${SALT}${TAG[:-1]}B",
    "URL-safe base64": f"{HEAD}${'-_' + SALT[2:]}${TAG}",
    "a surrogate in the salt": f"{HEAD}${SALT[:-1]}\ud800${TAG}",
    "a wide letter in the result": f"{HEAD}${SALT}${TAG[:-1]}\uff21",
    "keyed, and no hash": "keyed:2025-05:password",
    "keyed, and no key": f"keyed::{CHEAP}",
    "keyed twice": f"keyed:keyed:2025-05:{CHEAP}",
    "a mebibyte": "$argon2id$" * 104858,
}


@pytest.mark.parametrize("stored", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_hash_is_a_mismatch_that_costs_one_argon2(stored: str, comparisons: list[str]) -> None:
    assert cheap_hasher().verify(stored, PASSWORD) == Verification(matches=False, malformed=True)
    assert len(comparisons) == 1
    assert comparisons[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


@pytest.mark.parametrize("kind", [kind for kind, text in MALFORMED.items() if text.startswith("$")])
def test_a_malformed_keyed_hash_is_one_too(kind: str, comparisons: list[str]) -> None:
    assert cheap_hasher(OLD).verify(f"keyed:2025-05:{MALFORMED[kind]}", PASSWORD) == Verification(matches=False, malformed=True)
    assert len(comparisons) == 1


@pytest.mark.parametrize("pepper", [None, OLD, ROTATED], ids=["no pepper", "pepper", "rotated pepper"])
def test_nobodys_password_costs_one_argon2_and_never_matches(pepper: KeyRing | None, comparisons: list[str]) -> None:
    for password in (PASSWORD, Secret(""), Secret("\x00" * 32)):
        assert cheap_hasher(pepper).verify(None, password) == Verification(matches=False)
    assert len(comparisons) == 3
    assert all(phc.startswith("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA") for phc in comparisons)


@pytest.mark.parametrize("password", [PASSWORD, OTHER], ids=["right", "wrong"])
def test_a_right_and_a_wrong_password_cost_one_argon2(password: Secret, comparisons: list[str]) -> None:
    cheap_hasher().verify(CHEAP, password)
    assert comparisons == [CHEAP]


def test_what_stands_in_for_nobody_costs_what_the_profile_says(comparisons: list[str]) -> None:
    PasswordHasher(OWASP_MINIMUM).verify(None, PASSWORD)
    assert argon2.extract_parameters(comparisons[0]) == argon2.extract_parameters(PasswordHasher(OWASP_MINIMUM).hash(PASSWORD))


def test_importing_the_package_does_not_load_argon2() -> None:
    source = str(Path(credkit.__path__[0]).parent)
    program = f"import sys; sys.path.insert(0, {source!r}); import credkit.passwords; print('argon2' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "False", done.stderr
