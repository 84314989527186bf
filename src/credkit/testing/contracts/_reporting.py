"""A contract as a self-check without pytest: every duty is tried on a store of its own, and what came of it is a value."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from credkit.testing.contracts._driving import Contract, duties

__all__ = ["ContractReport", "async_report", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractReport:
    """What became of each duty of a contract; as text, one line for each that is broken."""

    contract: str
    """The name of its class."""
    kept: tuple[str, ...] = ()
    broken: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was found instead, by duty."""
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why it could not be tried, by duty."""

    @property
    def holds(self) -> bool:
        """Whether no duty is broken."""
        return not self.broken

    def __str__(self) -> str:
        counts = f"{self.contract}: {len(self.kept)} duties kept, {len(self.broken)} broken, {len(self.left_out)} left out"
        lines = [f"{sign} {_sentence(name)}: {why}" for sign, found in (("broken  ", self.broken), ("left out", self.left_out)) for name, why in found.items()]
        return "\n".join([counts, *lines])


def report(contract: type[Contract], make: Callable[[], Any]) -> ContractReport:
    """Try each duty of *contract*, one for blocking code, on what *make* returns, and report. Each time it returns an empty store.

    Raises:
        TypeError: The contract is one for async code.
    """
    found = _Found()
    for name in duties(contract):
        test = getattr(contract(), name)
        if inspect.iscoroutinefunction(test):
            raise TypeError(f"{contract.__name__} is for async code: await async_report(...), or give the blocking contract")
        with found.noting(name):
            test(make())
    return found.report(contract)


async def async_report(contract: type[Contract], make: Callable[[], Any | Awaitable[Any]]) -> ContractReport:
    """Try each duty of *contract*, one for async code, on what *make* returns, or returns when awaited, and report. Each time it is an empty store.

    Raises:
        TypeError: The contract is one for blocking code.
    """
    found = _Found()
    for name in duties(contract):
        test = getattr(contract(), name)
        if not inspect.iscoroutinefunction(test):
            raise TypeError(f"{contract.__name__} is for blocking code: use report(...), or give the async contract")
        with found.noting(name):
            made = make()
            await test(await made if inspect.isawaitable(made) else made)
    return found.report(contract)


class _Found:
    def __init__(self) -> None:
        self.kept: list[str] = []
        self.broken: dict[str, str] = {}
        self.left_out: dict[str, str] = {}

    def noting(self, name: str) -> _Noting:
        return _Noting(self, name)

    def report(self, contract: type) -> ContractReport:
        return ContractReport(contract=contract.__name__, kept=tuple(self.kept), broken=self.broken, left_out=self.left_out)


@dataclass(frozen=True, slots=True)
class _Noting:
    """Notes what becomes of one duty; whatever is no `Exception` goes on up."""

    found: _Found
    name: str

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, _: object) -> bool:
        from unittest import SkipTest  # noqa: PLC0415  # milliseconds that only a report pays

        if raised is None:
            self.found.kept.append(self.name)
        elif isinstance(raised, SkipTest):
            self.found.left_out[self.name] = str(raised)
        elif isinstance(raised, AssertionError):
            self.found.broken[self.name] = str(raised)
        elif isinstance(raised, Exception):
            self.found.broken[self.name] = f"raised {type(raised).__name__}: {raised}"
        else:
            return False
        return True


def _sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")
