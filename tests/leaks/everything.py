"""Every journey, every refusal and every kind of trouble, in one go, keeping everything that comes out for others to look through."""

from __future__ import annotations

import itertools
import logging
import pickle
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import FrameType, TracebackType
from typing import Any

import pytest

from credkit.context import Context, Session
from credkit.credential import Credential, Mark, NewCredential, Standing
from credkit.devices import DeviceMark
from credkit.edits import AddIdentifier, ChangeIdentifier, HostChange, Prefer, RemoveIdentifier, SetPassword
from credkit.errors import CredkitError, DeliveryFailed, Refused
from credkit.events import Event
from credkit.flows.sign_in import PasswordChangeRequired
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber, parse_identifier
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.messages import Message
from credkit.observers import LoggingObserver
from credkit.passwords import HashingProfile, PasswordHasher
from credkit.policy import Limits, Policy
from credkit.ports import Committed, Record, Write
from credkit.secret import Secret
from credkit.site import Paths, Site
from credkit.stores.memory import MemoryStores
from credkit.testing import FrozenClock, NoPause, SeededEntropy
from credkit.testing.kits import sms_for_tests

CODES_KEY = bytes(range(200, 232))
INDEX_KEY = bytes(range(160, 192))
PEPPER_KEY = bytes(range(100, 132))

CANARIES: dict[str, str | bytes] = {
    "password": "zorbl kwexit vunter",
    "new password": "quiblo strand umpfel",
    "later password": "thwacket gromly ixen",
    "wrong password": "nambit yolver drooze",
    "refused password": "snorvig!",
    "session key": "sess-7f3a-wogglebeck",
    "network key": "203.0.113.77-plinkton",
    "device mark": "mark-snuffkin-0451",
    "codes key": CODES_KEY,
    "index key": INDEX_KEY,
    "pepper": PEPPER_KEY,
    "provider's key": "SG.blorpington-4711",
}
"""What must never come out, whatever happens. Codes, tickets, grants and hashes join them as they are made."""

OWNER, STRANGER, WRONG_ADDRESS = "Vexilla.Murdstone@example.com", "quentessa@example.com", "no-such-plumbeck@@example.com"
PHONE, OTHER_PHONE = "+1 415 555 3917", "+44 7400 861357"
SETTLER, NEXT_ADDRESS, SETTLERS_PHONE = "quorra.thistlewood@example.com", "wimbledore.prax@example.com", "+14155553922"

IDENTIFIERS: dict[str, str | bytes] = {
    "address as typed": OWNER,
    "address": OWNER.lower(),
    "local part": "vexilla.murdstone",
    "stranger's address": STRANGER,
    "no address": "no-such-plumbeck",
    "phone": "4155553917",
    "phone as typed": "415 555 3917",
    "other phone": "7400861357",
    "other phone as typed": "7400 861357",
    "settler's address": "quorra.thistlewood",
    "settler's next address": "wimbledore.prax",
    "settler's phone": "4155553922",
}
"""What must come out masked only (ID-22, AU-02)."""

PATHS = Paths(approve="/approve", undo="/undo", reset="/reset")

CONTEXT = Context(
    network_key="203.0.113.77-plinkton", session_key="sess-7f3a-wogglebeck", device_mark="mark-snuffkin-0451", device="Firefox", locale="en", region="US"
)


class Down(Exception):
    """A store or provider that does not answer."""


@dataclass
class Faults:
    """Which call to a store fails, and whether its work is done before that."""

    at: int | None = None
    done_first: bool = False
    count: int = 0

    def around(self, call: Callable[[], Any]) -> Any:
        number, self.count = self.count, self.count + 1
        if number != self.at:
            return call()
        if self.done_first:
            call()
        raise Down


class NotingHasher(PasswordHasher):
    """Cheap Argon2id that keeps what it made, stored or not."""

    def __init__(self, pepper: KeyRing) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(HashingProfile(memory_kib=8, passes=1, lanes=1, insecure_for_tests=True), pepper=pepper)
        self.made: list[str] = []

    def hash(self, password: Secret) -> str:
        self.made.append(super().hash(password))
        return self.made[-1]


