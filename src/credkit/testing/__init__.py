"""What a host's own test suite imports: kits that answer at once, fakes that can be steered, and the explorer of orders.

Imported apart, so that nobody pays for what they do not use: `contracts` hold a host's stores and other ports to their duties, `broken` shows that
they can fail, `machine` and `strategies` are for Hypothesis, `races` lets calls go at one moment, `fixtures` are for pytest.
"""

from credkit.testing.explore import CRASHED, BadSchedule, Fault, NotDeterministic, Report, World, explore
from credkit.testing.fakes import AsyncInbox, FrozenClock, Inbox, InstantHashing, NoPause, Recorder, ScriptedEntropy, SeededEntropy
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
    "Recorder",
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
