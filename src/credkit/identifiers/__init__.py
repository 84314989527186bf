"""What a person types to say who they are: an email address or a phone number, parsed once at the edge.

Importing this package costs the standard library only: `email_validator` and `phonenumbers` are loaded by the first parse.
"""

from __future__ import annotations

from credkit.errors import InvalidIdentifier
from credkit.identifiers.email import EmailAddress
from credkit.identifiers.lookalikes import confusable_skeleton, mixes_scripts
from credkit.identifiers.parse import Identifier, parse_identifier, restore_identifier
from credkit.identifiers.phone import PhoneNumber

__all__ = [
    "EmailAddress",
    "Identifier",
    "InvalidIdentifier",
    "PhoneNumber",
    "confusable_skeleton",
    "mixes_scripts",
    "parse_identifier",
    "restore_identifier",
]
