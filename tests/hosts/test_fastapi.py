"""The FastAPI host of the documentation, started as a host would start it, and driven over HTTP from outside."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from types import ModuleType

import httpx
import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
KEYS = "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OLD, NEW = "nine grey herons wade", "four loud kettles sing"

SERVE = """
import socket, sys, uvicorn
config = uvicorn.Config("fastapi_host:app", log_level="warning", ws="none")
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""


@dataclass
class Host:
    """A running host: its address, what it has printed, and the browsers on it."""

    url: str
    printed: queue.Queue[str]
    open: ExitStack

    def browser(self) -> httpx.Client:
        """Return a browser without cookies. What it waits for is bounded, so that a host that hangs is a failure."""
        return self.open.enter_context(httpx.Client(base_url=self.url, timeout=60))

    def code_sent_to(self, address: str) -> str:
        """Return the code of the next message to *address*, as its reader sees it."""
        while f"To: {address}" not in self.printed.get(timeout=60):
            pass
        while not (code := re.search(r"\b(\d{4}) (\d{4})$", self.printed.get(timeout=60))):
            pass
        return code[1] + code[2]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The host in a process of its own, with a SQLite file, the console notifier and every default of production."""
    listening = socket.create_server(("127.0.0.1", 0))  # connections wait here until the host accepts them: nothing has to poll
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    database = tmp_path_factory.mktemp("host") / "host.sqlite3"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(listening.fileno())],
        cwd=EXAMPLES,
        env=os.environ | {"CREDKIT_KEYS": KEYS, "DATABASE": str(database), "SITE_URL": url},
        pass_fds=[listening.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    listening.close()
    printed: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=lambda: [printed.put(line.rstrip()) for line in process.stdout or ()], daemon=True)
    reader.start()
    try:
        with ExitStack() as browsers:
            yield Host(url, printed, browsers)
    finally:
        process.terminate()
        process.wait(60)
        reader.join(60)
        if process.stdout is not None:
            process.stdout.close()


def signed_up(host: Host, address: str, password: str = OLD) -> httpx.Client:
    """Sign somebody up over HTTP; return their browser."""
    browser = host.browser()
    assert browser.post("/sign-up", data={"identifier": address}).status_code == 200
    assert browser.post("/sign-up/verify", data={"code": host.code_sent_to(address)}).status_code == 200
    assert browser.post("/sign-up/complete", data={"password": password}).status_code == 200
    return browser


def cookie_of(response: httpx.Response, name: str | None = None) -> Morsel[str]:
    """Return the cookie that *response* sets under *name*, or the one that it sets."""
    cookies = [cookie for header in response.headers.get_list("set-cookie") for cookie in SimpleCookie(header).values()]
    (cookie,) = [cookie for cookie in cookies if name in {None, cookie.key}]
    return cookie


def host_module(name: str) -> ModuleType:
    """Import the host, under the environment as it is now."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / "fastapi_host.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_reset_ends_the_old_password_and_every_session_and_the_new_password_signs_in(host: Host) -> None:
    browser = signed_up(host, "ada@example.com")
    assert browser.post("/sign-in", data={"identifier": "ADA@example.com", "password": OLD}).status_code == 200
    assert browser.get("/me").status_code == 200

    other = host.browser()
    assert other.post("/reset", data={"identifier": "ada@example.com"}).status_code == 200
    assert other.post("/reset/verify", data={"code": host.code_sent_to("ada@example.com")}).status_code == 200
    assert other.post("/reset/complete", data={"password": NEW}).status_code == 200

    assert set(other.cookies) == {"credkit-device"}  # nobody is signed in by a reset (RS-12), and the spent grant is gone
    assert browser.get("/me").json()["reason"] == "session_ended"
    assert browser.post("/sign-in", data={"identifier": "ada@example.com", "password": OLD}).json()["reason"] == "sign_in_failed"
    assert browser.post("/sign-in", data={"identifier": "ada@example.com", "password": NEW}).status_code == 200
    assert browser.get("/me").status_code == 200


def test_a_refused_password_leaves_the_reset_open(host: Host) -> None:
    browser = signed_up(host, "ben@example.com")
    browser.post("/reset", data={"identifier": "ben@example.com"})
    browser.post("/reset/verify", data={"code": host.code_sent_to("ben@example.com")})
    refused = browser.post("/reset/complete", data={"password": "password1"})
    assert (refused.status_code, refused.json()["reason"]) == (422, "password_refused")
    assert [finding["kind"] for finding in refused.json()["findings"]] == ["too_short", "common"]
    assert browser.post("/reset/complete", data={"password": NEW}).status_code == 200


