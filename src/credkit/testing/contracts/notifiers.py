"""The duties of a notifier as tests, written once as coroutines. Each says which notifier of `credkit.testing.broken` it catches."""

from __future__ import annotations

import io
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import Any, Final, NamedTuple

from credkit.errors import DeliveryFailed
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber
from credkit.lifting import LiftedNotifier
from credkit.messages import Message, MessageKind
from credkit.ports import AsyncNotifier, Notifier
from credkit.secret import Secret
from credkit.site import Site
from credkit.testing.contracts._driving import Contract, derived, left_out, require, require_same
from credkit.testing.fakes import START

__all__ = ["AsyncNotifierContract", "NotifierContract", "Sent"]

_NO_SENT: Final = "override sent to have it tested: it returns what has reached the provider's fake"
_NO_OUTAGE: Final = "override break_provider to have it tested: from then on the provider's fake fails"

_SITE: Final = Site(name="Gr\u00fc\u00dfe & <b>\u4e2d\u6587</b>", url="https://example.com", support="help@example.com", default_region="US")
_TO: Final[tuple[Identifier, ...]] = (
    EmailAddress.restore("O'Neil+x@B\u00fccher.example", "o'neil+x@xn--bcher-kva.example"),
    PhoneNumber.restore("(415) 555-2671", "+14155552671"),
)
_CODES: Final = frozenset({MessageKind.SIGN_UP_CODE, MessageKind.RESET_CODE})
_CODE: Final = "40719263"


class Sent(NamedTuple):
    """What a provider was given."""

    to: str
    subject: str
    """Empty where there is none."""
    text: str
    """The body, or all parts of it."""


def _message(kind: MessageKind, to: Identifier, number: int = 0) -> Message:
    is_code = kind in _CODES or "code" in kind
    return Message(
        id=f"message-{kind}-{to.kind}-{number}",
        kind=kind,
        to=to,
        site=_SITE,
        at=START,
        expires_at=START + timedelta(minutes=10) if is_code else None,
        credential_id=None if is_code else "credential-1",
        accounts=() if is_code else ("account-1", "account-2"),
        locale="zh-Hant-TW",
        label="K7" if is_code else None,
        device="Firefox / Linux (\u4e2d\u6587)",
        place="S\u00e3o Paulo, Brasil",
        code=Secret(_CODE) if is_code else None,
    )


