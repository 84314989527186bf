"""Strategies for Hypothesis that draw what hosts handle: identifiers, passwords good and weak, policies, credentials.

Whatever they draw is valid by construction, and harmless: addresses are under domains that are reserved for examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from credkit.credential import Credential, Mark, Registered, Standing
from credkit.identifiers import EmailAddress, Identifier, InvalidIdentifier, PhoneNumber
from credkit.otp import OtpPolicy
from credkit.passwords import PasswordRules
from credkit.policy import CourierPolicy, Limits, Policy

__all__ = ["credentials", "emails", "identifiers", "passwords", "phones", "policies", "weak_passwords"]

_DOMAINS: Final = ("example.com", "example.net", "example.org")
"""RFC 2606 section 3."""

_ATEXT: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~"
"""RFC 5322 section 3.2.3."""

_WORDS: Final = (
    "amber anvil apron badger barley basil beacon bramble bridle brook candle canoe cedar cinder clover copper cradle crimson daisy drizzle ember falcon "
    "fennel ferry fiddle flint gable ginger granite gravel hazel heron hollow ivory juniper kettle ladder lantern ledger lichen linen lupin maple marble "
    "meadow mellow mitten nettle nutmeg oatmeal orchard otter paddle pebble pewter plaid plover poplar quarry quill raisin ribbon saddle saffron shingle "
    "sorrel spindle sprocket tallow teapot thicket thimble timber trellis tundra velvet walnut wicker willow yarrow"
)
"""Words that make no common password, however they follow each other."""

_DECORATION: Final = ("", "!", "1", "12", "123", "2024", "!!", "1!")


def emails(domains: Sequence[str] = _DOMAINS) -> st.SearchStrategy[EmailAddress]:
    """Draw email addresses under *domains*, with capitals, signs and dots in what stands before the @."""
    parts = st.lists(st.text(_ATEXT, min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
    return st.builds(_email, parts, st.sampled_from(list(domains)))


def phones(regions: Sequence[str] = ("AU", "BR", "DE", "FR", "GB", "IN", "JP", "US", "ZA")) -> st.SearchStrategy[PhoneNumber]:
    """Draw mobile numbers of *regions*, as their plans have them. They may be somebody's: send nothing there."""
    return st.deferred(lambda: st.sampled_from([_stem(region) for region in regions])).flatmap(_numbers)


def identifiers() -> st.SearchStrategy[Identifier]:
    """Draw email addresses and mobile numbers."""
    return st.one_of(emails(), phones())


def passwords(rules: PasswordRules | None = None, *, identifiers: Sequence[Identifier] = (), words: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw passwords that *rules* accept, of somebody with these *identifiers* at a site with these *words*."""
    judge = rules or PasswordRules()
    several = st.lists(st.sampled_from(_WORDS.split()), min_size=4, max_size=8, unique=True).map(" ".join)
    signs = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=judge.shortest, max_size=2 * judge.shortest)
    return st.one_of(several, signs).filter(lambda text: not judge.findings(text, identifiers=identifiers, words=words))


def weak_passwords(rules: PasswordRules | None = None, *, identifiers: Sequence[Identifier] = (), words: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw passwords that *rules* refuse: too short, too long, or among the first that anyone would try."""
    judge = rules or PasswordRules()
    own = [identifier.canonical for identifier in identifiers]
    common = st.builds(
        "{}{}{}".format, st.sampled_from(["password", "qwerty", "letmein", "welcome", "iloveyou", *words, *own]), *2 * [st.sampled_from(_DECORATION)]
    )
    repeated = st.builds(_repeated, st.one_of(common, st.characters(codec="ascii", categories=("L", "N"))), st.integers(1, 20))
    runs = st.integers(0, 20).map(lambda start: ("abcdefghijklmnopqrstuvwxyz" * 2)[start : start + judge.shortest])
    short = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=judge.shortest - 1)
    long = st.integers(1025, 1100).map(lambda length: "x" * length)
    return st.one_of(common, repeated, runs, short, long).filter(lambda text: bool(judge.findings(text, identifiers=identifiers, words=words)))