def test_an_unknown_identifier_gets_the_answer_that_a_known_one_gets(host: Host) -> None:
    """RS-01, RS-02: status, fields, cookie and the answer to a wrong code, all but what is random or typed."""
    signed_up(host, "cleo@example.com")
    known, unknown = host.browser(), host.browser()
    asked = [browser.post("/reset", data={"identifier": f"{name}@example.com"}) for browser, name in ((known, "cleo"), (unknown, "carl"))]
    cookies = [cookie_of(response) for response in asked]
    assert {response.status_code for response in asked} == {200}
    assert [set(response.json()) for response in asked] == [{"expires_at", "resend_at", "label", "masked", "tries_left"}] * 2
    assert len({(cookie.key, len(cookie.value), *(f"{k}={v}" for k, v in cookie.items() if k != "expires")) for cookie in cookies}) == 1
    guesses = [browser.post("/reset/verify", data={"code": "0000"}) for browser in (known, unknown)]
    assert guesses[0].json() == guesses[1].json()
    assert guesses[0].json()["reason"] == "code_wrong"


def test_a_refusal_is_a_problem_document(host: Host) -> None:
    refused = host.browser().post("/reset", data={"identifier": "ada@"})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    document = refused.json()
    assert (document["type"], document["status"], document["field"], document["next"]) == ("urn:credkit:email_invalid", 422, "identifier", "retry")
    assert "ada" not in document["detail"]


def test_a_wait_is_told_in_a_header(host: Host) -> None:
    browser = host.browser()
    browser.post("/reset", data={"identifier": "dora@example.com"})
    refused = browser.post("/reset/resend")
    assert refused.json()["reason"] == "resend_too_soon"
    assert 0 < int(refused.headers["retry-after"]) == refused.json()["retry_after"] <= 60


def test_the_ticket_is_in_a_cookie_that_no_script_reads_and_nowhere_else(host: Host) -> None:
    asked = host.browser().post("/reset", data={"identifier": "eve@example.com"})
    cookie = cookie_of(asked)
    assert (cookie.key, cookie["path"], cookie["samesite"], cookie["max-age"], cookie["domain"]) == ("credkit-reset", "/", "lax", "600", "")
    assert cookie["httponly"]
    assert not cookie["secure"]  # http on localhost, where a browser would drop it
    assert cookie.value not in asked.text


def test_the_session_cookie_is_a_new_one_at_every_sign_in(host: Host) -> None:
    browser = signed_up(host, "fay@example.com")
    first, second = (cookie_of(browser.post("/sign-in", data={"identifier": "fay@example.com", "password": OLD}), "session") for _ in range(2))
    assert first["httponly"]
    assert first.value != second.value


def test_whoever_guesses_does_not_hold_up_a_browser_that_has_signed_in_before(host: Host) -> None:
    mine, theirs = signed_up(host, "hal@example.com"), host.browser()
    right = {"identifier": "hal@example.com", "password": OLD}
    assert mine.post("/sign-in", data=right).status_code == 200
    reasons = [theirs.post("/sign-in", data=right | {"password": NEW}).json()["reason"] for _ in range(5)]
    assert reasons == ["sign_in_failed"] * 4 + ["too_many_tries"]
    assert host.browser().post("/sign-in", data=right).json()["reason"] == "too_many_tries"
    assert mine.post("/sign-in", data=right).status_code == 200


def test_reading_a_page_decides_nothing(host: Host) -> None:
    browser = host.browser()
    asked = browser.post("/reset", data={"identifier": "gil@example.com"}).json()
    looked = [browser.get("/reset").json() for _ in range(3)]
    assert looked[0] == looked[2]
    assert (looked[0]["label"], looked[0]["tries_left"]) == (asked["label"], asked["tries_left"])
    assert {browser.get(page).status_code for page in ("/reset/verify", "/reset/complete", "/sign-in", "/sign-up")} == {405}


def test_a_page_without_its_cookie_is_out_of_date(host: Host) -> None:
    refused = host.browser().post("/reset/verify", data={"code": "12345678"})
    assert (refused.status_code, refused.json()["reason"], refused.json()["next"]) == (410, "ticket_invalid", "begin_again")


def test_no_answer_is_kept_by_caches_and_no_other_site_posts_here(host: Host) -> None:
    foreign = host.browser().post("/reset", data={"identifier": "ada@example.com"}, headers={"Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    assert foreign.headers["cache-control"] == "no-store"
    assert foreign.headers["referrer-policy"] == "no-referrer"


def test_over_https_cookies_are_secure_and_bound_to_the_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"SITE_URL": "https://example.com", "CREDKIT_KEYS": KEYS, "DATABASE": str(tmp_path / "host.sqlite3")}.items():
        monkeypatch.setenv(name, value)
    module = host_module("fastapi_host_over_https")

    async def ask() -> httpx.Response:
        await module.stores.create()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(module.app), base_url="https://example.com") as browser:
            return await browser.post("/reset", data={"identifier": "nobody@example.com"})

    cookie = cookie_of(asyncio.run(ask()))
    assert (cookie.key, cookie["path"], cookie["domain"]) == ("__Host-credkit-reset", "/", "")
    assert cookie["secure"]
    assert cookie["httponly"]
