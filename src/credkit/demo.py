"""A walk through the journeys on one terminal: sign up, sign in, forget, reset, sign in again. The same walk by hand and by script.

Everything is real: a SQLite file, Argon2id at full cost, codes with a key of their own. Only the messages go no further
than this screen.
"""

from __future__ import annotations

import getpass
import io
import re
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

from credkit.context import Context
from credkit.errors import Reason, Refused
from credkit.flows.sign_in import SignedIn
from credkit.keys import KEY_BYTES, KeyRing
from credkit.kit import Credkit
from credkit.messages import Message
from credkit.notifiers.console import ConsoleNotifier
from credkit.ports import Notifier, SystemEntropy
from credkit.site import Site
from credkit.stores.sqlite import SqliteStores
from credkit.tickets import Ticket

__all__ = ["script", "walk"]

T = TypeVar("T")

_CONTEXT = Context(device="this terminal", session_key="demo")


def _kit(path: Path, notifier: Notifier, region: str | None) -> Credkit:
    stores = SqliteStores(path).create()
    return Credkit(
        site=Site(name="Example", url="https://example.com", support="help@example.com", default_region=region),
        keys=_keys(path.with_suffix(".keys")),
        credentials=stores.credentials,
        records=stores.records,
        notifier=notifier,
        deliver=lambda run: run(),  # at once and in place, so that the message is on the screen before the question
    )


