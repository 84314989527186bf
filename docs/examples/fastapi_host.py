"""A small host on FastAPI: sign-up, sign-in and password reset. Forms in, JSON out; a POST decides, a GET never does.

In this folder: ``CREDKIT_KEYS=$(python -m credkit keys new) uvicorn fastapi_host:app``. Messages appear on the terminal.
"""
# ruff: noqa: D103, ARG001  # the path says what each page does, and FastAPI decides what a handler is given

import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr

from credkit import AsyncCredkit, Context, CredkitError, KeyRing, Reason, Refused, Session, Site
from credkit.notifiers.console import AsyncConsoleNotifier
from credkit.stores.sqlite import AsyncSqliteStores
from credkit.tickets import Grant, Ticket

site = Site(name="Example", url=os.environ.get("SITE_URL", "http://localhost:8000"), support="help@example.com", default_region="US")
stores = AsyncSqliteStores(os.environ.get("DATABASE", "host.sqlite3"))
keys = KeyRing.from_env("CREDKIT_KEYS")
kit = AsyncCredkit(site=site, keys=keys, credentials=stores.credentials, records=stores.records, notifier=AsyncConsoleNotifier())

sessions: dict[str, Session] = {}  # a real host keeps its sessions where they survive a restart and other workers see them
flags: dict[str, Any] = {"secure": not site.insecure, "httponly": True, "samesite": "lax"}
SESSION, SIGN_UP, RESET = ("" if site.insecure else "__Host-") + "session", kit.sign_up.cookie_name, kit.reset.cookie_name


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await stores.create()
    async with kit:  # at the end, up to two seconds for messages under way
        yield


def from_own_pages(request: Request) -> None:
    if request.method == "POST" and request.headers.get("origin", site.url) != site.url:
        raise HTTPException(403)


def context_of(request: Request) -> Context:
    network, mark = request.client.host if request.client else None, request.cookies.get(kit.sign_in.device_cookie_name)
    return Context(network_key=network, device=request.headers.get("user-agent"), device_mark=mark)


app = FastAPI(lifespan=lifespan, dependencies=[Depends(from_own_pages)])
Asker = Annotated[Context, Depends(context_of)]
Text = Annotated[str, Form()]
Hidden = Annotated[SecretStr, Form()]
NOTHING = SecretStr("")


@app.middleware("http")
async def private(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    return response


@app.exception_handler(Refused)
async def refused(request: Request, error: Refused) -> Response:
    headers = {} if error.retry_seconds is None else {"Retry-After": str(error.retry_seconds)}
    return JSONResponse(error.problem(), error.status, headers, media_type="application/problem+json")


@app.exception_handler(CredkitError)
async def trouble(request: Request, error: CredkitError) -> Response:
    logging.getLogger("host").error("credkit", exc_info=error)
    return JSONResponse({"title": "We cannot do that at the moment. Try again."}, error.status, media_type="application/problem+json")


def hand_over(response: Response, held: Ticket | Grant) -> dict[str, Any]:
    response.set_cookie(**held.cookie())
    return {name: value for name, value in held.public().items() if name not in {"ticket", "grant"}}  # the secret is the cookie's


@app.post("/sign-up")
async def sign_up(context: Asker, response: Response, identifier: Text = "") -> dict[str, Any]:
    return hand_over(response, await kit.sign_up.begin(identifier, context=context))


@app.post("/sign-up/verify")
async def sign_up_verify(context: Asker, response: Response, code: Text = "", held: Annotated[str, Cookie(alias=SIGN_UP)] = "") -> dict[str, Any]:
    return hand_over(response, await kit.sign_up.verify(held, code, context=context))


@app.post("/sign-up/complete")
async def sign_up_complete(context: Asker, response: Response, password: Hidden = NOTHING, held: Annotated[str, Cookie(alias=SIGN_UP)] = "") -> None:
    await kit.sign_up.complete(held, password, context=context)
    response.set_cookie(**kit.sign_up.ended_cookie())


@app.post("/sign-in")
async def sign_in(context: Asker, response: Response, identifier: Text = "", password: Hidden = NOTHING) -> None:
    signed_in = await kit.sign_in.with_password(identifier, password, context=context)
    name = secrets.token_urlsafe(32)  # a new session id at every sign-in
    sessions[name] = signed_in.session
    response.set_cookie(SESSION, name, **flags)
    response.set_cookie(**signed_in.device_mark.cookie())  # stays after sign-out


@app.get("/me")
async def me(name: Annotated[str, Cookie(alias=SESSION)] = "") -> dict[str, Any]:
    session = sessions.get(name)
    if session is None or not await kit.sign_in.holds(session):
        raise Refused(Reason.SESSION_ENDED)
    return {"credential": session.credential_id}


@app.post("/reset")
async def reset(context: Asker, response: Response, identifier: Text = "") -> dict[str, Any]:
    return hand_over(response, await kit.reset.begin(identifier, context=context))


@app.get("/reset")
async def reset_look(context: Asker, held: Annotated[str, Cookie(alias=RESET)] = "") -> dict[str, Any]:
    ticket = await kit.reset.look(held, context=context)
    return {"masked": ticket.masked, "label": ticket.label, "resend_at": ticket.resend_at, "tries_left": ticket.tries_left}


@app.post("/reset/resend")
async def reset_resend(context: Asker, response: Response, held: Annotated[str, Cookie(alias=RESET)] = "") -> dict[str, Any]:
    return hand_over(response, await kit.reset.resend(held, context=context))


@app.post("/reset/verify")
async def reset_verify(context: Asker, response: Response, code: Text = "", held: Annotated[str, Cookie(alias=RESET)] = "") -> dict[str, Any]:
    return hand_over(response, await kit.reset.verify(held, code, context=context))


@app.post("/reset/complete")
async def reset_complete(context: Asker, response: Response, password: Hidden = NOTHING, held: Annotated[str, Cookie(alias=RESET)] = "") -> None:
    changed = await kit.reset.complete(held, password, context=context)
    response.set_cookie(**kit.reset.ended_cookie())
    if changed.device_mark is not None:
        response.set_cookie(**changed.device_mark.cookie())
