"""Mistakes that both type checkers must refuse. Checked, never run.

Each line carries the exact code of mypy and of pyright; a mistake that is accepted after all leaves its comments unused, and
both checkers are told to fail on those. To extend it, write the mistake, run `nox -s types`, and copy the two codes.
"""

from __future__ import annotations

from credkit.errors import Finding, FindingKind, Reason, Refused
from credkit.keys import KeyRing
from credkit.secret import PasswordInput, Secret

# ------------------------------------------------------------------------------------------------------------- secrets


def a_secret_is_not_text(secret: Secret) -> None:
    len(secret)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    secret.text = ""  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    Secret(b"bytes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_secret_is_not_text_by_being_returned(secret: Secret) -> str:
    return secret  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class MySecret(Secret):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    """A wrapper that reveals itself."""


def a_number_is_no_password() -> PasswordInput:
    return 1234  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# ---------------------------------------------------------------------------------------------------------------- keys


def keys_are_bytes_by_name() -> None:
    KeyRing("2026-11:AAAA")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    KeyRing({"2026-11": "AAAA"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    KeyRing.parse(b"2026-11:AAAA")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    KeyRing.from_env()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# -------------------------------------------------------------------------------------------------------------- errors


def a_refusal_takes_its_details_by_name(refused: Refused) -> None:
    Refused("code_wrong")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Refused(Reason.CODE_WRONG, tries_left="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Finding(FindingKind.TOO_SHORT)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    refused.status = 200  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


# ------------------------------------------------------------------- extend here: one section for each journey of the kit
