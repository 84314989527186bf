"""The command line: a demo to walk through, keys to make, a courier to run, hashing to tune, a list of breached passwords to prepare."""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import math
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import FrameType

from credkit.breaches import CorpusFacts, OfflineCorpus, build_corpus, check_corpus
from credkit.breaches.building import ByteSource
from credkit.errors import ConfigurationError, CredkitError
from credkit.keys import KEY_BYTES, KeyRing
from credkit.kit import Credkit
from credkit.passwords.tuning import Measurement, Target, as_python, hash_for_real, measure, propose
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
        print(f"credkit: {_said(trouble)}", file=sys.stderr)
        return 1


def _said(trouble: CredkitError) -> str:
    """Return what to tell the operator: also the cause, which here goes to nobody else."""
    cause = "" if trouble.__cause__ is None else f" ({trouble.__cause__})"
    return f"{str(trouble) or type(trouble).__name__}{cause}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m credkit", description="Sign-in, password reset and account changes, as a library.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    what = "walk through sign-up, sign-in and password reset on this terminal"
    demo = commands.add_parser("demo", help=what, description=_sentence(what))
    demo.add_argument("--script", action="store_true", help="run the same walk unattended; ends non-zero if a step does not do what it should")
    demo.add_argument("--file", type=Path, default=None, help="keep the demo's data in this SQLite file (default: a temporary one)")
    demo.add_argument("--region", default="US", help="region of phone numbers typed without a country code (default: US)")
    demo.set_defaults(run=_demo)

    what = "make keys"
    keys = commands.add_parser("keys", help=what, description=_sentence(what)).add_subparsers(required=True, metavar="COMMAND")
    what = "print a new key, as the value of the environment variable that KeyRing.from_env reads"
    new = keys.add_parser("new", help=what, description=_sentence(what))
    new.add_argument("--id", default=None, help="its id (default: this month)")
    new.set_defaults(run=_new_key)

    what = "deliver messages, as a process of its own, until stopped"
    courier = commands.add_parser("courier", help=what, description=_sentence(what))
    courier.add_argument("kit", help="where the blocking kit is: package.module:name (default name: kit)")
    courier.add_argument("--every", type=float, default=1.0, help="seconds between two looks at an empty outbox (default: 1)")
    courier.add_argument("--once", action="store_true", help="deliver what is due now, and end")
    courier.set_defaults(run=_courier)

    what = "measure this machine, and propose how passwords are hashed on it"
    tune = commands.add_parser("tune", help=what, description=_sentence(what))
    tune.add_argument("--milliseconds", type=float, default=100, metavar="N", help="how long one hash may take (default: 100)")
    tune.add_argument(
        "--memory", type=int, default=64, metavar="MIB", help="how much memory one hash may take; as many run at once as the gate lets (default: 64)"
    )
    tune.add_argument("--json", action="store_true", help="print all of it as JSON")
    tune.set_defaults(run=_tune)

    what = "prepare a list of passwords known from breaches, to check new ones without asking anybody"
    corpus = commands.add_parser("corpus", help=what, description=_sentence(what)).add_subparsers(required=True, metavar="COMMAND")
    what = "make a corpus from a list of SHA-1s, one a line, each alone or as SHA1:COUNT, sorted"
    build = corpus.add_parser("build", help=what, description=_sentence(what))
    build.add_argument("source", help="the list: a file, one that ends in .gz, or - for standard input")
    build.add_argument("destination", type=Path, help="the corpus; a file that is there is replaced in one step")
    build.add_argument("--at-least", type=int, default=1, metavar="N", help="leave out passwords that occur less often (default: 1)")
    build.add_argument("--counts", action="store_true", help="keep how often each occurs, about; one more byte for each")
    build.set_defaults(run=_build_corpus)
    what = "print what a corpus holds"
    info = corpus.add_parser("info", help=what, description=_sentence(what))
    info.add_argument("file", type=Path, help="the corpus")
    info.add_argument("--check", action="store_true", help="read all of it, to find damage")
    info.set_defaults(run=_describe_corpus)
    return parser


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."


def _demo(options: argparse.Namespace) -> int:
    demo = import_module("credkit.demo")
    return int(demo.script(options.file) if options.script else demo.walk(options.file, options.region.upper()))


def _new_key(options: argparse.Namespace) -> int:
    name = options.id or f"{SystemClock().now():%Y-%m}"
    key = SystemEntropy().token(KEY_BYTES)
    KeyRing({name: key})  # so that no id is printed that could not be read back
    print(f"{name}:{base64.b64encode(key).decode()}")
    return 0


