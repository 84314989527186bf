"""Hashes that an older system made: compared with, never made, and replaced at the next sign-in (PW-16).

One verifier knows one algorithm in all its spellings: those of Django, Werkzeug, passlib and PHP, and PHC strings. Argon2 needs none. Each is told
how dear the dearest of the host's hashes is, and does that much work for every comparison: more for a cheaper hash, the same for the
stand-in of somebody who has none, so that the time tells nobody who has (PW-15).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Literal, Protocol, TypeAlias

from credkit.errors import ConfigurationError

__all__ = ["Bcrypt", "LegacyHash", "Pbkdf2", "Pbkdf2Algorithm", "Scrypt"]

Pbkdf2Algorithm: TypeAlias = Literal["sha1", "sha256", "sha512"]


class LegacyHash(Protocol):
    """One way in which an older system stored passwords.

    Duties: `recognises` accepts only what `verify` can compare with, at a cost that the machine bears, and `verify` does the same work for all of that and
    for `stand_in`; neither changes anything; both are safe for threads. What either raises counts as a hash that cannot be read (PW-17).
    """

    @property
    def scheme(self) -> str:
        """The algorithm, for counting: ``bcrypt``."""
        ...

    @property
    def stand_in(self) -> str:
        """A hash of this kind that is nobody's, compared with where there is none."""
        ...

    def recognises(self, stored: str) -> bool:
        """Return whether *stored* is of this kind."""
        ...

    def verify(self, stored: str, password: bytes) -> bool:
        """Return whether *stored* is of *password*, which is UTF-8: as normalised, or as typed."""
        ...


# PBKDF2 ----------------------------------------------------------------------------------------------------------------

_MOST_ITERATIONS: Final = 1 << 24
"""14 times Django 6.0's default; some 4 s with SHA-256. A stored hash that asks for more is damaged or planted."""

_SALT: Final = "(?P<salt>[!-#%-~]{1,256})"
"""Printable, without the dollar sign that ends it; Django and Werkzeug use the text itself as the salt."""

_PBKDF2: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Django, contrib/auth/hashers.py
        rf"pbkdf2_(?P<algorithm>sha1|sha256)\$(?P<iterations>[0-9]{{1,8}})\${_SALT}\$(?P<result>[A-Za-z0-9+/]{{27,86}}={{0,2}})",
        # Werkzeug, security.py
        rf"pbkdf2:(?P<algorithm>sha1|sha256|sha512):(?P<iterations>[0-9]{{1,8}})\${_SALT}\$(?P<hexadecimal>[0-9a-f]{{40,128}})",
        # passlib.hash.pbkdf2_sha1, pbkdf2_sha256, pbkdf2_sha512
        r"\$pbkdf2(?:-(?P<algorithm>sha256|sha512))?\$(?P<iterations>[0-9]{1,8})\$(?P<encoded>[A-Za-z0-9./]{0,344})\$(?P<result>[A-Za-z0-9./]{27,86})",
        # PHC string format, as RustCrypto's pbkdf2 writes it
        r"\$pbkdf2(?:-(?P<algorithm>sha\d+))?\$i=(?P<iterations>[0-9]{1,8})(?:,l=[0-9]{1,3})?\$(?P<encoded>[A-Za-z0-9+/]{0,344})\$(?P<result>[A-Za-z0-9+/]{27,86})",
    )
)

