"""Nothing secret and no identifier comes out by accident: by repr, str, format or pickle, in an exception, a warning, a log or a traceback (AU-02, TE-06).

Every secret and every identifier is a canary that stands nowhere else. All journeys are gone through, with every refusal and every kind of
trouble there is, and with each call to a store failing in turn; whatever comes out is searched for each canary in clear and as it looks
when somebody has encoded it.

Tracebacks are searched with the locals of credkit's own frames, as error reporters show them. There, and only there, a few canaries must be
expected: what a caller hands in as plain text is a local of every function that it passes through, until it has been parsed or wrapped. The
table `PLAIN` says exactly which locals those are. The frames of the host, of stores (also of credkit's own, which stand in a host's place), of
providers and of other libraries are not looked at: a store has to have in hand what it stores.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from credkit.context import Context
from credkit.errors import CredkitError, Reason, Refused
from credkit.keys import KeyRing
from credkit.kit import AsyncCredkit
from credkit.policy import CourierPolicy, Policy
from credkit.ports import Committed, Record, Write
from credkit.secret import Secret
from credkit.stores.memory import AsyncMemoryStores
from credkit.testing import AsyncInbox, cheap_hasher
from credkit.testing.kits import keys_for_tests, site_for_tests
from leaks.everything import CANARIES, CONTEXT, IDENTIFIERS, OWNER, SETTLER, Down, Everything, Evidence, Faults, captured, frames_of, name_of, shown
from leaks.searching import forms, found_in

WRAPPERS: dict[str, Callable[[str], Any]] = {"plain": str, "secret": Secret}
"""How the host hands passwords over."""

TROUBLE = {
    *("Busy", "ConfigurationError", "InvalidIdentifier", "PasswordChangeRequired", "PasswordRefused"),
    *("Refused", "SeveralAccounts", "UnknownKey", "UnreadableRecord"),
}


@pytest.fixture(scope="module", params=WRAPPERS.values(), ids=WRAPPERS)
def lived(request: pytest.FixtureRequest) -> tuple[Everything, Evidence]:
    """Everything, done once, with all that was warned of and left unhandled."""
    everything = Everything(wrap=request.param)
    with pytest.MonkeyPatch.context() as patch, captured(patch, everything.evidence):
        everything.run()
        gc.collect()
    return everything, everything.evidence


def kinds_of(canaries: Iterable[str]) -> set[str]:
    """Return what was found, without the numbers that tell one code from another."""
    return {re.sub(r" [0-9]+.*|: .*", "", canary) for canary in canaries}


def test_the_search_finds_what_it_is_for() -> None:
    for form, needle in forms(str(CANARIES["password"])):
        assert list(found_in(f"before {needle} after", CANARIES)), form
    for form, needle in forms(CANARIES["codes key"]):
        assert list(found_in(f"before {needle} after".encode("utf-8", "surrogateescape"), CANARIES)) or not needle.isascii(), form
    assert list(found_in("nothing of the kind", {**CANARIES, **IDENTIFIERS})) == []


def test_every_reason_and_every_kind_of_trouble_was_met(lived: tuple[Everything, Evidence]) -> None:
    """Otherwise what follows would say less than it seems to."""
    _, evidence = lived
    assert set(map(str, Reason)) - evidence.reasons == set()
    assert evidence.raised == TROUBLE


def test_nothing_that_came_out_holds_a_canary(lived: tuple[Everything, Evidence]) -> None:
    _, evidence = lived
    canaries = {**evidence.secrets, **IDENTIFIERS}
    leaks = {f"{where}: {what}" for where, text in evidence.texts for what in found_in(text, canaries)}
    assert leaks == set()
    assert len(evidence.secrets) > 40
    assert len(evidence.texts) > 300


HOSTS_OWN = {
    "Context": {"session key", "network key", "device mark"},
    "Session": {"session key"},
    "Credential": {"hash"},
    "Changed": {"hash"},
    "Event": {"network key"},
}
"""What of the secrets is in the pickle of a value, if the host makes one: its own keys, and the hash that its own store keeps."""


def test_a_pickle_holds_nothing_but_what_is_the_hosts_anyway(lived: tuple[Everything, Evidence]) -> None:
    """Identifiers are what an address, a credential or a message is about, and are in their pickles; secrets of credkit's are in none."""
    _, evidence = lived
    found: dict[str, set[str]] = {}
    for kind, pickled in evidence.pickles:
        found.setdefault(kind, set()).update(kinds_of(what.split(",")[0] for what in found_in(pickled, evidence.secrets)))
    assert {kind: canaries for kind, canaries in found.items() if canaries} == HOSTS_OWN


def test_what_holds_a_secret_of_credkits_is_not_pickled(lived: tuple[Everything, Evidence]) -> None:
    _, evidence = lived
    assert {kind for kind, _ in evidence.pickles} & {"Secret", "Ticket", "Grant", "DeviceMark", "SignedIn", "KeyRing", "Credkit", "PasswordHasher"} == set()


