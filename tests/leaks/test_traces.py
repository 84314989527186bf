"""A stranger's every step leaves the same trace whoever is asked about: same answer, same store calls, same draws, same hashes (TE-04).

What is compared is exact and in order: the names of store calls with the number of keys and checks, the kinds of records written
and deleted, each draw of chance, each run of Argon2 with its parameters, and the whole answer. Chance repeats, so two equal
traces even give the same tickets, letter for letter.

What is not compared: whether the row of a meter was there before (an owner's is kept for a year, a stand-in's for a day), and how
long a row is; the last tests say exactly what differs there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from credkit.context import Context
from credkit.credential import Credential, Mark, NewCredential, Registered, Standing
from credkit.errors import Refused
from credkit.identifiers import Identifier, parse_identifier
from credkit.keys import KeyRing
from credkit.kit import Credkit
from credkit.otp import OtpPolicy, Rung
from credkit.passwords import HashingProfile, PasswordHasher
from credkit.policy import Limits, Policy
from credkit.ports import Write
from credkit.secret import Secret
from credkit.sms import SmsPolicy
from credkit.stores.memory import MemoryStores
from credkit.testing import FrozenClock, Inbox, NoPause, SeededEntropy
from credkit.testing.fakes import START
from credkit.testing.kits import keys_for_tests, site_for_tests, sms_for_tests
from credkit.tickets import Ticket
from leaks.recording import Event, RecordedCredentials, RecordedEntropy, RecordedHasher, RecordedRecords, Recorder, count_digests, kind_of, paused

ADA, ADAS_PHONE = "ada@example.com", "+14155552671"
OLD, WRONG = "nine grey herons wade", "four loud kettles sing"
CONTEXT = Context(network_key="2001:db8::/64", session_key="a browser", locale="en")
WRONG_CODE = "00000000"

CREDENTIAL_CALLS = {"find", "get", "add", "replace"}

Prepare = Callable[[MemoryStores, PasswordHasher], None]


def registered(text: str, standing: Standing) -> Registered:
    verified_at = START if standing is Standing.VERIFIED else None
    return Registered(identifier=parse_identifier(text), standing=standing, verified_at=verified_at)


def someone(
    *entries: Registered, preferred: Identifier | None = None, password: str | None = OLD, change: Callable[[Credential], Credential] | None = None
) -> Prepare:
    """Return what puts one credential into a store, as an import or an administrator might leave it."""

    def prepare(stores: MemoryStores, hasher: PasswordHasher) -> None:
        added = stores.credentials.add(
            NewCredential(
                identifiers=entries,
                password_hash=None if password is None else hasher.hash(Secret(password)),
                preferred=preferred,
                generation="a generation",
                marks=(Mark(change_id="an import", at=START),),
            ),
            None,
        )
        if change is not None:
            stores.credentials.replace(added, change(added))

    return prepare


def nobody(stores: MemoryStores, hasher: PasswordHasher) -> None:
    """Leave the store empty."""


VERIFIED = registered(ADA, Standing.VERIFIED)
STALE = replace(registered(ADAS_PHONE, Standing.VERIFIED), verified_at=START - timedelta(days=400))

SOMEBODY: dict[str, Prepare] = {
    "known": someone(VERIFIED, preferred=VERIFIED.identifier),
    "known, codes go elsewhere": someone(VERIFIED, registered(ADAS_PHONE, Standing.VERIFIED), preferred=parse_identifier(ADAS_PHONE)),
    "known, codes went to a number that is stale": someone(VERIFIED, STALE, preferred=STALE.identifier),
    "carried over": someone(registered(ADA, Standing.CARRIED_OVER)),
    "unverified": someone(registered(ADA, Standing.UNVERIFIED)),
    "disabled": someone(VERIFIED, change=lambda credential: replace(credential, disabled=True)),
    "without a password": someone(VERIFIED, password=None),
    "with a password hash that is damaged": someone(VERIFIED, change=lambda credential: replace(credential, password_hash="$argon2id$v=19$damaged")),
}
"""Whom the identifier that is typed may belong to; each is compared with nobody (RS-01)."""


def silent_limits(count: int) -> Policy:
    """Return a policy whose every silent limit is used up at once, so that the owner's are and nobody's are not (F13)."""
    limits = Limits()
    names = ("sends_hour", "sends_day", "account_sends", "password_failures")
    used_up = replace(limits, **{name: replace(getattr(limits, name), count=count) for name in names})
    return Policy(limits=used_up, otp=OtpPolicy(ladder=(Rung(digits=8, failures=count),)))


POLICIES = {
    "limits at rest": Policy(sms=sms_for_tests()),
    "silent limits used up": silent_limits(1),
    "texts used up": Policy(sms=SmsPolicy(regions="anywhere", per_day=1)),
    "no texts at all": Policy(),
}


class Stage:
    """A kit whose ports write down what is asked, and a courier beside it as a process of its own."""

    def __init__(self, prepare: Prepare, policy: Policy, *, keys: KeyRing | None = None, pepper: KeyRing | None = None) -> None:
        self.recorder, self.clock, self.inbox = Recorder(), FrozenClock(), Inbox()
        self.steps: list[tuple[str, tuple[Event, ...], object]] = []
        self.written: list[tuple[str, tuple[Write, ...]]] = []
        self.digests: list[tuple[str, tuple[str, ...]]] = []
        self.stores = stores = MemoryStores(SeededEntropy("stores"))
        with pytest.warns(UserWarning, match="cheap"):
            profile = HashingProfile(memory_kib=8, passes=1, lanes=1, insecure_for_tests=True)
        hasher = RecordedHasher(self.recorder, profile, pepper)
        with paused(self.recorder):
            prepare(stores, hasher)
        common: dict[str, Any] = {
            "site": site_for_tests(),
            "keys": keys_for_tests(),
            "index_keys": keys,
            "notifier": self.inbox,
            "policy": policy,
            "hasher": hasher,
            "clock": self.clock,
            "pause": NoPause(),
            "deliver": "manual",
        }
        self._courier = Credkit(records=stores.records, credentials=stores.credentials, entropy=SeededEntropy("courier"), **common).courier
        self.kit = Credkit(
            records=RecordedRecords(stores.records, self.recorder),
            credentials=RecordedCredentials(stores.credentials, self.recorder),
            entropy=RecordedEntropy("kit", self.recorder),
            **common,
        )

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Take one step as a stranger would, and keep what could be seen of it."""
        value: Any = None
        answer: object
        try:
            value = call()
            answer = (type(value).__name__, value.public() if isinstance(value, Ticket) else "succeeded")
        except Refused as refused:
            answer = (type(refused).__name__, str(refused), refused.problem(), refused.retry_after)
        self.steps.append((name, self.recorder.take(), answer))
        self.written.append((name, self.recorder.take_writes()))
        self.digests.append((name, self.recorder.take_digests()))
        return value

    def wait(self, **span: float) -> None:
        """Let the courier do what is due, and time pass."""
        with paused(self.recorder):
            self._courier.run_due()
        self.clock.advance(**span)


