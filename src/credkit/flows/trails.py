"""How flows tell the observer: each call leaves a trail that ends in exactly one event, whichever way the call ends (AU-01).

A flow only notes on its trail what it learns on the way. The event is made and told when the call is left, so after its commit; no branch can
forget to tell, tell twice or tell too early.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Final, Self, final

from credkit.breaches import BreachCheckFailed
from credkit.context import Context, Session
from credkit.delivery import report_failure
from credkit.errors import AuditFailed, ConfigurationError, Next, Refused, StoreError, UnknownKey
from credkit.events import Cause, Event, EventKind, Outcome
from credkit.flows.shell import Shell
from credkit.identifiers import Identifier
from credkit.messages import MessageKind
from credkit.payloads import UnreadableRecord
from credkit.tickets import Asked, EditWindow, Grant, Ticket, Token, encode_bytes

__all__ = ["Trail", "note", "tell"]

_CAUSES: Final[tuple[tuple[type[Exception], Cause], ...]] = (
    (BreachCheckFailed, Cause.BREACH_LIST_FAILED),
    (UnreadableRecord, Cause.UNREADABLE),
    (UnknownKey, Cause.KEY_MISSING),
    (StoreError, Cause.STORE_FAILED),
    (ConfigurationError, Cause.MISCONFIGURED),
    (Exception, Cause.UNEXPECTED),
)
"""What trouble is called, the first that fits; what is no `Exception` ends the call from outside."""


@final
class Trail:
    """What one call has to tell. ``with Trail(shell, kind, context) as trail:`` tells it when the block is left.

    It keeps of identifiers only what may stand in an event, as it stands in every traceback of the call.
    """

    __slots__ = ("_event", "_shell", "_span")

    def __init__(self, shell: Shell, kind: EventKind, context: object = None, *, given: object = None, who: object = None, actor: object = None) -> None:
        """Begin one, with the ticket, grant, request, window or link that the call was *given* and *who* holds the session, whatever these are.

        None of it has been looked at yet, so nothing here fails, and an event may name what proved to be nobody's.
        """
        known = context if isinstance(context, Context) else Context.none()
        self._shell = shell
        self._span: AbstractContextManager[object] | None = None
        self._event: Event | None = None
        if shell.observer is not None:
            self._event = Event(
                id=shell.fresh_id(),
                kind=kind,
                outcome=Outcome.SUCCESS,
                at=shell.clock.now(),
                site=shell.site.id,
                credential_id=_text(who.credential_id) if isinstance(who, Session) else None,
                about=_id_in(given),
                actor=_text(actor),
                network_key=known.network_key,
                device=known.device,
                place=known.place,
            )

    def typed(self, identifier: Identifier) -> Identifier:
        """Note the identifier that the call is about, and return it."""
        if self._event is not None:
            pseudonym = _pseudonym(self._shell, identifier)
            self._event = replace(self._event, pseudonym=pseudonym, masked=identifier.masked, channel=identifier.kind)
        return identifier

    def of(self, credential_id: str | None) -> None:
        """Note whose call it is."""
        if self._event is not None:
            self._event = replace(self._event, credential_id=credential_id)

    def about(self, record_id: str) -> None:
        """Note the id of the ticket, request, window or change."""
        if self._event is not None:
            self._event = replace(self._event, about=record_id)

    def because(self, cause: Cause | None) -> None:
        """Note the true reason, for the case that the call is refused. A decision that may be made again begins with `None`."""
        if self._event is not None:
            self._event = replace(self._event, cause=cause)

    def __enter__(self) -> Self:
        self._span = None if self._event is None else _entered_span(self._shell, str(self._event.kind))
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """Tell how the call ended.

        Raises:
            AuditFailed: The call had something to give, its event could not be told, and the policy requires that it is.
        """
        if self._event is None:
            return
        told = tell(self._shell, _ended(self._event, error, self._shell))
        _leave_span(self._span)
        gives = error is None or (isinstance(error, Refused) and error.next is Next.GO_ON)
        if gives and not told and self._shell.policy.audit == "required":
            raise AuditFailed


def note(
    shell: Shell,
    kind: EventKind,
    outcome: Outcome = Outcome.SUCCESS,
    *,
    event_id: str | None = None,
    identifier: Identifier | None = None,
    cause: Cause | None = None,
    credential_id: str | None = None,
    about: str | None = None,
    message: MessageKind | None = None,
) -> bool:
    """Tell something that was found out on the way; return whether it could be told."""
    if shell.observer is None:
        return True
    event = Event(
        id=event_id or shell.fresh_id(),
        kind=kind,
        outcome=outcome,
        at=shell.clock.now(),
        site=shell.site.id,
        cause=cause,
        credential_id=credential_id,
        pseudonym=None if identifier is None else _pseudonym(shell, identifier),
        masked=None if identifier is None else identifier.masked,
        channel=None if identifier is None else identifier.kind,
        about=about,
        message=message,
    )
    return tell(shell, event)


def tell(shell: Shell, event: Event) -> bool:
    """Give the observer an event, and return whether it took it; what it raises is reported, and reaches no caller (AU-07)."""
    try:
        if shell.observer is not None:
            shell.observer.saw(event)
    except Exception:  # noqa: BLE001  # a host's observer may raise anything; no answer depends on it
        report_failure()
        return False
    return True


def _text(given: object) -> str | None:
    return given if isinstance(given, str) else None


def _id_in(given: object) -> str | None:
    token = Token.in_link(given.text if isinstance(given, Ticket | Grant | Asked | EditWindow) else given)
    return None if token is None else token.id


def _ended(event: Event, error: BaseException | None, shell: Shell) -> Event:
    now = shell.clock.now()
    if error is None:
        return replace(event, at=now, cause=None)
    if isinstance(error, Refused):
        return replace(event, at=now, outcome=Outcome.REFUSED, reason=error.reason)
    cause = next((cause for kind, cause in _CAUSES if isinstance(error, kind)), Cause.INTERRUPTED)
    return replace(event, at=now, outcome=Outcome.FAILED, cause=cause, trouble=type(error).__name__)


def _pseudonym(shell: Shell, identifier: Identifier) -> str:
    """Return what stands for an identifier in events: another one after each rotation of the index keys, on purpose (AU-06)."""
    return encode_bytes(shell.index.mac(shell.index.current, "pseudonym", shell.site.id, identifier.kind, identifier.canonical))


def _entered_span(shell: Shell, name: str) -> AbstractContextManager[object] | None:
    """Open the observer's span for one call, if it has any."""
    make = getattr(shell.observer, "span", None)
    if make is None:
        return None
    try:
        span: AbstractContextManager[object] = make(name)
        span.__enter__()
    except Exception:  # noqa: BLE001  # as above: tracing decides nothing
        report_failure()
        return None
    return span


def _leave_span(span: AbstractContextManager[object] | None) -> None:
    """Close a span. It is not shown the exception, whose traceback leads to what must not be recorded; how it ended is in the event, told inside."""
    try:
        if span is not None:
            span.__exit__(None, None, None)
    except Exception:  # noqa: BLE001  # as above
        report_failure()
