"""Calls that hosts make and that both type checkers must accept, under strict settings. Checked, never run.

Each function is a small host; `assert_type` pins what comes back. To extend it, add a function for a journey with its typical
calls, and to refuse.py the calls that must not pass for them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, assert_never, assert_type

from credkit import AsyncCredkit, Context, Credential, Credkit, PasswordChangeRequired, Policy, Session, Site
from credkit.credential import NewCredential
from credkit.errors import CredkitError, Field, Finding, FindingKind, InvalidIdentifier, Next, PasswordRefused, Reason, Refused
from credkit.flows.changes import Changed, Ended
from credkit.flows.courier import Delivered
from credkit.flows.sign_in import SignedIn
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber, parse_identifier
from credkit.keys import KeyRing
from credkit.messages import Message, MessageKind
from credkit.notifiers.console import AsyncConsoleNotifier, ConsoleNotifier
from credkit.ports import (
    AsyncCredentialStore,
    AsyncNotifier,
    AsyncRecordStore,
    Committed,
    CredentialStore,
    Notifier,
    Record,
    RecordStore,
    Soon,
    Write,
)
from credkit.secret import PasswordInput, Revealing, Secret, SecretValueHolder
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.stores.sqlite import AsyncSqliteStores, SqliteStores
from credkit.testing import (
    AsyncInbox,
    Inbox,
    Ports,
    Report,
    ScriptedEntropy,
    Shared,
    TestWorld,
    World,
    async_kit_for_tests,
    explore,
    kit_for_tests,
)
from credkit.testing.contracts import AsyncRecordStoreContract, ContractReport, RecordStoreContract, async_report, report
from credkit.testing.races import in_threads, widened
from credkit.tickets import Grant, Ticket

# ------------------------------------------------------------------------------------------------------------- secrets


class HostSecret:
    """A host's own wrapper in the manner of pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        return "correct horse battery staple"


def secrets_come_in_three_shapes() -> None:
    given: list[PasswordInput] = ["text", Secret("text"), HostSecret()]
    revealing: Revealing = Secret("text")
    holder: SecretValueHolder = HostSecret()
    assert_type(revealing.reveal(), str)
    assert_type(holder.get_secret_value(), str)
    assert_type(Secret("a") == Secret("b"), bool)
    assert_type(len(given), int)


# ---------------------------------------------------------------------------------------------------------------- keys


def keys_come_from_text_or_the_environment() -> None:
    assert_type(KeyRing.parse("2026-11:" + "A" * 43 + "="), KeyRing)
    assert_type(KeyRing.from_env("CREDKIT_KEYS"), KeyRing)
    assert_type(KeyRing.from_env("CREDKIT_KEYS", environ={"CREDKIT_KEYS": ""}), KeyRing)
    ring = KeyRing({"2026-11": bytes(range(32))})
    assert_type(ring.current, str)
    assert_type(ring.ids, tuple[str, ...])


# -------------------------------------------------------------------------------------------------------------- errors


def a_refusal_says_everything_a_page_needs(refused: Refused) -> None:
    assert_type(refused.reason, Reason)
    assert_type(refused.field, Field | None)
    assert_type(refused.next, Next)
    assert_type(refused.status, int)
    assert_type(refused.retry_after, timedelta | None)
    assert_type(refused.retry_seconds, int | None)
    assert_type(refused.tries_left, int | None)
    assert_type(refused.findings, tuple[Finding, ...])
    assert_type(refused.text(), str)
    assert_type(refused.text("de"), str)
    assert_type(refused.problem(), dict[str, Any])
    as_exception: Exception = refused
    for finding in refused.findings:
        assert_type(finding.kind, FindingKind)
    del as_exception


def what_can_be_mended_is_a_refusal_and_trouble_is_not(error: InvalidIdentifier | PasswordRefused | CredkitError) -> Refused | None:
    match error:
        case Refused():
            return error
        case CredkitError():
            return None


def every_next_move_is_known(move: Next) -> str:
    match move:
        case Next.RETRY:
            return "mend the field"
        case Next.BEGIN_AGAIN:
            return "start again"
        case Next.WAIT:
            return "wait"
        case Next.SUPPORT:
            return "ask"
        case Next.GO_ON:
            return "show the page"
        case _:
            assert_never(move)


# -------------------------------------------------------------------------------------------------------------- sign-up


