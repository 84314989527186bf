"""Every public step, over everybody that an identifier may belong to and every limit that may be used up, leaves the trace it leaves for nobody (TE-04).

The steps are found, not listed: a method that a host can call and that is neither walked here nor said to demand something that a stranger does not have
fails, and so does a limit that is not said to be seen or silent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest

from credkit.budgets import Limit, Tally
from credkit.context import Session
from credkit.flows.shell import Subject
from credkit.flows.sign_in import SignedIn
from credkit.flows.site import SHARDS
from credkit.identifiers import parse_identifier
from credkit.messages import MessageKind
from credkit.otp import Rung
from credkit.policy import Limits, Policy
from credkit.ports import Record, Write
from credkit.testing.fakes import START
from leaks.recording import count_digests, kind_of, paused
from leaks.test_traces import ADA, CONTEXT, SOMEBODY, WRONG, WRONG_CODE, Prepare, Stage, ask_for_codes, guess_passwords, nobody

MALLORY, HERS = "mallory@thief.example", "six brown otters swim"

FLOWS = ("sign_up", "sign_in", "reset", "password", "settings", "undo", "reminder", "help")
"""What visitors reach. `admin` and `courier` are the host's own."""

POLICY = Policy(sign_in_by_code=True)


# What a stranger can do ---------------------------------------------------------------------------------------------------


def public_steps() -> set[str]:
    """Return every method of a journey that a host can call, as ``reset.begin``."""
    kit = Stage(nobody, POLICY).kit
    return {f"{flow}.{name}" for flow in FLOWS for name, member in vars(type(getattr(kit, flow))).items() if inspect.isfunction(member) and name[0] != "_"}


class Listened:
    """A kit that keeps which of its steps were taken."""

    def __init__(self, inner: Any, taken: set[str], path: str = "") -> None:
        self._inner, self._taken, self._path = inner, taken, path

    def __getattr__(self, name: str) -> Any:
        value, path = getattr(self._inner, name), f"{self._path}{name}"
        if name in FLOWS and not self._path:
            return Listened(value, self._taken, f"{path}.")
        self._taken.add(path)
        return value


BY_CODE = ("sign_up", "sign_in", "reset")
"""Journeys that anybody can begin, by typing an identifier, and that go on with a code."""


def codes_of(journey: str) -> Callable[[Stage], None]:
    return lambda stage: ask_for_codes(stage, getattr(stage.kit, journey))


def cooling_down(journey: str) -> Callable[[Stage], None]:
    """Return a walk that begins just after somebody else has asked for a code for the same identifier, so that its message waits (F12)."""

    def walk(stage: Stage) -> None:
        with paused(stage.recorder):
            getattr(stage.kit, journey).begin(ADA, context=replace(CONTEXT, session_key="another browser"))
        stage.wait(seconds=5)
        ask_for_codes(stage, getattr(stage.kit, journey))

    return walk


def come_back(journey: str) -> Callable[[Stage], None]:
    """Return a walk that begins often, and comes back to each ticket when everything that has expired was purged."""

    def walk(stage: Stage) -> None:
        flow, tickets = getattr(stage.kit, journey), []
        for number in range(6):
            tickets.append(stage.step(f"begin {number + 1}", lambda: flow.begin(ADA, context=CONTEXT)))
            stage.wait(seconds=61)
        for span in ({"minutes": 45}, {"hours": 23}, {"hours": 3}):
            stage.wait(**span)
            stage.stores.records.purge(stage.clock.now(), 1000)
            for number, ticket in enumerate(tickets, 1):
                stage.step(f"look {number}, {span}", lambda ticket=ticket: flow.look(ticket, context=CONTEXT))
                stage.step(f"resend {number}, {span}", lambda ticket=ticket: flow.resend(ticket, context=CONTEXT))
                stage.step(f"verify {number}, {span}", lambda ticket=ticket: flow.verify(ticket, WRONG_CODE, context=CONTEXT))

    return walk


def insist(stage: Stage) -> None:
    """Begin everything that can be begun until what was typed has had enough of it, and then until the network has."""
    kit = stage.kit
    begins = {"sign_up": kit.sign_up.begin, "reset": kit.reset.begin, "sign_in": kit.sign_in.begin, "reminder": kit.reminder.send}
    limits = POLICY.limits
    for context, tries in ((replace(CONTEXT, network_key=None), limits.begins.count + 1), (CONTEXT, limits.network_begins.count + 1)):
        for name, begin in begins.items():
            for number in range(tries):
                stage.step(f"{name} {number + 1}", lambda begin=begin, context=context: begin(ADA, context=context))
                stage.wait(seconds=1)
        stage.wait(days=2)


