"""Worlds for the journeys: kits whose parts a test may swap, steps that many tests begin with, and stores that misbehave on purpose."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import credkit
from credkit.context import Context
from credkit.credential import Credential, NewCredential, Registered, Standing
from credkit.errors import Refused, StoreError
from credkit.flows.challenges import CHALLENGE, GRANT, OUTBOX
from credkit.grants import GrantRecord
from credkit.identifiers import Identifier, parse_identifier
from credkit.keys import KeyRing
from credkit.kit import AsyncCredkit, Credkit
from credkit.messages import Message, MessageKind
from credkit.otp import Challenge, OtpPolicy, Rung
from credkit.passwords import HashingProfile, PasswordHasher, Verification
from credkit.policy import Limits, Policy
from credkit.ports import Committed, Record, Write
from credkit.secret import Secret
from credkit.site import Site
from credkit.stores.memory import AsyncMemoryStores, MemoryCredentials, MemoryRecords, MemoryStores
from credkit.testing import AsyncInbox, AsyncTestWorld, FrozenClock, Inbox, NoPause, TestWorld, cheap_hasher
from credkit.testing.kits import keys_for_tests, site_for_tests, sms_for_tests
from credkit.tickets import Grant, Ticket

ADA, BOB, NOBODY = "ada@example.com", "bob@example.com", "nobody@example.com"
PHONE, PHONE_ENTERED = "+14155552671", "(415) 555-2671"
OLD, NEW, OTHER = "nine grey herons wade", "four loud kettles sing", "six brown otters swim"
WRONG = "00000000"
CONTEXT = Context.none()
PAUSE = timedelta(seconds=60)
MICROSECOND = timedelta(microseconds=1)
CODES = {MessageKind.SIGN_UP_CODE, MessageKind.RESET_CODE}

WEIRD: tuple[Any, ...] = (None, True, 0, 1.5, "", "x", [], {}, b"12345678", ["12345678"], "\ud800", "1" * 5000)
"""What a JSON body may hold where a code, ticket or grant should be (REQ-D4c)."""


# Kits ------------------------------------------------------------------------------------------------------------------


def at_once(run: Callable[[], object]) -> None:
    """Deliver in place, before the call returns."""
    run()


def at_once_async(run: Callable[[], object]) -> object:
    """Deliver in place, from async code."""
    return run()


def build(
    *,
    stores: MemoryStores | None = None,
    records: Any = None,
    credentials: Any = None,
    inbox: Any = None,
    clock: FrozenClock | None = None,
    deliver: Any = at_once,
    **parts: Any,
) -> TestWorld:
    """Return a world as `kit_for_tests` does, with any part of the kit swapped."""
    stores, inbox, clock = stores or MemoryStores(), inbox or Inbox(), clock or FrozenClock()
    records, credentials = records or stores.records, credentials or stores.credentials
    settings: dict[str, Any] = {"site": site_for_tests(), "keys": keys_for_tests(), "hasher": cheap_hasher(), "pause": NoPause(), **texting(parts)}
    kit = Credkit(credentials=credentials, records=records, notifier=inbox, clock=clock, deliver=deliver, allow_test_domains=True, **settings)
    return TestWorld(kit=kit, inbox=inbox, clock=clock, records=records, credentials=credentials)


def beside(world: TestWorld, **parts: Any) -> TestWorld:
    """Return another worker over the same stores, with the same clock and inbox; any part of its kit may differ."""
    same = {"records": world.records, "credentials": world.credentials, "inbox": world.inbox, "clock": world.clock}
    return build(**{**same, **parts})


def async_build(*, inbox: AsyncInbox | None = None, deliver: Any = at_once_async, **parts: Any) -> AsyncTestWorld:
    """Return a world as `async_kit_for_tests` does, with any part of the kit swapped."""
    stores, inbox, clock = AsyncMemoryStores(), inbox or AsyncInbox(), FrozenClock()
    ports: dict[str, Any] = {"records": stores.records, "credentials": stores.credentials, "notifier": inbox, "clock": clock}
    settings: dict[str, Any] = {"site": site_for_tests(), "keys": keys_for_tests(), "hasher": cheap_hasher(), **ports, **texting(parts)}
    kit = AsyncCredkit(deliver=deliver, allow_test_domains=True, **settings)
    return AsyncTestWorld(kit=kit, inbox=inbox, clock=clock, records=settings["records"], credentials=settings["credentials"])


def texting(parts: dict[str, Any]) -> dict[str, Any]:
    """Return *parts* with a policy that lets text messages out, unless it says itself which."""
    policy: Policy = parts.get("policy") or Policy()
    return {**parts, "policy": policy if policy.sms is not None else replace(policy, sms=sms_for_tests())}


def lowered(**counts: int) -> Policy:
    """Return a policy with lower limits: ``lowered(begins=2)``."""
    limits = Limits()
    return Policy(limits=replace(limits, **{name: replace(getattr(limits, name), count=count) for name, count in counts.items()}), sms=sms_for_tests())


def laddered(*failures: int) -> Policy:
    """Return a policy with codes of 8, 9, ... digits, each for so many failures a year."""
    return Policy(otp=OtpPolicy(ladder=tuple(Rung(digits=digits, failures=most) for digits, most in enumerate(failures, 8))), sms=sms_for_tests())


def other_site() -> Site:
    """Return a second site."""
    return site_for_tests("other")


def ring(*names: str) -> KeyRing:
    """Return a ring of keys that follow from their names: ``ring("new", "old")``."""
    return KeyRing({name: bytes((ord(name[0]) * 7 + place * 11) % 256 for place in range(32)) for name in names})


# Steps -----------------------------------------------------------------------------------------------------------------


def refusal(call: Callable[..., object], *given: Any, **named: Any) -> Refused:
    """Return what *call* is refused with."""
    with pytest.raises(Refused) as caught:
        call(*given, **named)
    return caught.value


def ada(world: TestWorld, *others: str, **changes: Any) -> Credential:
    """Return Ada, who signed up with her address and `OLD`; *others* are verified identifiers too, *changes* go to `alter`."""
    credential = world.add(ADA, password=OLD)
    world.clock.advance(PAUSE)  # or what is sent to her next would have to wait for that
    if others:
        changes = {"identifiers": (*credential.identifiers, *map(verified, others)), **changes}
    return alter(world, credential, **changes) if changes else credential


def alter(world: TestWorld, credential: Credential, **changes: Any) -> Credential:
    """Change a credential behind credkit's back, straight in the store."""
    current = world.credentials.get(credential.id)
    assert current is not None
    stored = world.credentials.replace(current, replace(current, **changes))
    assert stored is not None
    return stored