def signing_up(kit: Credkit, context: Context, phone: PhoneNumber) -> None:
    ticket = kit.sign_up.begin("ada@example.com", context=context)
    assert_type(ticket, Ticket)
    assert_type(kit.sign_up.begin(phone, context=context), Ticket)
    assert_type(kit.sign_up.look(ticket, context=context), Ticket)
    assert_type(kit.sign_up.resend(ticket.text, context=context), Ticket)
    grant = kit.sign_up.verify(ticket, "1234 5678", context=context)
    assert_type(grant, Grant)
    assert_type(kit.sign_up.complete(grant, "nine grey herons wade", context=context), Credential)
    assert_type(kit.sign_up.complete(grant.text, HostSecret(), context=context, extra={"name": "Ada"}), Credential)


async def signing_up_with_await(kit: AsyncCredkit, context: Context) -> None:
    ticket = await kit.sign_up.begin("ada@example.com", context=context)
    assert_type(ticket, Ticket)
    assert_type(await kit.sign_up.look(ticket, context=context), Ticket)
    assert_type(await kit.sign_up.resend(ticket, context=context), Ticket)
    grant = await kit.sign_up.verify(ticket, "12345678", context=context)
    assert_type(grant, Grant)
    assert_type(await kit.sign_up.complete(grant, "nine grey herons wade", context=context, extra=None), Credential)


def what_a_browser_holds(ticket: Ticket, grant: Grant) -> None:
    assert_type(ticket.text, str)
    assert_type(ticket.expires_at, datetime)
    assert_type(ticket.resend_at, datetime)
    assert_type(ticket.label, str)
    assert_type(ticket.masked, str)
    assert_type(ticket.tries_left, int)
    set_cookie(**ticket.cookie())
    set_cookie(**grant.cookie())
    assert_type(ticket.public(), dict[str, Any])
    assert_type(grant.public(), dict[str, Any])
    assert_type(grant.expires_at, datetime)


def set_cookie(
    key: str, value: str = "", *, max_age: int | None = None, path: str = "/", secure: bool = False, httponly: bool = False, samesite: str = ""
) -> None:
    """What Django's, Starlette's and Werkzeug's share."""


# -------------------------------------------------------------------------------------------------------------- sign-in


def signing_in(kit: Credkit, context: Context) -> None:
    signed_in = kit.sign_in.with_password("+1 415 555 2671", HostSecret(), context=context)
    assert_type(signed_in, SignedIn)
    assert_type(signed_in.session, Session)
    assert_type(signed_in.credential, Credential)
    assert_type(signed_in.account, str | None)
    assert_type(signed_in.factors, tuple[str, ...])
    assert_type(signed_in.at, datetime)
    try:
        kit.sign_in.with_password("ada@example.com", "nine grey herons wade", context=context)
    except PasswordChangeRequired as due:
        assert_type(due.grant, Grant)
        assert_type(kit.reset.complete(due.grant, "four loud kettles sing", context=context), Changed)
    kept = {"id": signed_in.session.credential_id, "epoch": str(signed_in.session.session_epoch)}
    assert_type(kit.sign_in.holds(Session(credential_id=kept["id"], session_epoch=int(kept["epoch"]))), bool)


async def signing_in_with_await(kit: AsyncCredkit, context: Context) -> None:
    signed_in = await kit.sign_in.with_password("ada@example.com", "nine grey herons wade", context=context)
    assert_type(signed_in, SignedIn)
    assert_type(await kit.sign_in.holds(signed_in.session), bool)


# ------------------------------------------------------------------------------------------------------- password reset


def resetting(kit: Credkit, context: Context, email: EmailAddress) -> None:
    ticket = kit.reset.begin(email, context=context)
    assert_type(ticket, Ticket)
    assert_type(kit.reset.look(ticket, context=context), Ticket)
    assert_type(kit.reset.resend(ticket, context=context), Ticket)
    grant = kit.reset.verify(ticket.text, "12345678", context=context)
    assert_type(grant, Grant)
    changed = kit.reset.complete(grant, Secret("four loud kettles sing"), context=context)
    assert_type(changed, Changed)
    assert_type(changed.credential, Credential)
    assert_type(changed.session_epoch, int)
    assert_type(changed.ended, Ended)


async def resetting_with_await(kit: AsyncCredkit, context: Context) -> None:
    ticket = await kit.reset.begin("ada@example.com", context=context)
    assert_type(await kit.reset.look(ticket, context=context), Ticket)
    assert_type(await kit.reset.resend(ticket, context=context), Ticket)
    grant = await kit.reset.verify(ticket, "12345678", context=context)
    assert_type(await kit.reset.complete(grant, "four loud kettles sing", context=context), Changed)


