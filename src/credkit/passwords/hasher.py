"""What is stored instead of a password: Argon2id with pinned parameters, and a keyed step before it where the host gives a key.

A comparison never raises and never says more than whether it matched: a missing, a malformed and a wrong hash cost one
Argon2 each and come to the same (PW-15, PW-17). While hashes of an older system are about, each also costs one comparison by every
verifier for them, whosever hash it is.
"""

from __future__ import annotations

import base64
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from credkit.errors import ConfigurationError
from credkit.keys import KeyRing
from credkit.passwords.legacy import LegacyHash
from credkit.secret import Secret

if TYPE_CHECKING:
    import argon2

__all__ = ["OWASP_MINIMUM", "RFC_9106_LOW_MEMORY", "HashFacts", "HashingProfile", "PasswordHasher", "Verification"]

_SALT_BYTES: Final = 16
"""RFC 9106 section 4; SP 800-63B-4 3.1.1.2 asks for 4 at least (PW-11)."""

_TAG_BYTES: Final = 32
"""RFC 9106 section 4."""

_FLOOR: Final = {1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168}
"""Least memory in KiB by passes: the equal rows of the OWASP Password Storage Cheat Sheet, also in ASVS 5.0 appendix C (PW-12)."""

_MOST_MEMORY_KIB: Final = 1 << 22
_MOST_WORK: Final = 1 << 24
_MOST_LANES: Final = 64
"""4 GiB, twice the first recommended option of RFC 9106 section 4; KiB times passes, 85 times the default's work, some 10 s. A stored hash that
asks for more is damaged or planted, and comparing with it would stop the machine."""

_PHC: Final = re.compile(r"\$(argon2(?:id|i|d))(?:\$v=(?:16|19))?\$m=([0-9]{1,8}),t=([0-9]{1,8}),p=([0-9]{1,2})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{6,}")
"""https://github.com/P-H-C/phc-string-format; salts of 8 bytes and results of 4 at least, as Argon2 demands (RFC 9106 section 3.1)."""


def _is_affordable(*, memory_kib: int, passes: int, lanes: int) -> bool:
    return memory_kib <= _MOST_MEMORY_KIB and memory_kib * passes <= _MOST_WORK and lanes <= _MOST_LANES


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingProfile:
    """Parameters of Argon2id.

    Raises:
        ConfigurationError: Weaker than the OWASP table, and not said so with ``insecure_for_tests=True``, which warns instead; or so strong
            that a comparison would take longer than anybody waits.
    """

    memory_kib: int
    passes: int
    lanes: int
    insecure_for_tests: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.lanes <= _MOST_LANES or self.passes < 1 or self.memory_kib < 8 * self.lanes:
            raise ConfigurationError(["a hashing profile needs a pass, a lane, and 8 KiB for each lane (RFC 9106 section 3.1)"])
        if not _is_affordable(memory_kib=self.memory_kib, passes=self.passes, lanes=self.lanes):
            raise ConfigurationError([f"a hashing profile may ask for {_MOST_MEMORY_KIB} KiB, and {_MOST_WORK} KiB times passes, at most"])
        if self.memory_kib >= _FLOOR[min(self.passes, max(_FLOOR))]:
            return
        if not self.insecure_for_tests:
            raise ConfigurationError(
                [f"{self.memory_kib} KiB in {self.passes} passes is weaker than any row of the OWASP table; for tests, say insecure_for_tests=True"]
            )
        warnings.warn("password hashes are made to be cheap, for tests only", stacklevel=3)


RFC_9106_LOW_MEMORY: Final = HashingProfile(memory_kib=65536, passes=3, lanes=4)
"""The second recommended option of RFC 9106 section 4, and the default: about 0.1 s and 64 MiB a hash. Pinned here, because
argon2-cffi's own default moves with release and platform, and each move would mark every hash for rehashing."""