_RESULT_BYTES: Final[dict[Pbkdf2Algorithm, int]] = {"sha1": 20, "sha256": 32, "sha512": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pbkdf2:
    """PBKDF2 of Django, Werkzeug and passlib, and of PHC strings, with one hash function; for two, give two.

    Raises:
        ConfigurationError: No such function, or a number of iterations that no hash may have.
    """

    iterations: int
    """Of the dearest hash in the host's table."""
    algorithm: Pbkdf2Algorithm = "sha256"

    def __post_init__(self) -> None:
        if self.algorithm not in _RESULT_BYTES or not 1 <= self.iterations <= _MOST_ITERATIONS:
            raise ConfigurationError([f"Pbkdf2 needs 1 to {_MOST_ITERATIONS} iterations, and sha1, sha256 or sha512"])

    @property
    def scheme(self) -> str:
        """See `LegacyHash.scheme`."""
        return f"pbkdf2_{self.algorithm}"

    @property
    def stand_in(self) -> str:
        """See `LegacyHash.stand_in`."""
        return f"pbkdf2:{self.algorithm}:{self.iterations}$nobody${'0' * 2 * _RESULT_BYTES[self.algorithm]}"

    def recognises(self, stored: str) -> bool:
        """See `LegacyHash.recognises`."""
        return self._read(stored) is not None

    def verify(self, stored: str, password: bytes) -> bool:
        """See `LegacyHash.verify`."""
        found = self._read(stored)
        if found is None:
            return False
        iterations, salt, expected = found
        result = hashlib.pbkdf2_hmac(self.algorithm, password, salt, iterations)
        if iterations < self.iterations:
            hashlib.pbkdf2_hmac(self.algorithm, password, salt, self.iterations - iterations)
        return hmac.compare_digest(result, expected)

    def _read(self, stored: str) -> tuple[int, bytes, bytes] | None:
        match = _first_match(_PBKDF2, stored)
        if match is None or (match["algorithm"] or "sha1") != self.algorithm:
            return None
        iterations, salt, result = int(match["iterations"]), _salt(match), _result(match)
        if salt is None or result is None or len(result) != _RESULT_BYTES[self.algorithm] or not 1 <= iterations <= _MOST_ITERATIONS:
            return None
        return iterations, salt, result


# scrypt ----------------------------------------------------------------------------------------------------------------

_MOST_SCRYPT_BYTES: Final = 1 << 30
_MOST_SCRYPT_WORK: Final = 1 << 24
_MOST_SCRYPT_BLOCKS: Final = 1 << 14
"""1 GiB, 16 times passlib's default; n r p, 32 times passlib's default, some 4 s; r p, 400 times Django's default, as each block also costs a PBKDF2."""

_SCRYPT: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Django, contrib/auth/hashers.py
        rf"scrypt\$(?P<n>[0-9]{{1,8}})\${_SALT}\$(?P<r>[0-9]{{1,8}})\$(?P<p>[0-9]{{1,8}})\$(?P<result>[A-Za-z0-9+/]{{22,86}}={{0,2}})",
        # Werkzeug, security.py
        rf"scrypt:(?P<n>[0-9]{{1,8}}):(?P<r>[0-9]{{1,8}}):(?P<p>[0-9]{{1,8}})\${_SALT}\$(?P<hexadecimal>[0-9a-f]{{32,128}})",
        # passlib.hash.scrypt, and the PHC string format
        r"\$scrypt\$ln=(?P<ln>[0-9]{1,2}),r=(?P<r>[0-9]{1,8}),p=(?P<p>[0-9]{1,8})\$(?P<encoded>[A-Za-z0-9+/]{0,344})\$(?P<result>[A-Za-z0-9+/]{22,86})",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrypt:
    """scrypt of Django, Werkzeug and passlib, and of PHC strings.

    Raises:
        ConfigurationError: Parameters that no hash may have, or a Python without scrypt.
    """

    n: int
    """Of the dearest hash in the host's table, as are the other two."""
    r: int = 8
    p: int = 1

    def __post_init__(self) -> None:
        if not hasattr(hashlib, "scrypt"):
            raise ConfigurationError(["this Python was built without scrypt"])
        if not _is_affordable_scrypt(self.n, self.r, self.p):
            bounds = f"128 n r at most {_MOST_SCRYPT_BYTES}, n r p at most {_MOST_SCRYPT_WORK}, r p at most {_MOST_SCRYPT_BLOCKS}"
            raise ConfigurationError([f"Scrypt needs n, a power of two, r and p: {bounds}"])

    @property
    def scheme(self) -> str:
        """See `LegacyHash.scheme`."""
        return "scrypt"

    @property
    def stand_in(self) -> str:
        """See `LegacyHash.stand_in`."""
        return f"scrypt:{self.n}:{self.r}:{self.p}$nobody${'0' * 128}"

    def recognises(self, stored: str) -> bool:
        """See `LegacyHash.recognises`."""
        return _read_scrypt(stored) is not None

    def verify(self, stored: str, password: bytes) -> bool:
        """See `LegacyHash.verify`."""
        found = _read_scrypt(stored)
        if found is None:
            return False
        n, r, p, salt, expected = found
        result = _scrypt(password, salt, n=n, r=r, p=p, length=len(expected))
        self._make_up(n * r * p, password, salt)
        return hmac.compare_digest(result, expected)

    def _make_up(self, done: int, password: bytes, salt: bytes) -> None:
        """Work for as long as the dearest hash would have taken beyond *done*, to a sixteenth."""
        whole = self.n * self.r * self.p
        missing = whole - done
        while missing * 16 > whole:
            n = min(self.n, max(2, 1 << (missing // self.r).bit_length() >> 1))
            _scrypt(password, salt, n=n, r=self.r, p=1, length=16)
            missing -= n * self.r


def _read_scrypt(stored: str) -> tuple[int, int, int, bytes, bytes] | None:
    match = _first_match(_SCRYPT, stored)
    if match is None:
        return None
    parts = match.groupdict()
    n = int(parts["n"]) if parts.get("n") is not None else 1 << int(parts["ln"])
    r, p, salt, result = int(parts["r"]), int(parts["p"]), _salt(match), _result(match)
    if salt is None or result is None or not _is_affordable_scrypt(n, r, p):
        return None
    return n, r, p, salt, result


def _is_affordable_scrypt(n: int, r: int, p: int) -> bool:
    sound = n > 1 and n & (n - 1) == 0 and r > 0 and p > 0  # RFC 7914 section 2
    return sound and 128 * n * r <= _MOST_SCRYPT_BYTES and n * r * p <= _MOST_SCRYPT_WORK and r * p <= _MOST_SCRYPT_BLOCKS


def _scrypt(password: bytes, salt: bytes, *, n: int, r: int, p: int, length: int) -> bytes:
    memory = 128 * r * (n + p + 2) + (1 << 16)  # RFC 7914 section 5, and what the library keeps beside it
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=length)


# bcrypt ----------------------------------------------------------------------------------------------------------------

_LEAST_COST: Final = 4
_MOST_COST: Final = 16
"""bcrypt knows none below 4. 16 times the work of the usual 12, some 4 s; each step doubles it, and 31 would take a day."""

_READ_BY_BCRYPT: Final = 72
"""Bytes of a password that bcrypt looks at."""

_ENCODING: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
"""bcrypt's own base64."""

_BCRYPT_SALT: Final = "(?P<salt>[./A-Za-z0-9]{22})"
_CHECKSUM: Final = "(?P<checksum>[./A-Za-z0-9]{31})"

_Preparation: TypeAlias = Callable[[bytes, str], bytes]
"""What an old system made of a password, and of the salt, before bcrypt saw it."""

_BCRYPT: Final[tuple[tuple[re.Pattern[str], _Preparation], ...]] = (
    # PHP's password_hash, passlib.hash.bcrypt, Django's BCryptPasswordHasher. Not $2x$, which marks the hashes of a faulty PHP.
    (re.compile(rf"(?:bcrypt\$)?\$2[aby]\$(?P<cost>[0-9]{{2}})\${_BCRYPT_SALT}{_CHECKSUM}"), lambda password, _: password[:_READ_BY_BCRYPT]),
    # Django's BCryptSHA256PasswordHasher
    (
        re.compile(rf"bcrypt_sha256\$\$2[aby]\$(?P<cost>[0-9]{{2}})\${_BCRYPT_SALT}{_CHECKSUM}"),
        lambda password, _: hashlib.sha256(password).hexdigest().encode(),
    ),
    # passlib.hash.bcrypt_sha256, before version 1.7.3
    (
        re.compile(rf"\$bcrypt-sha256\$2[ab],(?P<cost>[0-9]{{1,2}})\${_BCRYPT_SALT}\${_CHECKSUM}"),
        lambda password, _: base64.b64encode(hashlib.sha256(password).digest()),
    ),
    # passlib.hash.bcrypt_sha256, since
    (
        re.compile(rf"\$bcrypt-sha256\$v=2,t=2b,r=(?P<cost>[0-9]{{1,2}})\${_BCRYPT_SALT}\${_CHECKSUM}"),
        lambda password, salt: base64.b64encode(hmac.digest(salt.encode(), password, "sha256")),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bcrypt:
    """bcrypt of PHP, passlib and Django, bare or with SHA-256 before it. It needs the extra ``credkit-auth[legacy]``.

    bcrypt reads 72 bytes of a password, and all of these systems let it: so whoever has such a hash signs in with whatever begins with
    those, once, and what was typed then becomes the password. A NUL ends a password in C, and so in PHP: none that holds one matches a bare hash.

    Raises:
        ConfigurationError: A cost that no hash may have, or the package is missing.
    """

    cost: int = 12
    """Of the dearest hash in the host's table; 12 is the usual one, 10 was PHP's before 8.4."""

    def __post_init__(self) -> None:
        if not _LEAST_COST <= self.cost <= _MOST_COST:
            raise ConfigurationError([f"Bcrypt needs a cost of {_LEAST_COST} to {_MOST_COST}"])
        if find_spec("bcrypt") is None:  # now, and not at somebody's sign-in
            raise ConfigurationError(["Bcrypt needs the package bcrypt: install credkit-auth[legacy]"])

    @property
    def scheme(self) -> str:
        """See `LegacyHash.scheme`."""
        return "bcrypt"

    @property
    def stand_in(self) -> str:
        """See `LegacyHash.stand_in`."""
        return f"$2b${self.cost:02}${'.' * 53}"

    def recognises(self, stored: str) -> bool:
        """See `LegacyHash.recognises`."""
        return _read_bcrypt(stored) is not None

    def verify(self, stored: str, password: bytes) -> bool:
        """See `LegacyHash.verify`."""
        found = _read_bcrypt(stored)
        if found is None:
            return False
        cost, salt, expected, prepare = found
        material = prepare(password, salt)
        result = _bcrypt(material, cost, salt)
        for more in range(cost, self.cost):  # each as dear as all before it, so the sum is what the dearest takes
            _bcrypt(material, more, salt)
        return hmac.compare_digest(result, expected) and b"\0" not in material


def _read_bcrypt(stored: str) -> tuple[int, str, str, _Preparation] | None:
    for pattern, prepare in _BCRYPT:
        match = pattern.fullmatch(stored)
        if match is not None and _LEAST_COST <= int(match["cost"]) <= _MOST_COST:
            return int(match["cost"]), match["salt"], _whole_bytes(match["checksum"], 4), prepare
    return None


def _bcrypt(material: bytes, cost: int, salt: str) -> str:
    import bcrypt  # noqa: PLC0415  # on first use, and an extra

    # No library may be left to decide what a NUL means.
    return bcrypt.hashpw(material.replace(b"\0", b"?"), f"$2b${cost:02}${_whole_bytes(salt, 2)}".encode()).decode()[-31:]


def _whole_bytes(text: str, used: int) -> str:
    """Return the same bytes with zeros past the bits that are *used* of the last letter, where some old libraries left what they had there."""
    return text[:-1] + _ENCODING[_ENCODING.index(text[-1]) >> 6 - used << 6 - used]


# Shared ----------------------------------------------------------------------------------------------------------------


def _first_match(patterns: Iterable[re.Pattern[str]], stored: str) -> re.Match[str] | None:
    return next((match for match in (pattern.fullmatch(stored) for pattern in patterns) if match is not None), None)


def _salt(match: re.Match[str]) -> bytes | None:
    parts = match.groupdict()
    return parts["salt"].encode() if parts.get("salt") is not None else _decoded(parts["encoded"])


def _result(match: re.Match[str]) -> bytes | None:
    parts = match.groupdict()
    return _decoded(parts["result"]) if parts.get("hexadecimal") is None else _unhexed(parts["hexadecimal"])


def _unhexed(text: str) -> bytes | None:
    return bytes.fromhex(text) if len(text) % 2 == 0 else None


def _decoded(text: str) -> bytes | None:
    """Return what *text* is the base64 of, with or without padding, and with passlib's dot for the plus."""
    bare = text.rstrip("=").replace(".", "+")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return None
