"""Sign in with a password, or with a code where the host wants that, and ask whether a session still holds.

Order, and why: a place in the gate, or `Busy` before anything is counted; then the charge; then the hash; and only a
success takes back exactly that charge (F9). An unknown identifier costs the same: same look-up, same writes, one hash (SI-01, SI-02).

Whoever guesses stands in nobody's way but their own: a known device has limits of its own, and no stop that strangers fill holds it up (PW-19).

What is still due after the right password is raised and not returned, so that a host that knows nothing of it signs nobody in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from credkit.budgets import Limit
from credkit.context import Context, Session
from credkit.credential import Credential
from credkit.devices import Device, DeviceMark, device_cookie_name
from credkit.errors import ConfigurationError, CredkitError, IdentifierTaken, PasswordRefused, Reason, Refused, SeveralAccounts
from credkit.events import Cause, EventKind
from credkit.flows.challenges import Challenges
from credkit.flows.metering import Charge, load_meters, succeed
from credkit.flows.passwords import as_typed, compare_password
from credkit.flows.shell import IdentifierInput, Shell, Subject
from credkit.flows.trails import Trail
from credkit.flows.transaction import Transaction
from credkit.identifiers import Identifier
from credkit.lifting import finish
from credkit.passwords import normalize_password
from credkit.ports import AsyncHashingPlace
from credkit.secret import PasswordInput, Secret
from credkit.tickets import Grant, Purpose, Ticket, TicketInput

__all__ = ["AsyncSignIn", "PasswordChangeRequired", "SignIn", "SignedIn", "held_by"]


_CHANNELS: Final = {"email": "email", "phone": "sms"}


class PasswordChangeRequired(Refused):
    """Everything fits, but others may know the password, so nobody was signed in. `grant` sets a new one, by ``kit.reset.complete`` (PW-05)."""

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
    """What was proved, always one factor: ``("password",)``, ``("email_code",)``, which shows who reads a mailbox and is no authenticator, or
    ``("sms_code",)``, a restricted one (NIST SP 800-63B-4 3.1.3.1 and 3.1.3.3). No phishing page is kept out by any of them (SI-03, DO-03)."""
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
        with Trail(self._shell, EventKind.SIGN_IN, context) as trail:
            return await self._by_password(trail, identifier, password, context)

    async def _by_password(self, trail: Trail, identifier: IdentifierInput, password: PasswordInput, context: Context) -> SignedIn:
        shell = self._shell
        typed = trail.typed(shell.parse(identifier, context))
        try:
            proposed = normalize_password(password)
        except PasswordRefused:
            trail.because(Cause.IMPOSSIBLE_PASSWORD)
            raise Refused(Reason.SIGN_IN_FAILED) from None  # it cannot be anybody's password, so nothing is compared
        place = shell.hashing.reserve()
        try:
            credential = await shell.find(typed)
            trail.of(_id_of(credential))
            tried = await self._charge(typed, credential, context)
            verification = await compare_password(shell, place, _hash_of(credential), proposed, tried.charges, typed=as_typed(password, proposed))
            # Whatever is missing or forbidden is looked at only now: one hash has been made in every case (PW-15).
            if credential is None or not verification.matches or not tried.allowed or not _may_sign_in(credential, typed):
                trail.because(_cause_of_failure(credential, allowed=tried.allowed, matches=verification.matches))
                raise Refused(Reason.SIGN_IN_FAILED)
            await succeed(shell, tried.charges)
            if credential.compromised:
                raise PasswordChangeRequired(await self._granted(credential, typed, context, by_password=True))
            current = await self._rehashed(place, credential, proposed) if verification.needs_rehash else credential
        finally:
            place.release()
        return self._signed_in(credential, current, "password", tried.device, context)

    def _signed_in(self, proved: Credential, current: Credential, factor: str, device: Device | None, context: Context) -> SignedIn:
        """Return what to tell. The epoch is the one that was read with the hash or the generation compared: a reset in between ends this session (F32)."""
        return SignedIn(
            session=Session(credential_id=proved.id, session_epoch=proved.session_epoch, session_key=context.session_key),
            credential=current,
            factors=(factor,),
            at=self._shell.clock.now(),
            device_mark=self._shell.mark(proved, device),
        )

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of the tickets of a sign-in by code describes, for reading it."""
        return Challenges(self._shell, Purpose.SIGN_IN).cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once somebody is signed in."""
        return Challenges(self._shell, Purpose.SIGN_IN).ended_cookie()

    async def begin(self, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to whoever signs in with *identifier*, if anybody does; the answer is the same in any case.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            InvalidIdentifier: It is not an email address or phone number.
            Refused: Too many requests for it, or from this network.
        """
        with Trail(self._shell, EventKind.SIGN_IN_BEGIN, context) as trail:
            return await self._codes.begin(identifier, context, trail)

    async def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        with Trail(self._shell, EventKind.SIGN_IN_RESEND, context, given=ticket) as trail:
            return await self._codes.resend(ticket, context, trail)

    async def look(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Return the ticket's facts for a page that is shown again; count nothing.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            Refused: Not a ticket.
        """
        return await self._codes.look(ticket, context)

    async def verify(self, ticket: TicketInput, code: str, *, context: Context) -> SignedIn:
        """Return who signed in by the right code. One code signs in once: repeated, it is CODE_USED.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            Refused: Wrong (`tries_left`), expired, used, malformed (not counted), or SIGN_IN_FAILED: the sign-in has changed since the code was sent.
            PasswordChangeRequired: Everything fits, but others may know the password; its `grant` sets a new one.
        """
        with Trail(self._shell, EventKind.SIGN_IN_VERIFY, context, given=ticket) as trail:
            return await self._by_code(trail, ticket, code, context)

    async def _by_code(self, trail: Trail, ticket: TicketInput, code: str, context: Context) -> SignedIn:
        shell, codes, now = self._shell, self._codes, self._shell.clock.now()
        token = codes.token_of_grant(await codes.verify(ticket, code, context, trail))
        try:
            proved = await shell.transact(lambda transaction: codes.spend(transaction, token, context, now))
        except Refused:
            raise Refused(Reason.CODE_USED) from None  # the other call of a double click has signed in
        credential = None if proved.credential_id is None else await shell.get(proved.credential_id)
        if credential is None or credential.generation != proved.generation or not _may_sign_in(credential, proved.identifier):
            trail.because(Cause.DISABLED if credential is not None and credential.disabled else Cause.CHANGED)
            raise Refused(Reason.SIGN_IN_FAILED)
        if credential.compromised:
            raise PasswordChangeRequired(await self._granted(credential, proved.identifier, context, by_password=False))
        device = shell.seen_by(proved.identifier, context).device
        current = await self._confirmed(credential, proved.identifier, now)
        return self._signed_in(credential, current, f"{_CHANNELS[proved.identifier.kind]}_code", device, context)

    @property
    def _codes(self) -> Challenges:
        if not self._shell.policy.sign_in_by_code:
            raise ConfigurationError(["sign-in by code is not offered: say Policy(sign_in_by_code=True) if a mailbox or a phone number is to be enough"])
        return Challenges(self._shell, Purpose.SIGN_IN)

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

    async def _granted(self, credential: Credential, typed: Identifier, context: Context, *, by_password: bool) -> Grant:
        """Return what sets a new password, to whoever has shown that they know the one of now, or read what is sent to *typed*."""
        registered = credential.registered(typed)
        identifier = registered.identifier if registered else typed
        return await Challenges(self._shell, Purpose.PASSWORD_RESET).grant_to(credential, identifier, context, by_password=by_password)

    async def _rehashed(self, place: AsyncHashingPlace, credential: Credential, proposed: Secret) -> Credential:
        """Store the same password under today's parameters; a change made meanwhile wins (PW-13)."""
        try:
            stored = await self._shell.replace(credential, replace(credential, password_hash=await place.hash(proposed)))
        except (CredkitError, IdentifierTaken):
            return credential  # the old hash still verifies, and the next sign-in tries again
        return stored or credential

    async def _confirmed(self, credential: Credential, proved: Identifier, now: datetime) -> Credential:
        """Store anew when the identifier was shown to be theirs, or a number in daily use would go stale (ID-18); a change made meanwhile wins."""
        after = credential.confirmed(proved, now)
        if after is credential:
            return credential
        try:
            return await self._shell.replace(credential, after) or credential
        except (CredkitError, IdentifierTaken):
            return credential  # they have signed in all the same, and the next time tries again


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


def _id_of(credential: Credential | None) -> str | None:
    return None if credential is None else credential.id


def _cause_of_failure(credential: Credential | None, *, allowed: bool, matches: bool) -> Cause:
    """Return why nobody was signed in: the first of what stood in the way."""
    if credential is None:
        return Cause.UNKNOWN_IDENTIFIER
    if not allowed:
        return Cause.LIMIT_OF_CREDENTIAL
    if not matches:
        return Cause.WRONG_PASSWORD
    return Cause.DISABLED if credential.disabled else Cause.UNVERIFIED


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

    @property
    def cookie_name(self) -> str:
        """The name of the cookie that `cookie()` of the tickets of a sign-in by code describes, for reading it."""
        return self._flow.cookie_name

    def ended_cookie(self) -> dict[str, Any]:
        """Return the keyword arguments of ``set_cookie`` that take that cookie away, once somebody is signed in."""
        return self._flow.ended_cookie()

    def begin(self, identifier: IdentifierInput, *, context: Context) -> Ticket:
        """Send a code to whoever signs in with *identifier*, if anybody does; the answer is the same in any case.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            InvalidIdentifier: It is not an email address or phone number.
            Refused: Too many requests for it, or from this network.
        """
        return finish(self._flow.begin(identifier, context=context))

    def resend(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Send the code again: the same one in the first half of its life, then a new one.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            Refused: Not a ticket, too soon (`retry_after`), or no more sends on this ticket.
        """
        return finish(self._flow.resend(ticket, context=context))

    def look(self, ticket: TicketInput, *, context: Context) -> Ticket:
        """Return the ticket's facts for a page that is shown again; count nothing.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            Refused: Not a ticket.
        """
        return finish(self._flow.look(ticket, context=context))

    def verify(self, ticket: TicketInput, code: str, *, context: Context) -> SignedIn:
        """Return who signed in by the right code. One code signs in once: repeated, it is CODE_USED.

        Raises:
            ConfigurationError: The policy has no sign-in by code.
            Refused: Wrong (`tries_left`), expired, used, malformed (not counted), or SIGN_IN_FAILED: the sign-in has changed since the code was sent.
            PasswordChangeRequired: Everything fits, but others may know the password; its `grant` sets a new one.
        """
        return finish(self._flow.verify(ticket, code, context=context))

    def holds(self, session: Session) -> bool:
        """Return whether a session still holds: one look-up, no record. For middleware and token refresh.

        Raises:
            StoreError: The store failed; treat the session as ended.
        """
        return finish(self._flow.holds(session))
