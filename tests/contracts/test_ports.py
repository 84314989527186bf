"""Our own notifiers, hashers and breach lists keep their contracts, blocking and async."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from credkit.breaches import AsyncOfflineCorpus, AsyncRangeService, OfflineCorpus, RangeService, build_corpus
from credkit.hashing import ThreadHashing
from credkit.notifiers.console import ConsoleNotifier
from credkit.observers import Counters, LoggingObserver, ObserverGroup
from credkit.passwords import Gate, PasswordHasher, Pbkdf2
from credkit.testing import AsyncInbox, Inbox, InstantHashing, Recorder, SeededEntropy, cheap_hasher
from credkit.testing.contracts import (
    AsyncBreachListContract,
    AsyncHashingContract,
    AsyncNotifierContract,
    BreachListContract,
    HashingContract,
    NotifierContract,
    ObserverContract,
    Sent,
)
from credkit.testing.kits import keys_for_tests
from unit.breaches.servers import serving

on_asyncio_and_trio = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])

LISTED = [hashlib.sha1(password, usedforsecurity=False).hexdigest().upper() for password in (b"password", b"qwerty", b"letmein")]


def kept(messages: Sequence[Any]) -> list[Sent]:
    return [Sent(message.to.address, message.subject if message.to.kind == "email" else "", message.text) for message in messages]


class TestInbox(NotifierContract):
    @pytest.fixture
    def notifier(self) -> Inbox:
        return Inbox()

    def sent(self, notifier: Any) -> list[Sent]:
        return kept(notifier.messages)

    def break_provider(self, notifier: Any) -> None:
        notifier.failing = OSError("down")


@pytest.mark.anyio
@on_asyncio_and_trio
class TestAsyncInbox(AsyncNotifierContract):
    @pytest.fixture
    def notifier(self) -> AsyncInbox:
        return AsyncInbox()

    def sent(self, notifier: Any) -> list[Sent]:
        return kept(notifier.messages)

    def break_provider(self, notifier: Any) -> None:
        notifier.failing = OSError("down")


class TestConsole(NotifierContract):
    """What is printed is what is sent, so nothing else is looked for there."""

    @pytest.fixture
    def notifier(self) -> ConsoleNotifier:
        self.stream = io.StringIO()
        return ConsoleNotifier(self.stream)

    def sent(self, notifier: Any) -> list[Sent]:
        framed = self.stream.getvalue().split("  .-- ")[1:]
        return [self.read([line.removeprefix("  | ") for line in one.splitlines()[1:] if line.startswith("  | ")]) for one in framed]

    def read(self, lines: list[str]) -> Sent:
        end = lines.index("")
        head = dict(line.split(": ", 1) for line in lines[:end])
        return Sent(head["To"], head.get("Subject", ""), "\n".join(lines[end + 1 :]))

    def break_provider(self, notifier: Any) -> None:
        self.stream.close()


class TestHasher(HashingContract):
    @pytest.fixture
    def hasher(self) -> PasswordHasher:
        return cheap_hasher()


class TestPepperedHasher(HashingContract):
    @pytest.fixture
    def hasher(self) -> PasswordHasher:
        return cheap_hasher(keys_for_tests())


class TestHasherBesideOlderHashes(HashingContract):
    @pytest.fixture
    def hasher(self) -> PasswordHasher:
        return PasswordHasher(profile=cheap_hasher()._profile, pepper=keys_for_tests(), legacy=[Pbkdf2(iterations=1)])


@pytest.mark.anyio
@on_asyncio
class TestHashingInThreads(AsyncHashingContract):
    @pytest.fixture
    def hasher(self) -> ThreadHashing:
        return ThreadHashing(cheap_hasher(), Gate(2))


def corpus_at(path: Path) -> None:
    build_corpus(io.BytesIO(b"".join(f"{sha1}:3\r\n".encode() for sha1 in sorted(LISTED))), path)


class TestCorpus(BreachListContract):
    @pytest.fixture
    def breaches(self, tmp_path: Path) -> OfflineCorpus:
        corpus_at(tmp_path / "corpus")
        return OfflineCorpus(tmp_path / "corpus")

    def asked(self, breaches: Any) -> list[str]:
        return []  # it asks nobody


@pytest.mark.anyio
@on_asyncio
class TestAsyncCorpus(AsyncBreachListContract):
    @pytest.fixture
    def breaches(self, tmp_path: Path) -> AsyncOfflineCorpus:
        corpus_at(tmp_path / "corpus")
        return AsyncOfflineCorpus(tmp_path / "corpus")

    def asked(self, breaches: Any) -> list[str]:
        return []


def answer(handler: Any) -> None:
    asked = handler.path.rpartition("/")[2]
    handler.rows(*(f"{sha1[5:]}:7" for sha1 in LISTED if sha1.startswith(asked)), f"{'0' * 35}:0")


def refuse(handler: Any) -> None:
    handler.body(b"", status=503)


class Service:
    """A range service on this machine."""

    @pytest.fixture(autouse=True)
    def _service(self) -> Iterator[None]:
        with serving(answer) as self.server:
            yield

    def asked(self, breaches: Any) -> list[str]:
        return [path for path, _ in self.server.asked]

    def break_service(self, breaches: Any) -> None:
        self.server.answer = refuse


class TestRangeService(Service, BreachListContract):
    @pytest.fixture
    def breaches(self, _service: None) -> RangeService:
        return RangeService(self.server.url)


@pytest.mark.anyio
@on_asyncio
class TestAsyncRangeService(Service, AsyncBreachListContract):
    @pytest.fixture
    def breaches(self, _service: None) -> AsyncRangeService:
        return AsyncRangeService(self.server.url)


@pytest.mark.anyio
@on_asyncio_and_trio
class TestAsyncInstantHashing(AsyncHashingContract):
    @pytest.fixture
    def hasher(self) -> InstantHashing:
        return InstantHashing(SeededEntropy("contract"), [])


class TestRecorder(ObserverContract):
    @pytest.fixture
    def observer(self) -> Recorder:
        return Recorder()

    def seen(self, observer: Any) -> list[str]:
        return [repr(event) for event in observer.seen]


class TestLoggingObserver(ObserverContract):
    @pytest.fixture
    def observer(self, caplog: pytest.LogCaptureFixture) -> LoggingObserver:
        caplog.set_level(logging.DEBUG)
        self.log = caplog
        return LoggingObserver()

    def seen(self, observer: Any) -> list[str]:
        return [line.getMessage() for line in self.log.records]


class TestGroup(ObserverContract):
    @pytest.fixture
    def observer(self) -> ObserverGroup:
        self.last = Recorder()
        return ObserverGroup([Counters(), self.last])

    def seen(self, observer: Any) -> list[str]:
        return [repr(event) for event in self.last.seen]
