"""Every number in one place, each with its reason. A policy refuses to be built weaker than its floor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal

from credkit.approvals import ApprovalPolicy
from credkit.breaches import BreachPolicy
from credkit.budgets import Delays, Limit
from credkit.errors import ConfigurationError
from credkit.history import UndoPolicy
from credkit.otp import OtpPolicy
from credkit.passwords import PasswordRules
from credkit.sms import SmsPolicy

__all__ = ["CourierPolicy", "Limits", "Policy"]

_LONGEST_HISTORY: Final = 10
"""A second of hashing at every change, with the default profile."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often anything may happen. Guesses at codes have their limits in `OtpPolicy`, by ticket and by the ladder; neither family closes the other (F10).

    A limit that a stranger can see counts by what that stranger typed or holds, and says how long to wait. A limit of a
    credential or of a destination acts silently: same answer, same writes, same hash (F13).
    """

    begins: Limit = field(default_factory=lambda: Limit(name="begins", count=30, per=_DAY))
    """Journeys begun with one typed identifier, for each purpose; seen. Three times the sends a day, so that it never hides the send limit."""
    network_begins: Limit = field(default_factory=lambda: Limit(name="network-begins", count=20, per=_HOUR))
    """Journeys begun and codes sent again from one network key; seen. 20 an hour: requirements 1.4."""
    sends_hour: Limit = field(default_factory=lambda: Limit(name="sends-hour", count=5, per=_HOUR))
    """Messages to one destination that somebody asked for; silent (requirements 1.4). Those that lead nobody back in get half of it at the most (F12)."""
    sends_day: Limit = field(default_factory=lambda: Limit(name="sends-day", count=10, per=_DAY))
    """Codes to one destination; silent (requirements 1.4)."""
    site_failures: Limit = field(default_factory=lambda: Limit(name="site-failures", count=1200, per=_HOUR))
    """Wrong codes at the whole site, above which new codes are longer; an alarm and no limit, counted late (OT-12). 1,200 an hour for a year
    are 10.5 million, a chance of 10 % to hit anybody at 8 digits (requirements 1.2)."""
    account_sends: Limit = field(default_factory=lambda: Limit(name="account-sends", count=20, per=_DAY))
    """Codes to one credential over all its destinations; silent (requirements 1.4)."""
    device_sends: Limit = field(default_factory=lambda: Limit(name="device-sends", count=3, per=_DAY))
    """Codes to one credential beside these, when strangers have used them up, for whoever asks on a known device; silent (F12)."""
    password_guesses: Delays = field(
        default_factory=lambda: Delays(name="password-guesses", count=4, per=_DAY, first=timedelta(seconds=30), longest=_HOUR),
    )
    """Wrong passwords with one typed identifier, or from one known device; seen. From the fifth in a day on, a wait of 30 seconds that doubles up
    to an hour, also for the right one, and no success lifts it: a stranger would see that there is an owner (PW-18, F13)."""
    password_failures: Limit = field(default_factory=lambda: Limit(name="password-failures", count=100, per=_YEAR, consecutive=True))
    """Wrong passwords for one credential in a row; silent, and no stop for a known device. NIST SP 800-63B-4 3.2.2 allows 100 in a row (PW-18)."""
    network_passwords: Limit = field(default_factory=lambda: Limit(name="network-passwords", count=100, per=_HOUR))
    """Wrong passwords from one network key; seen."""
    approvals: Limit = field(default_factory=lambda: Limit(name="approvals", count=10, per=_DAY))
    """Requests to change settings for one credential; seen, by whoever is signed in (AP-11)."""
    strangers: Limit = field(default_factory=lambda: Limit(name="strangers", count=2, per=_DAY))
    """Requests of one signed-in session of which the owner said "it was not me"; one more is not even asked (AP-11). By session and not by
    credential, or a thief's requests would stop the owner's (F27)."""

    def __post_init__(self) -> None:
        names = [getattr(self, name).name for name in self.__slots__]
        if len(set(names)) < len(names):
            raise ConfigurationError(["two limits share one name, so they would share one count"])

    @property
    def nobody_passwords(self) -> Limit:
        """What stands in for `password_failures` where nobody has the identifier: for a day, as strangers' junk must leave no year records (F15)."""
        return replace(self.password_failures, per=_DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierPolicy:
    """How messages are delivered.

    Raises:
        ConfigurationError: A span that is not positive.
    """

    notifier_timeout: timedelta = timedelta(seconds=10)
    """How long the host's notifier may take; a delivery is taken over by another courier after three times that (F28)."""
    spread: timedelta = timedelta(seconds=2)
    """A delivery starts at a random moment within this span, so that the worker's next reply tells nothing (F18)."""
    settles: timedelta = timedelta(seconds=60)
    """How long an intent whose change has not been seen is left alone before the courier fences it off (F1)."""
    longest_wait: timedelta = timedelta(hours=1)
    """The wait after a failed delivery doubles from 30 seconds up to this."""

    def __post_init__(self) -> None:
        if min(self.notifier_timeout, self.settles, self.longest_wait) <= timedelta(0) or self.spread < timedelta(0):
            raise ConfigurationError(["the spans of the courier policy must be positive"])

    @property
    def lease(self) -> timedelta:
        """For how long one courier has a message to itself."""
        return 3 * self.notifier_timeout

    def backoff(self, attempts: int) -> timedelta:
        """Return the wait after the *attempts*-th failure."""
        return min(self.longest_wait, timedelta(seconds=30) * 2.0 ** min(max(attempts - 1, 0), 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All settings of a kit; the defaults are meant to be used.

    Raises:
        ConfigurationError: A span or count outside its bounds.
    """

    otp: OtpPolicy = field(default_factory=OtpPolicy)
    password: PasswordRules = field(default_factory=PasswordRules)
    breaches: BreachPolicy = field(default_factory=BreachPolicy)
    """What follows from the breach check, if the kit is given a list to ask (PW-09)."""
    limits: Limits = field(default_factory=Limits)
    courier: CourierPolicy = field(default_factory=CourierPolicy)
    approvals: ApprovalPolicy = field(default_factory=ApprovalPolicy)
    undo: UndoPolicy = field(default_factory=UndoPolicy)
    sms: SmsPolicy | None = None
    """Which text messages may be sent for the asking. Without it none are (ID-13); notices of changes go out all the same."""
    reset_by: Literal["code", "link"] = "code"
    """What a password reset sends: a code to type, or a link to open (RS-15). A link needs `Site.paths.reset`."""
    sign_in_by_code: bool = False
    """Whether a code is enough to sign in with. A mailbox or a phone number then is (DO-03)."""
    grant_lifetime: timedelta = timedelta(seconds=600)
    """RS-08."""
    grant_tries: int = 10
    """Passwords that may be proposed with one grant (RS-09)."""
    password_history: int = 0
    """Passwords before the current one that a new one must differ from; each costs one more hash at every change, and a stored hash. Nobody
    asks for it: SP 800-63B-4 3.1.1.2 has no history, and only the current password is always refused (PW-21)."""
    device_lifetime: timedelta = timedelta(days=90)
    """How long a device is known after a sign-in (SI-11)."""
    audit: Literal["best_effort", "required"] = "best_effort"
    """What follows where the observer does not take the event of a success: it is reported and the call goes on, or the call raises
    `AuditFailed` and hands nothing out (AU-07). ASVS 16.5.3 lets neither open anything; the first keeps people able to sign in."""
    gate: int | None = None
    """Password hashes at once in this process, 64 MiB each; none means `min(4, processors)` (PW-23)."""
    gate_queue: int = 64
    """Callers that may wait for the gate; one more is told `Busy`."""

    def __post_init__(self) -> None:
        problems: list[str] = []
        if not timedelta(seconds=60) <= self.grant_lifetime <= timedelta(hours=1):
            problems.append("grant_lifetime must be 60 to 3600 seconds")
        if not 1 <= self.grant_tries <= 100:
            problems.append("grant_tries must be 1 to 100")
        if not 0 <= self.password_history <= _LONGEST_HISTORY:
            problems.append(f"password_history must be 0 to {_LONGEST_HISTORY}")
        if not timedelta(days=1) <= self.device_lifetime <= timedelta(days=366):
            problems.append("device_lifetime must be 1 to 366 days")
        if (self.gate is not None and self.gate < 1) or self.gate_queue < 0:
            problems.append("gate must be at least 1, and gate_queue at least 0")
        if self.reset_by not in {"code", "link"}:
            problems.append('reset_by must be "code" or "link"')
        if self.audit not in {"best_effort", "required"}:
            problems.append('audit must be "best_effort" or "required"')
        if problems:
            raise ConfigurationError(problems)