def registered(text: str, standing: Standing) -> Registered:
    """Return an identifier as a credential holds it."""
    return Registered(identifier=parsed(text), standing=standing)


def verified(text: str) -> Registered:
    """Return a verified identifier as a credential holds it."""
    return registered(text, Standing.VERIFIED)


def parsed(text: str) -> Identifier:
    """Return the identifier that *text* is."""
    return parse_identifier(text, region="US", allow_test_domains=True)


def fresh(world: TestWorld, credential: Credential) -> Credential:
    """Return the credential as it is now."""
    found = world.credentials.get(credential.id)
    assert found is not None
    return found


def begun(world: TestWorld, identifier: str = ADA, context: Context = CONTEXT) -> tuple[Ticket, str]:
    """Begin a reset; return its ticket and the code that was delivered, wherever it went."""
    before = len(world.inbox.messages)
    ticket = world.kit.reset.begin(identifier, context=context)
    return ticket, code_in(world.inbox.messages[before:])


def granted(world: TestWorld, identifier: str = ADA, context: Context = CONTEXT) -> Grant:
    """Begin a reset and type the right code; return the grant."""
    ticket, code = begun(world, identifier, context)
    return world.kit.reset.verify(ticket, code, context=context)


def code_in(messages: Sequence[Message]) -> str:
    """Return the newest code among *messages*."""
    code = [message.code for message in messages if message.code is not None][-1]
    return code.reveal()


def signs_in(world: TestWorld, password: str, identifier: str = ADA) -> bool:
    """Return whether the two belong together, as anybody would find out."""
    try:
        world.kit.sign_in.with_password(identifier, password, context=CONTEXT)
    except Refused:
        return False
    return True


# What is stored --------------------------------------------------------------------------------------------------------


def stored(world: TestWorld, kind: str) -> list[Record]:
    """Return the records of one kind, at the site of the world."""
    records = world.records
    while not isinstance(records, MemoryRecords):
        records = records.within  # type: ignore[attr-defined]
    return [record for record in records.dump() if record.kind == f"{world.kit.site.id}/{kind}"]


def challenge_of(world: TestWorld, ticket: Ticket) -> Challenge:
    """Return a ticket's challenge as it is stored."""
    return Challenge.from_payload(record_of(world, CHALLENGE, ticket.text).payload)


def grant_of(world: TestWorld, grant: Grant) -> GrantRecord:
    """Return a grant as it is stored."""
    return GrantRecord.from_payload(record_of(world, GRANT, grant.text).payload)


def overwrite(world: TestWorld, grant: Grant, changed: GrantRecord) -> None:
    """Store another record in the place of a grant's, as somebody who can write to the store but has no key."""
    record = record_of(world, GRANT, grant.text)
    write = Write(key=record.key, expected_version=record.version, record=replace(record, payload=changed.to_payload()))
    assert world.records.commit({}, [write]).done


def waiting(world: TestWorld) -> list[Record]:
    """Return what waits in the outbox, the longest due first."""
    return sorted(stored(world, OUTBOX), key=lambda record: (record.due_at, record.key))