def policies() -> st.SearchStrategy[Policy]:
    """Draw policies that are not weaker than any floor: codes of 8 digits and more, limits as they are or lower."""
    limits = Limits()
    names = [field.name for field in fields(Limits)]
    lower = {name: st.integers(1, getattr(limits, name).count) for name in names}
    return st.builds(
        Policy,
        otp=st.builds(
            OtpPolicy,
            digits=st.integers(8, 12),
            comparisons=st.integers(1, 10),
            lifetime=_seconds(30, 600),
            resend_pauses=st.lists(_seconds(30, 3600), max_size=10).map(tuple),
            repeat=_seconds(0, 60),
        ),
        password=st.builds(PasswordRules, shortest=st.integers(15, 64)),
        limits=st.fixed_dictionaries(lower).map(lambda counts: replace(limits, **{name: replace(getattr(limits, name), count=counts[name]) for name in names})),
        courier=st.builds(CourierPolicy, notifier_timeout=_seconds(1, 60), spread=_seconds(0, 10), settles=_seconds(1, 600), longest_wait=_seconds(30, 7200)),
        grant_lifetime=_seconds(60, 3600),
        grant_tries=st.integers(1, 100),
        gate=st.one_of(st.none(), st.integers(1, 4)),
        gate_queue=st.integers(0, 100),
    )


def credentials() -> st.SearchStrategy[Credential]:
    """Draw credentials as a store may hold them: any standing, any number of accounts and marks, with a password or without."""
    return st.lists(st.tuples(identifiers(), st.sampled_from(Standing)), min_size=1, max_size=4, unique_by=lambda entry: entry[0]).flatmap(_credentials_of)


def _credentials_of(held: Sequence[tuple[Identifier, Standing]]) -> st.SearchStrategy[Credential]:
    ids = st.text("0123456789abcdef", min_size=8, max_size=32)
    return st.builds(
        Credential,
        id=ids,
        identifiers=st.tuples(*(_registered(identifier, standing) for identifier, standing in held)),
        password_hash=st.one_of(st.none(), ids.map("$test${}".format)),
        preferred=st.one_of(st.none(), st.sampled_from([identifier for identifier, _ in held])),
        accounts=st.lists(ids, max_size=3, unique=True).map(tuple),
        session_epoch=st.integers(0, 2**31 - 1),
        generation=ids,
        marks=st.lists(st.builds(Mark, change_id=ids, at=_moments()), max_size=5, unique_by=lambda mark: mark.change_id).map(tuple),
        locale=st.one_of(st.none(), st.sampled_from(["de", "en", "en-GB", "pt-BR", "zh-Hant"])),
        disabled=st.booleans(),
        compromised=st.booleans(),
        version=ids,
    )


def _registered(identifier: Identifier, standing: Standing) -> st.SearchStrategy[Registered]:
    verified_at = _moments() if standing is Standing.VERIFIED else st.none()
    return st.builds(Registered, identifier=st.just(identifier), standing=st.just(standing), verified_at=verified_at)


def _moments() -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone


def _seconds(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda seconds: timedelta(seconds=seconds))


def _repeated(unit: str, times: int) -> str:
    return unit * times


def _email(local: str, domain: str) -> EmailAddress:
    return EmailAddress.parse(f"{local}@{domain}", allow_test_domains=True)


def _stem(region: str) -> str:
    """Return the E.164 form of a mobile number of *region*, without the last three digits."""
    import phonenumbers  # noqa: PLC0415  # on first use: it brings the plans of all countries

    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if number is None:
        raise ValueError(f"no plan has mobile numbers of {region}")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[:-3]


def _numbers(stem: str) -> st.SearchStrategy[PhoneNumber]:
    return st.integers(0, 999).map(lambda end: f"{stem}{end:03}").filter(_is_number).map(PhoneNumber.parse)


def _is_number(text: str) -> bool:
    try:
        PhoneNumber.parse(text)
    except InvalidIdentifier:
        return False
    return True