OWASP_MINIMUM: Final = HashingProfile(memory_kib=19456, passes=2, lanes=1)
"""The OWASP cheat sheet's minimum, for small machines: about a fifth of the default's work, 19 MiB a hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a comparison found."""

    matches: bool
    needs_rehash: bool = False
    """Whether the stored hash was made with other parameters or another key than today's (PW-13); only said of a match."""
    malformed: bool = False
    """Whether what was stored is no hash: trouble in the host's data, and for the person an ordinary mismatch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HashFacts:
    """What a stored hash says of itself; nothing of the password. Equal ones can be counted (KE-07)."""

    scheme: str
    """``argon2id``, ``argon2i``, ``argon2d``, or the scheme of a verifier; ``none`` without a hash, ``unreadable`` for what nobody verifies."""
    key_id: str | None = None
    """The pepper key it was made with: this key may not be dropped yet."""
    up_to_date: bool = False
    """Whether it is as one that is made today; if not, it is made anew at the next sign-in."""


_KEYED: Final = re.compile(r"keyed:([A-Za-z0-9._-]{1,32}):(\$.*)", re.DOTALL)

_DJANGO: Final = "argon2"
"""Django's name of the algorithm, which it puts before the PHC string."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A stored hash, taken apart."""

    phc: str | None = field(default=None, repr=False)
    """For Argon2, if it can be compared with."""
    key_id: str | None = None
    older: LegacyHash | None = None
    """The verifier that knows it."""
    as_made_here: bool = False
    text: str = field(default="", repr=False)


