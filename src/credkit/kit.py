"""One object that wires ports, policy and keys to the journeys. Building it opens nothing: no thread, socket, file or hash.

One module-level kit per process is right, also before a fork. `Credkit` and `AsyncCredkit` are the same but for `await`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from inspect import isawaitable, iscoroutinefunction
from typing import Literal, Self, TypeAlias

from credkit.breaches import AsyncBreachList, BreachList
from credkit.delivery import AT_ONCE, TaskDelivery, ThreadDelivery, report_failure
from credkit.errors import ConfigurationError
from credkit.flows.account_settings import AccountSettings, AsyncAccountSettings
from credkit.flows.admin import Admin, AsyncAdmin
from credkit.flows.courier import AsyncCourier, Courier, Delivered
from credkit.flows.password_change import AsyncPasswordChange, PasswordChange
from credkit.flows.password_reset import AsyncPasswordReset, PasswordReset
from credkit.flows.reminder import AsyncReminder, Reminder
from credkit.flows.shell import Shell
from credkit.flows.sign_in import AsyncSignIn, SignIn
from credkit.flows.sign_up import AsyncSignUp, SignUp
from credkit.flows.transaction import guarded
from credkit.flows.undo import AsyncUndo, Undo
from credkit.hashing import InPlaceHashing, ThreadHashing
from credkit.keys import KeyRing
from credkit.lifting import LiftedBreaches, LiftedCredentials, LiftedDispatch, LiftedNotifier, LiftedPause, LiftedRecords, LiftedSendCheck, finish
from credkit.passwords import Gate, PasswordHasher
from credkit.policy import Policy
from credkit.ports import (
    AsyncCredentialStore,
    AsyncioPause,
    AsyncNotifier,
    AsyncPause,
    AsyncRecordStore,
    AsyncSendCheck,
    Clock,
    CredentialStore,
    Entropy,
    Notifier,
    Observer,
    Pause,
    RecordStore,
    SendCheck,
    SleepingPause,
    Soon,
    SystemClock,
    SystemEntropy,
)
from credkit.sign_in_help import SignInHelp
from credkit.site import Site

__all__ = ["AsyncCredkit", "AsyncDeliver", "Credkit", "Deliver"]

Deliver: TypeAlias = Literal["thread", "manual"] | Callable[[Callable[[], Delivered]], object]
"""How a blocking kit delivers: in a thread of its own, by `run_due` only, or by handing the run to the host's own worker."""

AsyncDeliver: TypeAlias = Literal["task", "manual"] | Callable[[Callable[[], Soon[Delivered]]], object]
"""How an async kit delivers: in tasks, by `run_due` only, or by handing the run to the host; what it returns is awaited if it can be."""


