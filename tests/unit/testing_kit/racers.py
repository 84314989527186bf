"""What is called in processes of its own, and so must be found by its name."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from credkit.credential import Credential
from credkit.stores.sqlite import SqliteStores
from credkit.testing.contracts._samples import ADA, new

LOCK = threading.Lock()


class Odd(Exception):
    """It cannot be pickled."""

    def __reduce__(self) -> str:
        raise TypeError("not to be pickled")


def take_a_seat(path: Path) -> bool:
    with LOCK:
        left = int(path.read_text())
        time.sleep(0.2)
        path.write_text(str(left - 1))
    return left > 0


def fail(how: str) -> None:
    raise Odd(how) if how == "odd" else ValueError(how)


def die() -> None:
    os._exit(3)


def add_ada(path: Path, number: int) -> Credential:
    return SqliteStores(path).credentials.add(new(ADA, change_id=f"change-{number}"), None)
