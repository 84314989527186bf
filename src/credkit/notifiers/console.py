"""Messages on the terminal, for trials and the demo. It shows codes to whoever reads the terminal: not for production."""

from __future__ import annotations

import sys
from typing import TextIO

from credkit.lifting import LiftedNotifier
from credkit.messages import Message

__all__ = ["AsyncConsoleNotifier", "ConsoleNotifier"]


class ConsoleNotifier:
    """Print each message, framed, with its address."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Print to *stream*, or to whatever standard output is at the time."""
        self._stream = stream

    def deliver(self, message: Message) -> None:
        """See `Notifier.deliver`."""
        head = [f"To: {message.to.address}"]
        if message.to.kind == "email":
            head.append(f"Subject: {message.subject}")
        body = [*head, "", *message.text.rstrip("\n").split("\n")]
        framed = "\n".join(["", "  .-- " + ("text message" if message.to.kind == "phone" else "email") + " --", *(f"  | {line}" for line in body), "  '--", ""])
        stream = self._stream or sys.stdout
        stream.write(framed + "\n")
        stream.flush()


class AsyncConsoleNotifier(LiftedNotifier):
    """Print each message, from async code."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Print to *stream*, or to whatever standard output is at the time."""
        super().__init__(ConsoleNotifier(stream))
