"""Every two calls of account settings and undo at once with one fault at every point, and every three.

What must hold: nothing is edited without an approval; no edit lands after Done, a denial, a cancellation or an undo has returned; every
edit is announced and no announcement is false; two edits never mix; and the end of approve and deny does not depend on their order.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import combinations_with_replacement
from typing import Any

import pytest

from credkit.approvals import Approval, State
from credkit.context import Session
from credkit.credential import Credential
from credkit.errors import Refused
from credkit.flows.account_settings import AsyncAccountSettings
from credkit.flows.approvals import APPROVAL, Review
from credkit.flows.changes import Changed
from credkit.flows.shell import Shell
from credkit.flows.undo import AsyncUndo
from credkit.identifiers import Identifier, parse_identifier
from credkit.messages import MessageKind
from credkit.testing import Shared, World, explore
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests
from credkit.tickets import EditWindow
from interleavings.worlds import ADA, CONTEXT, NEW, OLD, Journey, Prepared, alone, courier, deliver_everything, on, only_documented, signed_up

SECOND, THIRD, FOURTH = "ada@second.example", "ada@third.example", "ada@fourth.example"
WAIT = timedelta(seconds=61)


@dataclass(frozen=True)
class Asked:
    """A request that waits for its answer, or one whose window is open."""

    prepared: Prepared
    who: Session
    ticket: str
    link: str
    match_code: str
    window: str = ""
    step: str = ""
    """The ticket of a new identifier that waits for its code."""
    code: str = ""
    undo: str = ""
    """The undo link of a change that was made before."""

    @property
    def window_id(self) -> str:
        return self.ticket.partition(".")[0]


def settings(shell: Shell) -> AsyncAccountSettings:
    return AsyncAccountSettings(shell)


@cache
def asked() -> Asked:
    """Ada, who is signed in, has asked; the link is in her mailbox."""
    prepared = signed_up()
    shared, who = Shared(prepared.stores, START), prepared.session
    ticket = alone(shared, lambda shell: settings(shell).request(who, context=CONTEXT), "ask").text
    alone(shared, courier(), "courier")
    link = shared.sent[-1].link.reveal()
    status = alone(shared, lambda shell: settings(shell).status(who, ticket), "status")
    return Asked(prepared, who, ticket, link, status.match_code)


@cache
def opened() -> Asked:
    """Her window is open, a second address is hers already, and a third waits for its code, which was delivered."""
    before = asked()
    stores, who = before.prepared.shared().stores, before.who
    shared = Shared(stores, START)
    alone(shared, lambda shell: settings(shell).approve(before.link, before.match_code, context=CONTEXT), "approve")
    window = alone(shared, lambda shell: settings(shell).open(who, before.ticket, context=CONTEXT), "open").text
    for address in (SECOND, THIRD):
        step = alone(shared, lambda shell, a=address: settings(shell).add_identifier(who, window, a, context=CONTEXT), f"add {address}").text
        alone(shared, courier(), f"courier {address}")
        code = next(m.code.reveal() for m in reversed(shared.sent) if m.code is not None)
        if address == SECOND:
            confirm = lambda shell, s=step, c=code: settings(shell).confirm_identifier(who, window, s, c, context=CONTEXT)  # noqa: E731
            assert isinstance(alone(shared, confirm, "confirm"), Changed)
            alone(shared, courier(), "courier notice")
    undo = next(m.link.reveal() for m in shared.sent if m.kind is MessageKind.SETTINGS_CHANGED)
    credential = stores.credentials.get(who.credential_id)
    assert credential is not None
    prepared = Prepared(stores=stores, policy=before.prepared.policy, credential=credential)
    return Asked(prepared, who, before.ticket, before.link, before.match_code, window, step, code, undo)


def wrong(code: str) -> str:
    """Return a code that is not the right one."""
    return f"{(int(code) + 1) % 10000:04}"


# Calls -----------------------------------------------------------------------------------------------------------------


def ending(call: Journey, who: Session) -> Journey:
    """Return a call that ends a window, and then tells which changes there were when it had returned."""

    async def end_and_look(shell: Shell) -> frozenset[str]:
        await call(shell)
        credential = await shell.get(who.credential_id)
        assert credential is not None
        return frozenset(mark.change_id for mark in credential.marks)

    return end_and_look


def calls(state: Asked) -> dict[str, Journey]:
    who, window = state.who, state.window
    return {
        "approve": lambda shell: settings(shell).approve(state.link, state.match_code, context=CONTEXT),
        "mistake": lambda shell: settings(shell).approve(state.link, wrong(state.match_code), context=CONTEXT),
        "open": lambda shell: settings(shell).open(who, state.ticket, context=CONTEXT),
        "ask": lambda shell: settings(shell).request(who, context=CONTEXT),
        "prefer": lambda shell: settings(shell).prefer(who, window, SECOND, context=CONTEXT),
        "confirm": lambda shell: settings(shell).confirm_identifier(who, window, state.step, state.code, context=CONTEXT),
        "password": lambda shell: settings(shell).set_password(who, window, NEW, context=CONTEXT),
        "remove": lambda shell: settings(shell).remove_identifier(who, window, ADA, context=CONTEXT),
        "deny": ending(lambda shell: settings(shell).deny(state.link, context=CONTEXT), who),
        "done": ending(lambda shell: settings(shell).done(who, window), who),
        "cancel": ending(lambda shell: settings(shell).cancel(who, state.ticket), who),
        "undo": ending(lambda shell: AsyncUndo(shell).complete(state.undo, password=OLD, context=CONTEXT), who),
        "not_me": lambda shell: settings(shell).not_me(state.link, ADA, context=CONTEXT),
        "courier": courier(),
    }


ANSWERS = ("approve", "mistake", "deny", "open", "cancel", "ask", "courier")
EDITS = ("prefer", "confirm", "password", "remove", "deny", "done", "cancel", "undo", "not_me", "courier")
MAKING = ("prefer", "confirm", "password", "remove")


# What must hold --------------------------------------------------------------------------------------------------------


def approval_of(shared: Shared, state: Asked) -> Approval:
    key = f"main/{APPROVAL}/{state.window_id}"
    return Approval.from_payload(shared.stores.records.load([key])[key].payload, keys_for_tests(), site="main", record_key=key)


def credential_of(shared: Shared, state: Asked) -> Credential:
    found = shared.stores.credentials.get(state.who.credential_id)
    assert found is not None
    return found


def addresses(identifiers: Sequence[Identifier]) -> set[str]:
    return {identifier.canonical for identifier in identifiers}


def edits_end_with_the_window(shared: Shared, state: Asked, names: Sequence[str], results: Sequence[Any]) -> None:
    """What there is in the end was there when the window's end was told."""
    made = {mark.change_id for mark in credential_of(shared, state).marks if mark.change_id.startswith(f"{state.window_id}.")}
    for name, result in zip(names, results, strict=True):
        if isinstance(result, frozenset):
            assert made - {f"{state.window_id}.not-me"} <= result, f"an edit landed after {name} had returned"