def ask_for_codes(stage: Stage, journey: Any) -> None:
    """Do everything with a journey of codes that one can without ever reading one."""
    ticket = stage.step("begin", lambda: journey.begin(ADA, context=CONTEXT))
    stage.wait(seconds=1)
    stage.step("look", lambda: journey.look(ticket, context=CONTEXT))
    stage.step("resend too soon", lambda: journey.resend(ticket, context=CONTEXT))
    stage.wait(seconds=60)
    stage.step("resend", lambda: journey.resend(ticket, context=CONTEXT))
    stage.wait(seconds=1)
    for number in range(7):
        stage.step(f"verify, wrong code {number + 1}", lambda: journey.verify(ticket, WRONG_CODE, context=CONTEXT))
    stage.step("look when exhausted", lambda: journey.look(ticket, context=CONTEXT))
    stage.step("resend when exhausted", lambda: journey.resend(ticket, context=CONTEXT))

    other = stage.step("begin again", lambda: journey.begin(ADA, context=CONTEXT))
    stage.wait(seconds=400)
    stage.step("resend, a new code", lambda: journey.resend(other, context=CONTEXT))
    stage.step("verify before the courier has been", lambda: journey.verify(other, WRONG_CODE, context=CONTEXT))
    stage.wait(seconds=1)
    stage.step("verify, wrong code of another length", lambda: journey.verify(other, "4711", context=CONTEXT))
    stage.wait(seconds=600)
    stage.step("verify when expired", lambda: journey.verify(other, WRONG_CODE, context=CONTEXT))
    stage.step("look when expired", lambda: journey.look(other, context=CONTEXT))


