"""Whole kits for tests: in-memory stores, a frozen clock, test keys, cheap hashing, delivery at once and in place."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from credkit.context import Context
from credkit.credential import Credential
from credkit.keys import KeyRing
from credkit.kit import AsyncCredkit, Credkit
from credkit.passwords import HashingProfile, PasswordHasher
from credkit.policy import Policy
from credkit.ports import AsyncCredentialStore, AsyncRecordStore, CredentialStore, RecordStore
from credkit.secret import PasswordInput
from credkit.site import Paths, Site
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.testing.fakes import AsyncInbox, FrozenClock, Inbox, NoPause

__all__ = ["AsyncTestWorld", "TestWorld", "async_kit_for_tests", "cheap_hasher", "keys_for_tests", "kit_for_tests", "site_for_tests"]


def cheap_hasher(pepper: KeyRing | None = None) -> PasswordHasher:
    """Return real Argon2id at the least it can cost: for tests, never for people's passwords."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PasswordHasher(profile=HashingProfile(memory_kib=8, passes=1, lanes=1, insecure_for_tests=True), pepper=pepper)


def site_for_tests(site_id: str = "main") -> Site:
    """Return a site for tests, with a page for every link."""
    paths = Paths(approve="/security/approve", undo="/security/undo", reset="/reset/link")
    return Site(name="Example", url="https://example.com", support="help@example.com", default_region="US", paths=paths, id=site_id)


def keys_for_tests() -> KeyRing:
    """Return keys for tests: the same in every run, and known to everybody."""
    return KeyRing({"test": bytes(range(32))})


@dataclass(frozen=True, slots=True, kw_only=True)
class TestWorld:
    """A blocking kit with everything a test wants to look at."""

    __test__ = False

    kit: Credkit
    inbox: Inbox
    clock: FrozenClock
    records: RecordStore
    credentials: CredentialStore

    def add(self, identifier: str, *, password: PasswordInput, extra: object = None) -> Credential:
        """Sign somebody up, as they would themselves; the messages of that are left out of the inbox."""
        context = Context.none()
        before = len(self.inbox.messages)
        ticket = self.kit.sign_up.begin(identifier, context=context)
        grant = self.kit.sign_up.verify(ticket, self.inbox.last_code(identifier), context=context)
        credential = self.kit.sign_up.complete(grant, password, extra=extra, context=context)
        del self.inbox.messages[before:]
        return credential


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncTestWorld:
    """An async kit with everything a test wants to look at."""

    kit: AsyncCredkit
    inbox: AsyncInbox
    clock: FrozenClock
    records: AsyncRecordStore
    credentials: AsyncCredentialStore

    async def add(self, identifier: str, *, password: PasswordInput, extra: object = None) -> Credential:
        """Sign somebody up, as they would themselves; the messages of that are left out of the inbox."""
        context = Context.none()
        before = len(self.inbox.messages)
        ticket = await self.kit.sign_up.begin(identifier, context=context)
        grant = await self.kit.sign_up.verify(ticket, self.inbox.last_code(identifier), context=context)
        credential = await self.kit.sign_up.complete(grant, password, extra=extra, context=context)
        del self.inbox.messages[before:]
        return credential


def kit_for_tests(
    *, records: RecordStore | None = None, credentials: CredentialStore | None = None, policy: Policy | None = None, site: Site | None = None
) -> TestWorld:
    """Return a blocking kit for tests, over in-memory stores or the host's own."""
    stores, inbox, clock = MemoryStores(), Inbox(), FrozenClock()
    own_records, own_credentials = records or stores.records, credentials or stores.credentials
    kit = Credkit(
        site=site or site_for_tests(),
        keys=keys_for_tests(),
        credentials=own_credentials,
        records=own_records,
        notifier=inbox,
        policy=policy,
        hasher=cheap_hasher(),
        clock=clock,
        pause=NoPause(),
        deliver=lambda run: run(),
        allow_test_domains=True,
    )
    return TestWorld(kit=kit, inbox=inbox, clock=clock, records=own_records, credentials=own_credentials)


def async_kit_for_tests(
    *,
    records: AsyncRecordStore | None = None,
    credentials: AsyncCredentialStore | None = None,
    policy: Policy | None = None,
    site: Site | None = None,
) -> AsyncTestWorld:
    """Return an async kit for tests, over in-memory stores or the host's own."""
    stores, inbox, clock = AsyncMemoryStores(), AsyncInbox(), FrozenClock()
    own_records, own_credentials = records or stores.records, credentials or stores.credentials
    kit = AsyncCredkit(
        site=site or site_for_tests(),
        keys=keys_for_tests(),
        credentials=own_credentials,
        records=own_records,
        notifier=inbox,
        policy=policy,
        hasher=cheap_hasher(),
        clock=clock,
        deliver=lambda run: run(),
        allow_test_domains=True,
    )
    return AsyncTestWorld(kit=kit, inbox=inbox, clock=clock, records=own_records, credentials=own_credentials)