def edits_are_announced(shared: Shared, state: Asked, known: dict[Hashable, tuple[set[str], set[str]]]) -> None:
    """Once everything has been delivered, the changes that were told are the changes that were made."""
    key = shared.key()
    if key not in known:
        deliver_everything(shared, state.prepared.policy)
        kinds = {MessageKind.SETTINGS_CHANGED, MessageKind.CHANGES_UNDONE, MessageKind.SESSIONS_ENDED}
        told = {message.id.rpartition(".")[0] for message in shared.sent if message.kind in kinds}
        earlier = {mark.change_id for mark in state.prepared.credential.marks}
        known[key] = told, {mark.change_id for mark in credential_of(shared, state).marks} - earlier
    told, made = known[key]
    assert made <= told, "a change was made, and nobody was told"
    assert told <= made, "a change was told, and it was not made"


def what_was_told_is_so(shared: Shared, state: Asked, names: Sequence[str], results: Sequence[Any]) -> None:
    """A change that was told to its maker is in force, unless it was undone or somebody else changed the same."""
    verified = addresses(credential_of(shared, state).verified)
    if "confirm" in names and isinstance(results[names.index("confirm")], Changed) and "undo" not in names:
        assert THIRD in verified
    if "remove" in names and isinstance(results[names.index("remove")], Changed) and "undo" not in names:
        assert ADA not in verified
    assert verified, "nobody can be reached any more"


