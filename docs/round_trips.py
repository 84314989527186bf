"""What each step of a journey asks of the stores: counted, not estimated. `generate.py` makes a table of it; the suite counts again on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import event

from credkit import Context, Credkit, Session
from credkit.errors import Refused
from credkit.stores.sqlalchemy import SqlStores
from credkit.testing import FrozenClock, Inbox, cheap_hasher
from credkit.testing.kits import keys_for_tests, site_for_tests

CALLS: Final = ("load", "commit", "find", "get", "add", "replace", "due", "purge")
"""Of both stores; they have no name in common."""

ADA, OLD, NEW, OTHER = "ada@example.com", "nine grey herons wade", "four loud kettles sing", "seven dry bells ring"


@dataclass(frozen=True, slots=True)
class Step:
    """What one step asked."""

    calls: Mapping[str, int]
    statements: int
    """Transaction control included."""


class _Counting:
    """A store that counts what is asked of it."""

    def __init__(self, store: Any, counted: Counter[str]) -> None:
        self._store, self._counted = store, counted

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        if name not in CALLS:
            return call

        def counting(*args: Any) -> Any:
            self._counted[name] += 1
            return call(*args)

        return counting


def measured(stores: SqlStores) -> dict[str, Step]:
    """Return what each step asks of *stores*, which are empty: of a person who has signed up and makes no mistake, unless it says so."""
    calls, statements = Counter[str](), [0]

    def count(*_: Any) -> None:
        statements[0] += 1

    stores.records.load(["the first call looks at the schema, too"])
    engine = stores._engines.engine()  # noqa: SLF001  # where SQLAlchemy tells of statements
    event.listen(engine, "before_cursor_execute", count)
    clock, inbox, context = FrozenClock(), Inbox(), Context(network_key="203.0.113.7")
    kit = Credkit(
        site=site_for_tests(),
        keys=keys_for_tests(),
        credentials=_Counting(stores.credentials, calls),
        records=_Counting(stores.records, calls),
        notifier=inbox,
        hasher=cheap_hasher(),
        clock=clock,
        deliver="manual",
        allow_test_domains=True,
    )
    steps: dict[str, Step] = {}

    def step(name: str, call: Callable[[], Any]) -> Any:
        calls.clear()
        statements[0] = 0
        try:
            return call()
        except Refused:
            return None
        finally:
            steps[name] = Step(dict(calls), statements[0])

    def code() -> str:
        return inbox.last_code(ADA)

    ticket = step("`sign_up.begin`", lambda: kit.sign_up.begin(ADA, context=context))
    step("courier: one code", kit.courier.run_due)
    grant = step("`sign_up.verify`", lambda: kit.sign_up.verify(ticket, code(), context=context))
    step("`sign_up.complete`", lambda: kit.sign_up.complete(grant, OLD, context=context))
    kit.courier.run_due()
    signed_in = step("`sign_in.with_password`", lambda: kit.sign_in.with_password(ADA, OLD, context=context))
    step("`sign_in.with_password`, a wrong one", lambda: kit.sign_in.with_password(ADA, OTHER, context=context))
    step("`sign_in.with_password`, an unknown identifier", lambda: kit.sign_in.with_password("bob@example.com", OTHER, context=context))
    step("`sign_in.holds`", lambda: kit.sign_in.holds(signed_in.session))
    clock.advance(seconds=61)
    ticket = step("`reset.begin`", lambda: kit.reset.begin(ADA, context=context))
    clock.advance(seconds=61)
    step("`reset.resend`", lambda: kit.reset.resend(ticket, context=context))
    kit.courier.run_due()
    step("`reset.verify`, a wrong code", lambda: kit.reset.verify(ticket, "00000000", context=context))
    grant = step("`reset.verify`", lambda: kit.reset.verify(ticket, code(), context=context))
    step("`reset.complete`, passwords typed that day", lambda: kit.reset.complete(grant, NEW, context=context))
    step("courier: a notice of a change", kit.courier.run_due)
    who: Session = kit.sign_in.with_password(ADA, NEW, context=context).session
    step("`password.change`", lambda: kit.password.change(who, NEW, OTHER, context=context))
    for _ in range(3):  # until no password is counted any more
        clock.advance(days=1)
        kit.purge()
        kit.courier.run_due()
    ticket = kit.reset.begin(ADA, context=context)
    kit.courier.run_due()
    grant = kit.reset.verify(ticket, code(), context=context)
    step("`reset.complete`, none typed that day", lambda: kit.reset.complete(grant, OLD, context=context))
    step("`kit.purge`", kit.purge)
    event.remove(engine, "before_cursor_execute", count)
    return steps