def guess_passwords(stage: Stage) -> None:
    """Guess until the limit that is seen says stop."""
    for number in range(12):
        stage.step(f"wrong password {number + 1}", lambda: stage.kit.sign_in.with_password(ADA, WRONG, context=CONTEXT))
    stage.wait(minutes=20)
    stage.step("wrong password after the pause", lambda: stage.kit.sign_in.with_password(ADA, WRONG, context=CONTEXT))


def traced(prepare: Prepare, policy: Policy, journey: str) -> Stage:
    stage = Stage(prepare, policy)
    ask_for_codes(stage, getattr(stage.kit, journey))
    return stage


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("journey", ["sign_up", "reset"])
@pytest.mark.parametrize("prepare", SOMEBODY.values(), ids=SOMEBODY)
def test_asking_for_codes_leaves_the_trace_it_leaves_for_nobody(prepare: Prepare, policy: Policy, journey: str) -> None:
    # RS-01, RS-03, TE-04, SI-08
    assert traced(prepare, policy, journey).steps == traced(nobody, policy, journey).steps


@pytest.mark.parametrize("journey", ["sign_up", "reset"])
@pytest.mark.parametrize("prepare", [nobody, *SOMEBODY.values()], ids=["nobody", *SOMEBODY])
def test_no_step_of_a_stranger_asks_the_credential_store(prepare: Prepare, journey: str) -> None:
    # F17: there is nothing to look up, so nothing to tell apart, whatever the host's store costs
    stage = traced(prepare, Policy(), journey)
    asked = [(name, event) for name, events, _ in stage.steps for event in events if event[0] in CREDENTIAL_CALLS]
    assert asked == []


def test_the_traces_are_of_what_they_say() -> None:
    """One load and one commit to begin; a guess costs a load of the ticket, one of the meter, and a commit, and one of each for the site's count; a
    dead ticket commits nothing."""
    stage = traced(SOMEBODY["known"], Policy(), "reset")
    calls = {name: [event for event in events if event[0] in {"load", "commit"}] for name, events, _ in stage.steps}
    assert calls["begin"] == [("load", 2), ("commit", 0, (("budget", "put"), ("budget", "put"), ("challenge", "put"), ("outbox", "due")))]
    assert calls["look"] == [("load", 1)]
    at_the_site = [("load", 1), ("commit", 0, (("budget", "put"),))]
    assert calls["verify, wrong code 2"] == [("load", 1), ("load", 1), ("commit", 0, (("budget", "put"), ("challenge", "put"))), *at_the_site]
    assert calls["verify, wrong code 7"] == [("load", 1), ("load", 1)]
    reasons = [answer[2]["reason"] for name, _, answer in stage.steps if name.startswith("verify")]  # type: ignore[index]
    assert reasons == ["code_wrong"] * 4 + ["code_exhausted"] * 3 + ["code_wrong"] * 2 + ["code_expired"]