def explore_calls(state: Asked, names: Sequence[str], *, faults: int, span: timedelta | None = None) -> None:
    known: dict[Hashable, tuple[set[str], set[str]]] = {}
    flows = [on(calls(state)[name], f"flow-{number}", state.prepared.policy) for number, name in enumerate(names)]
    if span is not None:
        flows.append(lambda ports: ports.advance(span))

    def check(shared: Shared, results: Sequence[Any]) -> None:
        results = results[: len(names)]
        only_documented(results)
        edits_end_with_the_window(shared, state, names, results)
        what_was_told_is_so(shared, state, names, results)
        approval = approval_of(shared, state)
        told_states = [result.state for result in results if isinstance(result, Review)]
        if State.APPROVED in told_states:
            assert "approve" in names, "approved without the match code"
        if any(isinstance(result, EditWindow) for result in results):
            assert "approve" in names, "opened without an approval"
        wrong_told = sum(isinstance(result, Refused) and result.tries_left is not None for result in results)
        assert wrong_told <= state.prepared.policy.approvals.match_tries - approval.tries_left, "a wrong match code was told before it was counted"
        if "deny" in names and isinstance(results[names.index("deny")], frozenset):
            assert approval.state is State.DENIED, "denied, and not denied in the end (F26)"
        edits_are_announced(shared, state, known)

    report = explore(World(shared=state.prepared.shared(), flows=flows, check=check), faults=faults)
    print(f"\n{'+'.join(names)}{', time passing' if span else ''}, {faults} faults: {report}")


def twos() -> list[Any]:
    """Return every two calls. Two undos have the most steps of all, and with a fault anywhere more states than can be kept in mind."""
    return [names for names in combinations_with_replacement(EDITS, 2) if names != ("undo", "undo")]


QUICK = {"done", "deny", "cancel"}


def threes(names: Sequence[str]) -> list[Any]:
    """Return every three calls. Those with an undo or two ways to make a change meet up to a million states, and are left to the long run."""
    every = combinations_with_replacement(names, 3)
    return [pytest.param(three, marks=[] if names is ANSWERS or _is_quick(three) else [pytest.mark.long]) for three in every]


def _is_quick(three: Sequence[str]) -> bool:
    ends = len(QUICK & {*three})
    return ends > 1 or (ends == 1 and {"undo", "not_me"}.isdisjoint(three))


@pytest.mark.parametrize("names", list(combinations_with_replacement(ANSWERS, 2)), ids="-".join)
def test_any_two_answers_keep_every_promise_with_a_fault_anywhere(names: tuple[str, ...]) -> None:
    explore_calls(asked(), names, faults=1)


@pytest.mark.parametrize("names", twos(), ids="-".join)
def test_any_two_edits_and_ends_keep_every_promise_with_a_fault_anywhere(names: tuple[str, ...]) -> None:
    explore_calls(opened(), names, faults=1)


@pytest.mark.parametrize("names", threes(ANSWERS), ids="-".join)
def test_any_three_answers_keep_every_promise(names: tuple[str, ...]) -> None:
    explore_calls(asked(), names, faults=0)


@pytest.mark.parametrize("names", threes(EDITS[:-1]), ids="-".join)
def test_any_three_edits_and_ends_keep_every_promise(names: tuple[str, ...]) -> None:
    explore_calls(opened(), names, faults=0)


@pytest.mark.parametrize("name", ["approve", "open", "deny"])
def test_a_request_that_runs_out_meanwhile_is_over(name: str) -> None:
    explore_calls(asked(), ("approve", name), faults=0, span=timedelta(minutes=10))


@pytest.mark.parametrize("name", MAKING)
def test_a_window_that_runs_out_meanwhile_lets_an_edit_through_or_refuses_it(name: str) -> None:
    explore_calls(opened(), (name, "done"), faults=0, span=timedelta(minutes=15))


@pytest.mark.long
def test_two_undos_of_one_change_undo_it_once() -> None:
    explore_calls(opened(), ("undo", "undo"), faults=0)


def test_approve_and_deny_end_in_denied_whatever_their_order() -> None:
    state, ends = asked(), set()

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert isinstance(results[1], Review)
        ends.add(approval_of(shared, state).state)

    flows = [
        on(calls(state)["approve"], "approve", state.prepared.policy),
        on(lambda shell: settings(shell).deny(state.link, context=CONTEXT), "deny", state.prepared.policy),
    ]
    explore(World(shared=state.prepared.shared(), flows=flows, check=check), faults=0)
    assert ends == {State.DENIED}


def test_two_parallel_confirmations_never_confirm_each_other() -> None:
    """The ticket of one identifier with the code of another is a wrong guess, in any order (REQ-D6b)."""
    state = opened()
    other = parse_identifier(FOURTH, allow_test_domains=True)

    def add(shell: Shell) -> Any:
        return settings(shell).add_identifier(state.who, state.window, FOURTH, context=CONTEXT)

    def check(shared: Shared, results: Sequence[Any]) -> None:
        assert isinstance(results[1], Changed) or not isinstance(results[1], Refused)
        assert other not in credential_of(shared, state).verified

    flows = [on(add, "a fourth", state.prepared.policy), on(calls(state)["confirm"], "the third", state.prepared.policy)]
    explore(World(shared=state.prepared.shared(), flows=flows, check=check), faults=0)
