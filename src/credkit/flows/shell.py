"""What every journey stands on: the ports, the policy and the keys of one site, and how records are named.

Names of records: an identifier, a destination or a network key enters a name only as an HMAC under the *index* keys,
so that a dump holds no list of them to try out; while these keys are rotated, counts are read under all of them and
summed (F21). A credential's id is opaque already and enters as a plain digest, so that a year's count survives a rotation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from credkit.breaches import AsyncBreachList
from credkit.context import Context, checked
from credkit.credential import Credential, NewCredential
from credkit.devices import Device, DeviceMark, mark_device, read_mark
from credkit.errors import InvalidIdentifier, Reason
from credkit.flows.transaction import Transaction, guarded, transact
from credkit.framing import frame
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber, parse_identifier
from credkit.keys import KeyRing
from credkit.policy import Policy
from credkit.ports import (
    AsyncCredentialStore,
    AsyncDispatch,
    AsyncHashing,
    AsyncNotifier,
    AsyncPause,
    AsyncRecordStore,
    AsyncSendCheck,
    Clock,
    Entropy,
    Observer,
    Record,
)
from credkit.site import Site
from credkit.sms import allows
from credkit.tickets import encode_bytes

__all__ = ["IdentifierInput", "Seen", "Shell", "Subject"]

T = TypeVar("T")

IdentifierInput: TypeAlias = str | EmailAddress | PhoneNumber
"""An email address or phone number, as typed or already parsed."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a budget counts."""

    what: str
    text: str = field(repr=False)
    personal: bool
    """Whether the text could be tried out from a list, so that its name needs a key."""
    lasting: bool = True
    """Whether a count has to outlive a rotation of the keys, so that a personal name is looked for under each."""
    shared: bool = False
    """Whether many people use one count, so that a large one is kept in stripes."""

    @classmethod
    def credential(cls, credential_id: str) -> Subject:
        """Count a credential."""
        return cls("credential", credential_id, personal=False)

    @classmethod
    def holder(cls, credential_id: str, of: str) -> Subject:
        """Count whoever holds something *of* a credential, such as a session or an undo link."""
        return cls(f"holder:{of}", credential_id, personal=False)

    @classmethod
    def session(cls, digest: bytes | None, credential_id: str) -> Subject:
        """Count one session of a credential, by its digest; sessions that the host gives no key count as one."""
        return cls("session", f"{credential_id}/{encode_bytes(digest or b'')}", personal=False)

    @classmethod
    def identifier(cls, identifier: Identifier, what: str = "identifier") -> Subject:
        """Count an identifier, in the role *what*."""
        return cls(f"{what}:{identifier.kind}", identifier.canonical, personal=True)

    @classmethod
    def device(cls, device_id: str, what: str = "identifier") -> Subject:
        """Count a known device, in the place of the identifier in the role *what*."""
        return cls(f"device:{what}", device_id, personal=False)

    @classmethod
    def nobody(cls, identifier: Identifier) -> Subject:
        """Count what stands in for the credential of an identifier that nobody has: one name, as a credential has (TE-04)."""
        return cls(f"nobody:{identifier.kind}", identifier.canonical, personal=True, lasting=False)

    @classmethod
    def network(cls, network_key: str) -> Subject:
        """Count a network key."""
        return cls("network", network_key, personal=True, shared=True)

    @classmethod
    def site(cls) -> Subject:
        """Count what a whole site does."""
        return cls("site", "", personal=False, shared=True)

    @classmethod
    def shard(cls, number: int) -> Subject:
        """Count one part of what a whole site does."""
        return cls("site", str(number), personal=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Whom the limits count that a stranger can see."""

    subject: Subject
    """What was typed, or the device that is known for it."""
    network: Subject | None
    """The network; none for a known device, as whoever else is in its network must not stand in its way (PW-19)."""
    device: Device | None
    """The known device. Whether it is known to a credential as it is now shows only after a look-up: `Device.is_of`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shell:
    """The ports, policy and keys of one site. It stands in every frame of every flow, and a host's ports may say anything of themselves, so it says nothing."""

    records: AsyncRecordStore
    credentials: AsyncCredentialStore
    notifier: AsyncNotifier
    hashing: AsyncHashing
    dispatch: AsyncDispatch
    pause: AsyncPause
    clock: Clock
    entropy: Entropy
    codes: KeyRing
    index: KeyRing
    site: Site
    policy: Policy
    spread: timedelta
    allow_test_domains: bool = False
    breaches: AsyncBreachList | None = None
    observer: Observer | None = None
    send_check: AsyncSendCheck | None = None
    smtputf8: bool = False
    """Whether the notifier can send to addresses beyond ASCII (ID-09)."""

    async def transact(self, decide: Callable[[Transaction], Awaitable[T]], *, presumed: Mapping[str, Record | None] | None = None) -> T:
        """Run a decision; see `transaction.transact`."""
        return await transact(self.records, decide, entropy=self.entropy, pause=self.pause, presumed=presumed)

    async def find(self, identifier: Identifier) -> Credential | None:
        """See `CredentialStore.find`."""
        return await guarded(self.credentials.find(identifier))

    async def get(self, credential_id: str) -> Credential | None:
        """See `CredentialStore.get`."""
        return await guarded(self.credentials.get(credential_id))

    async def add(self, new: NewCredential, extra: object) -> Credential:
        """See `CredentialStore.add`."""
        return await guarded(self.credentials.add(new, extra))

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        """See `CredentialStore.replace`."""
        return await guarded(self.credentials.replace(old, new))

    def parse(self, text: IdentifierInput, context: Context) -> Identifier:
        """Return the identifier that was typed, or that the caller parsed already.

        Raises:
            InvalidIdentifier: It is none.
            ConfigurationError: *context* is none.
        """
        region = checked(context).region or self.site.default_region
        return parse_identifier(text, region=region, allow_test_domains=self.allow_test_domains, smtputf8=self.smtputf8)

    def parse_new(self, text: IdentifierInput, context: Context) -> Identifier:
        """Return the identifier that somebody wants to sign in with from now on; the verdict is the same whoever has it, if anybody (ID-14).

        Raises:
            InvalidIdentifier: It is none, or a number that is sent no text messages (PHONE_NOT_SUPPORTED).
            ConfigurationError: *context* is none.
        """
        new = self.parse(text, context)
        if not allows(self.policy.sms, new):
            raise InvalidIdentifier(Reason.PHONE_NOT_SUPPORTED)
        return new

    def seen_by(self, typed: Identifier, context: Context, what: str = "identifier") -> Seen:
        """Return whom the limits count that a stranger can see, where *typed* was typed in the role *what*; nothing is looked up (SI-11)."""
        device = read_mark(context.device_mark, typed, self.codes, site=self.site.id, now=self.clock.now())
        if device is not None:
            return Seen(subject=Subject.device(device.id, what), network=None, device=device)
        network = None if context.network_key is None else Subject.network(context.network_key)
        return Seen(subject=Subject.identifier(typed, what), network=network, device=None)

    def mark(self, credential: Credential, device: Device | None = None) -> DeviceMark:
        """Return the mark of the device on which *credential* has just been proved: of *device*, if it is known to it already, or of a new one."""
        device_id = device.id if device is not None and device.is_of(credential) else self.fresh_id()
        now = self.clock.now()
        until = now + self.policy.device_lifetime
        return mark_device(device_id, credential, self.codes, site=self.site.id, begun_at=now, expires_at=until, insecure=self.site.insecure)

    def kind(self, kind: str) -> str:
        """Return the name of a kind of record at this site."""
        return f"{self.site.id}/{kind}"

    def key(self, kind: str, record_id: str) -> str:
        """Return the name of one record."""
        return f"{self.site.id}/{kind}/{record_id}"

    def credential_key(self, kind: str, credential_id: str) -> str:
        """Return the name of the one record of a kind that a credential has."""
        return self.key(kind, self._digests(Subject.credential(credential_id))[0])

    def budget_keys(self, limit: str, subject: Subject) -> tuple[str, ...]:
        """Return the names of a budget's records: the first is written, the counts of all are summed."""
        return tuple(self.key("budget", f"{limit}/{digest}") for digest in self._digests(subject))

    def _digests(self, subject: Subject) -> tuple[str, ...]:
        if not subject.personal:
            return (encode_bytes(hashlib.sha256(frame("index", self.site.id, subject.what, subject.text)).digest()),)
        key_ids = self.index.ids if subject.lasting else (self.index.current,)
        return tuple(encode_bytes(self.index.mac(key_id, "index", self.site.id, subject.what, subject.text)) for key_id in key_ids)

    def session_digest(self, context: Context) -> bytes | None:
        """Return what is stored of the session a journey began in: it must be the same to go on (F23).

        Raises:
            ConfigurationError: *context* is none.
        """
        return self.digest_of_session(checked(context).session_key)

    def digest_of_session(self, session_key: str | None) -> bytes | None:
        """Return what is stored of a session key."""
        return None if session_key is None else hashlib.sha256(frame("session", self.site.id, session_key)).digest()

    def fresh_id(self) -> str:
        """Return 128 random bits as text."""
        return encode_bytes(self.entropy.token(16))

    def delivery_start(self, now: datetime) -> datetime:
        """Return a random moment within the spread from *now* (F18)."""
        grain = 1 << 20
        return now + self.spread * self.entropy.below(grain) / grain
