"""One set of flows for both colours: what never suspends is finished in one step, and what blocks is kept off the loop."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context
from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import ConfigurationError, CredkitError, IdentifierTaken
from credkit.identifiers import EmailAddress
from credkit.kit import Credkit
from credkit.lifting import (
    LiftedCredentials,
    LiftedDispatch,
    LiftedNotifier,
    LiftedPause,
    LiftedRecords,
    OffloadedCredentials,
    OffloadedRecords,
    awaited,
    finish,
    offload,
)
from credkit.messages import Message, MessageKind
from credkit.ports import AsyncCredentialStore, AsyncNotifier, AsyncPause, AsyncRecordStore, Committed, Record, Write
from credkit.stores.memory import AsyncMemoryStores, MemoryStores
from credkit.testing import AsyncInbox, Inbox, cheap_hasher
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests, site_for_tests

ADA = EmailAddress.restore("ada@example.com", "ada@example.com")
RECORD = Record(key="a", kind="kind", version=1, payload=b"payload", expires_at=START + timedelta(days=1), due_at=START)
WRITES = [Write(key="a", expected_version=0, record=RECORD)]
NEW = NewCredential(
    identifiers=(Registered(identifier=ADA, standing=Standing.VERIFIED, verified_at=START),),
    password_hash=None,
    preferred=ADA,
    generation="generation",
    marks=(Mark(change_id="change", at=START),),
)
CREDENTIAL = Credential(id="id", identifiers=NEW.identifiers, password_hash=None, preferred=ADA, accounts=(), session_epoch=0, generation="generation")
MESSAGE = Message(id="id", kind=MessageKind.PASSWORD_CHANGED, to=ADA, site=site_for_tests(), at=START)


class Spy:
    """Stands for any blocking port: it notes how it was called, and from which thread, and answers with something of its own."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.threads: list[int] = []
        self.answer = object()
        self._failure = failure

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.calls.append((name, args))
            self.threads.append(threading.get_ident())
            if self._failure is not None:
                raise self._failure
            return self.answer

        return call


RECORD_CALLS: dict[str, tuple[Any, ...]] = {"load": (["a"],), "commit": ({"b": 1}, WRITES), "due": ("kind", START, 10), "purge": (START, 10)}
CREDENTIAL_CALLS: dict[str, tuple[Any, ...]] = {"find": (ADA,), "get": ("id",), "add": (NEW, object()), "replace": (CREDENTIAL, CREDENTIAL)}

LIFTED = [(LiftedRecords, name, args) for name, args in RECORD_CALLS.items()] + [(LiftedCredentials, name, args) for name, args in CREDENTIAL_CALLS.items()]
OFFLOADED = [(OffloadedRecords, name, args) for name, args in RECORD_CALLS.items()] + [
    (OffloadedCredentials, name, args) for name, args in CREDENTIAL_CALLS.items()
]


def named(value: object) -> str:
    return getattr(value, "__name__", value if isinstance(value, str) else "")


# finish --------------------------------------------------------------------------------------------------------------------------


async def nothing_but(value: object) -> object:
    return value


async def raising(failure: BaseException) -> None:
    raise failure


class Suspending:
    """Something that is not ready when it is awaited, as every port of a loop may be."""

    def __await__(self) -> Any:
        yield "a future of some loop"


def test_finish_returns_what_the_flow_returns() -> None:
    value = object()
    assert finish(nothing_but(value)) is value


def test_finish_returns_none_for_a_flow_that_returns_nothing() -> None:
    async def nothing() -> None: ...

    assert finish(nothing()) is None


def test_finish_goes_through_flows_within_flows() -> None:
    async def outer() -> int:
        return await inner() + 1

    async def inner() -> int:
        return 1

    assert finish(outer()) == 2


@pytest.mark.parametrize("failure", [ValueError("x"), IdentifierTaken(), KeyboardInterrupt(), SystemExit(3)], ids=lambda failure: type(failure).__name__)
def test_finish_lets_through_what_the_flow_raises(failure: BaseException) -> None:
    with pytest.raises(type(failure)) as raised:
        finish(raising(failure))
    assert raised.value is failure


def test_finish_runs_in_the_calling_thread_without_a_loop() -> None:
    async def where() -> int:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return threading.get_ident()

    assert finish(where()) == threading.get_ident()


def test_finish_works_inside_a_running_loop() -> None:
    """A blocking kit may be called from async code; it only blocks it."""

    async def from_async_code() -> object:
        return finish(nothing_but("done"))

    assert asyncio.run(from_async_code()) == "done"