def record_of(world: TestWorld, kind: str, text: str) -> Record:
    """Return the record that a ticket's or grant's text names."""
    key = f"{world.kit.site.id}/{kind}/{text.partition('.')[0]}"
    return world.records.load([key])[key]


# Parts that tell or misbehave ------------------------------------------------------------------------------------------


class CountingHasher(PasswordHasher):
    """A cheap hasher that counts, and may be told to do something while it works."""

    def __init__(self, profile: HashingProfile | None = None, pepper: KeyRing | None = None) -> None:
        super().__init__(profile or cheap_profile(), pepper=pepper)
        self.calls: list[str] = []
        self.meanwhile: Callable[[], object] | None = None

    def hash(self, password: Secret) -> str:
        self._happen("hash")
        return super().hash(password)

    def verify(self, stored: str | None, password: Secret, *, typed: Secret | None = None) -> Verification:
        self._happen("verify")
        return super().verify(stored, password, typed=typed)

    def _happen(self, name: str) -> None:
        self.calls.append(name)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()


def cheap_profile(memory_kib: int = 8) -> HashingProfile:
    """Return parameters for tests."""
    with pytest.warns(UserWarning, match="for tests only"):
        return HashingProfile(memory_kib=memory_kib, passes=1, lanes=1, insecure_for_tests=True)


@dataclass
class SpiedRecords:
    """A record store that writes down every call in the order they come: name, number of keys checked, number written."""

    within: MemoryRecords = field(default_factory=MemoryRecords)
    calls: list[tuple[str, int, int]] = field(default_factory=list)

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        self.calls.append(("load", len(keys), 0))
        return self.within.load(keys)

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        self.calls.append(("commit", len(checks), len(writes)))
        return self.within.commit(checks, writes)

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        self.calls.append(("due", 0, 0))
        return self.within.due(kind, now, limit)

    def purge(self, now: datetime, limit: int) -> int:
        self.calls.append(("purge", 0, 0))
        return self.within.purge(now, limit)


@dataclass
class SpiedCredentials:
    """A credential store that writes down the names of its calls, and does what a test wants before the next `get` or `replace`, or instead of its reply."""

    within: MemoryCredentials = field(default_factory=MemoryCredentials)
    calls: list[str] = field(default_factory=list)
    extras: list[object] = field(default_factory=list)
    before_replace: list[Callable[[], object]] = field(default_factory=list)
    """Run one before each `replace`; what it raises, `replace` raises, with nothing done."""
    before_get: list[Callable[[], object]] = field(default_factory=list)
    """Run one before each `get`."""
    replies_lost: int = 0
    """So many calls of `add` and `replace` do their work and raise all the same."""

    def find(self, identifier: Identifier) -> Credential | None:
        self.calls.append("find")
        return self.within.find(identifier)

    def get(self, credential_id: str) -> Credential | None:
        self.calls.append("get")
        if self.before_get:
            self.before_get.pop(0)()
        return self.within.get(credential_id)

    def add(self, new: NewCredential, extra: object) -> Credential:
        self.calls.append("add")
        self.extras.append(extra)
        added = self.within.add(new, extra)
        self._reply()
        return added

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        self.calls.append("replace")
        if self.before_replace:
            self.before_replace.pop(0)()
        replaced = self.within.replace(old, new)
        self._reply()
        return replaced

    def touch(self, credential_id: str, **changes: Any) -> Credential:
        """Write a credential as another worker would: a rehash or a fence, or with *changes* something more."""
        current = self.within.get(credential_id)
        assert current is not None
        touched = self.within.replace(current, replace(current, **changes))
        assert touched is not None
        return touched

    def _reply(self) -> None:
        if self.replies_lost:
            self.replies_lost -= 1
            raise StoreError("the reply was lost")


def failing() -> None:
    """Fail as a database does."""
    raise OSError("the database is away")


# Other processes --------------------------------------------------------------------------------------------------------


def in_a_child(act: Callable[[], object]) -> Any:
    """Return what *act* returns in a fork of this process, by way of a pipe; a child that hangs is ended by an alarm."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on a fork beside threads warns; that it works all the same is what is tested
        pid = os.fork()
    if pid == 0:  # pragma: no cover  # nothing of the child may reach pytest, whatever happens
        status = 1
        try:
            signal.alarm(30)
            os.write(writing, json.dumps(act()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0, "the child failed, or had to be ended"
    return json.loads(answer)


def in_a_fresh_python(program: str) -> str:
    """Return what *program* prints in a Python of its own, with this credkit to import."""
    home = Path(credkit.__file__).parents[1]
    whole = f"import sys; sys.path.insert(0, {str(home)!r})\n{program}"
    done = subprocess.run([sys.executable, "-I", "-c", whole], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
