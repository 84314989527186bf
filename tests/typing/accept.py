"""Calls that hosts make and that both type checkers must accept, under strict settings. Checked, never run.

Each function is a small host; `assert_type` pins what comes back. To extend it, add a function for a journey with its typical
calls, and to refuse.py the calls that must not pass for them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_never, assert_type

from credkit.errors import CredkitError, Field, Finding, FindingKind, InvalidIdentifier, Next, PasswordRefused, Reason, Refused
from credkit.keys import KeyRing
from credkit.secret import PasswordInput, Revealing, Secret, SecretValueHolder

# ------------------------------------------------------------------------------------------------------------- secrets


class HostSecret:
    """A host's own wrapper in the manner of pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        return "correct horse battery staple"


def secrets_come_in_three_shapes() -> None:
    given: list[PasswordInput] = ["text", Secret("text"), HostSecret()]
    revealing: Revealing = Secret("text")
    holder: SecretValueHolder = HostSecret()
    assert_type(revealing.reveal(), str)
    assert_type(holder.get_secret_value(), str)
    assert_type(Secret("a") == Secret("b"), bool)
    assert_type(len(given), int)


# ---------------------------------------------------------------------------------------------------------------- keys


def keys_come_from_text_or_the_environment() -> None:
    assert_type(KeyRing.parse("2026-11:" + "A" * 43 + "="), KeyRing)
    assert_type(KeyRing.from_env("CREDKIT_KEYS"), KeyRing)
    assert_type(KeyRing.from_env("CREDKIT_KEYS", environ={"CREDKIT_KEYS": ""}), KeyRing)
    ring = KeyRing({"2026-11": bytes(range(32))})
    assert_type(ring.current, str)
    assert_type(ring.ids, tuple[str, ...])


# -------------------------------------------------------------------------------------------------------------- errors


def a_refusal_says_everything_a_page_needs(refused: Refused) -> None:
    assert_type(refused.reason, Reason)
    assert_type(refused.field, Field | None)
    assert_type(refused.next, Next)
    assert_type(refused.status, int)
    assert_type(refused.retry_after, timedelta | None)
    assert_type(refused.retry_seconds, int | None)
    assert_type(refused.tries_left, int | None)
    assert_type(refused.findings, tuple[Finding, ...])
    assert_type(refused.text(), str)
    assert_type(refused.text("de"), str)
    assert_type(refused.problem(), dict[str, Any])
    as_exception: Exception = refused
    for finding in refused.findings:
        assert_type(finding.kind, FindingKind)
    del as_exception


def what_can_be_mended_is_a_refusal_and_trouble_is_not(error: InvalidIdentifier | PasswordRefused | CredkitError) -> Refused | None:
    match error:
        case Refused():
            return error
        case CredkitError():
            return None


def every_next_move_is_known(move: Next) -> str:
    match move:
        case Next.RETRY:
            return "mend the field"
        case Next.BEGIN_AGAIN:
            return "start again"
        case Next.WAIT:
            return "wait"
        case Next.SUPPORT:
            return "ask"
        case _:
            assert_never(move)


# ------------------------------------------------------------------- extend here: one section for each journey of the kit
