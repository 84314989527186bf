"""What a host's own test suite imports: kits that answer at once, fakes that can be steered, and the explorer of orders."""

from credkit.testing.explore import CRASHED, BadSchedule, Fault, NotDeterministic, Report, World, explore
from credkit.testing.fakes import AsyncInbox, FrozenClock, Inbox, InstantHashing, NoPause, ScriptedEntropy, SeededEntropy
from credkit.testing.kits import AsyncTestWorld, TestWorld, async_kit_for_tests, cheap_hasher, kit_for_tests
from credkit.testing.shared import Flow, Ports, Shared

__all__ = [
    "CRASHED",
    "AsyncInbox",
    "AsyncTestWorld",
    "BadSchedule",
    "Fault",
    "Flow",
    "FrozenClock",
    "Inbox",
    "InstantHashing",
    "NoPause",
    "NotDeterministic",
    "Ports",
    "Report",
    "ScriptedEntropy",
    "SeededEntropy",
    "Shared",
    "TestWorld",
    "World",
    "async_kit_for_tests",
    "cheap_hasher",
    "explore",
    "kit_for_tests",
]
