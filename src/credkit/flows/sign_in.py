"""Sign in with a password, and ask whether a session still holds.

Order, and why: a place in the gate, or `Busy` before anything is counted; then the charge; then the hash; and only a
success takes back exactly that charge (F9). An unknown identifier costs the same: same look-up, same writes, one hash (SI-01, SI-02).

Whoever guesses stands in nobody's way but their own: a known device has limits of its own, and no stop that strangers fill holds it up (PW-19).

What is still due after the right password is raised and not returned, so that a host that knows nothing of it signs nobody in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from credkit.budgets import Limit
from credkit.context import Context, Session
from credkit.credential import Credential
from credkit.devices import Device, DeviceMark, device_cookie_name
from credkit.errors import CredkitError, IdentifierTaken, PasswordRefused, Reason, Refused, SeveralAccounts
from credkit.flows.challenges import Challenges
from credkit.flows.metering import Charge, load_meters, succeed
from credkit.flows.passwords import as_typed, compare_password
from credkit.flows.shell import IdentifierInput, Shell, Subject
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.passwords import normalize_password
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret
from credkit.tickets import Grant, Purpose

__all__ = ["AsyncSignIn", "PasswordChangeRequired", "SignIn", "SignedIn", "held_by"]


class PasswordChangeRequired(Refused):
    """The password is right, but others may know it, so nobody was signed in. `grant` sets a new one, by ``kit.reset.complete`` (PW-05)."""

    def __init__(self, grant: Grant) -> None:
        super().__init__(Reason.PASSWORD_CHANGE_REQUIRED)
        self.grant: Grant = grant
        """What the page for the new password needs: in the cookie that it describes, as after a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A person who has proved who they are. The host starts a session of its own, under a new session id (SI-10)."""

    session: Session
    """What the host's session has to remember."""
    credential: Credential
    factors: tuple[str, ...]
    """What was proved: ``("password",)``, one factor (SI-03)."""
    at: datetime
    """When, for the host's own freshness rules (SI-09)."""
    device_mark: DeviceMark = field(repr=False)
    """By what this device is known from now on; in the cookie that it describes, and given back as `Context(device_mark=...)` (SI-11)."""

    @property
    def account(self) -> str | None:
        """The host's account, if there is one.

        Raises:
            SeveralAccounts: There are more; let the person choose from `credential.accounts`.
        """
        if len(self.credential.accounts) > 1:
            raise SeveralAccounts
        return next(iter(self.credential.accounts), None)


@dataclass(frozen=True, slots=True)
class _Try:
    """One try that was counted before it is compared."""

    charges: tuple[Charge, ...]
    allowed: bool
    """Whether a right password signs in. It is compared in any case."""
    device: Device | None
    """The device, if it is known to the credential."""