def test_finish_refuses_a_flow_that_suspends() -> None:
    async def flow() -> None:
        await Suspending()

    with pytest.raises(ConfigurationError) as raised:
        finish(flow())
    assert raised.value.problems == ("a blocking kit was given an async port; use AsyncCredkit",)


def test_finish_ends_a_flow_that_suspends_as_it_would_any_other() -> None:
    """What it holds, such as a place in the gate, is given back."""
    steps: list[str] = []

    async def flow() -> None:
        try:
            await Suspending()
            steps.append("went on")
        finally:
            steps.append("gave back")

    with pytest.raises(ConfigurationError) as raised:
        finish(flow())
    assert steps == ["gave back"]
    assert raised.value.problems, "held until here: it is not the end of the exception that ends the flow"


# awaited -------------------------------------------------------------------------------------------------------------------------


def test_what_can_be_awaited_is_handed_through() -> None:
    coroutine = nothing_but("done")
    assert awaited(coroutine) is coroutine
    assert finish(coroutine) == "done"
    future = Suspending()
    assert awaited(future) is future


@pytest.mark.parametrize("result", [None, {}, RECORD, 0, [nothing_but]])
def test_what_a_blocking_port_returns_cannot_be_awaited_and_is_told(result: Any) -> None:
    """An async kit with a blocking notifier would send a message, fail to await it, and send it again for ever."""
    with pytest.raises(ConfigurationError, match="an async kit was given a blocking port"):
        awaited(result)


# Lifted ports ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lifted", "name", "args"), LIFTED, ids=named)
def test_a_lifted_store_hands_over_everything_and_never_suspends(lifted: Any, name: str, args: tuple[Any, ...]) -> None:
    spy = Spy()
    assert finish(getattr(lifted(spy), name)(*args)) is spy.answer
    assert spy.calls == [(name, args)]
    assert spy.threads == [threading.get_ident()]


@pytest.mark.parametrize(("lifted", "name", "args"), LIFTED, ids=named)
def test_a_lifted_store_lets_through_what_is_raised(lifted: Any, name: str, args: tuple[Any, ...]) -> None:
    failure = IdentifierTaken()
    with pytest.raises(IdentifierTaken) as raised:
        finish(getattr(lifted(Spy(failure)), name)(*args))
    assert raised.value is failure


def test_a_lifted_notifier_pause_and_dispatch_hand_over_what_they_are_given() -> None:
    spy, told = Spy(), []
    spy.answer = None
    finish(LiftedNotifier(spy).deliver(MESSAGE))
    finish(LiftedPause(spy).wait(0.25))
    finish(LiftedDispatch(told.append)(START))
    assert spy.calls == [("deliver", (MESSAGE,)), ("wait", (0.25,))]
    assert told == [START]


@pytest.mark.parametrize("lifted", [LiftedNotifier, LiftedPause, LiftedDispatch], ids=named)
def test_lifted_calls_do_nothing_until_they_are_awaited(lifted: Any) -> None:
    spy = Spy()
    flow = {LiftedNotifier: "deliver", LiftedPause: "wait", LiftedDispatch: "__call__"}[lifted]
    coroutine = getattr(lifted(spy), flow)(None)
    assert spy.calls == []
    coroutine.close()


# A port of the wrong colour ---------------------------------------------------------------------------------------------------------------


def async_ports() -> list[tuple[str, Coroutine[Any, Any, Any]]]:
    """Return a call of each lifted port, over something that returns coroutines where it should return values."""
    stores = AsyncMemoryStores()
    records, credentials = LiftedRecords(stores.records), LiftedCredentials(stores.credentials)

    class AsyncPauses:
        async def wait(self, seconds: float) -> None: ...

    return [
        *((name, getattr(records, name)(*args)) for name, args in RECORD_CALLS.items()),
        *((name, getattr(credentials, name)(*args)) for name, args in CREDENTIAL_CALLS.items()),
        ("deliver", LiftedNotifier(AsyncInbox()).deliver(MESSAGE)),
        ("wait", LiftedPause(AsyncPauses()).wait(0.1)),
    ]


@pytest.mark.parametrize("place", range(10))
def test_an_async_port_in_a_blocking_kit_is_a_mistake_that_is_told(place: int) -> None:
    """Not an answer: a coroutine that nobody awaits is a message that is never sent, and a commit that is never made."""
    calls = async_ports()
    name, call = calls.pop(place)
    for _, other in calls:
        other.close()
    with pytest.raises(ConfigurationError, match="a blocking kit was given an async port; use AsyncCredkit"):
        finish(call)
    assert name


