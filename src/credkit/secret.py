"""Values that must not leave by accident: not by repr, str, format, pickle or comparison.

A secret leaves in one way only, `reveal()`, so that every exit can be found with a text search.
"""

from __future__ import annotations

import hmac
from typing import ClassVar, Final, NoReturn, Protocol, TypeAlias, final, runtime_checkable

__all__ = ["PasswordInput", "Revealing", "Secret", "SecretValueHolder", "text_of"]


@final
class Secret:
    """A piece of secret text that hides itself (PW-26, KE-05)."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, and only with another secret (KE-09)."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    __hash__: ClassVar[None]  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]

    def __repr__(self) -> str:
        return "Secret(...)"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied; pass reveal() where it must go")


@runtime_checkable
class Revealing(Protocol):
    """A wrapper in the manner of `Secret`."""

    def reveal(self) -> str:
        """Return the text itself."""
        ...


@runtime_checkable
class SecretValueHolder(Protocol):
    """A wrapper in the manner of pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        """Return the text itself."""
        ...


PasswordInput: TypeAlias = str | Revealing | SecretValueHolder
"""What a host may hand over as a password: text, or a wrapper that hides it."""


def text_of(value: object) -> str | None:
    """Return the text of *value* or of the wrapper it is in; `None` for anything else (REQ-D4c)."""
    if isinstance(value, str):
        return value
    if isinstance(value, Secret | Revealing):
        value = value.reveal()
    elif isinstance(value, SecretValueHolder):
        value = value.get_secret_value()
    return value if isinstance(value, str) else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