class Credkit:
    """Sign-up, sign-in, password reset and password change for one site, from blocking code."""

    def __init__(
        self,
        *,
        site: Site,
        keys: KeyRing,
        credentials: CredentialStore,
        records: RecordStore,
        notifier: Notifier,
        policy: Policy | None = None,
        index_keys: KeyRing | None = None,
        pepper: KeyRing | None = None,
        hasher: PasswordHasher | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        pause: Pause | None = None,
        breaches: BreachList | None = None,
        observer: Observer | None = None,
        send_check: SendCheck | None = None,
        deliver: Deliver = "thread",
        allow_test_domains: bool = False,
    ) -> None:
        """Wire the kit.

        *keys* make codes, tokens and names of records; *index_keys* takes over the names where they are to rotate apart.
        *pepper* keys the password hashes and must never be lost (PW-14). *breaches* is asked about
        every new password (PW-09). *observer* is told of everything that happens. *allow_test_domains* accepts ``.test`` addresses.

        Raises:
            ConfigurationError: Something cannot work; all of it is listed.
        """
        policy = policy or Policy()
        shell = Shell(
            records=LiftedRecords(records),
            credentials=LiftedCredentials(credentials),
            notifier=LiftedNotifier(notifier),
            hashing=InPlaceHashing(_hasher(hasher, pepper), Gate(policy.gate, policy.gate_queue)),
            dispatch=LiftedDispatch(_nowhere),
            pause=LiftedPause(pause or SleepingPause()),
            clock=clock or SystemClock(),
            entropy=entropy or SystemEntropy(),
            codes=keys,
            index=index_keys or keys,
            site=site,
            policy=policy,
            spread=policy.courier.spread if deliver == "thread" else timedelta(0),
            allow_test_domains=allow_test_domains,
            breaches=None if breaches is None else LiftedBreaches(breaches),
            observer=_checked_observer(observer, policy),
            send_check=None if send_check is None else LiftedSendCheck(send_check),
            smtputf8=_takes_smtputf8(notifier),
        )
        self._open(shell, deliver)

    def _open(self, shell: Shell, deliver: Deliver) -> None:
        _require_pages(shell)
        self.courier: Courier = Courier(shell)
        self._deliver: Deliver = deliver
        self._delivery: _Delivery = _delivery(deliver, self.courier, shell.clock)
        self._shell: Shell = replace(shell, dispatch=LiftedDispatch(self._delivery))
        self.site: Site = shell.site
        self.policy: Policy = shell.policy
        self.sign_up: SignUp = SignUp(self._shell)
        self.sign_in: SignIn = SignIn(self._shell)
        self.reset: PasswordReset = PasswordReset(self._shell)
        self.password: PasswordChange = PasswordChange(self._shell)
        self.settings: AccountSettings = AccountSettings(self._shell)
        self.undo: Undo = Undo(self._shell)
        self.reminder: Reminder = Reminder(self._shell)
        self.admin: Admin = Admin(self._shell)
        self.help: SignInHelp = SignInHelp(site=shell.site, allow_test_domains=shell.allow_test_domains, smtputf8=shell.smtputf8)

    def at(self, site: Site, *, credentials: CredentialStore, notifier: Notifier) -> Credkit:
        """Return a sibling for another site: it shares records, keys, policy and the gate, and nothing of one counts in the other.

        Raises:
            ConfigurationError: The other site has this one's id.
        """
        _require_other(site, self.site)
        sibling = object.__new__(Credkit)
        lifted, utf8 = LiftedNotifier(notifier), _takes_smtputf8(notifier)
        shell = replace(self._shell, site=site, credentials=LiftedCredentials(credentials), notifier=lifted, smtputf8=utf8)
        sibling._open(shell, self._deliver)
        return sibling

    def purge(self, *, limit: int = 1000) -> int:
        """Forget up to *limit* expired records and return how many; for cron. Nothing depends on it but disk space.

        Raises:
            StoreError: The store failed.
        """
        return finish(guarded(self._shell.records.purge(self._shell.clock.now(), limit)))

    def close(self) -> None:
        """Wait up to 2 seconds for messages that are being delivered; what is left stays due."""
        if isinstance(self._delivery, ThreadDelivery):
            self._delivery.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncCredkit:
    """Sign-up, sign-in, password reset and password change for one site, from asyncio code. It serves one loop at a time."""

    def __init__(
        self,
        *,
        site: Site,
        keys: KeyRing,
        credentials: AsyncCredentialStore,
        records: AsyncRecordStore,
        notifier: AsyncNotifier,
        policy: Policy | None = None,
        index_keys: KeyRing | None = None,
        pepper: KeyRing | None = None,
        hasher: PasswordHasher | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        pause: AsyncPause | None = None,
        breaches: AsyncBreachList | None = None,
        observer: Observer | None = None,
        send_check: AsyncSendCheck | None = None,
        deliver: AsyncDeliver = "task",
        allow_test_domains: bool = False,
    ) -> None:
        """Wire the kit.

        *keys* make codes, tokens and names of records; *index_keys* takes over the names where they are to rotate apart.
        *pepper* keys the password hashes and must never be lost (PW-14). *breaches* is asked about
        every new password (PW-09). *observer* is told of everything that happens. *allow_test_domains* accepts ``.test`` addresses.

        Raises:
            ConfigurationError: Something cannot work; all of it is listed.
        """
        policy = policy or Policy()
        shell = Shell(
            records=records,
            credentials=credentials,
            notifier=notifier,
            hashing=ThreadHashing(_hasher(hasher, pepper), Gate(policy.gate, policy.gate_queue)),
            dispatch=LiftedDispatch(_nowhere),
            pause=pause or AsyncioPause(),
            clock=clock or SystemClock(),
            entropy=entropy or SystemEntropy(),
            codes=keys,
            index=index_keys or keys,
            site=site,
            policy=policy,
            spread=policy.courier.spread if deliver == "task" else timedelta(0),
            allow_test_domains=allow_test_domains,
            breaches=breaches,
            observer=_checked_observer(observer, policy),
            send_check=send_check,
            smtputf8=_takes_smtputf8(notifier),
        )
        self._open(shell, deliver)

    def _open(self, shell: Shell, deliver: AsyncDeliver) -> None:
        _require_pages(shell)
        self.courier: AsyncCourier = AsyncCourier(shell)
        self._deliver: AsyncDeliver = deliver
        self._delivery: _AsyncDelivery = _async_delivery(deliver, self.courier, shell.clock)
        self._shell: Shell = replace(shell, dispatch=self._delivery)
        self.site: Site = shell.site
        self.policy: Policy = shell.policy
        self.sign_up: AsyncSignUp = AsyncSignUp(self._shell)
        self.sign_in: AsyncSignIn = AsyncSignIn(self._shell)
        self.reset: AsyncPasswordReset = AsyncPasswordReset(self._shell)
        self.password: AsyncPasswordChange = AsyncPasswordChange(self._shell)
        self.settings: AsyncAccountSettings = AsyncAccountSettings(self._shell)
        self.undo: AsyncUndo = AsyncUndo(self._shell)
        self.reminder: AsyncReminder = AsyncReminder(self._shell)
        self.admin: AsyncAdmin = AsyncAdmin(self._shell)
        self.help: SignInHelp = SignInHelp(site=shell.site, allow_test_domains=shell.allow_test_domains, smtputf8=shell.smtputf8)

    def at(self, site: Site, *, credentials: AsyncCredentialStore, notifier: AsyncNotifier) -> AsyncCredkit:
        """Return a sibling for another site: it shares records, keys, policy and the gate, and nothing of one counts in the other.

        Raises:
            ConfigurationError: The other site has this one's id.
        """
        _require_other(site, self.site)
        sibling = object.__new__(AsyncCredkit)
        shell = replace(self._shell, site=site, credentials=credentials, notifier=notifier, smtputf8=_takes_smtputf8(notifier))
        sibling._open(shell, self._deliver)
        return sibling

    async def purge(self, *, limit: int = 1000) -> int:
        """Forget up to *limit* expired records and return how many; for cron. Nothing depends on it but disk space.

        Raises:
            StoreError: The store failed.
        """
        return await guarded(self._shell.records.purge(self._shell.clock.now(), limit))

    async def close(self) -> None:
        """Wait up to 2 seconds for messages that are being delivered; what is left stays due."""
        if isinstance(self._delivery, TaskDelivery):
            await self._delivery.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