def _keys(path: Path) -> KeyRing:
    """Return the demo's keys, kept beside its data. A real host keeps them apart from the data."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(SystemEntropy().token(KEY_BYTES))
    return KeyRing({"demo": path.read_bytes()})


def _folder(path: Path | None) -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(prefix="credkit-demo-") if path is None else nullcontext(str(path.parent))


# By hand ---------------------------------------------------------------------------------------------------------------


def walk(path: Path | None, region: str | None) -> int:
    """Walk through the journeys, asking on the terminal; return the exit status."""
    with _folder(path) as folder:
        kit = _kit(path or Path(folder) / "demo.sqlite", ConsoleNotifier(), region)
        print("This is credkit, with real limits and real hashing. Messages appear here, framed. Stop with Ctrl-C.")
        try:
            _walk(kit)
        except EOFError:
            print("\nStopped.")
            return 1
    return 0


def _walk(kit: Credkit) -> None:
    print("\n1. Sign up. You need an email address or a mobile number; nothing is sent anywhere.")
    typed = _until_done(lambda: _sign_up(kit))
    print("\n2. Sign in with it.")
    _until_done(lambda: _sign_in(kit))
    print("\n3. Now you have forgotten the password.")
    _until_done(lambda: _reset(kit, typed))
    print("\n4. Sign in with the new password.")
    signed_in = _until_done(lambda: _sign_in(kit))
    print(f"\nDone. Signed in to account {signed_in.account}, with {', '.join(signed_in.factors)}.")


def _sign_up(kit: Credkit) -> str:
    typed, ticket = _ask("Email or mobile number: ", lambda text: (text, kit.sign_up.begin(text, context=_CONTEXT)))
    grant = _code(ticket, lambda code: kit.sign_up.verify(ticket, code, context=_CONTEXT), lambda: kit.sign_up.resend(ticket, context=_CONTEXT))
    _new_password(lambda password: kit.sign_up.complete(grant, password, context=_CONTEXT))
    print("You have a sign-in.")
    return typed


def _sign_in(kit: Credkit) -> SignedIn:
    typed = input("Email or mobile number: ")
    password = getpass.getpass("Password (hidden): ")
    return kit.sign_in.with_password(typed, password, context=_CONTEXT)


def _reset(kit: Credkit, typed: str) -> None:
    text = input(f"Email or mobile number [{typed}]: ") or typed
    ticket = kit.reset.begin(text, context=_CONTEXT)
    grant = _code(ticket, lambda code: kit.reset.verify(ticket, code, context=_CONTEXT), lambda: kit.reset.resend(ticket, context=_CONTEXT))
    _new_password(lambda password: kit.reset.complete(grant, password, context=_CONTEXT))
    print("The new password is active at once. Every session has ended, and every verified address has been told.")


def _code(ticket: Ticket, verify: Callable[[str], T], resend: Callable[[], Ticket]) -> T:
    print(f"If {ticket.masked} can get one, a code is on its way (request {ticket.label}). Type it, or an empty line to have it sent again.")

    def answer(text: str) -> T:
        while not text.strip():
            resend()
            text = input("Code: ")
        return verify(text)

    return _ask("Code: ", answer)


def _new_password(accept: Callable[[str], object]) -> None:
    def twice(first: str) -> object:
        if getpass.getpass("The same again (hidden): ") != first:
            print("  These are not the same.")
            return _ask("New password (hidden): ", twice, getpass.getpass)
        return accept(first)

    _ask("New password (hidden): ", twice, getpass.getpass)


def _ask(prompt: str, use: Callable[[str], T], read: Callable[[str], str] = input) -> T:
    """Ask until the answer is accepted; a refusal that a better answer can mend is shown, others end the journey."""
    while True:
        try:
            return use(read(prompt))
        except Refused as refused:
            _show(refused)
            if refused.next == "begin_again":
                raise


def _until_done(journey: Callable[[], T]) -> T:
    while True:
        try:
            return journey()
        except Refused as refused:
            if refused.next != "begin_again":
                _show(refused)


def _show(refused: Refused) -> None:
    tries = "" if refused.tries_left is None else f" {refused.tries_left} tries left."
    wait = "" if refused.retry_seconds is None else f" In {refused.retry_seconds} seconds."
    print(f"  {refused.text()}{tries}{wait}  [{refused.reason}]")


# By script -------------------------------------------------------------------------------------------------------------


class _Mailbox:
    """Shows each message as the walk does, and lets the script read the code off it as a person would."""

    def __init__(self) -> None:
        self.shown = io.StringIO()
        self._console = ConsoleNotifier(self.shown)

    def deliver(self, message: Message) -> None:
        before = self.shown.tell()
        self._console.deliver(message)
        self.shown.seek(before)
        print("\n".join(f"    {line}" for line in self.shown.read().strip("\n").split("\n")))

    def code(self) -> str:
        """Return the newest code, as it is grouped in an email or as it begins a text message."""
        codes: list[str] = re.findall(r"\d{4} \d{4}$|(?<=: )\d{8}(?= is)", self.shown.getvalue(), re.MULTILINE)
        return codes[-1]


class _Failed(Exception):
    """A step did not do what it should."""


def script(path: Path | None) -> int:
    """Run the walk unattended and print every step; return 1 as soon as one does not do what it should."""
    with _folder(path) as folder:
        mailbox = _Mailbox()
        try:
            _script(_kit(path or Path(folder) / "demo.sqlite", mailbox, "US"), mailbox)
        except (_Failed, Refused) as failure:
            print(f"FAILED: {failure}")
            return 1
    print("All steps did what they should.")
    return 0


def _script(kit: Credkit, mailbox: _Mailbox) -> None:
    email, phone = "Ada.Lovelace@example.com", "(415) 555-2671"
    first, second = "nine grey herons wade", "four loud kettles sing"

    _step("an email address that is not one is refused, with the reason")
    _refused(Reason.EMAIL_INVALID, lambda: kit.sign_up.begin("ada@", context=_CONTEXT))
    _step(f"sign up with {email}")
    ticket = kit.sign_up.begin(email, context=_CONTEXT)
    grant = kit.sign_up.verify(ticket, mailbox.code(), context=_CONTEXT)
    _step("a password that is too short and too common is refused, and the grant stays good")
    _refused(Reason.PASSWORD_REFUSED, lambda: kit.sign_up.complete(grant, "password1", context=_CONTEXT))
    credential = kit.sign_up.complete(grant, first, context=_CONTEXT)
    _step("link a second account of the host to the same sign-in")
    linked = kit.admin.link(credential.id, "second-shop", actor="demo")
    _require(len(linked.accounts) == 2, "the sign-in serves two accounts")
    _step("sign in, with the address typed in other capitals")
    before = kit.sign_in.with_password("ADA.lovelace@EXAMPLE.com", first, context=_CONTEXT)
    _step("a wrong password is refused")
    _refused(Reason.SIGN_IN_FAILED, lambda: kit.sign_in.with_password(email, second, context=_CONTEXT))

    _step(f"somebody else signs up with {phone}, and its code is typed on the wrong ticket")
    reset_ticket = kit.reset.begin(email, context=_CONTEXT)
    reset_code = mailbox.code()
    other_ticket = kit.sign_up.begin(phone, context=_CONTEXT)
    other_code = mailbox.code()
    _refused(Reason.CODE_WRONG, lambda: kit.reset.verify(reset_ticket, other_code, context=_CONTEXT))
    _refused(Reason.TICKET_INVALID, lambda: kit.reset.verify(other_ticket, other_code, context=_CONTEXT))

    _step("the right code on its own ticket")
    reset_grant = kit.reset.verify(reset_ticket, reset_code, context=_CONTEXT)
    _step("the current password is refused as the new one")
    _refused(Reason.PASSWORD_REFUSED, lambda: kit.reset.complete(reset_grant, first, context=_CONTEXT))
    _step("set a new password")
    changed = kit.reset.complete(reset_grant, second, context=_CONTEXT)
    _require(changed.credential.accounts == linked.accounts, "it holds for both accounts")
    _step("the same call again, as after a lost reply, says the same; another password with the same grant is refused")
    again = kit.reset.complete(reset_grant, second, context=_CONTEXT)
    _require(again.session_epoch == changed.session_epoch, "nothing was changed twice")
    _refused(Reason.GRANT_USED, lambda: kit.reset.complete(reset_grant, "six brown otters swim", context=_CONTEXT))

    _step("the old password is refused, the old session has ended, the new password works for both accounts")
    _refused(Reason.SIGN_IN_FAILED, lambda: kit.sign_in.with_password(email, first, context=_CONTEXT))
    _require(not kit.sign_in.holds(before.session), "the old session has ended")
    signed_in = kit.sign_in.with_password(email, second, context=_CONTEXT)
    for account in linked.accounts:
        _require(account in signed_in.credential.accounts, f"signed in to account {account[:12]}")

    _step("change the password while signed in; this session goes on under the new epoch")
    change = kit.password.change(signed_in.session, second, first, context=_CONTEXT)
    _require(change.session_epoch == signed_in.session.session_epoch + 1, "all other sessions have ended")
    _step("nobody can tell whether an address has a sign-in: the answer to a stranger is the same, and nothing is sent")
    sent_before = mailbox.shown.getvalue()
    stranger = kit.reset.begin("nobody@example.com", context=_CONTEXT)
    _require(mailbox.shown.getvalue() == sent_before, "nothing was sent")
    _refused(Reason.CODE_WRONG, lambda: kit.reset.verify(stranger, "12345678", context=_CONTEXT))


def _step(text: str) -> None:
    print(f"\n* {text}")


def _require(holds: bool, text: str) -> None:  # noqa: FBT001  # reads as a sentence where it is used
    if not holds:
        raise _Failed(text)
    print(f"    ok: {text}")


def _refused(reason: Reason, call: Callable[[], object]) -> None:
    try:
        call()
    except Refused as refused:
        if refused.reason is not reason:
            raise _Failed(f"refused with {refused.reason} where {reason} was due") from refused
        print(f"    ok: refused: {refused.text()}")
        return
    raise _Failed(f"not refused; {reason} was due")