def test_the_owner_is_the_one_who_is_served_meanwhile() -> None:
    """The traces are equal although the courier did find the owner: otherwise the comparison would be of nobody with nobody."""
    known, unknown = traced(SOMEBODY["known"], Policy(), "reset"), traced(nobody, Policy(), "reset")
    assert [str(message.kind) for message in known.inbox.messages] == ["reset_code"] * 4
    assert unknown.inbox.messages == []
    limited = traced(SOMEBODY["known"], silent_limits(1), "reset")
    assert len(limited.inbox.messages) == 1, "the silent limits were not used up, so the traces did not show what they are for"


@pytest.mark.parametrize("failing", [RuntimeError("the provider is down"), TimeoutError()], ids=repr)
def test_a_notifier_that_fails_changes_no_answer(failing: Exception) -> None:
    # RS-03, REQ-D7b
    broken, working = Stage(SOMEBODY["known"], Policy()), Stage(SOMEBODY["known"], Policy())
    broken.inbox.failing = failing
    for stage in (broken, working):
        ask_for_codes(stage, stage.kit.reset)
    assert broken.steps == working.steps
    assert len(broken.inbox.messages) < len(working.inbox.messages)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("prepare", SOMEBODY.values(), ids=SOMEBODY)
def test_guessing_passwords_leaves_the_trace_it_leaves_for_nobody(prepare: Prepare, policy: Policy) -> None:
    # SI-01, SI-02, PW-15
    stages = Stage(prepare, policy), Stage(nobody, policy)
    for stage in stages:
        guess_passwords(stage)
    assert stages[0].steps == stages[1].steps
    runs = [[event for event in events if event[0] == "argon2"] for _, events, _ in stages[0].steps]
    assert runs[0] == [("argon2", "m=8,t=1,p=1")]
    assert runs[11] == [], "a visible limit must not be paid for with a hash"


@pytest.mark.parametrize("case", ["unverified", "disabled", "without a password", "with a password hash that is damaged"])
def test_the_right_password_where_it_may_not_sign_in_looks_like_any_wrong_one(case: str) -> None:
    # SI-01: the true reason is told to nobody who has only typed
    stages = Stage(SOMEBODY[case], Policy()), Stage(nobody, Policy())
    for stage in stages:
        stage.step("right password", lambda stage=stage: stage.kit.sign_in.with_password(ADA, OLD, context=CONTEXT))
    assert stages[0].steps == stages[1].steps


def test_the_right_password_past_the_silent_limit_looks_like_any_wrong_one() -> None:
    # F13
    stages = Stage(SOMEBODY["known"], silent_limits(1)), Stage(nobody, silent_limits(1))
    for stage in stages:
        for password in (WRONG, OLD):
            stage.step("password", lambda stage=stage, password=password: stage.kit.sign_in.with_password(ADA, password, context=CONTEXT))
    assert stages[0].steps == stages[1].steps


def two_keys() -> KeyRing:
    return KeyRing({"new": bytes(range(1, 33)), "old": bytes(range(32))})


def test_while_index_keys_are_rotated_the_traces_stay_equal() -> None:
    # F21: an identifier then has two names to look under; so must have whatever stands in for its owner
    stages = Stage(SOMEBODY["known"], Policy(), keys=two_keys()), Stage(nobody, Policy(), keys=two_keys())
    for stage in stages:
        ask_for_codes(stage, stage.kit.reset)
        guess_passwords(stage)
    assert stages[0].steps == stages[1].steps


def test_with_a_pepper_the_traces_stay_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    # TE-04: nobody's comparison is keyed like anybody's
    pepper = KeyRing({"pepper": bytes(range(7, 39))})
    stages = Stage(SOMEBODY["known"], Policy(), pepper=pepper), Stage(nobody, Policy(), pepper=pepper)
    macs: list[list[str]] = []
    for stage in stages:
        with monkeypatch.context() as patch:
            count_digests(patch, stage.recorder)
            guess_passwords(stage)
        macs.append([digest for _, digests in stage.digests for digest in digests if digest == "mac:password"])
    assert stages[0].steps == stages[1].steps
    assert macs[0] == macs[1]
    assert macs[0]