@dataclass(frozen=True, slots=True)
class AsyncSignIn:
    """Let a person sign in."""

    _shell: Shell

    @property
    def device_cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of a device mark describes, for reading it."""
        return device_cookie_name(insecure=self._shell.site.insecure)

    async def with_password(self, identifier: IdentifierInput, password: PasswordInput, *, context: Context) -> SignedIn:
        """Return who signed in, with the session to remember.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: SIGN_IN_FAILED for anything that does not fit, one answer for all of it; TOO_MANY_TRIES with `retry_after`.
            PasswordChangeRequired: Everything fits, but others may know the password; its `grant` sets a new one.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        shell = self._shell
        typed = shell.parse(identifier, context)
        try:
            proposed = normalize_password(password)
        except PasswordRefused:
            raise Refused(Reason.SIGN_IN_FAILED) from None  # it cannot be anybody's password, so nothing is compared
        place = shell.hashing.reserve()
        try:
            credential = await shell.find(typed)
            tried = await self._charge(typed, credential, context)
            verification = await compare_password(shell, place, _hash_of(credential), proposed, tried.charges, typed=as_typed(password, proposed))
            # Whatever is missing or forbidden is looked at only now: one hash has been made in every case (PW-15).
            if credential is None or not verification.matches or not tried.allowed or not _may_sign_in(credential, typed):
                raise Refused(Reason.SIGN_IN_FAILED)
            await succeed(shell, tried.charges)
            if credential.compromised:
                raise PasswordChangeRequired(await self._granted(credential, typed, context))
            current = await self._rehashed(place, credential, proposed) if verification.needs_rehash else credential
        finally:
            place.release()
        # The epoch is the one that was read with the compared hash: a reset in between must end this session too (F32).
        session = Session(credential_id=credential.id, session_epoch=credential.session_epoch, session_key=context.session_key)
        mark = shell.mark(credential, tried.device)
        return SignedIn(session=session, credential=current, factors=("password",), at=shell.clock.now(), device_mark=mark)

    async def holds(self, session: Session) -> bool:
        """Return whether a session still holds: one look-up, no record. For middleware and token refresh.

        Raises:
            StoreError: The store failed; treat the session as ended.
        """
        return await held_by(self._shell, session) is not None

    async def _charge(self, typed: Identifier, credential: Credential | None, context: Context) -> _Try:
        """Count this try with what was typed or the known device, with whose it is or a stand-in, and with the network, before it is compared."""
        shell, now, limits = self._shell, self._shell.clock.now(), self._shell.policy.limits
        seen_by = shell.seen_by(typed, context)
        device = seen_by.device if seen_by.device is not None and seen_by.device.is_of(credential) else None
        failures = (limits.nobody_passwords, Subject.nobody(typed)) if credential is None else (limits.password_failures, Subject.credential(credential.id))
        wanted: list[tuple[Limit, Subject]] = [failures, (limits.password_guesses, seen_by.subject)]
        if seen_by.network is not None:
            wanted.append((limits.network_passwords, seen_by.network))

        async def charge(transaction: Transaction) -> _Try:
            silent, *seen = await load_meters(shell, transaction, wanted)
            for meter in seen:
                meter.require_room(now, Reason.TOO_MANY_TRIES)
            allowed = device is not None or not silent.full(now)
            return _Try(tuple(meter.charge(transaction, now) for meter in (silent, *seen)), allowed, device)

        return await shell.transact(charge)

    async def _granted(self, credential: Credential, typed: Identifier, context: Context) -> Grant:
        """Return what sets a new password, to whoever has shown that they know the one of now."""
        registered = credential.registered(typed)
        return await Challenges(self._shell, Purpose.PASSWORD_RESET).grant_by_password(credential, registered.identifier if registered else typed, context)

    async def _rehashed(self, place: AsyncHashingPlace, credential: Credential, proposed: Secret) -> Credential:
        """Store the same password under today's parameters; a change made meanwhile wins (PW-13)."""
        try:
            stored = await self._shell.replace(credential, replace(credential, password_hash=await place.hash(proposed)))
        except (CredkitError, IdentifierTaken):
            return credential  # the old hash still verifies, and the next sign-in tries again
        return stored or credential


async def held_by(shell: Shell, session: Session) -> Credential | None:
    """Return the credential that *session* is signed in with, or `None` if the session has ended."""
    if not _is_whole(session):
        return None
    credential = await shell.get(session.credential_id)
    if credential is None or credential.disabled or credential.session_epoch != session.session_epoch:
        return None
    return credential


def _is_whole(session: object) -> bool:
    """Return whether *session* holds what a session holds; one that was read from a cookie may hold anything (REQ-D4c)."""
    return isinstance(session, Session) and _is_text(session.credential_id) and type(session.session_epoch) is int  # and so not `False`


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _hash_of(credential: Credential | None) -> str | None:
    """Return what to compare with; no local of a caller holds it, which a report of a refusal could show."""
    return None if credential is None else credential.password_hash


def _may_sign_in(credential: Credential, typed: Identifier) -> bool:
    registered = credential.registered(typed)
    return registered is not None and registered.usable and not credential.disabled


class SignIn:
    """Let a person sign in, from blocking code."""

    __slots__ = ("_flow",)

    def __init__(self, shell: Shell) -> None:
        self._flow = AsyncSignIn(shell)

    @property
    def device_cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of a device mark describes, for reading it."""
        return self._flow.device_cookie_name

    def with_password(self, identifier: IdentifierInput, password: PasswordInput, *, context: Context) -> SignedIn:
        """Return who signed in, with the session to remember.

        Raises:
            InvalidIdentifier: It is not an email address or phone number.
            Refused: SIGN_IN_FAILED for anything that does not fit, one answer for all of it; TOO_MANY_TRIES with `retry_after`.
            PasswordChangeRequired: Everything fits, but others may know the password; its `grant` sets a new one.
            Busy: Too many passwords are being hashed; nothing was counted.
        """
        return finish(self._flow.with_password(identifier, password, context=context))

    def holds(self, session: Session) -> bool:
        """Return whether a session still holds: one look-up, no record. For middleware and token refresh.

        Raises:
            StoreError: The store failed; treat the session as ended.
        """
        return finish(self._flow.holds(session))
