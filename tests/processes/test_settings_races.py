"""Four processes with many threads each on one SQLite file: one window, one new identifier, one answer, and nothing after a denial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from credkit.approvals import State
from credkit.context import Session
from credkit.errors import Reason
from credkit.kit import Credkit
from credkit.messages import MessageKind
from credkit.policy import Policy
from credkit.stores.sqlite import SqliteStores
from processes.crew import Crew, Outcome, at_once
from processes.kits import ADA, CONTEXT, OLD, Office, kit_on

PROCESSES = 4
SECOND = "ada@second.example"

# What each process does ---------------------------------------------------------------------------------------------------


def call_of(kit: Credkit, name: str, given: Sequence[Any]) -> Callable[[], Any]:
    """Return the call; its answer is what goes through a pipe."""
    settings = kit.settings
    calls: dict[str, Callable[..., Any]] = {
        "open": lambda who, ticket: settings.open(who, ticket, context=CONTEXT).text,
        "confirm": lambda who, window, ticket, code: settings.confirm_identifier(who, window, ticket, code, context=CONTEXT).credential.version,
        "approve": lambda link, code: str(settings.approve(link, code, context=CONTEXT).state),
        "deny": lambda link: [settings.deny(link, context=CONTEXT).state, marks(kit)][1],
        "prefer": lambda who, window, identifier: settings.prefer(who, window, identifier, context=CONTEXT).credential.version,
    }
    return lambda: calls[name](*given)


def work(path: Path, policy: Policy, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> Callable[[], list[Outcome]]:
    kit = kit_on(SqliteStores(path), policy=policy)
    return lambda: at_once([call_of(kit, name, given) for name, given in calls])


def marks(kit: Credkit) -> frozenset[str]:
    """Return the changes that were made, as they are when this is asked."""
    stores: Any = kit._shell.credentials
    credential = stores.store.find(parsed(ADA))
    assert credential is not None
    return frozenset(mark.change_id for mark in credential.marks)


def parsed(text: str) -> Any:
    from credkit.identifiers import parse_identifier

    return parse_identifier(text, allow_test_domains=True)


# Where they begin ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.open(tmp_path / "test.sqlite")


class Asked:
    """Ada has asked to change her settings."""

    def __init__(self, office: Office) -> None:
        office.sign_up()
        self.office, self.settings = office, office.kit.settings
        self.who: Session = office.kit.sign_in.with_password(ADA, OLD, context=CONTEXT).session
        self.ticket = self.settings.request(self.who, context=CONTEXT).text
        self.link = next(m.link.reveal() for m in reversed(office.inbox.messages) if m.link is not None)
        self.code = self.settings.status(self.who, self.ticket).match_code

    def approved(self) -> Asked:
        self.settings.approve(self.link, self.code, context=CONTEXT)
        return self

    def window(self) -> str:
        return self.approved().settings.open(self.who, self.ticket, context=CONTEXT).text

    def run(self, crew: Crew, what: str, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Outcome]:
        """Let the crew make all the calls at once; none may end in trouble."""
        results = crew.run(work, *([self.office.path, self.office.kit.policy, calls[process::PROCESSES]] for process in range(PROCESSES)))
        order = [index for process in range(PROCESSES) for index in range(process, len(calls), PROCESSES)]
        every = [outcome for _, outcome in sorted(zip(order, (o for result in results for o in result), strict=True), key=lambda pair: pair[0])]
        print(f"\n{what}: {len(every)} calls, {dict(Counter(str(outcome.reason or 'done') for outcome in every))}")
        assert [outcome.trouble for outcome in every if outcome.trouble is not None] == []
        return every


# What must hold -----------------------------------------------------------------------------------------------------------


def test_50_sessions_pages_that_open_at_once_open_one_window(office: Office, crew: Crew) -> None:
    asked = Asked(office).approved()
    every = asked.run(crew, "50 opens", [("open", (asked.who, asked.ticket))] * 50)
    windows = {outcome.value for outcome in every if outcome.reason is None}
    assert len(windows) == 1
    assert {outcome.reason for outcome in every} <= {None, Reason.BUSY}


def test_50_confirmations_of_one_identifier_make_one_change_and_one_notice_to_each(office: Office, crew: Crew) -> None:
    asked = Asked(office)
    window = asked.window()
    ticket = asked.settings.add_identifier(asked.who, window, SECOND, context=CONTEXT)
    code = office.inbox.last_code(SECOND)
    before = len(office.credential().marks)
    every = asked.run(crew, "50 confirmations", [("confirm", (asked.who, window, ticket.text, code))] * 50)
    assert {outcome.reason for outcome in every} <= {None, Reason.BUSY}
    assert any(outcome.reason is None for outcome in every)
    assert len(office.credential().marks) == before + 1
    office.kit.courier.run_due()
    told = [m.to.canonical for m in office.inbox.messages if m.kind is MessageKind.SETTINGS_CHANGED]
    assert sorted(told) == [ADA, SECOND]


def test_of_50_match_codes_at_once_three_are_compared(office: Office, crew: Crew) -> None:
    """AP-07: more than the third would be a scanner's gain from sending them together."""
    asked = Asked(office)
    wrong = [code for code in (f"{n:04}" for n in range(51)) if code != asked.code][:50]
    every = asked.run(crew, "50 wrong match codes", [("approve", (asked.link, code)) for code in wrong])
    assert sorted(outcome.tries_left for outcome in every if outcome.reason is Reason.MATCH_CODE_WRONG) == [1, 2]
    assert {outcome.reason for outcome in every} <= {Reason.MATCH_CODE_WRONG, Reason.APPROVAL_DENIED, Reason.BUSY}
    assert asked.settings.status(asked.who, asked.ticket).state is State.DENIED


@pytest.mark.parametrize("round_", range(3))
def test_no_edit_lands_after_a_denial_has_returned(office: Office, crew: Crew, round_: int) -> None:
    """F2, F26: whatever was edited in time is there when the denial is told, and nothing is added to it."""
    asked = Asked(office)
    window = asked.window()
    ticket = asked.settings.add_identifier(asked.who, window, SECOND, context=CONTEXT)
    asked.settings.confirm_identifier(asked.who, window, ticket, office.inbox.last_code(SECOND), context=CONTEXT)
    edits = [("prefer", (asked.who, window, (ADA, SECOND)[n % 2])) for n in range(24)]
    every = asked.run(crew, f"24 edits and a denial ({round_})", [*edits[:12], ("deny", (asked.link,)), *edits[12:]])
    seen = [outcome.value for outcome in every if isinstance(outcome.value, frozenset)]
    assert len(seen) == 1
    assert {mark.change_id for mark in office.credential().marks} == seen[0]
    assert {outcome.reason for outcome in every} <= {None, Reason.APPROVAL_DENIED, Reason.BUSY}
