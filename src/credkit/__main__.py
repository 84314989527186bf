"""The command line: a demo to walk through, keys to make, a courier to run."""

from __future__ import annotations

import argparse
import base64
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType

from credkit.errors import CredkitError
from credkit.keys import KEY_BYTES
from credkit.ports import SystemClock, SystemEntropy

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print()
        return 130
    except CredkitError as trouble:
        print(f"credkit: {trouble}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m credkit", description="Sign-in, password reset and account changes, as a library.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="walk through sign-up, sign-in and password reset on this terminal")
    demo.add_argument("--script", action="store_true", help="run the same walk unattended; ends non-zero if a step does not do what it should")
    demo.add_argument("--file", type=Path, default=None, help="keep the demo's data in this SQLite file (default: a temporary one)")
    demo.add_argument("--region", default="US", help="region of phone numbers typed without a country code (default: US)")
    demo.set_defaults(run=_demo)

    keys = commands.add_parser("keys", help="make keys").add_subparsers(required=True, metavar="COMMAND")
    new = keys.add_parser("new", help="print a new key, as the value of the environment variable that KeyRing.from_env reads")
    new.add_argument("--id", default=None, help="its id (default: this month)")
    new.set_defaults(run=_new_key)

    courier = commands.add_parser("courier", help="deliver messages, as a process of its own, until stopped")
    courier.add_argument("kit", help="where the blocking kit is: package.module:name")
    courier.add_argument("--every", type=float, default=1.0, help="seconds between two looks at an empty outbox (default: 1)")
    courier.add_argument("--once", action="store_true", help="deliver what is due now, and end")
    courier.set_defaults(run=_courier)
    return parser


def _demo(options: argparse.Namespace) -> int:
    demo = import_module("credkit.demo")
    return int(demo.script(options.file) if options.script else demo.walk(options.file, options.region))


def _new_key(options: argparse.Namespace) -> int:
    name = options.id or f"{SystemClock().now():%Y-%m}"
    print(f"{name}:{base64.b64encode(SystemEntropy().token(KEY_BYTES)).decode()}")
    return 0


def _courier(options: argparse.Namespace) -> int:
    module, _, name = options.kit.partition(":")
    sys.path.insert(0, "")
    kit = getattr(import_module(module), name or "kit")
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the shape of a signal handler
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    while not stop.is_set():
        try:
            delivered = kit.courier.run_due()
            kit.purge()
        except CredkitError as trouble:
            print(f"credkit courier: {trouble}; trying again", file=sys.stderr)
            delivered = None
        if options.once:
            return 0 if delivered is not None else 1
        if delivered is None or not delivered.sent:
            stop.wait(options.every)
    return 0


if __name__ == "__main__":
    sys.exit(main())
