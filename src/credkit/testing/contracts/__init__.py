"""Contracts that a host's own stores and other ports are held to: to subclass in a test suite, or to run as a self-check when a process starts."""

from credkit.testing.contracts._driving import Contract
from credkit.testing.contracts._reporting import ContractReport, async_report, report
from credkit.testing.contracts.credentials import AsyncCredentialStoreContract, CredentialStoreContract
from credkit.testing.contracts.records import AsyncRecordStoreContract, RecordStoreContract

__all__ = [
    "AsyncCredentialStoreContract",
    "AsyncRecordStoreContract",
    "Contract",
    "ContractReport",
    "CredentialStoreContract",
    "RecordStoreContract",
    "async_report",
    "report",
]
