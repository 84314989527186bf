"""Events as values: neutral texts, facts for a log, and names of the OWASP vocabulary."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credkit.errors import Reason
from credkit.events import OWASP_VOCABULARY, Cause, Event, EventKind, Outcome, neutral, owasp_name
from credkit.messages import MessageKind

AT = datetime(2026, 1, 1, tzinfo=UTC)


def event(**changes: Any) -> Event:
    return Event(**{"id": "1", "kind": EventKind.SIGN_IN, "outcome": Outcome.SUCCESS, "at": AT, "site": "main"} | changes)


@given(st.text())
def test_a_neutral_text_is_one_line_of_bounded_length(text: str) -> None:  # AU-05
    made = neutral(text) or ""
    assert made.isprintable()
    assert len(made.splitlines()) <= 1
    assert len(made) == min(len(text), 200)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


@pytest.mark.parametrize(
    "name", ["id", "site", "trouble", "credential_id", "pseudonym", "masked", "channel", "about", "actor", "network_key", "device", "place"]
)
def test_no_text_of_an_event_breaks_a_line(name: str) -> None:
    made = event(**{name: "a\r\nsign_in success\x1b[2J\u2028b"})
    assert getattr(made, name) == "a\ufffd\ufffdsign_in success\ufffd[2J\ufffdb"


def test_the_list_of_texts_above_is_whole() -> None:
    made = event(**{name: "\n" for name in Event.__slots__ if name not in {"id", "kind", "outcome", "at", "site", "reason", "cause", "message"}})
    assert "\n" not in json.dumps(made.facts(network=True)).replace("\\n", "\n")


def test_facts_are_what_there_is_as_texts() -> None:
    made = event(outcome=Outcome.REFUSED, reason=Reason.SIGN_IN_FAILED, cause=Cause.DISABLED, message=MessageKind.RESET_CODE)
    assert json.loads(json.dumps(made.facts())) == {
        "id": "1",
        "kind": "sign_in",
        "outcome": "refused",
        "at": "2026-01-01T00:00:00+00:00",
        "site": "main",
        "reason": "sign_in_failed",
        "cause": "disabled",
        "message": "reset_code",
    }


def test_a_network_key_shows_only_where_it_is_asked_for() -> None:  # AU-11
    made = event(network_key="203.0.113.7")
    assert "203.0.113.7" not in repr(made)
    assert "network_key" not in made.facts()
    assert made.facts(network=True)["network_key"] == "203.0.113.7"


@pytest.mark.parametrize("kind", EventKind)
def test_every_event_has_a_name_in_the_vocabulary(kind: EventKind) -> None:  # AU-04
    made = [event(kind=kind), event(kind=kind, outcome=Outcome.REFUSED)]
    made += [event(kind=kind, outcome=Outcome.REFUSED, reason=reason) for reason in Reason]
    made += [event(kind=kind, outcome=Outcome.FAILED, cause=cause) for cause in Cause]
    assert {owasp_name(one) for one in made} <= OWASP_VOCABULARY


def test_every_word_of_the_list_is_used() -> None:
    made = [event(kind=kind, outcome=outcome) for kind in EventKind for outcome in Outcome]
    made += [event(outcome=Outcome.REFUSED, reason=reason) for reason in Reason] + [event(outcome=Outcome.FAILED, cause=cause) for cause in Cause]
    assert {owasp_name(one) for one in made} == OWASP_VOCABULARY


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "authn_login_success"),
        ({"outcome": Outcome.REFUSED, "reason": Reason.SIGN_IN_FAILED}, "authn_login_fail"),
        ({"outcome": Outcome.REFUSED, "reason": Reason.TOO_MANY_TRIES}, "excess_rate_limit_exceeded"),
        ({"outcome": Outcome.FAILED, "cause": Cause.KEY_MISSING}, "crypt_decrypt_fail"),
        ({"outcome": Outcome.FAILED, "cause": Cause.STORE_FAILED}, "sys_crash"),
        ({"kind": EventKind.RESET}, "authn_password_change"),
        ({"kind": EventKind.RESET, "outcome": Outcome.REFUSED, "reason": Reason.GRANT_USED}, "authn_token_reuse"),
        ({"kind": EventKind.SIGN_UP}, "user_created"),
    ],
)
def test_a_name_says_how_it_ended(changes: dict[str, Any], name: str) -> None:
    assert owasp_name(event(**changes)) == name
