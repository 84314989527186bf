"""Kits on a SQLite file: the same in every process, with a clock that stands still and limits that are not the test's subject."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from credkit.context import Context
from credkit.credential import Credential, Registered, Standing
from credkit.errors import Reason, Refused
from credkit.identifiers import EmailAddress, PhoneNumber, parse_identifier
from credkit.keys import KeyRing
from credkit.kit import AsyncCredkit, Credkit, Deliver
from credkit.messages import Message
from credkit.otp import Challenge
from credkit.policy import Limits, Policy
from credkit.ports import Entropy, Notifier
from credkit.stores.sqlite import AsyncSqliteStores, SqliteStores
from credkit.testing import AsyncInbox, FrozenClock, Inbox, cheap_hasher
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests, site_for_tests

CONTEXT = Context.none()
ADA = "ada@example.com"
OLD, NEW = "nine grey herons wade", "four loud kettles sing"

UNLIMITED = 1_000_000


def roomy(**changes: Any) -> Policy:
    """Return a policy whose gate and limits are out of the way, but for the ladder."""
    limits = Limits()
    wide = {name: replace(getattr(limits, name), count=UNLIMITED) for name in Limits.__slots__}
    return Policy(limits=replace(limits, **wide), gate=64, gate_queue=10_000, **changes)


class Posted:
    """A notifier whose deliveries survive the death of its process: each is on the disk before it returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.messages: list[Message] = []

    def deliver(self, message: Message) -> None:
        append(self._path, **line_of(message))
        self.messages.append(message)


def line_of(message: Message) -> dict[str, str]:
    """Return what is written down of a delivery."""
    return {"id": message.id, "kind": str(message.kind), "to": message.to.canonical}


def append(path: Path, **line: Any) -> None:
    """Append one line to the file, and return when it is on the disk."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, json.dumps(line).encode() + b"\n")
        os.fsync(file)
    finally:
        os.close(file)


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """Return the lines that were appended."""
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def kit_on(
    stores: SqliteStores,
    *,
    policy: Policy | None = None,
    clock: FrozenClock | None = None,
    notifier: Notifier | None = None,
    deliver: Deliver = "manual",
    keys: KeyRing | None = None,
    index_keys: KeyRing | None = None,
    entropy: Entropy | None = None,
) -> Credkit:
    return Credkit(
        site=site_for_tests(),
        keys=keys or keys_for_tests(),
        index_keys=index_keys,
        credentials=stores.credentials,
        records=stores.records,
        notifier=notifier or Inbox(),
        policy=policy or roomy(),
        hasher=cheap_hasher(),
        clock=clock or FrozenClock(),
        entropy=entropy,
        deliver=deliver,
        allow_test_domains=True,
    )


def async_kit_on(stores: AsyncSqliteStores, *, policy: Policy | None = None) -> AsyncCredkit:
    return AsyncCredkit(
        site=site_for_tests(),
        keys=keys_for_tests(),
        credentials=stores.credentials,
        records=stores.records,
        notifier=AsyncInbox(),
        policy=policy or roomy(),
        hasher=cheap_hasher(),
        clock=FrozenClock(),
        deliver="manual",
        allow_test_domains=True,
    )


@dataclass(frozen=True)
class Office:
    """A file with a kit on it, for the process of the test itself."""

    path: Path
    stores: SqliteStores
    kit: Credkit
    inbox: Inbox
    clock: FrozenClock

    @classmethod
    def open(cls, path: Path, policy: Policy | None = None) -> Office:
        """Make the file."""
        stores, inbox, clock = SqliteStores(path).create(), Inbox(), FrozenClock()
        return cls(path, stores, kit_on(stores, policy=policy, clock=clock, notifier=inbox, deliver=lambda run: run()), inbox, clock)

    def sign_up(self, identifier: str = ADA, password: str = OLD) -> Credential:
        return self.kit.sign_up.complete(self.sign_up_grant(identifier), password, context=CONTEXT)

    def sign_up_grant(self, identifier: str = ADA) -> str:
        self.clock.advance(seconds=61)  # or the message would wait: it would follow the one before too closely
        ticket = self.kit.sign_up.begin(identifier, context=CONTEXT)
        return self.kit.sign_up.verify(ticket, self.inbox.last_code(identifier), context=CONTEXT).text

    def reset(self, identifier: str = ADA) -> tuple[str, str]:
        """Begin a reset; return the ticket and the code."""
        self.clock.advance(seconds=61)  # as above
        ticket = self.kit.reset.begin(identifier, context=CONTEXT)
        return ticket.text, self.inbox.last_code(identifier)

    def reset_grant(self, identifier: str = ADA) -> str:
        ticket, code = self.reset(identifier)
        return self.kit.reset.verify(ticket, code, context=CONTEXT).text

    def sign_in_code(self, identifier: str = ADA) -> tuple[str, str]:
        """Begin a sign-in by code; return the ticket and the code."""
        self.clock.advance(seconds=61)  # as above
        ticket = self.kit.sign_in.begin(identifier, context=CONTEXT)
        return ticket.text, self.inbox.last_code(identifier)

    def give(self, credential: Credential, *identifiers: tuple[str, Standing]) -> Credential:
        """Give *credential* more identifiers, as nothing does yet."""
        more = tuple(_registered(text, standing) for text, standing in identifiers)
        stored = self.stores.credentials.replace(credential, replace(credential, identifiers=(*credential.identifiers, *more)))
        assert stored is not None
        return stored

    def credential(self, identifier: str = ADA) -> Credential:
        found = self.stores.credentials.find(parse_identifier(identifier, allow_test_domains=True))
        assert found is not None
        return found

    def challenge(self, ticket: str) -> Challenge:
        key = f"main/challenge/{ticket.split('.', maxsplit=1)[0]}"
        return Challenge.from_payload(self.stores.records.load([key])[key].payload)

    def signs_in(self, password: str, identifier: str = ADA) -> bool:
        try:
            self.kit.sign_in.with_password(identifier, password, context=CONTEXT)
        except Refused as refused:
            if refused.reason is not Reason.SIGN_IN_FAILED:
                raise
            return False
        return True


def _registered(text: str, standing: Standing) -> Registered:
    identifier: EmailAddress | PhoneNumber = parse_identifier(text, allow_test_domains=True)
    return Registered(identifier=identifier, standing=standing, verified_at=START if standing is Standing.VERIFIED else None)


def moment(**units: float) -> datetime:
    """Return a moment so much after the beginning of all tests."""
    return START + timedelta(**units)
