"""Whole kits for tests: in-memory stores, a frozen clock, test keys, cheap hashing, delivery at once and in place."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from credkit.context import Context
from credkit.credential import Credential
from credkit.framing import Part
from credkit.keys import KeyRing
from credkit.kit import AsyncCredkit, Credkit
from credkit.messages import Message
from credkit.observers import ObserverGroup
from credkit.passwords import HashingProfile, PasswordHasher
from credkit.policy import Policy
from credkit.ports import AsyncCredentialStore, AsyncRecordStore, CredentialStore, Entropy, Observer, RecordStore, SystemEntropy
from credkit.secret import PasswordInput
from credkit.site import Paths, Site
from credkit.sms import SmsPolicy
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.testing.fakes import AsyncInbox, FrozenClock, Inbox, NoPause, Recorder, ScriptedEntropy, warn_outside_tests

__all__ = [
    "AsyncStores",
    "AsyncTestWorld",
    "Stores",
    "TestWorld",
    "async_kit_for_tests",
    "cheap_hasher",
    "keys_for_tests",
    "kit_for_tests",
    "site_for_tests",
    "sms_for_tests",
]


def cheap_hasher(pepper: KeyRing | None = None) -> PasswordHasher:
    """Return real Argon2id at the least it can cost: for tests, never for people's passwords. Where no test is running, it warns."""
    warn_outside_tests("cheap_hasher makes hashes that anybody can search")
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


def sms_for_tests() -> SmsPolicy:
    """Return what lets text messages out to phones of all the world, without a cap: it pays for nothing but tests."""
    return SmsPolicy(regions="anywhere", per_day="uncapped")


class Stores(Protocol):
    """Both stores in one object, such as `SqliteStores`."""

    @property
    def records(self) -> RecordStore:
        """The record store."""
        ...

    @property
    def credentials(self) -> CredentialStore:
        """The credential store."""
        ...