def _courier(options: argparse.Namespace) -> int:
    kit = _kit(options.kit)
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
            print(f"credkit courier: {_said(trouble)}{'' if options.once else '; trying again'}", file=sys.stderr)
            delivered = None
        if options.once:
            return 0 if delivered is not None else 1
        if delivered is None or not delivered.sent:
            stop.wait(options.every)
    return 0


def _kit(where: str) -> Credkit:
    """Import the host's kit.

    Raises:
        ConfigurationError: There is no such module, nothing of that name in it, or something else than a blocking kit.
    """
    module, _, name = where.partition(":")
    sys.path.insert(0, "")  # as `python -m` does, and an installed script does not
    try:
        found = import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or not (module == missing.name or module.startswith(f"{missing.name}.")):
            raise  # it is there, and what it imports is not: the whole traceback tells where
        raise ConfigurationError([f"there is no module {missing.name}; run this where your application runs, and give package.module:name"]) from None
    except ValueError:
        raise ConfigurationError(["give the kit as package.module:name"]) from None
    kit = getattr(found, name or "kit", None)
    if not isinstance(kit, Credkit):
        raise ConfigurationError([f"{module} has no blocking kit of the name {name or 'kit'}; an async kit delivers by `await kit.courier.run_due()`"])
    return kit


def _tune(options: argparse.Namespace) -> int:
    target = Target(milliseconds=options.milliseconds, memory_mib=options.memory)
    measurements = measure(target, hash_for_real)
    proposal = propose(measurements, target)
    if options.json:
        shown = {"target": asdict(target), "measurements": list(map(_facts, measurements)), "proposal": _facts(proposal.full)}
        print(json.dumps(shown | {"meets_the_target": proposal.meets_the_target}, indent=2))
        return 0
    print("   memory  passes  lanes  at once   one takes   a second   memory in all")
    for one in measurements:
        profile, memory = one.profile, f"{one.profile.memory_kib / 1024:.0f} MiB"
        taken = f"{one.milliseconds:.1f} ms"
        print(f"{memory:>9}{profile.passes:8}{profile.lanes:7}{one.at_once:9}{taken:>12}{one.per_second:11.1f}{one.memory_mib:12.0f} MiB")
    if not proposal.meets_the_target:
        print(f"\nNothing that is strong enough takes {target.milliseconds:g} ms or less here; this is the fastest.")
    alone, full = proposal.alone, proposal.full
    print(f"\n{alone.milliseconds:.0f} ms alone; with {full.at_once} at once {full.per_second:.1f} a second, in {full.memory_mib:.0f} MiB for each process.\n")
    print(as_python(proposal), end="")
    return 0


def _facts(one: Measurement) -> dict[str, float]:
    profile = one.profile
    parameters: dict[str, float] = {"memory_kib": profile.memory_kib, "passes": profile.passes, "lanes": profile.lanes}
    return parameters | {"at_once": one.at_once, "milliseconds": round(one.milliseconds, 3), "per_second": round(one.per_second, 3)}


def _build_corpus(options: argparse.Namespace) -> int:
    with _opened(options.source) as source:
        facts = build_corpus(source, options.destination, at_least=options.at_least, counts=options.counts)
    _print_facts(facts)
    return 0


def _opened(source: str) -> AbstractContextManager[ByteSource]:
    """Open a list.

    Raises:
        ConfigurationError: It cannot be opened.
    """
    if source == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return gzip.open(source) if source.endswith(".gz") else Path(source).open("rb")
    except OSError as missing:
        raise ConfigurationError([f"the list {source} cannot be opened"]) from missing


def _describe_corpus(options: argparse.Namespace) -> int:
    _print_facts(check_corpus(options.file) if options.check else OfflineCorpus(options.file).facts())
    return 0


def _print_facts(facts: CorpusFacts) -> None:
    chance = f"2^{math.log2(facts.false_positives):.1f}" if facts.entries else "0"
    print(f"passwords        {facts.entries:,}, each in {facts.at_least} or more occurrences{', with counts' if facts.counted else ''}")
    print(f"size             {facts.size:,} bytes, {facts.size / max(1, facts.entries):.2f} a password")
    print(f"false positives  {chance} a look-up; a password that is in the list is always found")


if __name__ == "__main__":
    sys.exit(main())