@dataclass
class FaultyRecords:
    store: Any
    faults: Faults
    written: list[Record] = field(default_factory=list, repr=False)
    dsn: str = str(CANARIES["provider's key"])

    def load(self, keys: Sequence[str]) -> Mapping[str, Record]:
        return self.faults.around(lambda: self.store.load(keys))

    def commit(self, checks: Mapping[str, int], writes: Sequence[Write]) -> Committed:
        self.written += [write.record for write in writes if write.record is not None]
        return self.faults.around(lambda: self.store.commit(checks, writes))

    def due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        return self.faults.around(lambda: self.store.due(kind, now, limit))

    def purge(self, now: datetime, limit: int) -> int:
        return self.faults.around(lambda: self.store.purge(now, limit))


@dataclass
class FaultyCredentials:
    store: Any
    faults: Faults

    def find(self, identifier: Identifier) -> Credential | None:
        return self.faults.around(lambda: self.store.find(identifier))

    def get(self, credential_id: str) -> Credential | None:
        return self.faults.around(lambda: self.store.get(credential_id))

    def add(self, new: NewCredential, extra: object) -> Credential:
        return self.faults.around(lambda: self.store.add(new, extra))

    def replace(self, old: Credential, new: Credential) -> Credential | None:
        return self.faults.around(lambda: self.store.replace(old, new))


@dataclass
class Provider:
    """A notifier that keeps the codes and links it is given, and fails in every way in turn where it is told to."""

    failing: bool = False
    api_key: str = str(CANARIES["provider's key"])
    """Careless hosts write such notifiers, and their frames show it; credkit's must not."""
    codes: dict[str, list[str]] = field(default_factory=dict, repr=False)
    links: dict[str, list[str]] = field(default_factory=dict, repr=False)
    messages: list[Message] = field(default_factory=list)
    count: int = 0

    def deliver(self, message: Message) -> None:
        self.messages.append(message)
        if message.code is not None:
            self.codes.setdefault(message.to.canonical, []).append(message.code.reveal())
        if message.link is not None:
            self.links.setdefault(message.to.canonical, []).append(message.link.reveal())
        self.count += 1
        if self.failing:
            raise (DeliveryFailed(), DeliveryFailed(permanent=True), RuntimeError(f"cannot send {message.text} to {message.to.entered}"))[self.count % 3]

    def last_link(self, identifier: str) -> str:
        """Return the newest link sent to *identifier*, or one that leads nowhere."""
        return self.links.get(parse_identifier(identifier).canonical, ["https://example.com/#x"])[-1]

    def last_code(self, identifier: str) -> str:
        """Return the newest code sent to *identifier*, or one that is nobody's."""
        return self.codes.get(parse_identifier(identifier).canonical, ["00000000"])[-1]


@dataclass
class Evidence:
    """All that came out."""

    texts: set[tuple[str, str]] = field(default_factory=set)
    """Where, and what: to be searched for every canary and identifier."""
    pickles: set[tuple[str, str]] = field(default_factory=set)
    """The type of what can be pickled, and its bytes."""
    frames: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Function of credkit, name and type of a local, and what it looks like in a traceback with locals."""
    reasons: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)
    secrets: dict[str, str | bytes] = field(default_factory=dict)
    """Codes, tickets, grants and hashes of this run."""

    def value(self, where: str, value: object) -> None:
        """Keep every look of a value."""
        self.texts |= {(where, text) for text in (repr(value), str(value), format(value), f"{value!s:>3}", ascii(value))}
        for protocol in (2, pickle.HIGHEST_PROTOCOL):
            with suppress(TypeError, AttributeError, pickle.PicklingError):  # refused, as it should be where there is a secret inside
                self.pickles.add((type(value).__name__, pickle.dumps(value, protocol).decode("latin-1")))

    def exception(self, where: str, raised: BaseException) -> None:
        """Keep every look of an exception and of all that led to it, and the locals of credkit's frames."""
        self.raised.add(type(raised).__name__)
        self.texts.add((where, "".join(traceback.format_exception(raised))))
        for one in chain(raised):
            if not type(one).__module__.startswith(("credkit", "leaks")):
                continue  # what a provider or driver says of itself is the host's; that it goes no further is shown by the rest
            self.texts.add((where, repr(one.args)))
            self.value(where, one)
            if isinstance(one, Refused):
                self.reasons.add(str(one.reason))
                self.texts |= {(where, text) for text in (one.text(), repr(one.problem()), repr(one.findings))}
            for frame in frames_of(one.__traceback__):
                self.frames |= {(name_of(frame), name, type(value).__name__, shown(value)) for name, value in frame.f_locals.items()}


