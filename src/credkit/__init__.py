"""Sign people in, and let them recover and change how they sign in: exact limits, nothing secret at rest, no framework.

The names a host starts with. They are loaded at first use, so that importing credkit costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from credkit.context import Context, Session
    from credkit.credential import Credential
    from credkit.errors import ConfigurationError, CredkitError, InvalidIdentifier, PasswordRefused, Reason, Refused, StoreError
    from credkit.flows.sign_in import PasswordChangeRequired
    from credkit.keys import KeyRing
    from credkit.kit import AsyncCredkit, Credkit
    from credkit.policy import Policy
    from credkit.site import Paths, Site

__all__ = [
    "AsyncCredkit",
    "ConfigurationError",
    "Context",
    "Credential",
    "Credkit",
    "CredkitError",
    "InvalidIdentifier",
    "KeyRing",
    "PasswordChangeRequired",
    "PasswordRefused",
    "Paths",
    "Policy",
    "Reason",
    "Refused",
    "Session",
    "Site",
    "StoreError",
]

_HOMES: Final = {
    "AsyncCredkit": "kit",
    "ConfigurationError": "errors",
    "Context": "context",
    "Credential": "credential",
    "Credkit": "kit",
    "CredkitError": "errors",
    "InvalidIdentifier": "errors",
    "KeyRing": "keys",
    "PasswordChangeRequired": "flows.sign_in",
    "PasswordRefused": "errors",
    "Paths": "site",
    "Policy": "policy",
    "Reason": "errors",
    "Refused": "errors",
    "Session": "context",
    "Site": "site",
    "StoreError": "errors",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'credkit' has no attribute {name!r}")
    value: object = getattr(import_module(f"credkit.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