_Delivery: TypeAlias = Callable[[datetime], None]
_AsyncDelivery: TypeAlias = Callable[[datetime], Soon[None]]


def _delivery(deliver: Deliver, courier: Courier, clock: Clock) -> _Delivery:
    def run() -> Delivered:
        return courier.run_due(limit=AT_ONCE)

    if deliver == "thread":
        return ThreadDelivery(run, clock)
    if deliver == "manual":
        return _nowhere
    if not callable(deliver):
        raise ConfigurationError(['deliver must be "thread", "manual" or a callable'])

    def hand_over(due_at: datetime) -> None:  # noqa: ARG001  # the host's worker runs when it can
        try:
            deliver(run)
        except Exception:  # noqa: BLE001  # the message is stored and stays due, and the asker's answer must not depend on it
            report_failure()

    return hand_over


def _async_delivery(deliver: AsyncDeliver, courier: AsyncCourier, clock: Clock) -> _AsyncDelivery:
    async def run() -> Delivered:
        return await courier.run_due(limit=AT_ONCE)

    if deliver == "task":
        return TaskDelivery(run, clock)
    if deliver == "manual":
        return LiftedDispatch(_nowhere)
    if not callable(deliver):
        raise ConfigurationError(['deliver must be "task", "manual" or a callable'])

    async def hand_over(due_at: datetime) -> None:  # noqa: ARG001  # as above
        try:
            handed = deliver(run)
            if isawaitable(handed):
                await handed
        except Exception:  # noqa: BLE001  # as above
            report_failure()

    return hand_over


def _nowhere(due_at: datetime) -> None:
    """Leave the message to `run_due`."""


def _takes_smtputf8(notifier: object) -> bool:
    """Return whether the notifier says that it can send to addresses beyond ASCII; one that says nothing cannot (ID-09)."""
    return getattr(notifier, "smtputf8", False) is True


def _checked_observer(observer: Observer | None, policy: Policy) -> Observer | None:
    """Return the observer; one that could not take in what it is told would be found out only when its log is needed."""
    if observer is None and policy.audit == "required":
        raise ConfigurationError(['audit="required" needs an observer'])
    if observer is not None and iscoroutinefunction(observer.saw):
        raise ConfigurationError(["an observer's saw is no coroutine function, in async kits either; put the event on a queue"])
    return observer


def _hasher(hasher: PasswordHasher | None, pepper: KeyRing | None) -> PasswordHasher:
    if hasher is not None and pepper is not None:
        raise ConfigurationError(["give either a hasher or a pepper: a hasher has a pepper of its own"])
    return hasher or PasswordHasher(pepper=pepper)


def _require_pages(shell: Shell) -> None:
    """Go on only if the site has the pages that the policy sends links to."""
    if shell.policy.reset_by == "link":
        shell.site.require_paths("reset")


def _require_other(site: Site, own: Site) -> None:
    if site.id == own.id:
        raise ConfigurationError(["a sibling's site must have an id of its own, or the two would share codes and counts"])
