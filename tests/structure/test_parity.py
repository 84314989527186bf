"""Every class for async code and its blocking face say and do the same. Pairs are found, not listed: a journey without a face fails here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import dataclass
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import credkit.flows
import credkit.kit
from credkit.kit import AsyncCredkit, Credkit
from credkit.lifting import finish
from credkit.testing import AsyncInbox, AsyncTestWorld, Inbox, TestWorld, async_kit_for_tests, kit_for_tests

ASYNC = "Async"

RENAMED = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
"""What Python itself calls otherwise in async code."""

DIFFERS = {"deliver": ("thread", "task")}
"""Parameters whose defaults differ because their meaning does: (blocking, async)."""


def flow_modules() -> list[ModuleType]:
    return [importlib.import_module(f"credkit.flows.{found.name}") for found in pkgutil.iter_modules(credkit.flows.__path__)]


def classes_of(module: Any) -> dict[str, type]:
    """Return the public classes that are defined in the module."""
    return {name: value for name, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module.__name__ and name[0] != "_"}


def pairs_of(module: Any) -> tuple[list[tuple[type, type]], list[str]]:
    """Return the (blocking, async) pairs of the module, and a complaint for each class that stands alone."""
    classes = classes_of(module)
    pairs = [(classes[name.removeprefix(ASYNC)], found) for name, found in classes.items() if name.startswith(ASYNC) and name.removeprefix(ASYNC) in classes]
    alone = [f"{name} has no blocking face" for name in classes if name.startswith(ASYNC) and name.removeprefix(ASYNC) not in classes]
    faces = [name for name, found in classes.items() if not name.startswith(ASYNC) and "_flow" in getattr(found, "__slots__", ())]
    return pairs, alone + [f"{name} is the face of no class" for name in faces if ASYNC + name not in classes]


def members_of(found: type) -> dict[str, Any]:
    """Return what a host can call or read: public members, and entering and leaving `with`."""
    return {RENAMED.get(name, name): value for name, value in vars(found).items() if name[0] != "_" or name in {*RENAMED, *RENAMED.values()}}


def members(blocking: type, asynchronous: type) -> dict[str, tuple[Any, Any]]:
    """Return what both have, by its blocking name."""
    one, two = members_of(blocking), members_of(asynchronous)
    return {name: (one[name], two[name]) for name in one if name in two}


def told(signature: inspect.Signature) -> list[tuple[Any, ...]]:
    """Return a signature in a form in which a pair must agree: names, kinds, defaults, and types but for their colour."""
    parameters = [(p.name, p.kind, DIFFERS.get(p.name, (p.default,)), _colourless(p.annotation)) for p in signature.parameters.values() if p.name != "self"]
    return [*parameters, ("return", _colourless(signature.return_annotation))]


def _colourless(annotation: Any) -> str:
    return str(annotation).replace(ASYNC, "")


def problems_of(blocking: type, asynchronous: type) -> list[str]:
    """Return all in which a pair is not in step."""
    one, two = members_of(blocking), members_of(asynchronous)
    problems = [f"{blocking.__name__} lacks {name}" for name in two if name not in one] + [
        f"{asynchronous.__name__} lacks {name}" for name in one if name not in two
    ]
    for name, (face, flow) in members(blocking, asynchronous).items():
        where = f"{blocking.__name__}.{name}"
        if inspect.isfunction(face) != inspect.isfunction(flow):
            problems.append(f"{where} is a method in one of them only")
            continue
        if face.__doc__ != flow.__doc__:
            problems.append(f"{where} says something else than its async twin")
        if not inspect.isfunction(face):
            continue
        if inspect.iscoroutinefunction(face):
            problems.append(f"{where} is a coroutine in blocking code")
        if told(inspect.signature(face)) != told(inspect.signature(flow)):
            problems.append(f"{where}{inspect.signature(face)} is not {inspect.signature(flow)}")
    return problems


class Recorder:
    """In the place of a flow: write down each call, and each look at a property, and answer with something new."""

    def __init__(self, asynchronous: type) -> None:
        self.asynchronous = asynchronous
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers: list[object] = []

    def __getattr__(self, name: str) -> Any:
        member = vars(self.asynchronous)[name]
        if not inspect.isfunction(member):
            return self._answer(name)

        async def soon(*given: Any, **named: Any) -> object:
            return self._answer(name, *given, **named)

        return soon if inspect.iscoroutinefunction(member) else partial(self._answer, name)

    def _answer(self, name: str, *given: Any, **named: Any) -> object:
        self.calls.append((name, given, named))
        self.answers.append(object())
        return self.answers[-1]


def problems_of_passing_on(blocking: type, asynchronous: type, name: str) -> list[str]:
    """Use one member of a face, with a value of its own for every parameter, and return what did not reach the flow as it was given."""
    recorder = Recorder(asynchronous)
    face: Any = object.__new__(blocking)
    face._flow = recorder
    given: list[object] = []
    named: dict[str, object] = {}
    if inspect.isfunction(vars(blocking)[name]):
        parameters = list(inspect.signature(getattr(blocking, name)).parameters.values())[1:]
        given = [object() for p in parameters if p.kind is not p.KEYWORD_ONLY]
        named = {p.name: object() for p in parameters if p.kind is p.KEYWORD_ONLY}
        answer = getattr(face, name)(*given, **named)
    else:
        answer = getattr(face, name)
    where = f"{blocking.__name__}.{name}"
    if recorder.calls != [(name, tuple(given), named)]:
        return [f"{where} passes on something else than it was given"]
    return [] if answer is recorder.answers[0] else [f"{where} returns something else than its flow"]


FACES = [pair for module in flow_modules() for pair in pairs_of(module)[0]]
PAIRS = [*FACES, *pairs_of(credkit.kit)[0]]

by_pair = pytest.mark.parametrize(("blocking", "asynchronous"), PAIRS, ids=lambda found: found.__name__)


def test_there_are_pairs_to_compare() -> None:
    names = {blocking.__name__ for blocking, _ in PAIRS}
    assert names >= {"Admin", "Courier", "Credkit", "PasswordChange", "PasswordReset", "SignIn", "SignUp"}


@pytest.mark.parametrize("module", [*flow_modules(), credkit.kit], ids=lambda module: module.__name__)
def test_no_class_stands_alone(module: ModuleType) -> None:
    assert pairs_of(module)[1] == []


@by_pair
def test_a_pair_says_the_same(blocking: type, asynchronous: type) -> None:
    problems = problems_of(blocking, asynchronous)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("blocking", "asynchronous", "name"),
    [(blocking, asynchronous, name) for blocking, asynchronous in FACES for name in members(blocking, asynchronous)],
    ids=lambda what: getattr(what, "__name__", what),
)
def test_a_face_passes_on_every_argument_and_the_answer(blocking: type, asynchronous: type, name: str) -> None:
    assert problems_of_passing_on(blocking, asynchronous, name) == []


def test_both_kits_are_built_alike() -> None:
    assert told(inspect.signature(Credkit)) == told(inspect.signature(AsyncCredkit))
    assert Credkit.__init__.__doc__ == AsyncCredkit.__init__.__doc__


def test_a_kit_opens_every_face_and_the_async_kit_its_twin() -> None:
    world, async_world = kit_for_tests(), async_kit_for_tests()
    opened = {name: type(value) for name, value in vars(world.kit).items() if not name.startswith("_")}
    twins = {name: type(value) for name, value in vars(async_world.kit).items() if not name.startswith("_")}
    assert list(opened) == list(twins)
    assert {(face, twins[name]) for name, face in opened.items() if face is not twins[name]} == set(FACES)


@pytest.mark.parametrize(("blocking", "asynchronous"), [(TestWorld, AsyncTestWorld), (Inbox, AsyncInbox)])
def test_what_tests_are_given_says_the_same_in_both_colours(blocking: type, asynchronous: type) -> None:
    assert problems_of(blocking, asynchronous) == []


def test_kits_for_tests_take_the_same_in_both_colours() -> None:
    assert told(inspect.signature(kit_for_tests)) == told(inspect.signature(async_kit_for_tests))


# The checks find what they are for --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AsyncSample:
    """A journey."""

    async def go(self, where: str, *, fast: bool = False) -> str:
        """Go."""
        return where

    async def stop(self) -> None:
        """Stop."""

    def cost(self, where: str) -> int:
        """Tell the cost."""
        return len(where)

    @property
    def name(self) -> str:
        """The name."""
        return "sample"


class Sample:
    """The blocking face of it."""

    __slots__ = ("_flow",)

    def __init__(self) -> None:
        self._flow = AsyncSample()

    def go(self, where: str, *, fast: bool = False) -> str:
        """Go."""
        return finish(self._flow.go(where, fast=fast))

    def stop(self) -> None:
        """Stop."""
        return finish(self._flow.stop())

    def cost(self, where: str) -> int:
        """Tell the cost."""
        return self._flow.cost(where)

    @property
    def name(self) -> str:
        """The name."""
        return self._flow.name


def sample(**changes: Any) -> type:
    """Return the face with some members changed, or taken away with `None`."""
    kept = {name: value for name, value in {**vars(Sample), **changes}.items() if value is not None and name not in {"_flow", "__dict__", "__weakref__"}}
    return type("Sample", (), kept)


def module(**classes: type) -> Any:
    """Return something like a module that defines these classes."""
    for found in classes.values():
        found.__module__ = "sample"
    return SimpleNamespace(__name__="sample", **classes)


def other_words(self: Any, where: str, *, fast: bool = False) -> str:
    """Walk."""
    return finish(self._flow.go(where, fast=fast))


def other_default(self: Any, where: str, *, fast: bool = True) -> str:
    """Go."""
    return finish(self._flow.go(where, fast=fast))


def other_kind(self: Any, where: str, fast: bool = False) -> str:
    """Go."""
    return finish(self._flow.go(where, fast=fast))


def other_type(self: Any, where: bytes, *, fast: bool = False) -> str:
    """Go."""
    return finish(self._flow.go(str(where), fast=fast))


async def other_colour(self: Any, where: str, *, fast: bool = False) -> str:
    """Go."""
    return await self._flow.go(where, fast=fast)


def forgets(self: Any, where: str, *, fast: bool = False) -> str:
    """Go."""
    return finish(self._flow.go(where))


def confuses(self: Any, where: str, *, fast: bool = False) -> str:
    """Go."""
    return finish(self._flow.stop(where, fast=fast))


def keeps_the_answer(self: Any, where: str, *, fast: bool = False) -> str:
    """Go."""
    finish(self._flow.go(where, fast=fast))
    return where


def test_a_pair_in_step_passes() -> None:
    assert problems_of(sample(), AsyncSample) == []
    assert [problem for name in ("go", "stop", "cost", "name") for problem in problems_of_passing_on(sample(), AsyncSample, name)] == []


@pytest.mark.parametrize("go", [None, other_words, other_default, other_kind, other_type, other_colour, property(other_words)])
def test_a_face_out_of_step_is_found(go: Any) -> None:
    assert len(problems_of(sample(go=go), AsyncSample)) == 1


def test_a_method_that_only_the_face_has_is_found() -> None:
    assert problems_of(sample(more=other_words), AsyncSample) == ["AsyncSample lacks more"]


@pytest.mark.parametrize("go", [forgets, confuses, keeps_the_answer])
def test_a_face_that_does_not_pass_on_what_it_was_given_is_found(go: Any) -> None:
    assert len(problems_of_passing_on(sample(go=go), AsyncSample, "go")) == 1


@pytest.mark.parametrize("name", ["sample", property(lambda _: "sample", doc="The name.")])
def test_a_face_that_has_a_property_of_its_own_is_found(name: Any) -> None:
    face = sample(name=name)
    assert problems_of(face, AsyncSample) + problems_of_passing_on(face, AsyncSample, "name")


def test_a_journey_without_a_face_is_found() -> None:
    assert pairs_of(module(AsyncSample=type("AsyncSample", (), {}))) == ([], ["AsyncSample has no blocking face"])


def test_a_face_without_a_journey_is_found() -> None:
    assert pairs_of(module(Sample=sample())) == ([], ["Sample is the face of no class"])
