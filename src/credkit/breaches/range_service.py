"""A breach list behind HTTPS that never learns which password is meant: it is told 5 of 40 characters, and sends all that begin so.

Each request runs in a thread of its own, and its caller leaves when the time is up. Nothing less keeps a time-out: resolving a name knows
none, and a server may send a byte at a time for as long as it likes, each in good time. A request that was left behind has its connection
cut, and only so many may be under way at once, so that a dead service costs a bounded number of threads.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from credkit.breaches.checking import BreachCheckFailed, Fingerprint
from credkit.errors import ConfigurationError
from credkit.per_process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from http.client import HTTPConnection, HTTPResponse
    from ssl import SSLContext

__all__ = ["PWNED_PASSWORDS", "AsyncRangeService", "RangeService", "count_in_range"]

PWNED_PASSWORDS: Final = "https://api.pwnedpasswords.com/range/"
"""The public service of Have I Been Pwned, free and without registration. https://haveibeenpwned.com/API/v3#PwnedPasswords"""

_TIMEOUT: Final = timedelta(seconds=1)
"""PW-09. The public service answers in some tens of milliseconds from almost anywhere."""

_LONGEST_TIMEOUT: Final = timedelta(seconds=30)

_MOST_BYTES: Final = 1 << 20
"""A padded range has some 800 to 2,000 rows of about 40 bytes; this is more than ten times as much."""

_MOST_AT_ONCE: Final = 32
"""Requests under way in one process. At 50 ms each they are 640 checks a second; more than that is waiting for a service that hangs."""

_OK: Final = 200

_ROW: Final = re.compile(rb"([0-9A-Fa-f]{35}):([0-9]{1,15})")
_PATH: Final = re.compile(r"[!-~]*")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VALUE: Final = re.compile(r"[ -~]*")
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_TOO_LATE: Final = "the breach list did not answer in time"


def count_in_range(answer: bytes, fingerprint: Fingerprint) -> int:
    """Return how often the password occurs, by a range service's *answer* to ``fingerprint.prefix``: for hosts that fetch it by themselves.

    Rows of padding have the count 0 and say nothing.

    Raises:
        BreachCheckFailed: It is not a range. No row at all is none either: a service that lost its data would let every password through.
    """
    return _rows(answer).get(fingerprint.suffix.encode(), 0)


def _rows(answer: bytes) -> dict[bytes, int]:
    """Return the counts by suffix. Here, where no local holds anything of a password: a report of an exception may show them (PW-26)."""
    found: dict[bytes, int] = {}
    rows = answer.splitlines()
    for line in rows:
        row = _ROW.fullmatch(line)
        if row is None:
            raise BreachCheckFailed("the breach list answered something else than a range")
        if count := int(row[2]):
            found[row[1].upper()] = count
    if not rows:
        raise BreachCheckFailed("the breach list answered nothing")
    return found


class RangeService:
    """A `BreachList` that asks a k-anonymous range service, by the standard library.

    Of a password the first 5 hex characters of its SHA-1 leave the process, nothing else; answers are padded, so that their length does not
    give away which range it was. Redirects are not followed, proxies are not used, and certificates are always checked.
    """

    def __init__(self, url: str = PWNED_PASSWORDS, *, timeout: timedelta = _TIMEOUT, headers: Mapping[str, str] | None = None) -> None:
        """Ask ``url + prefix``.

        Args:
            url: Of the ranges, up to where the prefix follows; https, and http for localhost only.
            timeout: For the whole look-up, from resolving the name to the last byte.
            headers: More headers of the request, such as a mirror's own key.

        Raises:
            ConfigurationError: One of them cannot be; all that is wrong is listed.
        """
        self._service: Final = _Service(url, timeout, headers or {})

    def count(self, fingerprint: Fingerprint) -> int:
        """Return how often the password occurs in known breaches; see `BreachList.count`."""
        return count_in_range(self._answer(fingerprint.prefix), fingerprint)

    def _answer(self, prefix: str) -> bytes:
        request = self._service.begin(prefix)
        try:
            return request.answer.result(self._service.timeout)
        except TimeoutError:
            raise BreachCheckFailed(_TOO_LATE) from None
        finally:
            request.give_up()


class AsyncRangeService:
    """`RangeService` for asyncio code: the same request in its own thread, awaited instead of waited for.

    It does not take the host's own HTTP client, because what matters here is what the request does *not* do: follow redirects, read without
    bound, send more than five characters. A host that wants its client's connections writes the few lines itself, with `count_in_range`.
    """

    def __init__(self, url: str = PWNED_PASSWORDS, *, timeout: timedelta = _TIMEOUT, headers: Mapping[str, str] | None = None) -> None:
        """Ask ``url + prefix``; see `RangeService`."""
        self._service: Final = _Service(url, timeout, headers or {})

    async def count(self, fingerprint: Fingerprint) -> int:
        """Return how often the password occurs in known breaches; see `BreachList.count`."""
        return count_in_range(await self._answer(fingerprint.prefix), fingerprint)

    async def _answer(self, prefix: str) -> bytes:
        import asyncio  # noqa: PLC0415  # 40 ms that a blocking host never pays

        request = self._service.begin(prefix)
        try:
            async with asyncio.timeout(self._service.timeout):
                return await asyncio.wrap_future(request.answer)
        except TimeoutError:
            raise BreachCheckFailed(_TOO_LATE) from None
        finally:
            request.give_up()


