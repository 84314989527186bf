"""What the strategies draw is valid, as hard as what people have, and harmless."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from credkit.credential import Credential, Mark, NewCredential
from credkit.identifiers import EmailAddress, Identifier, PhoneNumber, parse_identifier
from credkit.passwords import PasswordRules
from credkit.policy import Limits, Policy
from credkit.stores.memory import MemoryCredentials
from credkit.testing import strategies

ADA = EmailAddress.parse("ada@example.com")


@given(strategies.emails())
def test_addresses_are_what_they_parse_to_and_nobodys(address: EmailAddress) -> None:
    assert parse_identifier(address.entered, allow_test_domains=True) == address
    assert address.address.rpartition("@")[2] in {"example.com", "example.net", "example.org"}


@settings(max_examples=50)
@given(strategies.phones())
def test_numbers_are_what_they_parse_to(number: PhoneNumber) -> None:
    assert parse_identifier(number.canonical) == number


@given(strategies.passwords(identifiers=[ADA], words=["Example"]))
def test_passwords_are_accepted(password: str) -> None:
    assert not PasswordRules().findings(password, identifiers=[ADA], words=["Example"])


@given(strategies.weak_passwords(identifiers=[ADA], words=["Example"]))
def test_weak_passwords_are_refused(password: str) -> None:
    assert PasswordRules().findings(password, identifiers=[ADA], words=["Example"])


@given(strategies.policies())
def test_policies_are_not_weaker_than_the_default(policy: Policy) -> None:
    limits = Limits()
    assert policy.otp.digits >= 8
    assert policy.password.shortest >= PasswordRules().shortest
    assert all(getattr(policy.limits, name).count <= getattr(limits, name).count for name in Limits.__slots__)


@settings(max_examples=50)
@given(strategies.credentials(), st.text("0123456789abcdef", min_size=1))
def test_credentials_can_be_stored(credential: Credential, change_id: str) -> None:
    store = MemoryCredentials()
    new = NewCredential(
        identifiers=credential.identifiers,
        password_hash=None,
        preferred=credential.preferred,
        generation=credential.generation,
        marks=(Mark(change_id=change_id, at=credential.marks[0].at if credential.marks else strategies_epoch()),),
    )
    added = store.add(new, None)
    stored = store.replace(added, replace(credential, id=added.id))
    assert stored is not None
    assert replace(stored, version="") == replace(credential, id=added.id, version="")
    held: list[Identifier] = [entry.identifier for entry in credential.identifiers]
    assert credential.preferred is None or credential.preferred in held


def strategies_epoch() -> object:
    from credkit.testing.fakes import START

    return START
