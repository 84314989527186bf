"""What a breach check asks and answers, and what follows from the answer: a protocol, a value that hides itself, a pure policy (PW-09)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, NoReturn, Protocol, TypeAlias, final

from credkit.errors import ConfigurationError, CredkitError
from credkit.secret import Secret

__all__ = ["AsyncBreachList", "BreachCheckFailed", "BreachList", "BreachPolicy", "Fingerprint", "OnFailure"]

_SHA1_BYTES: Final = 20

_PREFIX: Final = 5
"""Hex characters. 16^5 ranges hold about a thousand real passwords each, and a service cannot tell which of them was meant."""


@final
class Fingerprint:
    """The SHA-1 of a password, because that is what public lists of breached passwords are keyed by.

    Whoever has it can try passwords against it by the billion, so it hides like a `Secret`: not by repr, str, format, pickle or comparison
    does it leave. It is made for a look-up and kept nowhere.
    """

    __slots__ = ("_sha1",)

    def __init__(self, sha1: bytes) -> None:
        if len(sha1) != _SHA1_BYTES:
            raise ValueError("a SHA-1 has 20 bytes")
        self._sha1: Final = sha1

    @classmethod
    def of(cls, password: Secret) -> Fingerprint:
        """Return that of a normalised password: of its UTF-8, as the lists have it."""
        return cls(hashlib.sha1(password.reveal().encode("utf-8", "surrogatepass"), usedforsecurity=False).digest())

    @property
    def prefix(self) -> str:
        """The first 5 of its 40 hex characters, in capitals: all that a range service is told."""
        return self._sha1.hex()[:_PREFIX].upper()

    @property
    def suffix(self) -> str:
        """The other 35, in capitals. They never leave the process."""
        return self._sha1.hex()[_PREFIX:].upper()

    def reveal(self) -> bytes:
        """Return the 20 bytes themselves."""
        return self._sha1

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, and only with another fingerprint (KE-09)."""
        if not isinstance(other, Fingerprint):
            return NotImplemented
        return hmac.compare_digest(self._sha1, other._sha1)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]

    def __repr__(self) -> str:
        return "Fingerprint(...)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a fingerprint is not pickled or copied; make it again where it is needed")


class BreachCheckFailed(CredkitError):
    """Whether the password is known from breaches could not be found out: the list is out of reach, slow, or answers nonsense.

    It says nothing about the password, and its text holds nothing of it. `BreachPolicy.on_failure` says what comes of it.
    """


class BreachList(Protocol):
    """A list of passwords that are known from breaches.

    Duties: it tells nobody more of a fingerprint than its `prefix`; it keeps nothing of it; it answers, or fails, within a second or so,
    because a person is waiting.
    """

    def count(self, fingerprint: Fingerprint) -> int:
        """Return how often the password occurs in known breaches, at least; 0 means that the list does not have it.

        Raises:
            BreachCheckFailed: It could not be found out.
        """
        ...


class AsyncBreachList(Protocol):
    """`BreachList` for async code, with the same duties."""

    def count(self, fingerprint: Fingerprint) -> Coroutine[Any, Any, int]:
        """Return how often the password occurs in known breaches; see `BreachList.count`."""
        ...


OnFailure: TypeAlias = Literal["accept", "refuse"]
"""What to do with a password that could not be checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachPolicy:
    """What follows from an answer, and from none.

    Raises:
        ConfigurationError: A word or number that means nothing here.
    """

    on_failure: OnFailure = "accept"
    """What comes of a password when the list cannot be asked.

    ``"accept"``, and report it: length and blocklist have been judged all the same, and a service's bad hour must not keep people from
    resetting a password that somebody else may know. ``"refuse"``: the call fails with `BreachCheckFailed`, nothing is changed or lost, and
    it can be sent again; for hosts that must not let one unchecked password through, best with an offline corpus (PW-09).
    """
    at_least: int = 1
    """From how many occurrences on a password is refused. One is enough: lists are tried from end to end, not only at the top
    (SP 800-63B-4 3.1.1.2; ASVS 6.2.12). A higher number only makes sense with a list that tells counts."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if self.on_failure not in {"accept", "refuse"}:
            problems.append('on_failure must be "accept" or "refuse"')
        if self.at_least < 1:
            problems.append("at_least must be 1 or more, or every password would be refused")
        if problems:
            raise ConfigurationError(problems)

    def refuses(self, count: int) -> bool:
        """Whether a password that occurs *count* times is refused."""
        return count >= self.at_least

    @property
    def accepts_unchecked(self) -> bool:
        """Whether a password goes through when the list could not be asked; the caller reports it. Otherwise the failure goes on up."""
        return self.on_failure == "accept"