def mallory(stage: Stage) -> SignedIn:
    """Sign Mallory up, and in."""
    kit = stage.kit
    with paused(stage.recorder):
        ticket = kit.sign_up.begin(MALLORY, context=CONTEXT)
        stage.wait()
        kit.sign_up.complete(kit.sign_up.verify(ticket, stage.inbox.last_code(MALLORY), context=CONTEXT), HERS, context=CONTEXT)
        return kit.sign_in.with_password(MALLORY, HERS, context=CONTEXT)


def come_marked(stage: Stage) -> None:
    """Try everything on the identifier that may be somebody's, from a device that is known, but to Mallory."""
    kit, context = stage.kit, replace(CONTEXT, device_mark=mallory(stage).device_mark.text)
    for number in range(6):
        stage.step(f"wrong password {number + 1}", lambda: kit.sign_in.with_password(ADA, WRONG, context=context))
    for name in BY_CODE:
        journey = getattr(kit, name)
        ticket = stage.step(f"{name}, begin", lambda journey=journey: journey.begin(ADA, context=context))
        stage.wait(seconds=61)
        stage.step(f"{name}, resend", lambda journey=journey, ticket=ticket: journey.resend(ticket, context=context))
        stage.wait(seconds=1)
        stage.step(f"{name}, wrong code", lambda journey=journey, ticket=ticket: journey.verify(ticket, WRONG_CODE, context=context))
    stage.step("reminder", lambda: kit.reminder.send(ADA, context=context))


def claim(stage: Stage) -> None:
    """Sign up as Mallory, and from a window of her own ask for the identifier that may be somebody's, in every way there is."""
    kit, who = stage.kit, mallory(stage).session
    with paused(stage.recorder):
        asked = kit.settings.request(who, context=CONTEXT)
        stage.wait()
        (link,) = [message.link for message in stage.inbox.messages if message.kind is MessageKind.SETTINGS_REQUEST]
        kit.settings.approve(link.reveal(), kit.settings.status(who, asked).match_code, context=CONTEXT)
        window = kit.settings.open(who, asked, context=CONTEXT)
    added = stage.step("add", lambda: kit.settings.add_identifier(who, window, ADA, context=CONTEXT))
    changed = stage.step("change", lambda: kit.settings.change_identifier(who, window, MALLORY, ADA, context=CONTEXT))
    stage.wait(seconds=61)
    for ticket in (added, changed):
        stage.step("resend", lambda ticket=ticket: kit.settings.resend(who, window, ticket, context=CONTEXT))
        stage.wait(seconds=1)
        for number in range(6):
            name = f"confirm, wrong code {number + 1}"
            stage.step(name, lambda ticket=ticket: kit.settings.confirm_identifier(who, window, ticket, WRONG_CODE, context=CONTEXT))


PARTS: dict[str, Callable[[Stage], None]] = {
    **{journey: codes_of(journey) for journey in BY_CODE},
    "passwords": guess_passwords,
    "insisting": insist,
    **{f"{journey}, cooling down": cooling_down(journey) for journey in BY_CODE},
    **{f"{journey}, long after": come_back(journey) for journey in BY_CODE},
    "marked": come_marked,
    "settings": claim,
}
"""All that can be done with nothing but what is typed, or with a window of one's own."""

NEEDS: dict[str, tuple[str, ...]] = {
    "nothing of anybody's: it reads no store": (
        "sign_up.ended_cookie",
        "sign_in.ended_cookie",
        "reset.ended_cookie",
        "settings.ended_cookie",
        "undo.ended_cookie",
        "password.findings",
        "password.strength",
        "help.hints",
    ),
    "a grant, which a right code earned": ("sign_up.complete", "reset.complete"),
    "a link out of a mailbox": (
        "reset.redeem",
        "reset.stop",
        "settings.review",
        "settings.deny",
        "settings.not_me",
        "undo.review",
        "undo.begin",
        "undo.contest",
        "undo.dispute",
        "undo.complete",
    ),
    "a ticket that such a link earned": ("undo.resend", "undo.verify"),
    "a session": ("sign_in.holds", "password.change", "settings.view", "settings.cancel"),
    "a session with an open window": ("settings.prefer", "settings.remove_identifier", "settings.set_password", "settings.authorize", "settings.done"),
}
"""What the other steps demand. A stranger can only invent it."""