class PasswordHasher:
    """Make and compare password hashes. Parameters are checked once, here; an instance is safe for threads.

    With a *pepper*, HMAC-SHA-256 under its current key comes before Argon2id, and the key's id is stored with the hash
    (SP 800-63B-4 3.1.1.2): a stolen table alone then cannot be searched. A lost pepper ends every password hashed with it.

    *legacy* are verifiers for the hashes of an older system, asked in this order; each costs every comparison as much as the dearest
    of its hashes, so take them away when the last is gone. *made_elsewhere* says that there are hashes, Argon2 included, of a system that
    may have hashed passwords as typed: then what was typed is compared, too, where it is not what is normalised. With *legacy* it is always so.
    """

    def __init__(
        self,
        profile: HashingProfile = RFC_9106_LOW_MEMORY,
        *,
        pepper: KeyRing | None = None,
        legacy: Sequence[LegacyHash] = (),
        made_elsewhere: bool = False,
    ) -> None:
        self._profile: Final = profile
        self._pepper: Final = pepper
        self._legacy: Final = tuple(legacy)
        self._as_typed: Final = made_elsewhere or bool(self._legacy)

    def hash(self, password: Secret) -> str:
        """Return a new hash of a normalised password: a PHC string, or ``keyed:<key id>:<PHC string>``."""
        if self._pepper is None:
            return self._argon2.hash(_bytes(password))
        key_id = self._pepper.current
        return f"keyed:{key_id}:{self._argon2.hash(_keyed(self._pepper, key_id, password))}"

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        """Compare a normalised password with a stored hash; `None` costs the same and never matches.

        *typed* is the password as it was typed, if that is something else; it matters only beside hashes that were made elsewhere.

        Raises:
            UnknownKey: The hash was made with a pepper key that is not on the ring: trouble, and not a wrong password (KE-07).
            ConfigurationError: The hash is keyed and there is no pepper; or a verifier for older hashes cannot work at all.
        """
        found = self._read(stored)
        outcome = self._compare(found, password)
        # What is done depends on what was typed alone, never on whose hash it is compared with (PW-15).
        as_typed = self._compare(found, typed) if typed is not None and self._as_typed else None
        if not outcome and not as_typed:
            return Verification(matches=False, malformed=outcome is None and stored is not None)
        return Verification(matches=True, needs_rehash=not outcome or not self._is_up_to_date(found))

    def describe(self, stored: str | None) -> HashFacts:
        """Return what *stored* says of itself, without a password and without a comparison: for counting, before a key or a verifier is dropped."""
        if stored is None:
            return HashFacts(scheme="none")
        found = self._read(stored)
        match = None if found.phc is None else _PHC.fullmatch(found.phc)
        if match is not None:
            return HashFacts(scheme=match[1], key_id=found.key_id, up_to_date=self._is_up_to_date(found))
        return HashFacts(scheme="unreadable" if found.older is None else found.older.scheme, key_id=found.key_id)

    def _read(self, stored: str | None) -> _Stored:
        keyed = None if stored is None else _KEYED.fullmatch(stored)
        if stored is None:
            return _Stored()
        if keyed is not None:
            return _Stored(phc=keyed[2] if _is_hash(keyed[2]) else None, key_id=keyed[1], as_made_here=True)
        bare = stored.removeprefix(_DJANGO)
        if _is_hash(bare):
            return _Stored(phc=bare, as_made_here=bare == stored)
        return _Stored(older=next((verifier for verifier in self._legacy if _recognises(verifier, stored)), None), text=stored)

    def _is_up_to_date(self, found: _Stored) -> bool:
        current = None if self._pepper is None else self._pepper.current
        return found.phc is not None and found.as_made_here and found.key_id == current and not self._argon2.check_needs_rehash(found.phc)

    def _compare(self, found: _Stored, password: Secret) -> bool | None:
        """Return whether they match, or `None` if there is nothing to compare with; make one Argon2, and one comparison by each verifier, in any case."""
        by_argon2 = self._by_argon2(found, password)
        outcomes = [self._by_verifier(verifier, found.text if verifier is found.older else None, password) for verifier in self._legacy]
        return next((outcome for outcome in (by_argon2, *outcomes) if outcome is not None), None)

    def _by_argon2(self, found: _Stored, password: Secret) -> bool | None:
        key_id = found.key_id
        if key_id is None and found.phc is None and self._pepper is not None:
            key_id = self._pepper.current
        if key_id is None:
            material = _bytes(password)
        elif self._pepper is None:
            raise ConfigurationError(["stored passwords are keyed, and the kit was given no pepper"])
        else:
            material = _keyed(self._pepper, key_id, password)
        outcome = None if found.phc is None else self._run_argon2(found.phc, material)
        if outcome is None:  # nothing to compare with, or nothing that Argon2 can read: neither has cost anything yet
            self._run_argon2(self._nobody, material)
        return outcome

    def _by_verifier(self, verifier: LegacyHash, stored: str | None, password: Secret) -> bool | None:
        outcome = None if stored is None else _verified(verifier, stored, password)
        if outcome is None and _verified(verifier, verifier.stand_in, password) is None:
            raise ConfigurationError([f"the verifier for {verifier.scheme} cannot compare with its own stand-in"])
        return outcome

    def _run_argon2(self, phc: str, material: bytes) -> bool | None:
        """Return whether they match, or `None` if *phc* is no hash after all."""
        import argon2  # noqa: PLC0415  # on first use: it loads a shared library

        try:
            return self._argon2.verify(phc, material)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return None

    @cached_property
    def _argon2(self) -> argon2.PasswordHasher:
        import argon2  # noqa: PLC0415  # see above

        return argon2.PasswordHasher(
            time_cost=self._profile.passes,
            memory_cost=self._profile.memory_kib,
            parallelism=self._profile.lanes,
            hash_len=_TAG_BYTES,
            salt_len=_SALT_BYTES,
            type=argon2.Type.ID,
        )

    @cached_property
    def _nobody(self) -> str:
        """What those who have no password are compared with: zeros where salt and result would be, so that making it costs no Argon2."""
        profile = self._profile
        salt, tag = (base64.b64encode(bytes(size)).rstrip(b"=").decode() for size in (_SALT_BYTES, _TAG_BYTES))
        return f"$argon2id$v=19$m={profile.memory_kib},t={profile.passes},p={profile.lanes}${salt}${tag}"


def _is_hash(phc: str) -> bool:
    """Return whether *phc* looks like a hash and can be compared with: argon2-cffi reads more leniently, and up to a NUL only."""
    match = _PHC.fullmatch(phc)
    return match is not None and _is_affordable(memory_kib=int(match[2]), passes=int(match[3]), lanes=int(match[4]))


def _recognises(verifier: LegacyHash, stored: str) -> bool:
    try:
        return verifier.recognises(stored)
    except Exception:  # noqa: BLE001  # a host's own verifier may raise anything, and none of it may stop a sign-in (PW-17)
        return False


def _verified(verifier: LegacyHash, stored: str, password: Secret) -> bool | None:
    """Return whether the verifier says that they match, or `None` if it raised."""
    try:
        return verifier.verify(stored, _bytes(password)) is True
    except Exception:  # noqa: BLE001  # as above; and what it raised may hold the password
        return None


def _bytes(password: Secret) -> bytes:
    return password.reveal().encode()


def _keyed(pepper: KeyRing, key_id: str, password: Secret) -> bytes:
    pepper.require(key_id)  # while the password still hides itself: a report of the trouble may show the locals of every frame (PW-26)
    return base64.b64encode(pepper.mac(key_id, "password", "", _bytes(password)))
