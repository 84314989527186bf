"""Five characters leave the process, and whatever a service answers, a count or one typed failure comes of it, in time (PW-09)."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from credkit.breaches import PWNED_PASSWORDS, AsyncRangeService, BreachCheckFailed, Fingerprint, RangeService, count_in_range
from credkit.breaches.range_service import _MOST_AT_ONCE, _Request
from credkit.errors import ConfigurationError
from credkit.secret import Secret
from unit.breaches.servers import CERTIFICATE, PATIENCE, Answer, Handler, free_port, serving

PASSWORD = "nine grey herons wade"
MEANT = Fingerprint.of(Secret(PASSWORD))
OTHERS = [f"{number:035X}:{number + 1}" for number in range(5)]

LONG, SHORT = timedelta(seconds=PATIENCE), timedelta(milliseconds=100)

Ask = Callable[..., int]


def ask_blocking(url: str, *, timeout: timedelta = LONG, headers: dict[str, str] | None = None) -> int:
    return RangeService(url, timeout=timeout, headers=headers).count(MEANT)


def ask_async(url: str, *, timeout: timedelta = LONG, headers: dict[str, str] | None = None) -> int:
    return asyncio.run(AsyncRangeService(url, timeout=timeout, headers=headers).count(MEANT))


@pytest.fixture(params=[ask_blocking, ask_async], ids=["blocking", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    return request.param


def sends(text: bytes) -> Answer:
    return lambda handler: handler.raw(text)


# What is asked ---------------------------------------------------------------------------------------------------------


def test_of_a_password_five_characters_are_sent_and_nothing_else(ask: Ask) -> None:
    with serving(lambda handler: handler.rows(*OTHERS)) as server:
        ask(server.url)
    ((path, headers),) = server.asked
    assert path == f"/range/{MEANT.prefix}"
    assert headers == {
        "host": server.url.split("/")[2],
        "accept-encoding": "identity",
        "user-agent": "credkit",
        "add-padding": "true",
    }


def test_a_host_may_send_headers_of_its_own_and_cannot_give_up_the_padding(ask: Ask) -> None:
    with serving(lambda handler: handler.rows(*OTHERS)) as server:
        ask(server.url, headers={"User-Agent": "example.com", "X-Key": "k", "ADD-PADDING": "false"})
    ((_, headers),) = server.asked
    assert (headers["user-agent"], headers["x-key"], headers["add-padding"]) == ("example.com", "k", "true")


def test_the_public_service_is_asked_by_default() -> None:
    assert PWNED_PASSWORDS.startswith("https://")
    assert RangeService()._service._url.geturl() == AsyncRangeService()._service._url.geturl() == PWNED_PASSWORDS
    assert RangeService()._service.timeout == AsyncRangeService()._service.timeout == 1


# What comes of the answer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_password_that_the_range_has_is_counted(ask: Ask, end: str) -> None:
    with serving(lambda handler: handler.rows(*OTHERS, f"{MEANT.suffix}:4711", end=end)) as server:
        assert ask(server.url) == 4711


def test_a_password_that_the_range_lacks_occurs_never(ask: Ask) -> None:
    with serving(lambda handler: handler.rows(*OTHERS)) as server:
        assert ask(server.url) == 0


def test_an_answer_in_chunks_is_put_together(ask: Ask) -> None:
    row = f"{MEANT.suffix}:12\r\n".encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (row[:5], row[5:], b""))
    with serving(sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)) as server:
        assert ask(server.url) == 12


def test_rows_of_padding_say_nothing() -> None:
    assert count_in_range(f"{MEANT.suffix}:0\r\n".encode(), MEANT) == 0
    assert count_in_range(f"{MEANT.suffix}:3\r\n{MEANT.suffix}:0\r\n".encode(), MEANT) == 3


def test_small_letters_are_read_as_well() -> None:
    assert count_in_range(f"{MEANT.suffix.lower()}:3".encode(), MEANT) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n",
        b"<html>You are offline</html>",
        b"0123456789ABCDEF0123456789ABCDEF012\r\n",
        b"0123456789ABCDEF0123456789ABCDEF012:\r\n",
        b"0123456789ABCDEF0123456789ABCDEF012:-1\r\n",
        b"0123456789ABCDEF0123456789ABCDEF012:1e3\r\n",
        b"0123456789ABCDEF0123456789ABCDEF012: 1\r\n",
        b"0123456789ABCDEF0123456789ABCDEF01:1\r\n",
        b"0123456789ABCDEF0123456789ABCDEF0123:1\r\n",
        b"0123456789ABCDEF0123456789ABCDEF01G:1\r\n",
        b"0123456789ABCDEF0123456789ABCDEF012:1\r\n\r\n0123456789ABCDEF0123456789ABCDEF013:1\r\n",
        b"0123456789ABCDEF0123456789ABCDEF012:" + b"9" * 5000,
        "0123456789ABCDEF0123456789ABCDEF012:\u0661".encode(),
        b"\x1f\x8b\x08\x00\x00",
        b"\xff\xfe0\x00",
    ],
)
def test_what_is_no_range_is_a_failure_and_not_a_miss(answer: bytes) -> None:
    with pytest.raises(BreachCheckFailed):
        count_in_range(answer, MEANT)


# What goes wrong -------------------------------------------------------------------------------------------------------


def test_nobody_there_is_a_failure(ask: Ask) -> None:
    with pytest.raises(BreachCheckFailed, match="could not be asked") as failed:
        ask(f"http://127.0.0.1:{free_port()}/")
    assert isinstance(failed.value.__cause__, ConnectionRefusedError)


@pytest.mark.parametrize("status", [204, 301, 302, 307, 401, 404, 429, 500, 503])
def test_any_other_status_is_a_failure_and_a_redirect_is_not_followed(ask: Ask, status: int) -> None:
    with serving(lambda handler: handler.rows(f"{MEANT.suffix}:1")) as elsewhere:

        def answer(handler: Handler) -> None:
            handler.body(b"", status, Location=elsewhere.url + MEANT.prefix)

        with serving(answer) as server, pytest.raises(BreachCheckFailed, match=str(status)):
            ask(server.url)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "could not be asked"),
        (b"SSH-2.0-OpenSSH\r\n", "could not be asked"),
        (b"\xff" * 200, "could not be asked"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n", "could not be asked"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "could not be asked"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + OTHERS[0].encode(), "how long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + OTHERS[0].encode(), "how long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + OTHERS[0].encode(), "cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n25\r\n" + OTHERS[0].encode(), "could not be asked"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n" + OTHERS[0].encode(), "could not be asked"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + OTHERS[0].encode(), "something else"),
    ],
    ids=[
        "nothing",
        "another protocol",
        "noise",
        "many headers",
        "a long header",
        "no length",
        "a false length",
        "too short",
        "a cut chunk",
        "no chunk",
        "cut row",
    ],
)
def test_an_answer_that_is_not_whole_is_a_failure(ask: Ask, answer: bytes, said: str) -> None:
    with serving(sends(answer)) as server, pytest.raises(BreachCheckFailed, match=said):
        ask(server.url)


def test_far_too_long_an_answer_is_not_read_to_its_end(ask: Ask) -> None:
    row = OTHERS[0].encode() + b"\r\n"

    def endless(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                handler.raw(b"%x\r\n%b\r\n" % (len(row) * 1000, row * 1000))
        except OSError:
            handler.server.cut.release()

    with serving(endless) as server:
        with pytest.raises(BreachCheckFailed, match="far more"):
            ask(server.url)
        assert server.cut.acquire(timeout=PATIENCE)


# In time ---------------------------------------------------------------------------------------------------------------


def test_a_service_that_says_nothing_is_left_in_time_and_cut_off(ask: Ask) -> None:
    with serving(Handler.until_cut) as server:
        with pytest.raises(BreachCheckFailed, match="in time"):
            ask(server.url, timeout=SHORT)
        assert server.cut.acquire(timeout=PATIENCE)


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], ids=["status", "headers", "body"])
def test_a_service_that_sends_a_byte_at_a_time_is_left_in_time_and_cut_off(ask: Ask, before: bytes) -> None:
    # Each byte comes long before a time-out for each operation would notice; all of them would take ten seconds.
    def drip(handler: Handler) -> None:
        handler.raw(before)
        handler.drip(b"H" * 1000)

    with serving(drip) as server:
        with pytest.raises(BreachCheckFailed, match="in time"):
            ask(server.url, timeout=SHORT)
        assert server.cut.acquire(timeout=PATIENCE)


def test_a_request_that_is_given_up_before_it_has_a_connection_sends_nothing() -> None:
    # As when the name is resolved too late: there is nothing to cut yet, so the thread itself must see it.
    with serving(lambda handler: handler.rows(*OTHERS)) as server:
        done = threading.Event()
        request = _Request(lambda: HTTPConnection("127.0.0.1", server.server_port), "/range/00000", {}, done=done.set)
        request.give_up()
        request.start()
        assert done.wait(PATIENCE)
    assert isinstance(request.answer.exception(), BreachCheckFailed)
    assert server.asked == []


def test_cancelling_an_async_look_up_cuts_it_off() -> None:
    async def cancelled(url: str) -> None:
        await asyncio.wait_for(AsyncRangeService(url, timeout=LONG).count(MEANT), SHORT.total_seconds())

    with serving(Handler.until_cut) as server:
        with pytest.raises(TimeoutError):
            asyncio.run(cancelled(server.url))
        assert server.cut.acquire(timeout=PATIENCE)


def test_a_service_that_hangs_costs_a_bounded_number_of_threads() -> None:
    async def all_at_once(url: str) -> list[int | BaseException]:
        service = AsyncRangeService(url, timeout=SHORT)
        return await asyncio.gather(*(service.count(MEANT) for _ in range(_MOST_AT_ONCE + 3)), return_exceptions=True)

    with serving(Handler.until_cut) as server:
        failed = [str(failure) for failure in asyncio.run(all_at_once(server.url))]
    assert [("too many" in text) for text in failed] == [False] * _MOST_AT_ONCE + [True] * 3


def test_every_request_gives_its_place_back_however_it_ends() -> None:
    service = RangeService(f"http://127.0.0.1:{free_port()}/", timeout=LONG)
    for _ in range(2 * _MOST_AT_ONCE):
        with pytest.raises(BreachCheckFailed, match="could not be asked"):
            service.count(MEANT)


def test_where_no_thread_can_be_had_the_check_fails_and_the_place_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    service = RangeService(f"http://127.0.0.1:{free_port()}/")
    for _ in range(2 * _MOST_AT_ONCE):
        with pytest.raises(BreachCheckFailed, match="no look-up can be started"):
            service.count(MEANT)


# Over TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_is_a_failure_and_nothing_is_sent(ask: Ask) -> None:
    with serving(lambda handler: handler.rows(f"{MEANT.suffix}:1"), tls=True) as server, pytest.raises(BreachCheckFailed) as failed:
        ask(server.url)
    assert type(failed.value.__cause__).__name__ == "SSLCertVerificationError"
    assert server.asked == []


def test_a_certificate_that_the_system_trusts_is_good(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving(lambda handler: handler.rows(f"{MEANT.suffix}:7"), tls=True) as server:
        assert ask(server.url) == 7


def test_over_tls_too_a_service_that_says_nothing_is_left_in_time_and_cut_off(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving(Handler.until_cut, tls=True) as server:
        with pytest.raises(BreachCheckFailed, match="in time"):
            ask(server.url, timeout=timedelta(milliseconds=500))
        assert server.cut.acquire(timeout=PATIENCE)


# Settings --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/range/",
        "http://api.example.com/range/",
        "http://localhost.example.com/range/",
        "ftp://localhost/range/",
        "file:///etc/passwd/",
        "https:///range/",
        "https://user:secret@api.example.com/range/",
        "https://api.example.com/range",
        "https://api.example.com",
        "https://api.example.com/range/?q=/",
        "https://api.example.com/range/#/",
        "https://api.example.com:0/range/",
        "https://api.example.com:99999/range/",
        "https://api.example.com/ra nge/",
        "https://api.example.com/range/\r\nX: y/",
        "https://m\u00fcnchen.example/range/",
        "https://[::1/range/",
    ],
)
@pytest.mark.parametrize("service", [RangeService, AsyncRangeService])
def test_a_url_that_cannot_be_asked_safely_is_refused(service: type[RangeService], url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        service(url)
    assert len(refused.value.problems) == 1
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://api.example.com/", "https://api.example.com:8443/a/b/", "http://localhost:80/", "http://[::1]:80/", "https://10.0.0.1/"]
)
def test_a_url_of_a_host_and_a_path_is_good(url: str) -> None:
    RangeService(url)


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(seconds=-1), timedelta(seconds=31)])
def test_a_timeout_that_nobody_could_wait_for_is_refused(timeout: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        RangeService(timeout=timeout)


@pytest.mark.parametrize("header", [{"X\r\nY": "v"}, {"": "v"}, {"X Y": "v"}, {"X": "secret\r\nY: z"}, {"X": "secret\u0161"}])
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(header: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="header") as refused:
        RangeService(headers=header)
    assert "secret" not in str(refused.value)


# Nothing tells the password --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        lambda handler: handler.body(b"", 500),
        lambda handler: handler.rows("garbage"),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        Handler.until_cut,
    ],
    ids=["status", "garbage", "cut off", "slow"],
)
def test_a_report_of_a_failure_with_all_its_locals_holds_nothing_of_the_password(ask: Ask, answer: Answer) -> None:
    # PW-26: what an error service records is the stack with the locals of each frame, causes included.
    with serving(answer) as server, pytest.raises(BreachCheckFailed) as failed:
        ask(server.url, timeout=timedelta(milliseconds=500))
    report = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert "Fingerprint(...)" in report
    for secret in (PASSWORD, MEANT.suffix[:10], MEANT.suffix[-10:], MEANT.reveal().hex()[10:20], repr(MEANT.reveal()[:4])[2:-1]):
        assert secret.lower() not in report.lower()
