"""Contracts that a host's own stores and other ports are held to: to subclass in a test suite, or to run as a self-check when a process starts."""

from credkit.testing.contracts._driving import Contract
from credkit.testing.contracts._reporting import ContractReport, async_report, report
from credkit.testing.contracts.breaches import AsyncBreachListContract, BreachListContract
from credkit.testing.contracts.credentials import AsyncCredentialStoreContract, CredentialStoreContract
from credkit.testing.contracts.hashing import AsyncHashingContract, HashingContract
from credkit.testing.contracts.notifiers import AsyncNotifierContract, NotifierContract, Sent
from credkit.testing.contracts.observers import ObserverContract
from credkit.testing.contracts.records import AsyncRecordStoreContract, RecordStoreContract

__all__ = [
    "AsyncBreachListContract",
    "AsyncCredentialStoreContract",
    "AsyncHashingContract",
    "AsyncNotifierContract",
    "AsyncRecordStoreContract",
    "BreachListContract",
    "Contract",
    "ContractReport",
    "CredentialStoreContract",
    "HashingContract",
    "NotifierContract",
    "ObserverContract",
    "RecordStoreContract",
    "Sent",
    "async_report",
    "report",
]