# At rest --------------------------------------------------------------------------------------------------------------------


def test_no_record_holds_a_secret_and_no_name_of_one_an_identifier(lived: tuple[Everything, Evidence]) -> None:
    # ST-02; what identifiers stand in payloads, and why, is said in test_dump
    everything, evidence = lived
    written: list[Record] = everything.records.written
    leaks = {f"{record.kind}: {what}" for record in written for what in found_in(record.payload, evidence.secrets)}
    leaks |= {f"name of a {record.kind}: {what}" for record in written for what in found_in(record.key, {**evidence.secrets, **IDENTIFIERS})}
    assert leaks == set()
    assert len(written) > 100


def test_the_credential_store_holds_no_secret_but_the_hash(lived: tuple[Everything, Evidence]) -> None:
    everything, evidence = lived
    secrets = {name: canary for name, canary in evidence.secrets.items() if not name.startswith("hash")}
    for credential in everything.stores.credentials.dump():
        held = repr([getattr(credential, name) for name in credential.__slots__])
        assert list(found_in(held, secrets)) == []
        assert {OWNER, SETTLER} & {entry.identifier.entered for entry in credential.identifiers}


# Tracebacks with locals ------------------------------------------------------------------------------------------------------

PLAIN: dict[str, tuple[str, set[str]]] = {
    "identifier": ("as the caller handed it in", {"identifier"}),
    "text": ("an identifier on its way through the parsers", {"identifier"}),
    "typed": ("as before", {"identifier"}),
    "trimmed": ("as before", {"identifier"}),
    "entered": ("as before", {"identifier"}),
    "local": ("as before", {"identifier"}),
    "plain": ("as before", {"identifier"}),
    "dialled": ("as before", {"identifier"}),
    "old": ("as before", {"identifier"}),
    "new": ("as before", {"identifier"}),
    "via": ("as before", {"identifier"}),
    "link": ("a whole link, as the caller handed it in", {"link"}),
    "token": ("as before", {"link"}),
    "code": ("as the caller handed it in", {"code"}),
    "guess": ("the code without spaces", {"code"}),
    "session_key": ("bytes where text was due, as the host handed them in", {"session key"}),
    "stored": ("the hash as the host's store gave it, when its pepper is missing", {"hash"}),
    "password_hash": ("the new hash, when it cannot be stored", {"hash"}),
    "payload": ("a record of another release, which may hold what was typed", {"identifier"}),
    "whole": ("as before", {"identifier"}),
}
"""Locals of credkit that are plain text or bytes and so show what they are: why, and which canaries may be in them."""

PASSWORDS_IN_PLAIN = {"password", "new_password", "current", "new", "proposed"}
"""The same for passwords; only where the host hands them over as text and not in a `Secret`."""


def what_locals_show(evidence: Evidence) -> set[tuple[str, str, str]]:
    """Return for each canary in a traceback with locals the name and type of the local, and the kind of canary."""
    found: set[tuple[str, str, str]] = set()
    for _, name, kind, text in evidence.frames:
        found |= {(name, kind, canary) for canary in kinds_of(what.split(",")[0] for what in found_in(text, evidence.secrets))}
        found |= {(name, kind, "identifier") for _ in found_in(text, IDENTIFIERS)}
    return found


def unexpected(found: set[tuple[str, str, str]], wrap: Callable[[str], Any]) -> set[tuple[str, str, str]]:
    passwords = PASSWORDS_IN_PLAIN if wrap is str else set()
    return {
        (name, kind, canary)
        for name, kind, canary in found
        if not (canary in PLAIN.get(name, ("", set()))[1] and kind in {"str", "bytes", "dict"})
        and not (name in passwords and kind == "str" and canary.endswith("password"))
    }


def test_locals_show_nothing_but_what_was_handed_in_as_plain_text(lived: tuple[Everything, Evidence]) -> None:
    """Never a value of credkit's own: not a ticket, challenge, credential or message, not the shell that stands in every frame."""
    everything, evidence = lived
    found = what_locals_show(evidence)
    assert unexpected(found, everything.wrap) == set()
    assert len({frame[0] for frame in evidence.frames}) > 60, "too few functions were in a traceback"
    names = {name for name, _, _ in found}
    assert names - PASSWORDS_IN_PLAIN == set(PLAIN) - PASSWORDS_IN_PLAIN, "the table lists locals that show nothing any more"
    assert (names & PASSWORDS_IN_PLAIN == PASSWORDS_IN_PLAIN) == (everything.wrap is str)


