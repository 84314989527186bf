"""Keys with names: which key makes new values, which keys still verify old ones, and what is derived from them.

Nothing here is ever used raw. Each purpose at each site works with a subkey of its own, HKDF-SHA256 of the
key (RFC 5869), so that a value made for one purpose or one site is noise in every other (KE-02).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Mapping
from typing import Final, NoReturn, final

from credkit.errors import ConfigurationError, UnknownKey
from credkit.framing import Part, frame

__all__ = ["KEY_BYTES", "KeyRing", "hkdf_sha256"]

KEY_BYTES: Final = 32
"""Least length of a key in bytes: 256 bits (KE-01); NIST SP 800-63B-4 3.2.12 asks for 112 bits at least."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


def hkdf_sha256(key: bytes, *, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """Derive *length* bytes from *key* as RFC 5869 says, with SHA-256."""
    extracted = hmac.digest(salt or bytes(32), key, "sha256")
    block, output = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


@final
class KeyRing:
    """Named keys: the first makes new values, all of them verify (KE-04).

    To rotate, add the new key *last* and deploy everywhere, then move it to the front; drop the old key when the
    longest-lived value made with it has ended. A value that names a key which is not here is trouble
    (`UnknownKey`), never a wrong code.
    """

    __slots__ = ("_keys", "_subkeys")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take keys by id, first one first.

        Raises:
            ConfigurationError: No key, an unusable id, a key under 32 bytes or one that is plainly not random, or the same key twice.
        """
        problems = _problems(keys)
        self._keys: Final = {} if problems else dict(keys)  # before anything is raised: a report with locals asks a half-made ring for its repr
        self._subkeys: Final[dict[tuple[str, bytes], bytes]] = {}
        if problems:
            del keys  # as in `parse`
            raise ConfigurationError(problems)

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read ``id:base64,id:base64,...``; the first signs.

        Raises:
            ConfigurationError: The text is not of that form, or a key is unusable. It never quotes the text.
        """
        keys, problems = _read(text)
        problems = problems or _problems(keys)
        if problems:
            del text, keys  # a report with the locals of this frame must not hold them (KE-05)
            raise ConfigurationError(problems)
        return cls(keys)

    @classmethod
    def from_env(cls, name: str, environ: Mapping[str, str] | None = None) -> KeyRing:
        """Read the keys from the environment variable *name*; ``python -m credkit keys new`` prints a value for it.

        Raises:
            ConfigurationError: The variable is missing or not usable.
        """
        # Read twice, and never kept: no local here may show it, nor the whole environment (KE-05).
        if not _variable(name, environ).strip():
            raise ConfigurationError([f"the environment variable {name} is not set; `python -m credkit keys new` makes a value"])
        return cls.parse(_variable(name, environ))

    @property
    def current(self) -> str:
        """The id of the key that makes new values."""
        return next(iter(self._keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the current one first."""
        return tuple(self._keys)

    def require(self, key_id: str) -> None:
        """Go on only with a key that is here: to be asked before anything personal is at hand, which a report of the trouble could show.

        Raises:
            UnknownKey: *key_id* is not on the ring.
        """
        if key_id not in self._keys:
            raise UnknownKey

    def mac(self, key_id: str, purpose: str, site: str, *parts: Part) -> bytes:
        """Return HMAC-SHA256 over the framed *parts* under the subkey of *purpose* at *site*: 32 bytes.

        Raises:
            UnknownKey: *key_id* is not on the ring.
        """
        return hmac.digest(self._subkey(key_id, frame(purpose, site)), frame(*parts), "sha256")

    def _subkey(self, key_id: str, label: bytes) -> bytes:
        known = self._subkeys.get((key_id, label))
        if known is not None:
            return known
        key = self._keys.get(key_id)
        if key is None:
            raise UnknownKey
        made = hkdf_sha256(key, salt=b"credkit/1", info=label)
        if len(self._subkeys) < 1024:  # purposes x sites x keys; a bound, so that no input can grow it
            self._subkeys[(key_id, label)] = made
        return made

    def __repr__(self) -> str:
        return f"KeyRing(ids={self.ids!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key ring is not pickled or copied")


def _variable(name: str, environ: Mapping[str, str] | None) -> str:
    return (os.environ if environ is None else environ).get(name, "")


def _read(text: str) -> tuple[dict[str, bytes], list[str]]:
    """Return the keys that *text* lists, or the first thing that is wrong with its form."""
    keys: dict[str, bytes] = {}
    for place, item in enumerate(text.split(","), start=1):
        name, colon, encoded = item.strip().partition(":")
        if not colon:
            return {}, [f"key {place} is not of the form id:base64"]
        if name in keys:
            return {}, [f"key {place} has the id of an earlier key"]
        try:
            keys[name] = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return {}, [f"key {place} is not base64"]
    return keys, []


def _problems(keys: Mapping[str, bytes]) -> list[str]:
    problems: list[str] = [] if keys else ["a key ring needs at least one key"]
    for place, (name, key) in enumerate(keys.items(), start=1):
        if not _ID.fullmatch(name):
            problems.append(f"the id of key {place} must be 1 to 32 of letters, digits, dot, dash and underscore")
        if len(key) < KEY_BYTES:
            problems.append(f"key {place} is shorter than {KEY_BYTES} bytes")
        elif len(set(key)) < 8:  # 32 random bytes hold fewer than 8 different ones with probability below 1e-30
            problems.append(f"key {place} is not random")
    if len({bytes(key) for key in keys.values()}) < len(keys):
        problems.append("two ids name the same key")
    return problems
