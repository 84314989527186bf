"""Mistakes that both type checkers must refuse. Checked, never run.

Each line carries the exact code of mypy and of pyright; a mistake that is accepted after all leaves its comments unused, and
both checkers are told to fail on those. To extend it, write the mistake, run `nox -s types`, and copy the two codes.
"""

from __future__ import annotations

from credkit import AsyncCredkit, Context, Credkit, Session, Site
from credkit.errors import Finding, FindingKind, Reason, Refused
from credkit.keys import KeyRing
from credkit.messages import Message
from credkit.secret import PasswordInput, Secret
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.testing import AsyncInbox, Inbox
from credkit.tickets import Grant, Ticket

# ------------------------------------------------------------------------------------------------------------- secrets


def a_secret_is_not_text(secret: Secret) -> None:
    len(secret)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    secret.text = ""  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    Secret(b"bytes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_secret_is_not_text_by_being_returned(secret: Secret) -> str:
    return secret  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class MySecret(Secret):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    """A wrapper that reveals itself."""


def a_number_is_no_password() -> PasswordInput:
    return 1234  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


# ---------------------------------------------------------------------------------------------------------------- keys


def keys_are_bytes_by_name() -> None:
    KeyRing("2026-11:AAAA")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    KeyRing({"2026-11": "AAAA"})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    KeyRing.parse(b"2026-11:AAAA")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    KeyRing.from_env()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# -------------------------------------------------------------------------------------------------------------- errors


def a_refusal_takes_its_details_by_name(refused: Refused) -> None:
    Refused("code_wrong")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Refused(Reason.CODE_WRONG, tries_left="3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Finding(FindingKind.TOO_SHORT)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    refused.status = 200  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


# ---------------------------------------------------------------------------------------------- what every journey asks


def a_context_is_not_forgotten(kit: Credkit, ticket: Ticket, grant: Grant, who: Session) -> None:
    kit.sign_up.begin("ada@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.sign_up.verify(ticket, "12345678")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.sign_up.complete(grant, "nine grey herons wade")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.sign_in.with_password("ada@example.com", "nine grey herons wade")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.reset.begin("ada@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.reset.resend(ticket)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.reset.complete(grant, "four loud kettles sing")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.password.change(who, "nine grey herons wade", "four loud kettles sing")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def a_context_is_named(kit: Credkit, context: Context) -> None:
    kit.reset.begin("ada@example.com", context)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.reset.begin("ada@example.com", context=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Context("203.0.113.7")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Context(network_key=4)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_ticket_is_no_grant_and_a_grant_no_ticket(kit: Credkit, ticket: Ticket, grant: Grant, context: Context) -> None:
    kit.reset.complete(ticket, "four loud kettles sing", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.reset.verify(grant, "12345678", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.sign_up.complete(ticket, "nine grey herons wade", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.sign_up.look(grant, context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_may_be_missing_is_asked_for(kit: Credkit, cookie: str | None, context: Context) -> None:
    kit.reset.verify(cookie, "12345678", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.reset.complete(cookie, "four loud kettles sing", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.reset.verify("", 12345678, context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.reset.begin(None, context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_session_is_no_text(kit: Credkit, context: Context) -> None:
    kit.sign_in.holds("ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kit.password.change("ada", "nine grey herons wade", "four loud kettles sing", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Session(credential_id="ada", session_epoch="0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Session("ada", 0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def what_was_issued_stays(ticket: Ticket, grant: Grant) -> str:
    ticket.tries_left = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    grant.expires_at = ticket.expires_at  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    return ticket.secret_text  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def an_actor_is_named(kit: Credkit) -> None:
    kit.admin.link("credential", "second-shop")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kit.admin.link("credential", "second-shop", "migration 12")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# ---------------------------------------------------------------------------------------------------------------- await


async def an_await_is_not_forgotten(kit: AsyncCredkit, ticket: Ticket, grant: Grant, who: Session, context: Context) -> None:
    kit.reset.begin("ada@example.com", context=context)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.reset.complete(grant, "four loud kettles sing", context=context)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    kit.courier.run_due()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    if kit.sign_in.holds(who):  # type: ignore[truthy-bool]  # pyright: ignore[reportUnnecessaryComparison]
        return
    grant = kit.sign_up.verify(ticket, "12345678", context=context)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


async def what_blocks_is_not_awaited(kit: Credkit, who: Session) -> None:
    await kit.sign_in.holds(who)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]


# --------------------------------------------------------------------------------------------------------------- wiring


class Forgetful:
    """A notifier that takes no message."""

    def deliver(self) -> None:
        """Deliver nothing."""


class Answering:
    """A notifier that says by a value what it should say by an exception."""

    def deliver(self, message: Message) -> bool:
        return True


def ports_are_of_the_colour_of_the_kit(site: Site, keys: KeyRing, blocking: MemoryStores, waiting: AsyncMemoryStores) -> None:
    Credkit(site=site, keys=keys, credentials=blocking.credentials, records=blocking.records, notifier=AsyncInbox())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Credkit(site=site, keys=keys, credentials=blocking.credentials, records=waiting.records, notifier=Inbox())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Credkit(site=site, keys=keys, credentials=waiting.credentials, records=blocking.records, notifier=Inbox())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncCredkit(site=site, keys=keys, credentials=waiting.credentials, records=waiting.records, notifier=Inbox())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncCredkit(site=site, keys=keys, credentials=waiting.credentials, records=blocking.records, notifier=AsyncInbox())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncCredkit(site=site, keys=keys, credentials=blocking.credentials, records=waiting.records, notifier=AsyncInbox())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_notifier_takes_a_message_and_raises(site: Site, keys: KeyRing, stores: MemoryStores) -> None:
    Credkit(site=site, keys=keys, credentials=stores.credentials, records=stores.records, notifier=Forgetful())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Credkit(site=site, keys=keys, credentials=stores.credentials, records=stores.records, notifier=Answering())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_kit_is_wired_by_name(site: Site, keys: KeyRing, stores: MemoryStores) -> None:
    Credkit(site, keys, stores.credentials, stores.records, Inbox())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Credkit(site=site, credentials=stores.credentials, records=stores.records, notifier=Inbox())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Credkit(site=site, keys=keys, credentials=stores.credentials, records=stores.records, notifier=Inbox(), deliver="task")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# ------------------------------------------------------------------- extend here: one section for each journey of the kit