@pytest.mark.parametrize("done_first", [False, True], ids=["nothing done", "reply lost"])
def test_a_store_that_fails_at_any_call_brings_nothing_to_light(done_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # TE-07: the passwords come in a `Secret`, so none may show even in a traceback with locals
    at, kinds = 0, set[str]()
    while True:
        faults = Faults(at=at, done_first=done_first)
        everything = Everything(wrap=Secret, faults=faults)
        with captured(monkeypatch, everything.evidence):
            evidence = everything.run_plainly()
        canaries = {**evidence.secrets, **IDENTIFIERS}
        assert {f"{where}: {what}" for where, text in evidence.texts for what in found_in(text, canaries)} == set(), f"call {at}"
        assert unexpected(what_locals_show(evidence), Secret) == set(), f"call {at}"
        assert [what for record in everything.records.written for what in found_in(record.payload, evidence.secrets)] == [], f"call {at}"
        kinds |= evidence.raised
        if at >= faults.count:
            break
        at += 1
    assert at > 60
    assert "StoreError" in kinds


def test_a_provider_that_quotes_the_whole_message_is_not_quoted_any_further(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Its exception holds address and code; no caller and no log of credkit's ever sees it."""
    caplog.set_level(logging.DEBUG)
    everything = Everything(wrap=Secret, failing=True)
    with captured(monkeypatch, everything.evidence):
        evidence = everything.run()
    canaries = {**evidence.secrets, **IDENTIFIERS}
    assert {what for where, text in evidence.texts for what in found_in(f"{where} {text}", canaries)} == set()
    assert unexpected(what_locals_show(evidence), Secret) == set()
    assert list(found_in(caplog.text, canaries)) == []
    assert everything.provider.count > 10


def test_with_everything_logged_at_debug_no_canary_is_logged_or_printed(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Also by the libraries that credkit uses."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    evidence = Everything().run()
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""
    assert list(found_in(caplog.text, {**evidence.secrets, **IDENTIFIERS})) == []


@dataclass
class FailingRecords:
    """An async store that fails once the courier looks, and that shows how it is reached to whoever looks at it."""

    store: Any = field(default_factory=lambda: AsyncMemoryStores().records, repr=False)
    dsn: str = str(CANARIES["provider's key"])

    async def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        return await self.store.load(keys)

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return await self.store.commit(checks, writes)

    async def due(self, kind: str, now: datetime, limit: int) -> list[Record]:
        raise Down

    async def purge(self, now: datetime, limit: int) -> int:
        raise Down


def test_what_a_delivery_in_the_background_reports_holds_no_canary(caplog: pytest.LogCaptureFixture) -> None:
    """In an async host it goes to the loop's exception handler, whose default is to log it."""
    caplog.set_level(logging.DEBUG)
    reported: list[dict[str, Any]] = []
    raised: list[BaseException] = []

    async def host() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, report: (reported.append(report), loop.default_exception_handler(report)))
        kit = AsyncCredkit(
            site=site_for_tests(),
            keys=keys_for_tests(),
            credentials=AsyncMemoryStores().credentials,
            records=FailingRecords(),
            notifier=AsyncInbox(),
            hasher=cheap_hasher(),
            policy=replace(Policy(), courier=CourierPolicy(spread=timedelta(0))),
        )
        async with kit:
            ticket = await kit.reset.begin(OWNER, context=CONTEXT)
            with pytest.raises(Refused) as refused:
                await kit.reset.look(ticket, context=Context.none())
        raised.append(refused.value)

    asyncio.run(host())
    canaries = {**CANARIES, **IDENTIFIERS}
    assert [type(report["exception"]).__name__ for report in reported] == ["StoreError"]
    assert "credkit courier" in caplog.text
    assert list(found_in(caplog.text, canaries)) == []
    raised.append(reported[0]["exception"])
    frames = [frame for one in raised for frame in frames_of(one.__traceback__)]
    assert len(frames) > 5
    for frame in frames:
        for name, value in frame.f_locals.items():
            if isinstance(value, FailingRecords):
                continue  # what the host's own store says of itself; no value of credkit's repeats it
            assert list(found_in(shown(value), canaries)) == [], f"{name_of(frame)}: {name}"


def test_an_error_page_with_locals_shows_no_key_of_a_ring_that_could_not_be_read() -> None:
    """KE-05: a host's first start with a mistyped variable ends in a report, and the report must not hold the other keys."""
    good = f"2026:{base64.b64encode(bytes(range(200, 232))).decode()}"
    for text in (f"{good},2025:not base64!", f"{good},nothing", f"{good},2025:AAAA", f"{good},{good}", f"{good},no id:{good[5:]}"):
        caught = trouble_of(text, KeyRing.parse)
        for frame in frames_of(caught.__traceback__):
            for name, value in frame.f_locals.items():
                assert list(found_in(shown(value), CANARIES)) == [], f"{name_of(frame)}: {name}"
        assert list(found_in("".join(traceback.format_exception(caught)), CANARIES)) == []


def trouble_of(text: str, call: Callable[[str], object]) -> BaseException:
    with pytest.raises((CredkitError, Refused)) as caught:
        call(text)
    return caught.value


def test_a_context_hides_what_the_host_put_in_it() -> None:
    assert repr(CONTEXT) == "Context(locale='en', device='Firefox', place=None, region='US')"
    assert list(found_in(f"{CONTEXT!r} {CONTEXT!s} {Context.none()}", CANARIES)) == []