def test_a_blocking_kit_with_async_stores_says_so() -> None:
    async_stores, stores = AsyncMemoryStores(), MemoryStores()
    for records, credentials in ((async_stores.records, stores.credentials), (stores.records, async_stores.credentials)):
        kit = blocking_kit(records, credentials, Inbox())
        with pytest.raises(ConfigurationError):
            begin_and_deliver(kit)


def begin_and_deliver(kit: Credkit) -> None:
    kit.sign_up.begin("ada@example.com", context=Context.none())
    kit.courier.run_due()


def test_a_message_is_not_taken_for_sent_by_an_async_notifier_in_a_blocking_kit() -> None:
    stores, inbox = MemoryStores(), AsyncInbox()
    kit = blocking_kit(stores.records, stores.credentials, inbox)
    kit.sign_up.begin("ada@example.com", context=Context.none())
    try:
        delivered = kit.courier.run_due()
    except CredkitError:
        pass
    else:
        assert delivered.sent == 0
    assert inbox.messages == []
    assert any(record.due_at is not None for record in stores.records.dump()), "the message is gone"


def blocking_kit(records: Any, credentials: Any, notifier: Any) -> Credkit:
    return Credkit(
        site=site_for_tests(), keys=keys_for_tests(), records=records, credentials=credentials, notifier=notifier, hasher=cheap_hasher(), deliver="manual"
    )


# Offloaded stores --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offloaded", "name", "args"), OFFLOADED, ids=named)
def test_an_offloaded_store_hands_over_everything_in_another_thread(offloaded: Any, name: str, args: tuple[Any, ...]) -> None:
    spy = Spy()
    assert asyncio.run(getattr(offloaded(spy), name)(*args)) is spy.answer
    assert spy.calls == [(name, args)]
    assert threading.get_ident() not in spy.threads


@pytest.mark.parametrize(("offloaded", "name", "args"), OFFLOADED, ids=named)
def test_an_offloaded_store_lets_through_what_is_raised(offloaded: Any, name: str, args: tuple[Any, ...]) -> None:
    failure = IdentifierTaken()
    with pytest.raises(IdentifierTaken) as raised:
        asyncio.run(getattr(offloaded(Spy(failure)), name)(*args))
    assert raised.value is failure


def test_offloading_leaves_the_loop_free() -> None:
    """The call waits for something that only the loop can do: were it made on the loop, neither would ever end."""
    let_go = threading.Event()

    async def flow() -> str:
        async def meanwhile() -> None:
            let_go.set()

        waiting = asyncio.create_task(offload(lambda: "done" if let_go.wait(30) else "never let go"))
        await asyncio.sleep(0)
        await meanwhile()
        return await waiting

    assert asyncio.run(flow()) == "done"


def test_offloading_takes_the_callers_context_along() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request")

    async def flow() -> str:
        request.set("this one")
        return await offload(request.get)

    assert asyncio.run(flow()) == "this one"


def test_an_offloaded_call_that_is_cancelled_is_made_all_the_same() -> None:
    """Nobody can stop a thread: whoever is cancelled does not know what became of the call, as after a lost reply."""
    stores, begun, go_on = MemoryStores(), threading.Event(), threading.Event()

    class Slow:
        def commit(self, checks: Any, writes: Any) -> Committed:
            begun.set()
            assert go_on.wait(30)
            return stores.records.commit(checks, writes)

    async def flow() -> None:
        task = asyncio.create_task(OffloadedRecords(Slow()).commit({}, WRITES))
        assert await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()

    asyncio.run(flow())  # waits for its threads
    assert stores.records.load(["a"]) == {"a": RECORD}


# Both shapes are whole ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "implementation"),
    [
        (AsyncRecordStore, LiftedRecords),
        (AsyncRecordStore, OffloadedRecords),
        (AsyncCredentialStore, LiftedCredentials),
        (AsyncCredentialStore, OffloadedCredentials),
        (AsyncNotifier, LiftedNotifier),
        (AsyncPause, LiftedPause),
    ],
    ids=named,
)
def test_every_call_of_a_port_is_there_with_the_same_parameters(protocol: type, implementation: type) -> None:
    calls = {name: call for name, call in vars(protocol).items() if inspect.isfunction(call) and not name.startswith("_")}
    assert calls
    for name, call in calls.items():
        made = getattr(implementation, name)
        assert inspect.iscoroutinefunction(made), name
        assert list(inspect.signature(made).parameters) == list(inspect.signature(call).parameters), name