INVENTED: dict[str, Any] = {
    "who": Session(credential_id="invented", session_epoch=0, session_key="a browser"),
    "session": Session(credential_id="invented", session_epoch=0, session_key="a browser"),
    "token": "aW52ZW50ZWQtaWRlbnRpdHk.aW52ZW50ZWQtc2VjcmV0LW9mLTMyLWJ5dGVzLWFsbC10b2xk",
    **dict.fromkeys(("ticket", "grant", "window"), "aW52ZW50ZWQtaWRlbnRpdHk.aW52ZW50ZWQtc2VjcmV0LW9mLTMyLWJ5dGVzLWFsbC10b2xk"),
    **dict.fromkeys(("identifier", "typed", "old"), ADA),
    **dict.fromkeys(("current", "password", "new_password"), WRONG),
    "new": "two tall poplars bend",
    "code": WRONG_CODE,
    "name": "name",
    "context": CONTEXT,
}


def invent(stage: Stage) -> None:
    """Call every step that demands something with what is invented, about the identifier that may be somebody's."""
    for path in sorted(path for paths in NEEDS.values() for path in paths):
        flow, name = path.split(".")
        method = getattr(getattr(stage.kit, flow), name)
        needed = [parameter for parameter in inspect.signature(method).parameters.values() if parameter.default is parameter.empty]
        arguments = [INVENTED[p.name] for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD]
        named = {p.name: INVENTED[p.name] for p in needed if p.kind is p.KEYWORD_ONLY}
        stage.step(path, lambda method=method, arguments=arguments, named=named: method(*arguments, **named))


WALKS = {**PARTS, "invented": invent}


# Whose limits are used up ------------------------------------------------------------------------------------------------


def owner(stage: Stage) -> Iterator[Subject]:
    """Return who is counted as the owner of the identifier, if it is anybody's."""
    credential = stage.stores.credentials.find(parse_identifier(ADA))
    if credential is not None:
        yield Subject.credential(credential.id)


def destinations(stage: Stage) -> Iterator[Subject]:
    """Return where messages for the identifier may go."""
    credential = stage.stores.credentials.find(parse_identifier(ADA))
    if credential is not None:
        yield from (Subject.identifier(entry.identifier, what="destination") for entry in credential.identifiers)


def shards(stage: Stage) -> Iterator[Subject]:
    """Return what the site is counted as."""
    yield from map(Subject.shard, range(SHARDS))


def stand_in(stage: Stage) -> Iterator[Subject]:  # as the others
    """Return who is counted where the identifier is nobody's."""
    yield Subject.nobody(parse_identifier(ADA))


SEEN = {"begins", "network_begins", "password_guesses", "network_passwords"}
"""Counted by what was typed or by the network, so the same for anybody; the walks go past those that one stranger can fill."""

HELD = {"approvals", "strangers"}
"""Seen by whoever holds a session of the credential."""

SILENT: dict[str, Callable[[Stage], Iterator[Subject]]] = {
    "sends_hour": destinations,
    "sends_day": destinations,
    "account_sends": owner,
    "device_sends": owner,
    "password_failures": owner,
}
"""Limits of a credential or of a destination, with whom they count: nothing of them may show (F13)."""

OF_THE_SITE = {"site_failures": shards}
"""What everybody shares: it is used up for nobody's identifier as it is for somebody's."""


def use_up(stage: Stage, limit: Limit, subject: Subject, uses: int | None = None) -> None:
    """Leave no use of *limit*, or have so many, as if all had just been made."""
    shell = stage.kit._shell
    once = limit.charge(Tally(), START)
    tally = replace(once, buckets=((once.buckets[0][0], limit.count if uses is None else uses),))
    key = shell.budget_keys(limit.name, subject)[0]
    record = Record(key=key, kind=shell.kind("budget"), version=1, payload=tally.to_payload(), expires_at=START + limit.memory)
    assert stage.stores.records.commit({}, [Write(key=key, expected_version=0, record=record)]).done


def used_up(name: str) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        for subject in {**SILENT, **OF_THE_SITE}[name](stage):
            use_up(stage, getattr(POLICY.limits, name), subject)

    return prepare


def climbed(rung: Rung) -> Callable[[Stage], None]:
    """Return what uses up one rung of the ladder: of the owner's year and of the stand-in's day."""

    def prepare(stage: Stage) -> None:
        for subject in owner(stage):
            use_up(stage, POLICY.otp.failures, subject, rung.failures)
        for subject in stand_in(stage):
            use_up(stage, POLICY.otp.nobody_failures, subject, rung.failures_a_day)

    return prepare


def nobodys_passwords(stage: Stage) -> None:
    """Use up what stands in for the owner's limit of passwords."""
    for subject in stand_in(stage):
        use_up(stage, POLICY.limits.nobody_passwords, subject)


def at_rest(stage: Stage) -> None:
    """Leave everything as it is."""


