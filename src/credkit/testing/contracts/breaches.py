"""The duties of a list of breached passwords as tests, written once as coroutines. Each says which list of `credkit.testing.broken` it catches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from credkit.breaches import AsyncBreachList, BreachCheckFailed, BreachList, Fingerprint
from credkit.lifting import LiftedBreaches
from credkit.secret import Secret
from credkit.testing.contracts._driving import Contract, derived, left_out, require, require_same

__all__ = ["AsyncBreachListContract", "BreachListContract"]

_NO_ASKED: Final = "override asked to have it tested: it returns what has gone out to the service's fake, as text"
_NO_OUTAGE: Final = "override break_service to have it tested: from then on the service's fake fails, or the file is damaged"


def _of(password: str) -> Fingerprint:
    return Fingerprint.of(Secret(password))


class AsyncBreachListContract(Contract):
    """What every `AsyncBreachList` does. Subclass it, and give a fixture `breaches`: a list that has "password". Two methods make it stricter."""

    known: str = "password"
    """A password that the list has."""
    unknown: str = "a password that nobody has ever had, least of all on a list: 5d1f0c2e"
    """One that it does not have."""

    def asked(self, breaches: AsyncBreachList) -> Sequence[str]:
        """Return what has gone out to the service's fake; as it stands, the test about it is left out."""
        left_out(_NO_ASKED)

    def break_service(self, breaches: AsyncBreachList) -> None:
        """Make the service's fake fail from now on; as it stands, the test about it is left out."""
        left_out(_NO_OUTAGE)

    async def test_a_listed_password_counts(self, breaches: AsyncBreachList) -> None:
        """Catches `ComparesLowerCase`: looks for hex digits as the list does not have them."""
        count = await breaches.count(_of(self.known))
        require(count >= 1, "a password that is on the list occurs at least once")

    async def test_a_password_that_is_not_listed_counts_nothing(self, breaches: AsyncBreachList) -> None:
        """Catches `CountsTheWholeRange`: finds whatever shares the prefix."""
        require_same(await breaches.count(_of(self.unknown)), 0, "a password that is not on the list does not occur")
        for number in range(50):
            require_same(await breaches.count(_of(f"{self.unknown} {number}")), 0, "a password that is not on the list does not occur")

    async def test_a_count_is_a_whole_number(self, breaches: AsyncBreachList) -> None:
        """Catches `AnswersYesOrNo`: a policy compares it with a number."""
        for password in (self.known, self.unknown):
            require_same(type(await breaches.count(_of(password))), int, "a count is an int")

    async def test_the_same_question_has_the_same_answer(self, breaches: AsyncBreachList) -> None:
        """Catches `ReadsItsListOnce`: goes on from where it stopped."""
        answers = [await breaches.count(_of(password)) >= 1 for password in (self.known, self.unknown, self.known, self.known)]
        require_same(answers, [True, False, True, True], "a password is on the list however often it is asked")

    async def test_nobody_is_told_more_than_the_prefix(self, breaches: AsyncBreachList) -> None:
        """Catches `SendsTheWholeHash`: which can be tried against by the billion (PW-09)."""
        for password in (self.known, self.unknown):
            fingerprint = _of(password)
            await breaches.count(fingerprint)
            told = " ".join(self.asked(breaches)).upper()
            require(fingerprint.suffix not in told, "the service is told five hex digits of a SHA-1, and was told more")
            require(fingerprint.suffix[:4] not in told.replace(fingerprint.prefix, ""), "the service is told five hex digits of a SHA-1, and was told more")

    async def test_a_failure_raises(self, breaches: AsyncBreachList) -> None:
        """Catches `SaysNoWhenItFails`: the policy's `on_failure` is never asked."""
        self.break_service(breaches)
        for password in (self.known, self.unknown):
            try:
                count = await breaches.count(_of(password))
            except BreachCheckFailed:
                continue
            except Exception as raised:
                raise AssertionError(f"a failure raises BreachCheckFailed, as the policy decides by that; here it was {raised!r}") from raised
            raise AssertionError(f"the list could not be asked, and the answer was {count}")


@derived(AsyncBreachListContract, LiftedBreaches)
class BreachListContract(Contract):
    """What every `BreachList` does. Subclass it, and give a fixture `breaches`: a list that has "password". Two methods make it stricter."""

    known: str = "password"
    """A password that the list has."""
    unknown: str = "a password that nobody has ever had, least of all on a list: 5d1f0c2e"
    """One that it does not have."""

    def asked(self, breaches: BreachList) -> Sequence[str]:
        """Return what has gone out to the service's fake; as it stands, the test about it is left out."""
        left_out(_NO_ASKED)

    def break_service(self, breaches: BreachList) -> None:
        """Make the service's fake fail from now on; as it stands, the test about it is left out."""
        left_out(_NO_OUTAGE)
