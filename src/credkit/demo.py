"""A walk through the journeys on one terminal: sign up, sign in, forget, reset, change how one signs in. The same walk by hand and by script.

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
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from credkit.approvals import State
from credkit.context import Context, Session
from credkit.edits import AddIdentifier, ChangeIdentifier, Shown
from credkit.errors import Next, Reason, Refused
from credkit.flows.password_reset import PasswordReset
from credkit.flows.sign_in import SignedIn
from credkit.flows.sign_up import SignUp
from credkit.keys import KEY_BYTES, KeyRing
from credkit.kit import Credkit
from credkit.messages import Message
from credkit.notifiers.console import ConsoleNotifier
from credkit.policy import Policy
from credkit.ports import Notifier, SystemEntropy
from credkit.site import Paths, Site
from credkit.sms import SmsPolicy
from credkit.stores.sqlite import SqliteStores
from credkit.tickets import Asked, EditWindow, Grant, Ticket

__all__ = ["script", "walk"]

T = TypeVar("T")

_CONTEXT = Context(device="this terminal", session_key="demo")
_OTHER_DEVICE = Context(device="another device")
_EMAIL, _NUMBER = "Ada.Lovelace@example.com", "+14155552672"
_PATHS = Paths(approve="/security/approve", undo="/security/undo")


def _kit(path: Path, notifier: Notifier, region: str | None) -> Credkit:
    stores = SqliteStores(path).create()
    return Credkit(
        site=Site(name="Example", url="https://example.com", support="help@example.com", default_region=region, paths=_PATHS),
        keys=_keys(path.with_name(f"{path.name}.keys")),
        credentials=stores.credentials,
        records=stores.records,
        notifier=notifier,
        policy=Policy(sms=SmsPolicy(regions="anywhere", per_day="uncapped")),  # they are shown on the screen, and cost nothing
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

_BACK = "back"


class _Back(Exception):
    """The person wants to begin this step again."""


def walk(path: Path | None, region: str | None) -> int:
    """Walk through the journeys, asking on the terminal; return the exit status."""
    known = path is not None and path.exists()
    with _folder(path) as folder:
        kit = _kit(path or Path(folder) / "demo.sqlite", ConsoleNotifier(), region)
        print("This is credkit with real limits and real hashing. Its messages appear here in a frame, and nothing is sent anywhere.")
        print("Mistakes are welcome: each is answered with the reason a page would show, and its name in square brackets. Ctrl-C stops.")
        try:
            _walk(kit, known=known)
        except EOFError:
            print("\nStopped.")
            return 1
        except KeyboardInterrupt:
            print("\nStopped.")
            return 130
    return 0


def _walk(kit: Credkit, *, known: bool) -> None:
    print("\n1. Sign up, with any email address or mobile number.")
    typed = _until_done(lambda: _sign_up(kit, known=known))
    print("\n2. Sign in.")
    _until_done(lambda: _sign_in(kit, typed, when_closed="Wrong passwords never close the way back in, so let us go on."))
    print("\n3. Suppose you have forgotten the password: reset it.")
    used = _until_done(lambda: _reset(kit, typed))
    print("\n4. Sign in with the new password.")
    signed_in = _until_done(lambda: _sign_in(kit, used, when_closed="The new password is set all the same, and will work then."))
    if signed_in is not None:
        print("\n5. Change how you sign in: add an email address or mobile number. You approve that on another device.")
        _until_done(lambda: _settings(kit, signed_in.session))
        print(f"\nDone. You are signed in to account {' and account '.join(signed_in.credential.accounts)}, by {', '.join(signed_in.factors)}.")


def _sign_up(kit: Credkit, *, known: bool) -> str:
    if known:
        print("This file is from an earlier walk. If you signed up then, an empty line goes on to step 2.")

    def begin(text: str) -> tuple[str, Ticket] | None:
        return None if known and not text.strip() else (text.strip(), kit.sign_up.begin(text, context=_CONTEXT))

    begun = _ask("Email or mobile number: ", begin)
    if begun is None:
        return ""
    typed, ticket = begun
    grant = _code(kit, kit.sign_up, ticket)
    print(f"That was right, so it is yours. Now choose a password. {kit.policy.password.describe()}")
    _new_password(lambda password: kit.sign_up.complete(grant, password, context=_CONTEXT))
    print("You have signed up.")
    return typed


def _sign_in(kit: Credkit, typed: str, *, when_closed: str) -> SignedIn | None:
    """Sign in; return `None` after so many wrong passwords that one would have to wait."""
    text = _identifier(typed)
    try:
        signed_in = kit.sign_in.with_password(text, getpass.getpass("Password (not shown as you type): "), context=_CONTEXT)
    except Refused as refused:
        if refused.reason is not Reason.TOO_MANY_TRIES:
            raise
        _show(refused)
        print(when_closed)
        return None
    print("You are signed in.")
    return signed_in


def _reset(kit: Credkit, typed: str) -> str:
    text = _identifier(typed)
    ticket = kit.reset.begin(text, context=_CONTEXT)
    grant = _code(kit, kit.reset, ticket)
    print(f"That was right. Now choose a new password. {kit.policy.password.describe()}")
    _new_password(lambda password: kit.reset.complete(grant, password, context=_CONTEXT))
    print("The new password works at once. Whoever was signed in has been signed out, and every verified address or number has been told.")
    return text


def _settings(kit: Credkit, who: Session) -> None:
    """Add an identifier: asked here, approved or denied as if on another device, confirmed here."""

    def ask(text: str) -> tuple[str, Asked] | None:
        return (text.strip(), kit.settings.request(who, [AddIdentifier(text.strip())], context=_CONTEXT)) if text.strip() else None

    asked = _ask("New email or mobile number (an empty line leaves this out): ", ask)
    if asked is None:
        return
    text, ticket = asked
    code = kit.settings.status(who, ticket).match_code
    print(f"This page waits, and shows the number {code} for request {ticket.label}. The link went to {ticket.masked}; tell the number to nobody.")
    print('Now you are on the other device. Paste the link from the message, or "deny" and the link.')
    if _ask("Link: ", lambda answer: _answered(kit, answer)):
        window = kit.settings.open(who, ticket, context=_CONTEXT)
        _confirm(kit, who, window, text)
        listed = kit.settings.done(who, window)
        print(f"Done. You sign in with {' and '.join(view.identifier.entered for view in listed.identifiers)} now; all of them have been told.")


def _answered(kit: Credkit, answer: str) -> bool:
    """Show what the link is about, and approve or deny it; return whether it was approved."""
    denied, link = answer.strip().startswith("deny"), answer.rsplit(maxsplit=1)[-1] if answer.split() else ""
    try:
        review = kit.settings.review(link)
    except Refused as refused:
        _show(refused)
        return _ask("Link: ", lambda again: _answered(kit, again))
    print(f"  Request {review.label}, from {review.device or 'an unknown device'}: {_lines(review.changes)}")
    if denied:
        kit.settings.deny(link, context=_OTHER_DEVICE)
        print("Denied. Nothing was changed, and nothing can be changed with that request any more.")
        return False
    _ask("The number that is shown on the page that waits: ", lambda typed: kit.settings.approve(link, typed, context=_OTHER_DEVICE))
    print("Approved. Back to the page that waited.")
    return True


def _confirm(kit: Credkit, who: Session, window: EditWindow, text: str) -> None:
    ticket = kit.settings.add_identifier(who, window, text, context=_CONTEXT)
    print(f"A code went to {ticket.masked}: it becomes yours when the code has come back.")
    _ask("Code: ", lambda code: kit.settings.confirm_identifier(who, window, ticket, code, context=_CONTEXT))


def _lines(changes: tuple[Shown, ...] | None) -> str:
    if changes is None:
        return "settings in general"
    return "; ".join(f"{line.what} {' to '.join(filter(None, (line.old, line.new)))}".strip() for line in changes)


def _identifier(typed: str) -> str:
    shown = f" [{typed}]" if typed else ""
    return input(f"Email or mobile number{shown}: ").strip() or typed


def _code(kit: Credkit, journey: SignUp | PasswordReset, ticket: Ticket) -> Grant:
    print(f"If {ticket.masked} can get a code, it is in a message that speaks of request {ticket.label}. No page would tell you more.")
    print(f'Type the code. An empty line has it sent again, a minute after the last message; "{_BACK}" begins this step again.')

    def answer(text: str) -> Grant:
        while not text.strip():
            kit.courier.run_due()  # a message that had to wait may be due by now
            journey.resend(ticket, context=_CONTEXT)
            print("  Sent again, if anybody can get it.")
            text = input("Code: ")
        if text.strip().lower() == _BACK:
            raise _Back
        return journey.verify(ticket, text, context=_CONTEXT)

    return _ask("Code: ", answer)


def _new_password(accept: Callable[[str], object]) -> None:
    def twice(first: str) -> object:
        while getpass.getpass("The same again (not shown): ") != first:
            print("  The two are not the same.")
            first = getpass.getpass("New password (not shown as you type): ")
        return accept(first)

    _ask("New password (not shown as you type): ", twice, getpass.getpass)


def _ask(prompt: str, use: Callable[[str], T], read: Callable[[str], str] = input) -> T:
    """Ask until the answer is accepted; a refusal that a better answer can mend is shown, others end the journey."""
    while True:
        try:
            return use(read(prompt))
        except Refused as refused:
            if refused.next is Next.BEGIN_AGAIN:
                raise
            _show(refused)


def _until_done(journey: Callable[[], T]) -> T:
    while True:
        try:
            return journey()
        except Refused as refused:
            _show(refused)
        except _Back:
            pass


def _show(refused: Refused) -> None:
    tries = "" if refused.tries_left is None else f" ({refused.tries_left} more {'try' if refused.tries_left == 1 else 'tries'}.)"
    wait = "" if refused.retry_seconds is None else f" ({refused.retry_seconds} seconds to wait.)"
    print(f"  {refused.text()}{tries}{wait} [{refused.reason}]")


# By script -------------------------------------------------------------------------------------------------------------


class _Mailbox:
    """Shows each message as the walk does, and lets the script read the code off it as a person would."""

    def __init__(self) -> None:
        self.shown = io.StringIO()
        self._console = ConsoleNotifier(self.shown)
        self._links: dict[str, str] = {}

    def deliver(self, message: Message) -> None:
        before = self.shown.tell()
        self._console.deliver(message)
        self.shown.seek(before)
        found = re.search(r"https://\S+#\S+", self.shown.read())
        if found is not None:
            self._links[message.to.address] = found[0]
        self.shown.seek(before)
        print("\n".join(f"    {line}" for line in self.shown.read().strip("\n").split("\n")))

    def code(self) -> str:
        """Return the newest code, as it is grouped in an email or as it begins a text message."""
        codes: list[str] = re.findall(r"\d{4} \d{4}$|(?<=: )\d{8}(?= is)", self.shown.getvalue(), re.MULTILINE)
        if not codes:
            raise _Failed("no message with a code came")
        return codes[-1]

    def link(self, to: str) -> str:
        """Return the newest link that went there."""
        if to not in self._links:
            raise _Failed("no message with a link came")
        return self._links[to]


class _Failed(Exception):
    """A step did not do what it should."""


def script(path: Path | None) -> int:
    """Run the walk unattended and print every step; return 1 as soon as one does not do what it should."""
    if path is not None and path.exists():
        print(f"FAILED: {path} exists. The script starts from nothing; name a file that is not there yet.")
        return 1
    with _folder(path) as folder:
        mailbox = _Mailbox()
        try:
            _script(_kit(path or Path(folder) / "demo.sqlite", mailbox, "US"), mailbox)
        except _Failed as failure:
            print(f"    FAILED: {failure}")
            return 1
        except Refused as refused:
            print(f"    FAILED: refused, which was not due: {refused.text()} [{refused.reason}]")
            return 1
    print("\nAll steps did what they should.")
    return 0


def _script(kit: Credkit, mailbox: _Mailbox) -> None:
    email, phone = _EMAIL, "(415) 555-2671"
    first, second, third = "nine grey herons wade", "four loud kettles sing", "six brown otters swim"

    _step("Somebody types half an email address.")
    _refused("half an address", Reason.EMAIL_INVALID, lambda: kit.sign_up.begin("ada@", context=_CONTEXT))
    _step(f"Ada signs up with {email}. The code is sent there.")
    ticket = kit.sign_up.begin(email, context=_CONTEXT)
    grant = kit.sign_up.verify(ticket, mailbox.code(), context=_CONTEXT)
    _refused("a password that is too short and too common", Reason.PASSWORD_REFUSED, lambda: kit.sign_up.complete(grant, "password1", context=_CONTEXT))
    credential = kit.sign_up.complete(grant, first, context=_CONTEXT)
    _require(len(credential.accounts) == 1, "a better password is accepted on the same page, and Ada has a sign-in")
    _step("The host links a second account to the same sign-in.")
    linked = kit.admin.link(credential.id, "second-shop", actor="demo")
    _require(len(linked.accounts) == 2, "the sign-in serves two accounts")
    _step("Ada signs in.")
    before = kit.sign_in.with_password("ADA.lovelace@EXAMPLE.com", first, context=_CONTEXT)
    _require(before.credential.id == credential.id, "with her address in other capitals")
    _refused("a wrong password", Reason.SIGN_IN_FAILED, lambda: kit.sign_in.with_password(email, second, context=_CONTEXT))

    _step(f"Ada has forgotten her password and asks for a reset. At the same time somebody signs up with {phone}.")
    reset_ticket = kit.reset.begin(email, context=_CONTEXT)
    reset_code = mailbox.code()
    other_ticket = kit.sign_up.begin(phone, context=_CONTEXT)
    other_code = mailbox.code()
    _refused("the sign-up's code on the reset's ticket", Reason.CODE_WRONG, lambda: kit.reset.verify(reset_ticket, other_code, context=_CONTEXT))
    _refused("the sign-up's ticket at the reset", Reason.TICKET_INVALID, lambda: kit.reset.verify(other_ticket, other_code, context=_CONTEXT))
    reset_grant = kit.reset.verify(reset_ticket, reset_code, context=_CONTEXT)
    _require(reset_grant.text != reset_ticket.text, "the right code on its own ticket gives a grant")
    _refused("the current password as the new one", Reason.PASSWORD_REFUSED, lambda: kit.reset.complete(reset_grant, first, context=_CONTEXT))

    _step("She sets a new password.")
    changed = kit.reset.complete(reset_grant, second, context=_CONTEXT)
    _require(changed.credential.accounts == linked.accounts, "it holds for both accounts")
    again = kit.reset.complete(reset_grant, second, context=_CONTEXT)
    _require(again.session_epoch == changed.session_epoch, "the same call again, as after a lost reply, says the same and changes nothing")
    _refused("the spent grant with another password", Reason.GRANT_USED, lambda: kit.reset.complete(reset_grant, third, context=_CONTEXT))

    _step("What works now, and what does not?")
    _refused("the old password", Reason.SIGN_IN_FAILED, lambda: kit.sign_in.with_password(email, first, context=_CONTEXT))
    _require(not kit.sign_in.holds(before.session), "the session from before the reset has ended")
    signed_in = kit.sign_in.with_password(email, second, context=_CONTEXT)
    for account in linked.accounts:
        _require(account in signed_in.credential.accounts, f"the new password signs in to account {account[:12]}")

    _step("She changes the password while she is signed in.")
    change = kit.password.change(signed_in.session, second, third, context=_CONTEXT)
    _require(change.session_epoch == signed_in.session.session_epoch + 1, "all other sessions have ended, and this one goes on under the new epoch")
    who = replace(signed_in.session, session_epoch=change.session_epoch)
    link = _script_settings(kit, mailbox, who)
    _script_undo(kit, mailbox, who)
    _script_dispute(kit, mailbox, link, third)

    _script_stranger(kit, mailbox, reset_ticket)


def _script_stranger(kit: Credkit, mailbox: _Mailbox, adas: Ticket) -> None:
    _step("A stranger asks for a reset of an address that nobody has.")
    sent_before = mailbox.shown.getvalue()
    stranger = kit.reset.begin("nobody@example.com", context=_CONTEXT)
    _require(stranger.public().keys() == adas.public().keys(), "the answer tells no more than Ada's did")
    _require(mailbox.shown.getvalue() == sent_before, "nothing was sent")
    _refused("whatever code the stranger tries", Reason.CODE_WRONG, lambda: kit.reset.verify(stranger, "12345678", context=_CONTEXT))


def _script_settings(kit: Credkit, mailbox: _Mailbox, who: Session) -> str:
    """Change settings; return the link that undoes the first change, as it went to the address."""
    settings, phone, address = kit.settings, "(415) 555-2672", "ada@lovelace.example.com"

    _step("She wants to change her settings. The page shows her a number; a link goes to her address.")
    asked = settings.request(who, context=_CONTEXT)
    link, code = mailbox.link(_EMAIL), settings.status(who, asked).match_code or ""
    print(f"    the page that waits shows {code}, and no message does")
    _refused("opening before she has approved", Reason.APPROVAL_PENDING, lambda: settings.open(who, asked, context=_CONTEXT))
    _step("A mail scanner opens the link and presses what it finds.")
    _require(settings.review(link).state is State.PENDING, "looking decides nothing")
    _refused("approving without the number", Reason.MATCH_CODE_REQUIRED, lambda: settings.approve(link, context=_OTHER_DEVICE))
    _step("Ada opens it on her phone, types the number and approves; back at her desk she adds a mobile number.")
    settings.approve(link, code, context=_OTHER_DEVICE)
    window = settings.open(who, asked, context=_CONTEXT)
    ticket = settings.add_identifier(who, window, phone, context=_CONTEXT)
    added = settings.confirm_identifier(who, window, ticket, mailbox.code(), context=_CONTEXT)
    _require(len(added.credential.verified) == 2, "the number is hers once its code has come back")
    undo_link = mailbox.link(_EMAIL)
    settings.done(who, window)
    _refused("one more edit after Done", Reason.APPROVAL_OVER, lambda: settings.prefer(who, window, phone, context=_CONTEXT))

    _step("Somebody at her unlocked desk asks for exactly one change: another address in the place of hers.")
    exact = [ChangeIdentifier(_EMAIL, address)]
    asked = settings.request(who, exact, context=_CONTEXT)
    denied = mailbox.link(_EMAIL)
    print(f"    the page behind the link shows: {_lines(settings.review(denied).changes)}")
    settings.deny(denied, context=_OTHER_DEVICE)
    _refused("going on after she has denied it", Reason.APPROVAL_DENIED, lambda: settings.open(who, asked, context=_CONTEXT))
    return undo_link


def _script_undo(kit: Credkit, mailbox: _Mailbox, who: Session) -> None:
    settings, undo, address = kit.settings, kit.undo, "ada@lovelace.example.com"

    _step("She approves that change herself, and thinks better of it: the notice to the old address holds a link to undo it.")
    asked = settings.request(who, [ChangeIdentifier(_EMAIL, address)], context=_CONTEXT)
    settings.approve(mailbox.link(_EMAIL), settings.status(who, asked).match_code, context=_OTHER_DEVICE)
    window = settings.open(who, asked, context=_CONTEXT)
    ticket = settings.change_identifier(who, window, _EMAIL, address, context=_CONTEXT)
    settings.confirm_identifier(who, window, ticket, mailbox.code(), context=_CONTEXT)
    link = mailbox.link(_EMAIL)
    _refused("the link alone", Reason.UNDO_PROOF_REQUIRED, lambda: undo.complete(link, context=_OTHER_DEVICE))
    proof = undo.begin(link, context=_OTHER_DEVICE)
    grant = undo.verify(proof, mailbox.code(), context=_OTHER_DEVICE)
    undone = undo.complete(link, grant=grant, context=_OTHER_DEVICE)
    entered = [identifier.canonical for identifier in undone.credential.verified]
    _require("ada.lovelace@example.com" in entered and address not in entered, "with a code to the number, which nothing has touched, the address is back")
    _require(not kit.sign_in.holds(who), "every session has ended")
    _refused("the same link again", Reason.UNDO_INVALID, lambda: undo.complete(link, context=_OTHER_DEVICE))


def _script_dispute(kit: Credkit, mailbox: _Mailbox, link: str, password: str) -> None:
    email, phone = _EMAIL, "(415) 555-2672"

    _step("Somebody who reads her mail wants to undo the mobile number as well, and can prove nothing: everybody concerned may object for a day.")
    _refused("somebody else's address, typed in full", Reason.CONFIRMATION_WRONG, lambda: kit.undo.dispute(link, phone, context=_OTHER_DEVICE))
    kit.undo.dispute(link, email, context=_OTHER_DEVICE)
    objection = mailbox.link(_NUMBER)
    who = kit.sign_in.with_password(email, password, context=_CONTEXT).session
    _refused("any change meanwhile", Reason.CHANGES_FROZEN, lambda: kit.settings.request(who, context=_CONTEXT))
    kit.undo.contest(objection, phone, context=_OTHER_DEVICE)
    kept = kit.admin.settle_dispute(who.credential_id, restore=False, actor="demo")
    _require(len(kept.verified) == 2, "she objects by text message, the shop decides for her, and the number stays")
    _require(kit.settings.view(who).has_password, "her password is what it was")


def _step(text: str) -> None:
    print(f"\n* {text}")


def _require(holds: bool, text: str) -> None:  # noqa: FBT001  # reads as a sentence where it is used
    if not holds:
        raise _Failed(f"it should be that {text}")
    print(f"    ok: {text}")


def _refused(what: str, reason: Reason, call: Callable[[], object]) -> None:
    try:
        call()
    except Refused as refused:
        if refused.reason is not reason:
            raise _Failed(f"{what} was refused as {refused.reason}; {reason} was due") from refused
        print(f'    ok: refused: {what}: "{refused.text()}"')
        return
    raise _Failed(f"{what} was not refused; {reason} was due")