# ------------------------------------------------------------------------------------------------------ password change


def changing(kit: Credkit, who: Session, context: Context) -> None:
    assert_type(kit.password.change(who, "nine grey herons wade", HostSecret(), context=context), Changed)
    assert_type(kit.password.findings("four loud kettles sing"), tuple[Finding, ...])
    assert_type(kit.password.findings("four loud kettles sing", identifiers=["ada@example.com"]), tuple[Finding, ...])


async def changing_with_await(kit: AsyncCredkit, who: Session, context: Context) -> None:
    assert_type(await kit.password.change(who, "nine grey herons wade", "four loud kettles sing", context=context), Changed)
    assert_type(await kit.password.findings("four loud kettles sing"), tuple[Finding, ...])


# ------------------------------------------------------------------------------------------- courier and administration


def delivering(kit: Credkit) -> None:
    delivered = kit.courier.run_due(limit=10)
    assert_type(delivered, Delivered)
    assert_type(delivered.sent + delivered.failed + delivered.kept + delivered.dropped, int)
    assert_type(kit.purge(limit=10), int)
    assert_type(kit.close(), None)
    with kit as entered:
        assert_type(entered, Credkit)


async def delivering_with_await(kit: AsyncCredkit) -> None:
    assert_type(await kit.courier.run_due(), Delivered)
    assert_type(await kit.purge(), int)
    async with kit as entered:
        assert_type(entered, AsyncCredkit)


def administering(kit: Credkit, credential: Credential) -> None:
    assert_type(kit.admin.link(credential.id, "second-shop", actor="migration 12"), Credential)


async def administering_with_await(kit: AsyncCredkit, credential: Credential) -> None:
    assert_type(await kit.admin.link(credential.id, "second-shop", actor="migration 12"), Credential)


# -------------------------------------------------------------------------------------------- a host's stores and notifier


class HostRecords:
    """A record store as a host writes it: plain methods, no base class."""

    def load(self, keys: Sequence[str]) -> dict[str, Record]:
        return dict[str, Record]()

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return Committed(done=not checks and not writes, current={})

    def due(self, kind: str, now: datetime, limit: int) -> list[Record]:
        return []

    def purge(self, now: datetime, limit: int) -> int:
        return 0


class AsyncHostRecords:
    """The same with `async def`."""

    async def load(self, keys: Sequence[str]) -> dict[str, Record]:
        return dict[str, Record]()

    async def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        return Committed(done=not checks and not writes, current={})

    async def due(self, kind: str, now: datetime, limit: int) -> list[Record]:
        return []

    async def purge(self, now: datetime, limit: int) -> int:
        return 0


class HostCredentials:
    """A credential store as a host writes it."""

    def find(self, identifier: Identifier) -> Credential | None:
        return None

    def get(self, credential_id: str) -> Credential | None:
        return None

    def add(self, new: NewCredential, extra: object) -> Credential:
        raise NotImplementedError

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        return None


class AsyncHostCredentials:
    """The same with `async def`."""

    async def find(self, identifier: Identifier) -> Credential | None:
        return None

    async def get(self, credential_id: str) -> Credential | None:
        return None

    async def add(self, new: NewCredential, extra: object) -> Credential:
        raise NotImplementedError

    async def replace(self, old: Credential, new: Credential) -> Credential | None:
        return None


class HostNotifier:
    """A notifier in five lines."""

    def deliver(self, message: Message) -> None:
        assert_type(message.kind, MessageKind)
        assert_type(message.to.address, str)
        assert_type(message.to.kind == "phone", bool)
        assert_type(message.code, Secret | None)
        assert_type((message.subject, message.text, message.id), tuple[str, str, str])


class AsyncHostNotifier:
    """The same with `async def`."""

    async def deliver(self, message: Message) -> None:
        HostNotifier().deliver(message)


def a_host_wires_its_own(site: Site, keys: KeyRing) -> Credkit:
    records: RecordStore = HostRecords()
    credentials: CredentialStore = HostCredentials()
    notifier: Notifier = HostNotifier()
    kit = Credkit(site=site, keys=keys, credentials=credentials, records=records, notifier=notifier, policy=Policy(grant_tries=5), deliver="manual")
    assert_type(kit.at(Site(name="Other", url="https://other.example", support="help", id="other"), credentials=credentials, notifier=notifier), Credkit)
    return Credkit(site=site, keys=keys, credentials=HostCredentials(), records=HostRecords(), notifier=HostNotifier(), deliver=lambda run: run())


