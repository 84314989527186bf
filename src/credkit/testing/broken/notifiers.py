"""Notifiers that are broken on purpose, each in one way that real ones have been."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from credkit.errors import DeliveryFailed
from credkit.lifting import finish
from credkit.messages import Message, MessageKind
from credkit.testing.broken._gap import Gap
from credkit.testing.contracts.notifiers import Sent

__all__ = [
    "BlockingNotifier",
    "GivesUpAtOnce",
    "KnowsSomeKinds",
    "LogsTheText",
    "PutsTheCodeIntoTheSubject",
    "SendsToWhatWasTyped",
    "SharesADraft",
    "SignsTextMessages",
    "SoundNotifier",
    "SwallowsFailures",
]


class SoundNotifier:
    """A notifier that keeps every duty, for the others to break. It is its own fake of a provider."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self.sent: list[Sent] = []
        """What the provider has accepted."""
        self.is_down: bool = False
        """Whether the provider fails."""
        self._gap = Gap()
        self.in_threads: bool = False
        """Whether it is called from threads, without a loop."""

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        await self._hand_over(self._draft(message))

    def _draft(self, message: Message) -> Sent:
        return Sent(to=message.to.address, subject=message.subject if message.to.kind == "email" else "", text=message.text)

    async def _hand_over(self, draft: Sent) -> None:
        if self.is_down:
            raise OSError("the provider is down")
        self.sent.append(draft)


class KnowsSomeKinds(SoundNotifier):
    """Has words of its own for some kinds of message."""

    def _draft(self, message: Message) -> Sent:
        words = {MessageKind.SIGN_UP_CODE: "Welcome", MessageKind.RESET_CODE: "Your code"}
        return super()._draft(message)._replace(subject=words[message.kind])


class SendsToWhatWasTyped(SoundNotifier):
    """Sends to the text as it was typed."""

    def _draft(self, message: Message) -> Sent:
        return super()._draft(message)._replace(to=message.to.entered)


class PutsTheCodeIntoTheSubject(SoundNotifier):
    """Spares people from opening their mail."""

    def _draft(self, message: Message) -> Sent:
        return super()._draft(message)._replace(subject=f"{message.code.reveal()} is your code" if message.code else message.subject)


class SignsTextMessages(SoundNotifier):
    """Adds a greeting at the end."""

    def _draft(self, message: Message) -> Sent:
        return super()._draft(message)._replace(text=message.text + "\nYours, Example")


class SwallowsFailures(SoundNotifier):
    """Logs what went wrong, and goes on."""

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        try:
            await super().deliver(message)
        except OSError:
            logging.getLogger(__name__).warning("could not send %s", message.id)


class GivesUpAtOnce(SoundNotifier):
    """Takes every failure for the last."""

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        try:
            await super().deliver(message)
        except OSError as failed:
            raise DeliveryFailed(permanent=True) from failed


class LogsTheText(SoundNotifier):
    """Writes down what it sends."""

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        logging.getLogger(__name__).debug("sending %s: %s", message.id, message.text)
        await super().deliver(message)


class SharesADraft(SoundNotifier):
    """Keeps the message that it is making in itself."""

    async def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        self._current = self._draft(message)
        await self._gap.pass_through(in_threads=self.in_threads)
        await self._hand_over(self._current)


@dataclass(frozen=True, slots=True)
class BlockingNotifier:
    """One of the gallery as a blocking notifier."""

    broken: SoundNotifier

    def __post_init__(self) -> None:
        self.broken.in_threads = True

    def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        finish(self.broken.deliver(message))