STATES: dict[str, Callable[[Stage], None]] = {
    "at rest": at_rest,
    **{f"{name} used up": used_up(name) for name in (*SILENT, *OF_THE_SITE)},
    "nobody_passwords used up": nobodys_passwords,
    **{f"{rung.digits} digits used up": climbed(rung) for rung in POLICY.otp.rungs},
}


# What is compared ---------------------------------------------------------------------------------------------------------

SLACK = {"challenge": 300, "budget": 8}
"""Most bytes by which a row may be longer or shorter: a challenge may hold the link that went out; what stands in for a binding is as long as what was typed,
and a host's ids are as long as the host likes; the buckets of a year and of a day have numbers of different lengths. Whoever sees that reads the traffic of
the store."""


def sizes(stage: Stage) -> list[tuple[str, list[tuple[str, int]]]]:
    """Return how long each row was that a step wrote, in order of their kinds."""
    return [(name, sorted((kind_of(w), 0 if w.record is None else len(w.record.payload)) for w in writes)) for name, writes in stage.written]


def walked(walk: str, prepare: Prepare, state: str, patch: pytest.MonkeyPatch) -> Stage:
    """Return a stage on which *walk* was done."""
    stage = Stage(prepare, POLICY)
    STATES[state](stage)
    with patch.context() as counting:
        count_digests(counting, stage.recorder)
        WALKS[walk](stage)
    return stage


CASES = [("nobody", state) for state in STATES] + list(product(SOMEBODY, STATES))


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize(("case", "state"), CASES, ids=[f"{case}, {state}" for case, state in CASES])
def test_no_step_tells_whose_the_identifier_is_or_what_its_owner_has_used_up(walk: str, case: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # TE-04, F13, RS-01, RS-03, SI-01, PW-15
    somebody = walked(walk, SOMEBODY.get(case, nobody), state, monkeypatch)
    stranger = walked(walk, nobody, state if state in {f"{name} used up" for name in OF_THE_SITE} else "at rest", monkeypatch)
    for mine, other in zip(somebody.steps, stranger.steps, strict=True):
        assert mine == other, mine[0]
    counts = [[(name, len(digests)) for name, digests in stage.digests] for stage in (somebody, stranger)]
    assert counts[0] == counts[1], "another number of HMACs and digests"
    for (name, mine), (_, others) in zip(sizes(somebody), sizes(stranger), strict=True):
        assert [kind for kind, _ in mine] == [kind for kind, _ in others], name
        assert all(abs(size - other) <= SLACK.get(kind, 0) for (kind, size), (_, other) in zip(mine, others, strict=True)), (name, mine, others)


# That nothing is left out --------------------------------------------------------------------------------------------------


def test_every_public_step_is_walked_or_demands_what_a_stranger_does_not_have() -> None:
    taken: set[str] = set()
    for walk in PARTS.values():
        stage = Stage(nobody, POLICY)
        stage.kit = Listened(stage.kit, taken)  # type: ignore[assignment]
        walk(stage)
    needing = {path for paths in NEEDS.values() for path in paths}
    setting_up = {"settings.request", "settings.status", "settings.approve", "settings.open"}
    assert taken | needing == public_steps()
    assert taken & needing == {"sign_up.complete"}, "Mallory's own sign-up"
    assert setting_up <= taken


def test_every_limit_is_of_one_kind() -> None:
    names = {field.name for field in fields(Limits)}
    kinds = (SEEN, HELD, set(SILENT), set(OF_THE_SITE))
    assert set().union(*kinds) == names
    assert sum(map(len, kinds)) == len(names)


def test_what_was_invented_is_refused_everywhere_and_asks_for_nobody() -> None:
    stage = Stage(SOMEBODY["known"], POLICY)
    invent(stage)
    needing = {path for why, paths in NEEDS.items() for path in paths if not why.startswith("nothing")} - {"sign_in.holds"}
    answers = {name: (answer, events) for name, events, answer in stage.steps if name in needing}
    assert {name for name, (answer, _) in answers.items() if "succeeded" in answer} == set()  # type: ignore[operator]
    assert {name for name, (_, events) in answers.items() if any(event[0] == "find" for event in events)} == set()


def test_limits_that_are_used_up_do_hold() -> None:
    """The states are what they say: with each of the owner's limits used up, the owner gets nothing that it limits."""

    def messages(state: str) -> int:
        stage = Stage(SOMEBODY["known"], POLICY)
        STATES[state](stage)
        codes_of("reset")(stage)
        return len(stage.inbox.messages)

    assert messages("at rest") == messages("password_failures used up") > 0
    assert {messages(f"{name} used up") for name in ("sends_hour", "sends_day", "account_sends")} == {0}
