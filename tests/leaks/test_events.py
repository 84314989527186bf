"""Each call tells of itself exactly once, and says how it ended: over every journey and every reason for which any call is refused (AU-01)."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from credkit.errors import AuditFailed, CredkitError, Reason, Refused
from credkit.events import Event, EventKind, Outcome
from credkit.kit import Credkit
from credkit.policy import Policy
from leaks.everything import CONTEXT, OWNER, Everything, Evidence

READS = {
    *("sign_in.holds", "sign_in.look", "sign_up.look", "reset.look", "password.findings", "password.strength"),
    *("settings.view", "settings.status", "settings.review", "undo.review"),
}
"""Calls that decide nothing, and tell of nothing."""

OPERATIONS = {kind.call: kind for kind in EventKind if kind.call is not None}


@dataclass(frozen=True)
class Called:
    """One call of the run."""

    where: str
    raised: BaseException | None
    told: tuple[Event, ...]
    """The operations it told of."""


class Watched(Everything):
    """Everything, with what each call told."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Called] = []

    def call(self, where: str, call: Callable[[], Any]) -> Any:
        before, raised = len(self.observer.seen), None

        def watched() -> Any:
            nonlocal raised
            try:
                return call()
            except (Refused, CredkitError) as failure:
                raised = failure
                raise
            finally:
                told = tuple(event for event in self.observer.seen[before:] if event.kind.call is not None)
                self.calls.append(Called(where, raised, told))

        return super().call(where, watched)

    def _sign_in_by_code(self) -> None:
        kit = self._kit(Policy(sign_in_by_code=True), "US", self.keys["codes"])
        for journey in (self.kit.sign_in, kit.sign_in):  # where it is not offered, and where it is
            ticket = self.call("begin", lambda journey=journey: journey.begin(OWNER, context=CONTEXT))
            self.clock.advance(seconds=61)
            self.call("resend", lambda journey=journey, ticket=ticket: journey.resend(ticket, context=CONTEXT))
            self.call("look", lambda journey=journey, ticket=ticket: journey.look(ticket, context=CONTEXT))
            code = self.provider.last_code(OWNER)
            self.call("verify", lambda journey=journey, ticket=ticket, code=code: journey.verify(ticket, code, context=CONTEXT))

    def run(self) -> Evidence:
        evidence = super().run()
        self.call("send", lambda: self.kit.reminder.send(OWNER, context=CONTEXT))
        self.call("redeem", lambda: self.kit.reset.redeem("no link", context=CONTEXT))
        self.call("resend", lambda: self.kit.undo.resend("no ticket", context=CONTEXT))
        self.call("stop", lambda: self.kit.reset.stop("no link", OWNER, context=CONTEXT))
        self._sign_in_by_code()
        self.call("deny", lambda: self.kit.settings.deny("no link", context=CONTEXT))
        return evidence


@pytest.fixture(scope="module")
def lived() -> Watched:
    everything = Watched()
    everything.run()
    return everything


def public_calls() -> set[str]:
    """Return every call of a journey, as a host writes it."""
    found: set[str] = set()
    for name, face in vars(Watched().kit).items():
        if "_flow" in getattr(type(face), "__slots__", ()):
            found |= {f"{name}.{member}" for member, value in vars(type(face)).items() if inspect.isfunction(value) and not member.startswith("_")}
    return {call for call in found if not call.endswith(".ended_cookie") and not call.startswith("courier.")}


def test_every_call_tells_of_itself_or_decides_nothing() -> None:
    """A call that is added is told of, or is listed here as a mere look."""
    assert public_calls() == set(OPERATIONS) | READS
    assert set(OPERATIONS) & READS == set()


def test_no_two_kinds_are_told_by_one_call() -> None:
    assert len(OPERATIONS) == sum(kind.call is not None for kind in EventKind)


def test_each_call_tells_exactly_once_how_it_ended(lived: Watched) -> None:
    names = {call.partition(".")[2] for call in OPERATIONS}
    looks = {call.partition(".")[2] for call in READS}
    for called in lived.calls:
        if called.where in looks:
            assert called.told == (), called
        if called.where not in names:
            continue
        (event,) = called.told
        assert (event.kind.call or "").partition(".")[2] == called.where
        if isinstance(called.raised, Refused):
            assert (event.outcome, event.reason) == (Outcome.REFUSED, called.raised.reason)
        elif called.raised is not None:
            assert (event.outcome, event.reason, event.trouble) == (Outcome.FAILED, None, type(called.raised).__name__)
        else:
            assert (event.outcome, event.reason, event.cause, event.trouble) == (Outcome.SUCCESS, None, None, None)


def test_the_run_meets_every_kind_and_every_reason(lived: Watched) -> None:
    """Otherwise the test above would say less than it seems to."""
    seen = lived.observer.seen
    assert {event.kind for event in seen} >= set(OPERATIONS.values())
    assert {event.reason for event in seen} - {None} == set(Reason)
    assert {event.outcome for event in seen} == set(Outcome)


def test_no_two_events_of_calls_have_one_id(lived: Watched) -> None:
    ids = [event.id for called in lived.calls for event in called.told]
    assert len(set(ids)) == len(ids)


# An observer that fails ------------------------------------------------------------------------------------------------------


class Refusing(Watched):
    """Everything, with an observer that takes nothing in."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        super().__init__()
        self.observer.saw = self._refuse  # type: ignore[method-assign]

    def _kit(self, policy: Policy, region: str | None, codes: Any) -> Credkit:
        return super()._kit(replace(policy, audit=self.policy.audit), region, codes)

    def _refuse(self, _: Event) -> None:
        raise OSError("the log is full")


def endings(calls: Iterable[Called]) -> list[tuple[str, str]]:
    return [(called.where, "" if called.raised is None else str(getattr(called.raised, "reason", type(called.raised).__name__))) for called in calls]


def test_an_observer_that_fails_at_every_event_changes_no_answer(lived: Watched, monkeypatch: pytest.MonkeyPatch) -> None:  # AU-07
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(args.exc_type))
    deaf = Refusing()
    deaf.run()
    assert endings(deaf.calls) == endings(lived.calls)
    assert set(reported) == {OSError}
    assert len(reported) >= len(lived.observer.seen) // 2


def test_where_the_audit_is_required_an_observer_that_fails_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:  # AU-07
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    deaf = Refusing(Policy(audit="required"))
    deaf.run()
    names = {call.partition(".")[2] for call in OPERATIONS}
    succeeded = [called for called in deaf.calls if called.where in names and called.raised is None]
    assert succeeded == []
    assert any(isinstance(called.raised, AuditFailed) for called in deaf.calls)