@pytest.mark.parametrize("journey", ["sign_up", "reset", "sign_in"])
def test_as_many_digests_are_made_for_somebody_as_for_nobody(journey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RS-03 counts them. Which they are differs in one: an owner's meter is named by a plain digest of an opaque id, a stand-in's by a keyed one."""
    counts: list[list[tuple[str, int]]] = []
    for prepare in (SOMEBODY["known"], nobody):
        stage = Stage(prepare, Policy())
        with monkeypatch.context() as patch:
            count_digests(patch, stage.recorder)
            if journey == "sign_in":
                guess_passwords(stage)
            else:
                ask_for_codes(stage, getattr(stage.kit, journey))
        counts.append([(name, len(digests)) for name, digests in stage.digests])
    assert counts[0] == counts[1]
    assert sum(count for _, count in counts[0]) > 0


def rows(written: Sequence[tuple[str, tuple[Write, ...]]], kind: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return what is written to records of *kind* by each step."""
    return [(name, [json.loads(w.record.payload) for w in writes if w.record is not None and kind_of(w) == kind]) for name, writes in written]


def unbound(steps: list[tuple[str, list[dict[str, Any]]]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return what was written, without what the courier has filled in."""
    filled_in = {"binding": None, "stand_in": None, "link": None, "letters": False}
    return [(name, [row | filled_in | {"issue": row["issue"] | {"c": 0, "digits": 8}} for row in found]) for name, found in steps]


@pytest.mark.parametrize("journey", ["sign_up", "reset"])
@pytest.mark.parametrize("prepare", SOMEBODY.values(), ids=SOMEBODY)
def test_what_is_written_of_a_ticket_differs_in_nothing_but_whose_the_code_is_and_its_length(prepare: Prepare, journey: str) -> None:
    """So a bound challenge's row is longer, by the credential's id, its generation and the stored address, and by the link that was sent beside the
    code; only who reads the store's traffic sees it."""
    somebodys, nobodys = traced(prepare, Policy(), journey).written, traced(nobody, Policy(), journey).written
    assert unbound(rows(somebodys, "challenge")) == unbound(rows(nobodys, "challenge"))
    assert rows(somebodys, "outbox") == rows(nobodys, "outbox")


def test_until_the_courier_has_been_what_is_written_is_the_same_byte_for_byte() -> None:
    somebodys, nobodys = traced(SOMEBODY["known"], Policy(), "reset").written, traced(nobody, Policy(), "reset").written
    steps = {"begin", "begin again", "resend, a new code"}
    written = [[[(w.key, w.record and w.record.payload) for w in writes] for name, writes in stage if name in steps] for stage in (somebodys, nobodys)]
    assert written[0] == written[1]
    assert all(written[0])


def test_a_meter_of_a_credential_and_its_stand_in_hold_the_same_counts() -> None:
    """Their rows differ in the width of their buckets, a 24th of a year or of a day, so in a digit or two."""
    somebodys, nobodys = traced(SOMEBODY["known"], Policy(), "reset"), traced(nobody, Policy(), "reset")
    for one, other in zip(rows(somebodys.written, "budget")[:12], rows(nobodys.written, "budget")[:12], strict=True):
        counts = [sorted(sum(count for _, count in row["buckets"]) for row in found) for found in (one[1], other[1])]
        assert counts[0] == counts[1], one[0]


def test_time_is_told_by_the_clock_and_not_by_the_trace() -> None:
    """A check of the tool: another policy for what is *seen* does show, so equal traces are no accident."""
    longer = Policy(otp=replace(Policy().otp, lifetime=timedelta(seconds=500)))
    assert traced(nobody, longer, "reset").steps != traced(nobody, Policy(), "reset").steps