def a_host_wires_its_own_with_await(site: Site, keys: KeyRing) -> AsyncCredkit:
    records: AsyncRecordStore = AsyncHostRecords()
    credentials: AsyncCredentialStore = AsyncHostCredentials()
    notifier: AsyncNotifier = AsyncHostNotifier()
    kit = AsyncCredkit(site=site, keys=keys, credentials=credentials, records=records, notifier=notifier, deliver="task")
    assert_type(kit.at(site, credentials=credentials, notifier=notifier), AsyncCredkit)

    def later(run: Callable[[], Soon[Delivered]]) -> None:
        """Keep it for a worker of the host's."""

    return AsyncCredkit(site=site, keys=keys, credentials=credentials, records=records, notifier=notifier, deliver=later)


def the_stores_and_notifiers_that_come_with_it_fit(site: Site, keys: KeyRing, on_disk: SqliteStores, in_memory: MemoryStores) -> None:
    Credkit(site=site, keys=keys, credentials=on_disk.credentials, records=on_disk.records, notifier=ConsoleNotifier())
    Credkit(site=site, keys=keys, credentials=in_memory.credentials, records=in_memory.records, notifier=Inbox())
    assert_type(SqliteStores("host.sqlite3").create(), SqliteStores)


async def those_for_await_fit(site: Site, keys: KeyRing, on_disk: AsyncSqliteStores, in_memory: AsyncMemoryStores) -> None:
    AsyncCredkit(site=site, keys=keys, credentials=on_disk.credentials, records=on_disk.records, notifier=AsyncConsoleNotifier())
    AsyncCredkit(site=site, keys=keys, credentials=in_memory.credentials, records=in_memory.records, notifier=AsyncInbox())
    assert_type(await AsyncSqliteStores("host.sqlite3").create(), AsyncSqliteStores)


# ---------------------------------------------------------------------------------------------------- identifiers and tests


def identifiers_are_of_two_kinds(typed: str) -> str:
    identifier = parse_identifier(typed, region="US")
    assert_type(identifier, EmailAddress | PhoneNumber)
    match identifier:
        case EmailAddress():
            return identifier.canonical
        case PhoneNumber():
            return identifier.masked


async def a_test_world_says_what_it_holds() -> None:
    world = kit_for_tests(records=HostRecords(), credentials=HostCredentials())
    assert_type(world.kit, Credkit)
    assert_type(world.inbox.last_code("ada@example.com"), str)
    assert_type(world.clock.advance(minutes=10), datetime)
    assert_type(world.add("ada@example.com", password="nine grey herons wade"), Credential)
    other = async_kit_for_tests()
    assert_type(other.kit, AsyncCredkit)
    assert_type(await other.add("ada@example.com", password="nine grey herons wade"), Credential)


class HostRecordsContract(RecordStoreContract):
    """A host's contract test."""

    def another(self, store: RecordStore) -> RecordStore:
        return HostRecords()

    @contextmanager
    def callers_transaction(self, store: RecordStore) -> Generator[None, None, None]:
        yield


async def what_a_host_tests_with_is_typed() -> None:
    assert_type(report(HostRecordsContract, HostRecords), ContractReport)
    assert_type((await async_report(AsyncRecordStoreContract, AsyncHostRecords)).holds, bool)
    assert_type(in_threads([HostRecords]), list[HostRecords | Exception])
    assert_type(kit_for_tests().using(widened(MemoryStores())), TestWorld)
    kit_for_tests(entropy=ScriptedEntropy(["12345678"])).inbox.assert_sent("reset_code", to="ada@example.com")


async def _take_a_seat(ports: Ports) -> bool:
    left: int = await ports.step("look", lambda shared: int(shared.extra["seats"]))
    return left > 0


def _nothing_is_wrong(shared: Shared, results: Sequence[Any]) -> None:
    assert_type(shared.extra["seats"], Any)


def exploring_is_typed() -> None:
    world = World(shared=Shared(extra={"seats": 1}), flows={"Ada": _take_a_seat, "Bob": _take_a_seat}, check=_nothing_is_wrong)
    assert_type(explore(world, faults=1), Report)


# ------------------------------------------------------------------- extend here: one section for each journey of the kit