class _Service:
    """A service as it was configured. What threads share is made by each process for itself (F28)."""

    def __init__(self, url: str, timeout: timedelta, headers: Mapping[str, str]) -> None:
        if problems := [*_url_problems(url), *_timeout_problems(timeout), *_header_problems(headers)]:
            raise ConfigurationError(problems)
        kept = {name: value for name, value in headers.items() if name.lower() != "add-padding"}
        self.timeout: Final = timeout.total_seconds()
        self._url: Final = urlsplit(url)
        self._headers: Final = {"User-Agent": "credkit", **kept, "Add-Padding": "true"}
        self._places: Final = PerProcess(partial(threading.Semaphore, _MOST_AT_ONCE))
        self._trust: SSLContext | None = None

    def begin(self, prefix: str) -> _Request:
        """Start a request for the range of *prefix*.

        Raises:
            BreachCheckFailed: Too many are under way.
        """
        places = self._places.get()
        if not places.acquire(blocking=False):
            raise BreachCheckFailed("too many look-ups are waiting for the breach list")
        request = _Request(self._connection, self._url.path + prefix, self._headers, done=places.release)
        try:
            request.start()
        except RuntimeError as full:  # no thread can be had
            places.release()
            raise BreachCheckFailed("no look-up can be started") from full
        return request

    def _connection(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415  # for hosts that use it only

        host = self._url.hostname or ""
        if self._url.scheme == "http":
            return HTTPConnection(host, self._url.port, timeout=self.timeout)
        return HTTPSConnection(host, self._url.port, timeout=self.timeout, context=self._trusted())

    def _trusted(self) -> SSLContext:
        from ssl import create_default_context  # noqa: PLC0415  # for hosts that use it only

        if self._trust is None:  # of two at once one makes it in vain; reading the system's certificates takes some 20 ms
            self._trust = create_default_context()
        return self._trust


class _Request:
    """One request in a thread of its own. It always ends: by an answer, by failing, or by being given up."""

    def __init__(self, connect: Callable[[], HTTPConnection], path: str, headers: Mapping[str, str], *, done: Callable[[], None]) -> None:
        from concurrent.futures import Future  # noqa: PLC0415  # for hosts that use it only

        self.answer: Final[Future[bytes]] = Future()
        self.answer.set_running_or_notify_cancel()  # from here on nobody can cancel it, and the thread may always say how it ended
        self._connect, self._path, self._headers, self._done = connect, path, headers, done
        self._connection: HTTPConnection | None = None
        self._given_up = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="credkit-breaches", daemon=True).start()

    def give_up(self) -> None:
        """Cut the connection, if there still is one: whoever reads from it is told that it has ended."""
        from socket import SHUT_RDWR, socket  # noqa: PLC0415  # for hosts that use it only

        self._given_up = True
        connected: socket | None = getattr(self._connection, "sock", None)
        if connected is not None:
            with suppress(OSError):
                socket.shutdown(connected, SHUT_RDWR)  # not the TLS layer's own, which is not made for two threads

    def _run(self) -> None:
        try:
            answer = self._ask()
        except Exception as trouble:  # noqa: BLE001  # whatever it is, the caller is waiting for this thread's word
            self.answer.set_exception(_failed(trouble))
        else:
            self.answer.set_result(answer)
        finally:
            self._done()

    def _ask(self) -> bytes:
        connection = self._connection = self._connect()
        try:
            connection.connect()
            if self._given_up:  # said before there was a connection to cut
                raise BreachCheckFailed(_TOO_LATE)
            connection.request("GET", self._path, headers=dict(self._headers))
            with connection.getresponse() as response:
                return _body(response)
        finally:
            connection.close()


def _failed(trouble: Exception) -> BreachCheckFailed:
    if isinstance(trouble, BreachCheckFailed):
        return trouble
    failed = BreachCheckFailed(_TOO_LATE if isinstance(trouble, TimeoutError) else "the breach list could not be asked")
    failed.__cause__ = trouble
    return failed


def _body(response: HTTPResponse) -> bytes:
    if response.status != _OK:
        raise BreachCheckFailed(f"the breach list answered with status {response.status}; redirects are not followed")
    if response.length is None and not response.chunked:
        raise BreachCheckFailed("the breach list does not say how long its answer is, so a part of it would look like all")
    body = response.read(_MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise BreachCheckFailed("the breach list answered far more than a range")
    if response.length:
        raise BreachCheckFailed("the breach list's answer was cut off")
    return body


def _url_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ["the breach list's url is not a URL"]
    plain = parts.scheme == "http" and host in _LOCAL_HOSTS
    if (parts.scheme != "https" and not plain) or not _HOST.fullmatch(host) or port == 0:
        return ["the breach list's url must be https with an ASCII host (or http://localhost)"]
    if parts.username is not None or parts.query or parts.fragment or not _PATH.fullmatch(url) or not parts.path.endswith("/"):
        return ["the breach list's url must be a host and a path that ends with a slash: the prefix is put behind it"]
    return []


def _timeout_problems(timeout: timedelta) -> list[str]:
    return [] if timedelta(0) < timeout <= _LONGEST_TIMEOUT else ["the breach list's timeout must be up to 30 seconds, as a person is waiting"]


def _header_problems(headers: Mapping[str, str]) -> list[str]:
    """A value may be a key, so none is quoted."""
    return [f"the breach list's header {name!a} cannot be sent" for name, value in headers.items() if not (_HEADER.fullmatch(name) and _VALUE.fullmatch(value))]