class AsyncNotifierContract(Contract):
    """What every `AsyncNotifier` does. Subclass it, and give a fixture `notifier`: one that sends to a fake of the provider. Two methods make it stricter."""

    kinds: tuple[str, ...] = ("email", "phone")
    """The kinds of identifier that it sends to."""

    def sent(self, notifier: AsyncNotifier) -> Sequence[Sent]:
        """Return what has reached the provider's fake, oldest first; as it stands, the tests about it are left out."""
        left_out(_NO_SENT)

    def break_provider(self, notifier: AsyncNotifier) -> None:
        """Make the provider's fake fail from now on, as in an outage; as it stands, the tests about it are left out."""
        left_out(_NO_OUTAGE)

    def _messages(self) -> list[Message]:
        return [_message(kind, to) for kind in MessageKind for to in _TO if to.kind in self.kinds]

    async def test_every_kind_of_message_is_accepted(self, notifier: AsyncNotifier) -> None:
        """Catches `KnowsSomeKinds`: has words of its own, and none for a kind that came later."""
        for message in self._messages():
            try:
                await notifier.deliver(message)
            except Exception as raised:
                raise AssertionError(f"a message of kind {message.kind} to a {message.to.kind} was not accepted: it raised {raised!r}") from raised

    async def test_a_message_reaches_the_stored_address_and_nobody_else(self, notifier: AsyncNotifier) -> None:
        """Catches `SendsToWhatWasTyped`: sends to the text as it was typed."""
        for number, message in enumerate(self._messages()):
            await notifier.deliver(message)
            reached = self.sent(notifier)
            require_same(len(reached), number + 1, "one message makes one; nobody else gets a copy")
            require_same(reached[-1].to, message.to.address, "a message goes to message.to.address")

    async def test_a_code_is_in_the_text_and_never_in_the_subject(self, notifier: AsyncNotifier) -> None:
        """Catches `PutsTheCodeIntoTheSubject`: which a locked screen shows (NO-05, NO-16)."""
        for message in self._messages():
            await notifier.deliver(message)
            made = self.sent(notifier)[-1]
            digits = "".join(sign for sign in made.text if sign.isdigit())
            require(message.code is None or _CODE in digits, f"a message of kind {message.kind} has to hold its code")
            require(_CODE not in "".join(sign for sign in made.subject if sign.isdigit()), "a subject never holds a code: locked screens show it")

    async def test_a_text_message_with_a_code_ends_in_the_line_that_phones_read(self, notifier: AsyncNotifier) -> None:
        """Catches `SignsTextMessages`: adds a line of its own (NO-02)."""
        for message in self._messages():
            if message.to.kind == "phone" and message.code is not None:
                await notifier.deliver(message)
                last = self.sent(notifier)[-1].text.rstrip("\n").rpartition("\n")[2]
                require_same(last, f"@{_SITE.host} #{_CODE}", "a text message with a code ends in the line by which phones fill it in, on that host only")

    async def test_a_message_that_was_not_accepted_raises(self, notifier: AsyncNotifier) -> None:
        """Catches `SwallowsFailures`: the courier takes the message for sent, and nobody tries again."""
        self.break_provider(notifier)
        for message in self._messages():
            try:
                await notifier.deliver(message)
            except Exception:  # noqa: BLE001, S112  # whatever it is: it is tried again later
                continue
            raise AssertionError("the provider failed, and `deliver` returned: the message counts as sent, and nobody tries again")

    async def test_an_outage_is_not_for_ever(self, notifier: AsyncNotifier) -> None:
        """Catches `GivesUpAtOnce`: the owner is not told of a change."""
        self.break_provider(notifier)
        for message in self._messages():
            try:
                await notifier.deliver(message)
            except DeliveryFailed as failed:
                require(not failed.permanent, "DeliveryFailed(permanent=True) gives a message up: only for what can never be delivered, not for an outage")
            except Exception:  # noqa: BLE001, S112  # as above
                continue

    async def test_neither_code_nor_text_is_logged_or_printed(self, notifier: AsyncNotifier) -> None:
        """Catches `LogsTheText`: more people read logs than mailboxes."""
        for message in self._messages():
            with _overheard() as heard:
                await notifier.deliver(message)
            said = "\n".join(heard)
            require(_CODE not in said, f"the code of a message of kind {message.kind} was logged or printed")
            require(message.text not in said, f"the text of a message of kind {message.kind} was logged or printed")

    async def test_several_at_once_each_reach_their_own(self, notifier: AsyncNotifier) -> None:
        """Catches `SharesADraft`: keeps the message that it is making where others can reach it."""
        to = next(to for to in _TO if to.kind in self.kinds)
        messages = [_message(MessageKind.PASSWORD_CHANGED, _numbered(to, number), number) for number in range(8)]
        results = await self._at_once([_delivering(notifier, message) for message in messages])
        require_same([result for result in results if result is not None], [], "several deliveries at once raised")
        require_same(
            sorted(made.to for made in self.sent(notifier)), sorted(message.to.address for message in messages), "each of several at once reaches its own"
        )


def _numbered(to: Identifier, number: int) -> Identifier:
    if to.kind == "phone":
        return PhoneNumber.restore(f"+1415555267{number}", f"+1415555267{number}")
    return EmailAddress.restore(f"ada-{number}@example.com", f"ada-{number}@example.com")


def _delivering(notifier: AsyncNotifier, message: Message) -> Any:
    return lambda: notifier.deliver(message)


class _Listening(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def _overheard() -> Generator[list[str], None, None]:
    """Give what is logged and printed meanwhile."""
    heard: list[str] = []
    root, handler, out = logging.getLogger(), _Listening(heard), io.StringIO()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(out), redirect_stderr(out):
            yield heard
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        heard.append(out.getvalue())


@derived(AsyncNotifierContract, LiftedNotifier)
class NotifierContract(Contract):
    """What every `Notifier` does. Subclass it, and give a fixture `notifier`: one that sends to a fake of the provider. Two methods make it stricter."""

    kinds: tuple[str, ...] = ("email", "phone")
    """The kinds of identifier that it sends to."""

    def sent(self, notifier: Notifier) -> Sequence[Sent]:
        """Return what has reached the provider's fake, oldest first; as it stands, the tests about it are left out."""
        left_out(_NO_SENT)

    def break_provider(self, notifier: Notifier) -> None:
        """Make the provider's fake fail from now on, as in an outage; as it stands, the tests about it are left out."""
        left_out(_NO_OUTAGE)
