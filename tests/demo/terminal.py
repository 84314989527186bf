"""A person at a real terminal: a pseudo-terminal that the program under test has for its own, as a login shell would give it."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import credkit

PATIENCE = 60
"""Seconds; a program that says nothing for so long is stuck."""

_START = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C and the hidden prompt find this terminal
sys.argv = ["credkit", *sys.argv[1:]]
runpy.run_module("credkit", run_name="__main__", alter_sys=True)
"""


def environment() -> dict[str, str]:
    """Return the environment for a program that is to run the credkit under test."""
    return {**os.environ, "PYTHONPATH": str(Path(credkit.__path__[0]).parent), "PYTHONUNBUFFERED": "1", "TERM": "dumb"}


def newest_code(screen: str) -> str:
    """Return the newest code in a message on the *screen*: in a line of its own of an email, or at the beginning of a text message."""
    found: list[str] = re.findall(r"(?<=\|     )\d{4} \d{4}|(?<=\| Example: )\d{8}", screen)
    return found[-1]


class Terminal:
    """Run ``python -m credkit`` with *arguments* on a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        import pty

        self._mine, theirs = pty.openpty()
        command = [sys.executable, "-c", _START, *arguments]
        self._process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment())
        os.close(theirs)
        self.screen = ""
        """All that was ever on it."""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._mine)

    def expect(self, text: str) -> str:
        """Wait until *text* appears after what was expected before; return all in between."""
        while text not in self.screen[self._read :]:
            if not self._more():
                raise AssertionError(f"expected {text!r}; the screen ends with:\n{self.screen[self._read :]}")
        start, self._read = self._read, self.screen.index(text, self._read) + len(text)
        return self.screen[start : self._read]

    def type(self, line: str, key: str = "\r") -> None:
        """Type *line*, then Enter or another *key*, once the program waits for it: Python misses a Ctrl-C between a prompt and its reading."""
        while not self._waits() and self._more(0.01):
            pass
        os.write(self._mine, f"{line}{key}".encode())

    def _waits(self) -> bool:
        """Return whether the program sleeps, so far as the system tells; once it has asked, it is for an answer."""
        try:
            return Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "S"
        except OSError:
            return True

    def answer(self, prompt: str, line: str) -> None:
        self.expect(prompt)
        self.type(line)

    def code(self) -> str:
        """Return the newest code on the screen, as a person reads it off."""
        return newest_code(self.screen)

    def leave(self) -> int:
        """Press Ctrl-C, and return the exit status; killed, the program could not tidy up behind itself."""
        self.type("", "\x03")
        return self.end()

    def end(self) -> int:
        """Read to the end, and return the exit status."""
        while self._more():
            pass
        return self._process.wait(PATIENCE)

    def _more(self, patience: float = PATIENCE) -> bool:
        ready, _, _ = select.select([self._mine], [], [], patience)
        if not ready and patience < PATIENCE:
            return True
        if not ready:
            raise AssertionError(f"nothing came for {patience} seconds; the screen ends with:\n{self.screen[self._read :]}")
        try:
            data = os.read(self._mine, 65536)
        except OSError:  # how Linux says that nobody has the other end open any more
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)