def chain(raised: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and all that it came from, also what ``from None`` hides from printing but not from a reporter."""
    seen: set[int] = set()
    waiting = [raised]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def frames_of(found: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames that run credkit's own code, but for its fakes for tests and its stores, which stand where a host's own would."""
    for frame, _ in traceback.walk_tb(found):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("credkit.") and not module.startswith(("credkit.testing", "credkit.stores")):
            yield frame


def name_of(frame: FrameType) -> str:
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}"


def shown(value: object) -> str:
    """Return what a traceback with locals shows, as `traceback.TracebackException(capture_locals=True)` does."""
    try:
        return repr(value)
    except Exception as broken:  # noqa: BLE001  # as the standard library does
        return f"<{type(broken).__name__}>"


class NotingObserver:
    """Keep what an observer is told as evidence: how each event shows itself, and each line of the log."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.seen: list[Event] = []
        self.logging = LoggingObserver(logging.Logger("events", logging.DEBUG))  # noqa: LOG001  # one of its own, apart from those that a test captures
        self.logging._logger.addHandler(self)  # type: ignore[arg-type]
        self.level = logging.DEBUG

    def saw(self, event: Event) -> None:
        self.seen.append(event)
        self.evidence.value(f"event {event.kind}", event)
        self.evidence.texts.add(("facts", repr(event.facts())))
        self.logging.saw(event)

    def handle(self, line: logging.LogRecord) -> None:
        self.evidence.texts.add(("log", f"{line.getMessage()} {vars(line)}"))


class Everything:
    """A host's application in small, whose every answer is kept."""

    def __init__(self, *, wrap: Callable[[str], Any] = str, faults: Faults | None = None, failing: bool = False) -> None:
        self.evidence = Evidence(secrets=dict(CANARIES))
        self.wrap = wrap
        self._seeds = itertools.count()
        self.clock, self.provider = FrozenClock(), Provider(failing=failing)
        self.stores = MemoryStores(SeededEntropy("stores"))
        faults = faults or Faults()
        self.records = FaultyRecords(self.stores.records, faults)
        self.credentials = FaultyCredentials(self.stores.credentials, faults)
        self.keys = {"codes": KeyRing({"c": CODES_KEY}), "index": KeyRing({"i": INDEX_KEY}), "pepper": KeyRing({"p": PEPPER_KEY})}
        self.hasher = NotingHasher(self.keys["pepper"])
        self.observer = NotingObserver(self.evidence)
        self.kit = self._kit(Policy(sms=sms_for_tests()), "US", self.keys["codes"])
        self.narrow = self._kit(_narrow(), None, self.keys["codes"])
        self.rotated = self._kit(Policy(sms=sms_for_tests()), "US", KeyRing({"d": bytes(range(9, 41))}))

    def _kit(self, policy: Policy, region: str | None, codes: KeyRing) -> Credkit:
        return Credkit(
            site=Site(name="Example", url="https://example.com", support="help@example.com", default_region=region, paths=PATHS),
            keys=codes,
            index_keys=self.keys["index"],
            credentials=self.credentials,
            records=self.records,
            notifier=self.provider,
            policy=policy,
            hasher=self.hasher,
            clock=self.clock,
            entropy=SeededEntropy(f"kit {next(self._seeds)}"),
            pause=NoPause(),
            observer=self.observer,
            deliver=lambda run: run(),
        )

    def run(self) -> Evidence:
        """Do everything, and return what came out."""
        for part in (self._sign_up, self._sign_in, self._reset, self._change, self._settings, self._compromised, self._limits, self._hosts_mistakes):
            part()
        return self._look_at_the_rest()

    def run_plainly(self) -> Evidence:
        """Go once through each journey as its owner would, and return what came out: short enough to be tried with a fault at every call."""
        kit = self.kit
        grant = self._verified(kit.sign_up, OWNER)
        self.call("complete", lambda: kit.sign_up.complete(grant, self.password("password"), context=CONTEXT))
        signed_in = self.call("with_password", lambda: kit.sign_in.with_password(OWNER, self.password("password"), context=CONTEXT))
        session = None if signed_in is None else signed_in.session
        self.call("holds", lambda: kit.sign_in.holds(session))  # type: ignore[arg-type]
        self.call("change", lambda: kit.password.change(session, self.password("password"), self.password("new password"), context=CONTEXT))  # type: ignore[arg-type]
        self.call("send", lambda: kit.reminder.send(OWNER, context=CONTEXT))
        ticket = self.call("begin", lambda: kit.reset.begin(OWNER, context=CONTEXT))
        self.clock.advance(seconds=61)
        self.call("resend", lambda: kit.reset.resend(ticket, context=CONTEXT))
        self.call("look", lambda: kit.reset.look(ticket, context=CONTEXT))
        self.call("verify", lambda: kit.reset.verify(ticket, "00000000", context=CONTEXT))
        grant = self.call("verify", lambda: kit.reset.verify(ticket, self.provider.last_code(OWNER), context=CONTEXT))
        self.call("complete", lambda: kit.reset.complete(grant, self.password("later password"), context=CONTEXT))
        self.call("purge", kit.purge)
        return self._look_at_the_rest()

    def _look_at_the_rest(self) -> Evidence:
        for kind in ("codes", "index", "pepper"):
            self.evidence.value(f"the {kind} ring", self.keys[kind])
        for message in self.provider.messages:
            self.evidence.value(f"message {message.kind}", message)
            self.evidence.texts.add(("subject", message.subject))
        self.evidence.secrets |= {f"hash {number}": phc.rpartition("$")[2] for number, phc in enumerate(self.hasher.made)}
        for identifier, codes in self.provider.codes.items():
            self.evidence.secrets |= {f"code {number} to {identifier[:1]}": code for number, code in enumerate(codes)}
        for identifier, links in self.provider.links.items():
            self.evidence.secrets |= {f"link {number} to {identifier[:1]}": link.rpartition(".")[2] for number, link in enumerate(links)}
        self.evidence.value("the kit", self.kit)
        self.evidence.value("its innards", self.kit._shell)
        return self.evidence

    def call(self, where: str, call: Callable[[], Any]) -> Any:
        """Call as a host does, and keep the answer; `None` stands for whatever was not given."""
        try:
            value = call()
        except PasswordChangeRequired as required:
            self.evidence.exception(where, required)
            grant = required.grant
            return self.call(f"{where}: grant", lambda: grant)
        except (Refused, CredkitError) as raised:
            self.evidence.exception(where, raised)
            return None
        self.evidence.value(where, value)
        text = getattr(value, "text", None)
        if isinstance(text, str):
            # The half before the dot is a name, and names of records hold it; what is behind it is the secret.
            self.evidence.secrets |= {f"{where}: {type(value).__name__} {len(self.evidence.secrets)}": text.partition(".")[2]}
        mark = getattr(value, "device_mark", None)
        if isinstance(mark, DeviceMark):
            self.call(f"{where}: device mark", lambda: mark)
        return value

    def password(self, name: str) -> Any:
        return self.wrap(str(CANARIES[name]))

    def _verified(self, journey: Any, identifier: str) -> Any:
        ticket = self.call("begin", lambda: journey.begin(identifier, context=CONTEXT))
        self.clock.advance(seconds=61)  # a message that follows another is deferred by a pause
        self.call("run_due", self.kit.courier.run_due)
        return self.call("verify", lambda: journey.verify(ticket, self.provider.last_code(identifier), context=CONTEXT))

    def _sign_up(self) -> None:
        kit, journey = self.kit, self.kit.sign_up
        hostile = ["", WRONG_ADDRESS, f"{OWNER}\n", OWNER * 20, f"{OWNER}, {STRANGER}", "no-such-plumbeck", "no-such-plumbeck@", "no-such-plumbeck@example"]
        hostile += [f'"no-such-plumbeck"@{"example.com"}', f"{PHONE}x", f"{PHONE} ext. 7", "+1 415 555 26", None]  # type: ignore[list-item]
        for text in hostile:
            self.call("begin", lambda text=text: journey.begin(text, context=CONTEXT))
        self.call("begin", lambda: self.narrow.sign_up.begin(PHONE, context=CONTEXT))
        self.call("begin", lambda: self.narrow.sign_up.begin(PHONE[3:], context=replace(CONTEXT, region=None)))
        ticket = self.call("begin", lambda: journey.begin(OWNER, context=CONTEXT))
        self.call("look", lambda: journey.look(ticket, context=CONTEXT))
        self.call("look", lambda: journey.look(ticket, context=replace(CONTEXT, session_key="another")))
        self.call("resend", lambda: journey.resend(ticket, context=CONTEXT))
        for code in ("00000000", "no code", None, self.provider.last_code(OWNER)[::-1], self.provider.last_code(OWNER) + "x!"):
            self.call("verify", lambda code=code: journey.verify(ticket, code, context=CONTEXT))  # type: ignore[arg-type]
        right = self.provider.last_code(OWNER)
        self.call("verify", lambda: self.rotated.sign_up.verify(ticket, right, context=CONTEXT))
        grant = self.call("verify", lambda: journey.verify(ticket, right, context=CONTEXT))
        self.call("verify", lambda: journey.verify(ticket, right, context=CONTEXT))
        rival = self._verified(journey, OWNER)
        self.call("complete", lambda: journey.complete(grant, self.password("refused password"), context=CONTEXT))
        self.call("complete", lambda: journey.complete(grant, self.wrap(str(CANARIES["refused password"]) + "\0"), context=CONTEXT))
        self.call("complete", lambda: self.rotated.sign_up.complete(grant, self.password("password"), context=CONTEXT))
        self.call("complete", lambda: journey.complete(grant, self.password("password"), context=CONTEXT))
        self.call("complete", lambda: journey.complete(grant, self.password("wrong password"), context=CONTEXT))
        self.call("complete", lambda: journey.complete(rival, self.password("password"), context=CONTEXT))
        self.call("begin", lambda: journey.begin(OWNER, context=CONTEXT))
        self.clock.advance(seconds=31)
        self.call("verify", lambda: journey.verify(ticket, right, context=CONTEXT))
        self._verified(journey, PHONE)
        self._verified(journey, OTHER_PHONE)
        self.call("run_due", kit.courier.run_due)

    def _sign_in(self) -> None:
        kit = self.kit
        for identifier in (OWNER, STRANGER, WRONG_ADDRESS):
            self.call("with_password", lambda i=identifier: kit.sign_in.with_password(i, self.password("password"), context=CONTEXT))
        for name in ("wrong password", "refused password"):
            self.call("with_password", lambda n=name: kit.sign_in.with_password(OWNER, self.password(n), context=CONTEXT))
        self.call("with_password", lambda: kit.sign_in.with_password(OWNER, self.wrap(f"{CANARIES['password']}\0"), context=CONTEXT))
        self.call("with_password", lambda: kit.sign_in.with_password(OWNER, self.wrap(str(CANARIES["password"]) * 60), context=CONTEXT))
        credential = self.stores.credentials.find(parse_identifier(OWNER))
        if credential is not None:
            self.call("link", lambda: kit.admin.link(credential.id, "a second shop", actor="support"))
            signed_in = self.call("with_password", lambda: kit.sign_in.with_password(OWNER, self.password("password"), context=CONTEXT))
            self.call("account", lambda: signed_in.account)
            self.call("holds", lambda: kit.sign_in.holds(signed_in.session))

    def _reset(self) -> None:
        journey = self.kit.reset
        self.clock.advance(hours=2)
        ticket = self.call("begin", lambda: journey.begin(OWNER, context=CONTEXT))
        self.call("begin", lambda: journey.begin(STRANGER, context=CONTEXT))
        self.clock.advance(seconds=400)
        self.call("resend", lambda: journey.resend(ticket, context=CONTEXT))
        grant = self.call("verify", lambda: journey.verify(ticket, self.provider.last_code(OWNER), context=CONTEXT))
        for name in ("refused password", "password", "new password", "new password", "wrong password"):
            self.call("complete", lambda n=name: journey.complete(grant, self.password(n), context=CONTEXT))
        for _ in range(9):
            self.call("complete", lambda: journey.complete(grant, self.password("refused password"), context=CONTEXT))
        self.call("resend", lambda: journey.resend(ticket, context=CONTEXT))
        self.clock.advance(hours=2)
        ticket = self.call("begin", lambda: journey.begin(OWNER, context=CONTEXT))
        self.clock.advance(minutes=11)
        self.call("verify", lambda: journey.verify(ticket, self.provider.last_code(OWNER), context=CONTEXT))
        grant = self._verified(journey, OWNER)
        self.clock.advance(minutes=11)
        self.call("complete", lambda: journey.complete(grant, self.password("later password"), context=CONTEXT))
        self.call("complete", lambda: journey.complete("x" * 66, self.password("later password"), context=CONTEXT))
        self.clock.advance(hours=2)
        ticket = self.call("begin", lambda: journey.begin(OWNER, context=CONTEXT))
        for _ in range(4):
            self.clock.advance(seconds=301)
            self.call("resend", lambda: journey.resend(ticket, context=CONTEXT))
        for _ in range(6):
            self.call("verify", lambda: journey.verify(ticket, "00000000", context=CONTEXT))

    def _change(self) -> None:
        kit = self.kit
        self.clock.advance(hours=2)
        signed_in = self.call("with_password", lambda: kit.sign_in.with_password(OWNER, self.password("new password"), context=CONTEXT))
        session = None if signed_in is None else signed_in.session
        for names in (("wrong", "later"), ("new", "refused"), ("new", "new"), ("new", "later"), ("later", "later")):
            current, new = (self.password(f"{name} password") for name in names)
            self.call("change", lambda current=current, new=new: kit.password.change(session, current, new, context=CONTEXT))
        self.call("findings", lambda: kit.password.findings(self.password("refused password"), identifiers=[OWNER, WRONG_ADDRESS, PHONE]))
        self.call("session", lambda: Session(credential_id="x", session_epoch=1, session_key="sess-7f3a-wogglebeck"))
        self.call("context", lambda: CONTEXT)

    def _settings(self) -> None:
        """Ask, be asked, edit, deny, undo and dispute, in every way that goes wrong as well."""
        kit, settings, call = self.kit, self.kit.settings, self.call
        grant = self._verified(kit.sign_up, SETTLER)
        call("complete", lambda: kit.sign_up.complete(grant, self.password("password"), context=CONTEXT))
        signed_in = call("with_password", lambda: kit.sign_in.with_password(SETTLER, self.password("password"), context=CONTEXT))
        who = signed_in.session if signed_in is not None else Session(credential_id="x", session_epoch=0)
        call("view", lambda: settings.view(who))
        call("view", lambda: settings.view(replace(who, session_epoch=9)))
        call("request", lambda: settings.request(who, [], context=CONTEXT))
        call("request", lambda: settings.request(who, context=CONTEXT, via=NEXT_ADDRESS))
        asked = call("request", lambda: settings.request(who, context=CONTEXT))
        link = self.provider.last_link(SETTLER)
        status = call("status", lambda: settings.status(who, asked))
        code = "0000" if status is None else status.match_code
        call("open", lambda: settings.open(who, asked, context=CONTEXT))
        for typed in (None, "x", "0000" if code != "0000" else "1111", code, code):
            call("approve", lambda typed=typed: settings.approve(link, typed, context=CONTEXT))
        call("review", lambda: settings.review(link))
        call("review", lambda: settings.review("no link"))
        window = call("open", lambda: settings.open(who, asked, context=CONTEXT))
        for address in (SETTLER, NEXT_ADDRESS, SETTLERS_PHONE):
            ticket = call("add_identifier", lambda a=address: settings.add_identifier(who, window, a, context=CONTEXT))
            sent = self.provider.last_code(address)
            call("confirm", lambda t=ticket, c=sent: settings.confirm_identifier(who, window, t, c, context=CONTEXT))
        call("resend", lambda: settings.resend(who, window, "x" * 66, context=CONTEXT))
        call("change_identifier", lambda: settings.change_identifier(who, window, STRANGER, STRANGER, context=CONTEXT))
        call("prefer", lambda: settings.prefer(who, window, NEXT_ADDRESS, context=CONTEXT))
        call("prefer", lambda: settings.prefer(who, window, STRANGER, context=CONTEXT))
        call("authorize", lambda: settings.authorize(who, window, "name", context=CONTEXT, shown=HostChange("name", OWNER, STRANGER)))
        self._lower_standing(SETTLERS_PHONE)
        call("prefer", lambda: settings.prefer(who, window, SETTLERS_PHONE, context=CONTEXT))
        undo = self.provider.last_link(SETTLER)
        for name in ("refused password", "password", "new password"):
            call("set_password", lambda n=name: settings.set_password(who, window, self.password(n), context=CONTEXT))
        changed = call("view", lambda: settings.view(replace(who, session_epoch=who.session_epoch + 1)))
        who = replace(who, session_epoch=who.session_epoch + (changed is not None))
        call("done", lambda: settings.done(who, window))
        call("prefer", lambda: settings.prefer(who, window, SETTLER, context=CONTEXT))
        self._bound_request(who)
        self._undo(undo)

    def _lower_standing(self, identifier: str) -> None:
        """Let the host take an identifier for unverified, without a word to credkit: the generation stays."""
        held = parse_identifier(identifier)
        credential = self.stores.credentials.find(held)
        if credential is not None:
            lowered = tuple(replace(r, standing=Standing.UNVERIFIED) if r.identifier == held else r for r in credential.identifiers)
            self.stores.credentials.replace(credential, replace(credential, identifiers=lowered))

    def _bound_request(self, who: Session) -> None:
        """Ask for exact changes; deny, say it was not me, run out of time."""
        settings, call = self.kit.settings, self.call
        exact = [RemoveIdentifier(SETTLER), AddIdentifier(STRANGER), ChangeIdentifier(SETTLER, STRANGER), Prefer(SETTLER), SetPassword(), HostChange("name")]
        for edit in exact:
            call("edit", lambda edit=edit: edit)
        last = [RemoveIdentifier(SETTLER), RemoveIdentifier(NEXT_ADDRESS)]
        asked = call("request", lambda: settings.request(who, last, context=CONTEXT))
        link, status = self.provider.last_link(SETTLER), call("status", lambda: settings.status(who, asked))
        call("review", lambda: settings.review(link))
        call("approve", lambda: settings.approve(link, None if status is None else status.match_code, context=CONTEXT))
        window = call("open", lambda: settings.open(who, asked, context=CONTEXT))
        call("prefer", lambda: settings.prefer(who, window, SETTLER, context=CONTEXT))
        for address in (NEXT_ADDRESS, SETTLER):
            call("remove_identifier", lambda a=address: settings.remove_identifier(who, window, a, context=CONTEXT))
        call("deny", lambda: settings.deny(link, context=CONTEXT))
        call("open", lambda: settings.open(who, asked, context=CONTEXT))
        call("not_me", lambda: settings.not_me(link, STRANGER, context=CONTEXT))
        asked = call("request", lambda: settings.request(who, context=CONTEXT))
        self.clock.advance(minutes=11)
        call("open", lambda: settings.open(who, asked, context=CONTEXT))
        call("cancel", lambda: settings.cancel(who, asked))
        call("request", lambda: self.narrow.settings.request(who, context=CONTEXT))
        call("not_me", lambda: settings.not_me(link, SETTLER, context=CONTEXT))

    def _undo(self, link: str) -> None:
        kit, call = self.kit, self.call
        call("review", lambda: kit.undo.review(link))
        call("complete", lambda: kit.undo.complete(link, context=CONTEXT))
        call("complete", lambda: kit.undo.complete(link, password=self.password("wrong password"), context=CONTEXT))
        call("begin", lambda: kit.undo.begin(link, context=CONTEXT, channel=7))
        ticket = call("begin", lambda: kit.undo.begin(link, context=CONTEXT))
        call("verify", lambda: kit.undo.verify(ticket, "00000000", context=CONTEXT))
        call("dispute", lambda: kit.undo.dispute(link, STRANGER, context=CONTEXT))
        call("dispute", lambda: kit.undo.dispute(link, SETTLER, context=CONTEXT))
        self.clock.advance(seconds=61)
        call("run_due", kit.courier.run_due)
        signed_in = call("with_password", lambda: kit.sign_in.with_password(SETTLER, self.password("new password"), context=CONTEXT))
        if signed_in is not None:
            call("request", lambda: kit.settings.request(signed_in.session, context=CONTEXT))
        contest = self.provider.last_link(SETTLER)
        call("review", lambda: kit.undo.review(contest))
        call("contest", lambda: kit.undo.contest(contest, STRANGER, context=CONTEXT))
        call("contest", lambda: kit.undo.contest(contest, SETTLER, context=CONTEXT))
        credential = self.stores.credentials.find(parse_identifier(SETTLER)) or self.stores.credentials.find(parse_identifier(NEXT_ADDRESS))
        if credential is not None:
            call("settle", lambda: kit.admin.settle_dispute(credential.id, restore=True, actor="support"))
        call("contest", lambda: kit.undo.contest(contest, SETTLER, context=CONTEXT))
        call("review", lambda: kit.undo.review(link))
        call("begin", lambda: kit.undo.begin("no link", context=CONTEXT))

    def _compromised(self) -> None:
        kit, password = self.kit, self.password
        credential = self.stores.credentials.find(parse_identifier(OWNER))
        if credential is not None:
            for _ in range(2):
                self.call("mark_compromised", lambda: kit.admin.mark_compromised(credential.id, actor="support"))
            grant = self.call("with_password", lambda: kit.sign_in.with_password(OWNER, password("later password"), context=CONTEXT))
            for name in ("later password", "password"):
                self.call("complete", lambda name=name: kit.reset.complete(grant, password(name), context=CONTEXT))
            signed_in = self.call("with_password", lambda: kit.sign_in.with_password(OWNER, password("password"), context=CONTEXT))
            self.call("change", lambda: kit.password.change(signed_in.session, password("password"), password("later password"), context=CONTEXT))

    def _limits(self) -> None:
        self.clock.advance(days=1)
        for _ in range(2):
            self.call("begin", lambda: self.narrow.reset.begin(OWNER, context=CONTEXT))
        for _ in range(3):
            self.call("with_password", lambda: self.narrow.sign_in.with_password(OWNER, self.password("wrong password"), context=CONTEXT))
        ticket = self.call("begin", lambda: self.kit.reset.begin(OWNER, context=CONTEXT))
        for _ in range(2):
            self.call("verify", lambda: self.narrow.reset.verify(ticket, "00000000", context=CONTEXT))
        held = self.narrow._shell.hashing.reserve()
        self.call("with_password", lambda: self.narrow.sign_in.with_password(OWNER, self.password("password"), context=replace(CONTEXT, network_key=None)))
        held.release()
        self._too_many_changes()
        self._lost_pepper()
        self._newer_rows()

    def _too_many_changes(self) -> None:
        credential = self.stores.credentials.find(parse_identifier(OWNER))
        if credential is not None:
            marks = tuple(Mark(change_id=f"change {number}", at=self.clock.now()) for number in range(64))
            self.stores.credentials.replace(credential, replace(credential, marks=marks))
            session = Session(credential_id=credential.id, session_epoch=credential.session_epoch)
            self.call("change", lambda: self.kit.password.change(session, self.password("later password"), self.password("password"), context=CONTEXT))

    def _lost_pepper(self) -> None:
        credential = self.stores.credentials.find(parse_identifier(OWNER))
        if credential is not None:
            lost = (credential.password_hash or "").replace("keyed:p:", "keyed:lost:")
            self.stores.credentials.replace(credential, replace(credential, password_hash=lost))
            self.call("with_password", lambda: self.kit.sign_in.with_password(OWNER, self.password("later password"), context=CONTEXT))

    def _newer_rows(self) -> None:
        """Let a newer release have written every record."""
        ticket = self.call("begin", lambda: self.kit.sign_up.begin(STRANGER, context=CONTEXT))
        for record in self.stores.records.dump():
            newer = replace(record, payload=record.payload.replace(b'"format":1', b'"format":9'), version=record.version + 1)
            self.stores.records.commit({}, [Write(key=record.key, expected_version=record.version, record=newer)])
        self.call("look", lambda: self.kit.sign_up.look(ticket, context=CONTEXT))
        self.call("run_due", self.kit.courier.run_due)

    def _hosts_mistakes(self) -> None:
        encoded = ["2026:zorbl kwexit vunter", "zorbl kwexit vunter", f"a:{INDEX_KEY[:20].hex()}", ""]
        for text in encoded:
            self.call("KeyRing.parse", lambda text=text: KeyRing.parse(text))
        for keys in ({"c": CODES_KEY[:31]}, {"c": CODES_KEY, "d": CODES_KEY}, {"no id!": CODES_KEY}):
            self.call("KeyRing", lambda keys=keys: KeyRing(keys))
        no_text: Any = str(CANARIES["session key"]).encode()
        self.call("context", lambda: Context(session_key=no_text))
        self.call("begin", lambda: self.kit.reset.begin(OWNER, context=None))  # type: ignore[arg-type]
        self.call("link", lambda: self.kit.admin.link("no such", "shop", actor="support"))
        for parse, text in ((EmailAddress.parse, OWNER), (PhoneNumber.parse, PHONE)):
            self.call("parse", lambda parse=parse, text=text: parse(text))
        for name in ("password", "refused password"):
            self.call("secret", lambda name=name: Secret(str(CANARIES[name])))
        self.call("hasher", lambda: PasswordHasher(pepper=self.keys["pepper"]))


def _narrow() -> Policy:
    limits = Limits()
    names = ("begins", "password_guesses")
    return Policy(limits=replace(limits, **{name: replace(getattr(limits, name), count=1) for name in names}), gate=1, gate_queue=0)


@contextmanager
def captured(monkeypatch: pytest.MonkeyPatch, evidence: Evidence) -> Generator[None, None, None]:
    """Keep what is warned of and what nobody was there to catch, as a host's log would."""

    def unhandled(arguments: Any) -> None:
        evidence.texts.add(("a thread's end", "".join(traceback.format_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback))))
        evidence.raised.add(arguments.exc_type.__name__)

    with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as warned:
        patch.setattr(threading, "excepthook", unhandled)
        patch.setattr(sys, "excepthook", lambda *exc: unhandled(threading.ExceptHookArgs((*exc, None))))
        warnings.simplefilter("always")
        yield
    evidence.texts |= {("warning", str(warning.message)) for warning in warned}