class AsyncStores(Protocol):
    """Both stores in one object, such as `AsyncSqliteStores`."""

    @property
    def records(self) -> AsyncRecordStore:
        """The record store."""
        ...

    @property
    def credentials(self) -> AsyncCredentialStore:
        """The credential store."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TestWorld:
    """A blocking kit with everything a test wants to look at."""

    __test__ = False

    kit: Credkit
    inbox: Inbox
    clock: FrozenClock
    records: RecordStore
    credentials: CredentialStore
    entropy: Entropy | None = None
    events: Recorder = field(default_factory=Recorder)
    """What the kit's observer was told."""
    observer: Observer | None = None
    """The observer that was given, which is told the same."""

    def add(self, identifier: str, *, password: PasswordInput, extra: object = None) -> Credential:
        """Sign somebody up, as they would themselves, but at another site: it uses up no limit here, defers nothing, and leaves inbox and events as they are.

        Raises:
            PasswordRefused: The password breaks a rule of the policy.
            AssertionError: Somebody has that identifier already.
        """
        inbox, context = Inbox(smtputf8=True), Context.none()
        elsewhere = self.kit.at(_elsewhere(self.kit.site, self.entropy), credentials=self.credentials, notifier=inbox)
        with self.events.left_alone():
            with _script_left_alone(self.entropy):
                ticket = elsewhere.sign_up.begin(identifier, context=context)
            if not inbox.messages:
                elsewhere.courier.run_due()
            grant = elsewhere.sign_up.verify(ticket, _only_code(inbox.messages), context=context)
            return elsewhere.sign_up.complete(grant, password, extra=extra, context=context)

    def using(self, store: RecordStore | CredentialStore | Stores) -> TestWorld:
        """Return this world over a store of the host's own, of either kind, or over both kinds in one object; inbox, clock and events stay the same.

        Raises:
            TypeError: It is none of these.
        """
        records, credentials = _both(store, self.records, self.credentials)
        return _world(
            records,
            credentials,
            policy=self.kit.policy,
            site=self.kit.site,
            entropy=self.entropy,
            inbox=self.inbox,
            clock=self.clock,
            events=self.events,
            observer=self.observer,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncTestWorld:
    """An async kit with everything a test wants to look at."""

    kit: AsyncCredkit
    inbox: AsyncInbox
    clock: FrozenClock
    records: AsyncRecordStore
    credentials: AsyncCredentialStore
    entropy: Entropy | None = None
    events: Recorder = field(default_factory=Recorder)
    """What the kit's observer was told."""
    observer: Observer | None = None
    """The observer that was given, which is told the same."""

    async def add(self, identifier: str, *, password: PasswordInput, extra: object = None) -> Credential:
        """Sign somebody up, as they would themselves, but at another site: it uses up no limit here, defers nothing, and leaves inbox and events as they are.

        Raises:
            PasswordRefused: The password breaks a rule of the policy.
            AssertionError: Somebody has that identifier already.
        """
        inbox, context = AsyncInbox(smtputf8=True), Context.none()
        elsewhere = self.kit.at(_elsewhere(self.kit.site, self.entropy), credentials=self.credentials, notifier=inbox)
        with self.events.left_alone():
            with _script_left_alone(self.entropy):
                ticket = await elsewhere.sign_up.begin(identifier, context=context)
            if not inbox.messages:
                await elsewhere.courier.run_due()
            grant = await elsewhere.sign_up.verify(ticket, _only_code(inbox.messages), context=context)
            return await elsewhere.sign_up.complete(grant, password, extra=extra, context=context)

    def using(self, store: AsyncRecordStore | AsyncCredentialStore | AsyncStores) -> AsyncTestWorld:
        """Return this world over a store of the host's own, of either kind, or over both kinds in one object; inbox, clock and events stay the same.

        Raises:
            TypeError: It is none of these.
        """
        records, credentials = _both(store, self.records, self.credentials)
        return _async_world(
            records,
            credentials,
            policy=self.kit.policy,
            site=self.kit.site,
            entropy=self.entropy,
            inbox=self.inbox,
            clock=self.clock,
            events=self.events,
            observer=self.observer,
        )


def kit_for_tests(
    *,
    records: RecordStore | None = None,
    credentials: CredentialStore | None = None,
    policy: Policy | None = None,
    site: Site | None = None,
    entropy: Entropy | None = None,
    observer: Observer | None = None,
) -> TestWorld:
    """Return a blocking kit for tests, over in-memory stores or the host's own. Unless a *policy* is given, text messages go to any mobile phone.

    With *entropy*, ids and codes come from there: `SeededEntropy` makes them the same in every run, `ScriptedEntropy` makes the codes what you say.
    *observer* is told what `events` keeps.
    """
    stores = MemoryStores(entropy)
    return _world(
        records or stores.records,
        credentials or stores.credentials,
        policy=policy,
        site=site or site_for_tests(),
        entropy=entropy,
        inbox=Inbox(),
        clock=FrozenClock(),
        events=Recorder(),
        observer=observer,
    )


def async_kit_for_tests(
    *,
    records: AsyncRecordStore | None = None,
    credentials: AsyncCredentialStore | None = None,
    policy: Policy | None = None,
    site: Site | None = None,
    entropy: Entropy | None = None,
    observer: Observer | None = None,
) -> AsyncTestWorld:
    """Return an async kit for tests, over in-memory stores or the host's own. Unless a *policy* is given, text messages go to any mobile phone.

    With *entropy*, ids and codes come from there: `SeededEntropy` makes them the same in every run, `ScriptedEntropy` makes the codes what you say.
    *observer* is told what `events` keeps.
    """
    stores = AsyncMemoryStores(entropy)
    return _async_world(
        records or stores.records,
        credentials or stores.credentials,
        policy=policy,
        site=site or site_for_tests(),
        entropy=entropy,
        inbox=AsyncInbox(),
        clock=FrozenClock(),
        events=Recorder(),
        observer=observer,
    )


def _world(
    records: RecordStore,
    credentials: CredentialStore,
    *,
    policy: Policy | None,
    site: Site,
    entropy: Entropy | None,
    inbox: Inbox,
    clock: FrozenClock,
    events: Recorder,
    observer: Observer | None,
) -> TestWorld:
    kit = Credkit(
        site=site,
        keys=_keys(entropy),
        credentials=credentials,
        records=records,
        notifier=inbox,
        policy=policy or Policy(sms=sms_for_tests()),
        hasher=cheap_hasher(),
        clock=clock,
        entropy=entropy,
        pause=NoPause(),
        observer=_both_told(events, observer),
        deliver=lambda run: run(),
        allow_test_domains=True,
    )
    return TestWorld(kit=kit, inbox=inbox, clock=clock, records=records, credentials=credentials, entropy=entropy, events=events, observer=observer)


def _async_world(
    records: AsyncRecordStore,
    credentials: AsyncCredentialStore,
    *,
    policy: Policy | None,
    site: Site,
    entropy: Entropy | None,
    inbox: AsyncInbox,
    clock: FrozenClock,
    events: Recorder,
    observer: Observer | None,
) -> AsyncTestWorld:
    kit = AsyncCredkit(
        site=site,
        keys=_keys(entropy),
        credentials=credentials,
        records=records,
        notifier=inbox,
        policy=policy or Policy(sms=sms_for_tests()),
        hasher=cheap_hasher(),
        clock=clock,
        entropy=entropy,
        observer=_both_told(events, observer),
        deliver=lambda run: run(),
        allow_test_domains=True,
    )
    return AsyncTestWorld(kit=kit, inbox=inbox, clock=clock, records=records, credentials=credentials, entropy=entropy, events=events, observer=observer)


def _both_told(events: Recorder, observer: Observer | None) -> Observer:
    return events if observer is None else ObserverGroup([events, observer])


class _KeysThatLeaveCodes:
    """The keys for tests, but that a code is the number that chance gave, so that a script can say what it is."""

    def __init__(self) -> None:
        self._keys = keys_for_tests()
        self.current, self.ids, self.require = self._keys.current, self._keys.ids, self._keys.require

    def mac(self, key_id: str, purpose: str, site: str, *parts: Part) -> bytes:
        """See `KeyRing.mac`."""
        return bytes(32) if purpose == "code" else self._keys.mac(key_id, purpose, site, *parts)


def _keys(entropy: Entropy | None) -> KeyRing:
    return cast("KeyRing", _KeysThatLeaveCodes()) if isinstance(entropy, ScriptedEntropy) else keys_for_tests()


def _script_left_alone(entropy: Entropy | None) -> AbstractContextManager[None]:
    return entropy.left_alone() if isinstance(entropy, ScriptedEntropy) else nullcontext()


def _elsewhere(site: Site, entropy: Entropy | None) -> Site:
    """Return a site like *site* where nothing has happened yet; nothing of one site counts in another."""
    return replace(site, id=f"added-{(entropy or SystemEntropy()).token(6).hex()}")


def _only_code(messages: Sequence[Message]) -> str:
    codes = [message.code for message in messages if message.code is not None]
    if not codes:
        raise AssertionError("nobody can be added there: that identifier is in use, or the stores did not keep what was written")
    return codes[0].reveal()


def _both(store: Any, records: Any, credentials: Any) -> tuple[Any, Any]:
    """Return both stores, with *store* in the place of one or both of them."""
    if hasattr(store, "records") and hasattr(store, "credentials"):
        return store.records, store.credentials
    is_records, is_credentials = hasattr(store, "commit"), hasattr(store, "replace") and hasattr(store, "add")
    if not is_records and not is_credentials:
        raise TypeError("that is no store: a record store has `commit`, a credential store `replace`, and an object with both has `records` and `credentials`")
    return store if is_records else records, store if is_credentials else credentials
