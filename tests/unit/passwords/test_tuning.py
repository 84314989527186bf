"""Which profile and gate are proposed for what a machine was measured to do, and that measuring makes real hashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credkit.__main__ import main
from credkit.errors import ConfigurationError
from credkit.passwords import OWASP_MINIMUM, RFC_9106_LOW_MEMORY, HashingProfile, PasswordHasher
from credkit.passwords.tuning import Measurement, Proposal, Target, as_python, candidates, hash_for_real, measure, propose
from credkit.policy import Policy
from credkit.testing import cheap_hasher

FLOOR = {1: 47104, 2: 19456, 3: 12288, 4: 9216, 5: 7168}
"""The OWASP table, in KiB by passes."""

Run = Callable[[HashingProfile, int], float]


def machine(*, pace: float, processors: int = 2, fixed: float = 0.0) -> Run:
    """Return a machine that takes *pace* milliseconds for a MiB and a pass, in as many lanes at once as it has processors."""

    def run(profile: HashingProfile, at_once: int) -> float:
        work = profile.memory_kib / 1024 * profile.passes * pace
        lanes = min(profile.lanes, processors)
        return fixed + work / lanes * max(1.0, at_once * lanes / processors)

    return run


def proposed(run: Run, most_at_once: int = 4, **target: Any) -> Proposal:
    wanted = Target(**target)
    return propose(measure(wanted, run, most_at_once=most_at_once), wanted)


# The profile ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", [0.01, 0.1, 0.5, 1.0])
def test_the_recommended_option_it_is_wherever_it_fits(pace: float) -> None:
    found = proposed(machine(pace=pace))
    assert (found.profile, found.meets_the_target, found.name) == (RFC_9106_LOW_MEMORY, True, "RFC_9106_LOW_MEMORY")


def test_it_is_not_left_for_what_one_measurement_differs_from_the_next_by() -> None:
    wanted = Target(milliseconds=100)
    for taken, expected in ((119, RFC_9106_LOW_MEMORY), (121, OWASP_MINIMUM)):
        measured = [Measurement(profile=RFC_9106_LOW_MEMORY, at_once=1, milliseconds=taken), Measurement(profile=OWASP_MINIMUM, at_once=1, milliseconds=20)]
        assert propose(measured, wanted).profile == expected


def test_on_a_slow_machine_it_is_the_best_that_is_in_time() -> None:
    # Paces at which each row of the ladder is the first that takes no longer than 100 ms, on one processor.
    taken = {pace: proposed(machine(pace=pace, processors=1)).profile for pace in (0.6, 1.5, 2.1, 2.6, 2.75)}
    shown = [(profile.memory_kib // 1024, profile.passes, profile.lanes) for profile in taken.values()]
    assert shown == [(64, 3, 4), (64, 1, 4), (46, 1, 1), (19, 2, 1), (12, 3, 1)]


def test_where_nothing_is_in_time_it_is_the_fastest_and_says_so() -> None:
    found = proposed(machine(pace=50, processors=1))
    assert not found.meets_the_target
    assert (found.profile.memory_kib, found.profile.passes) == (7168, 5)


def test_with_more_memory_allowed_it_goes_above_memory_first() -> None:
    assert proposed(machine(pace=0.15), memory_mib=256).profile == HashingProfile(memory_kib=256 * 1024, passes=4, lanes=4)
    assert proposed(machine(pace=0.15), memory_mib=255).profile == HashingProfile(memory_kib=128 * 1024, passes=8, lanes=4)
    assert proposed(machine(pace=0.15), memory_mib=256, milliseconds=1000).profile == HashingProfile(memory_kib=256 * 1024, passes=8, lanes=4)


def test_with_more_memory_allowed_and_no_time_for_it_it_is_the_recommended_option() -> None:
    assert proposed(machine(pace=1.0), memory_mib=1024).profile == RFC_9106_LOW_MEMORY


@pytest.mark.parametrize(("memory_mib", "expected"), [(63, 46), (46, 46), (45, 32), (31, 19), (18, 12), (11, 9), (8, 7), (7, 7)])
def test_no_more_memory_is_taken_than_was_allowed(memory_mib: int, expected: int) -> None:
    assert proposed(machine(pace=0.1), memory_mib=memory_mib).profile.memory_kib == expected * 1024


@pytest.mark.parametrize("target", [{"memory_mib": 6}, {"memory_mib": 0}, {"milliseconds": 0}, {"milliseconds": -1}, {"milliseconds": float("nan")}])
def test_what_no_strong_profile_fits_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="OWASP"):
        Target(**target)


def test_measurements_of_nothing_that_fits_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        propose([Measurement(profile=RFC_9106_LOW_MEMORY, at_once=1, milliseconds=1)], Target(memory_mib=8))


machines = st.builds(machine, pace=st.floats(0.001, 100), processors=st.integers(1, 64), fixed=st.floats(0, 50))
targets = st.builds(Target, milliseconds=st.floats(0.1, 5000), memory_mib=st.integers(7, 5000))


@given(run=machines, target=targets, most_at_once=st.integers(1, 8))
def test_whatever_the_machine_nothing_below_the_table_or_above_the_memory_is_proposed(run: Run, target: Target, most_at_once: int) -> None:
    found = propose(measure(target, run, most_at_once=most_at_once), target)
    assert found.profile.memory_kib >= FLOOR[min(found.profile.passes, 5)]
    assert found.profile.memory_kib <= target.memory_mib * 1024
    assert 1 <= found.gate <= most_at_once
    assert found.meets_the_target == (found.alone.milliseconds <= target.milliseconds * (1.2 if found.profile == RFC_9106_LOW_MEMORY else 1))
    made: dict[str, Any] = {}
    exec(as_python(found), made)  # noqa: S102  # the lines that a host is told to paste
    assert made["hasher"]._profile == found.profile
    assert made["policy"] == Policy(gate=found.gate)


@given(run=machines, target=targets)
def test_a_faster_machine_is_never_proposed_less(run: Run, target: Target) -> None:
    def twice_as_fast(profile: HashingProfile, at_once: int) -> float:
        return run(profile, at_once) / 2

    slow, fast = (propose(measure(target, one, most_at_once=1), target) for one in (run, twice_as_fast))
    assert fast.meets_the_target or not slow.meets_the_target
    if slow.meets_the_target and slow.profile == RFC_9106_LOW_MEMORY:
        assert fast.profile.memory_kib * fast.profile.passes >= slow.profile.memory_kib * slow.profile.passes


@given(target=targets, pace=st.floats(0.0001, 100))
def test_few_are_measured_and_none_that_would_take_for_ever(target: Target, pace: float) -> None:
    measured = candidates(target, pace=pace)
    assert len(set(measured)) == len(measured) <= 11
    beyond = [profile for profile in measured if profile.memory_kib > 65536]
    assert all(pace * profile.memory_kib / 1024 * profile.passes <= target.milliseconds for profile in beyond)


# The gate ---------------------------------------------------------------------------------------------------------------


def several(*taken: float) -> list[Measurement]:
    """Measurements of the recommended option, one at once, two at once, and so on."""
    return [Measurement(profile=RFC_9106_LOW_MEMORY, at_once=number, milliseconds=one) for number, one in enumerate(taken, start=1)]


@pytest.mark.parametrize(
    ("taken", "gate"),
    [
        ((100,), 1),
        ((100, 200, 300, 400), 1),  # one keeps all processors busy
        ((100, 100, 150, 200), 2),  # two do
        ((100, 100, 100, 100), 4),  # as many as there are
        ((100, 181, 270, 360), 1),  # a tenth more is not worth the memory
        ((100, 179, 270, 360), 2),  # a little more than that is
        ((100, 100, 400, 500), 2),  # more at once are slower
    ],
)
def test_the_gate_is_the_smallest_that_gives_nearly_all(taken: tuple[float, ...], gate: int) -> None:
    found = propose(several(*taken), Target())
    assert found.gate == found.full.at_once == gate
    assert found.full.memory_mib == 64 * gate


def test_the_order_of_measurements_does_not_matter() -> None:
    measured = [*several(100, 100, 150), Measurement(profile=OWASP_MINIMUM, at_once=1, milliseconds=10)]
    assert propose(measured, Target()) == propose(measured[::-1], Target())


def test_a_measurement_says_what_all_at_once_do() -> None:
    one = Measurement(profile=OWASP_MINIMUM, at_once=4, milliseconds=50)
    assert (one.per_second, one.memory_mib) == (80, 76)


# Measuring --------------------------------------------------------------------------------------------------------------


def test_each_candidate_is_measured_alone_and_the_one_that_is_proposed_also_with_others() -> None:
    asked: list[tuple[HashingProfile, int]] = []
    quick = machine(pace=0.1)

    def run(profile: HashingProfile, at_once: int) -> float:
        asked.append((profile, at_once))
        return quick(profile, at_once)

    measured = measure(Target(), run, most_at_once=3)
    assert asked == [(one.profile, one.at_once) for one in measured]
    assert [one.at_once for one in measured] == [1] * 8 + [2, 3]
    assert {one.profile for one in measured if one.at_once > 1} == {RFC_9106_LOW_MEMORY}


def test_a_gate_of_one_is_not_measured_beyond_that() -> None:
    assert {one.at_once for one in measure(Target(), machine(pace=0.1), most_at_once=1)} == {1}


@pytest.mark.parametrize("at_once", [1, 3])
def test_real_hashes_are_made_in_that_many_threads(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    hashing = PasswordHasher.hash

    def noted(hasher: PasswordHasher, password: Any) -> str:
        made.append(hashing(hasher, password))
        return made[-1]

    monkeypatch.setattr(PasswordHasher, "hash", noted)
    assert hash_for_real(cheap_hasher()._profile, at_once) > 0
    assert len(made) == 5 * at_once
    assert all(phc.startswith("$argon2id$v=19$m=8,t=1,p=1$") for phc in made)


def test_memory_that_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_memory(hasher: PasswordHasher, password: Any) -> str:
        raise MemoryError

    monkeypatch.setattr(PasswordHasher, "hash", without_memory)
    with pytest.raises(ConfigurationError, match="2 x 8 KiB"):
        hash_for_real(cheap_hasher()._profile, 2)


# The command ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two processors that is measured in no time, and takes 96 ms for the recommended option."""
    monkeypatch.setattr("credkit.__main__.hash_for_real", machine(pace=1.0))
    monkeypatch.setattr("credkit.passwords.tuning.Gate", type("TwoPlaces", (), {"size": 2}))


@pytest.mark.usefixtures("quick")
def test_the_command_prints_a_table_and_what_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune"]) == 0
    printed = capsys.readouterr().out
    assert "   64 MiB       3      4        1     96.0 ms       10.4          64 MiB\n" in printed
    assert "   64 MiB       3      4        2    192.0 ms       10.4         128 MiB\n" in printed
    assert "96 ms alone; with 1 at once 10.4 a second, in 64 MiB for each process.\n" in printed
    made: dict[str, Any] = {}
    exec(printed[printed.index("from credkit") :], made)  # noqa: S102  # as above
    assert (made["hasher"]._profile, made["policy"].gate) == (RFC_9106_LOW_MEMORY, 1)


@pytest.mark.usefixtures("quick")
def test_the_command_says_if_the_target_is_out_of_reach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--milliseconds", "2.5"]) == 0
    assert "Nothing that is strong enough takes 2.5 ms or less here; this is the fastest.\n" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--json", "--milliseconds", "200", "--memory", "128"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["target"] == {"milliseconds": 200.0, "memory_mib": 128}
    assert printed["proposal"] == {"memory_kib": 131072, "passes": 3, "lanes": 4, "at_once": 1, "milliseconds": 192.0, "per_second": 5.208}
    assert printed["meets_the_target"] is True
    assert len(printed["measurements"]) == 10
    assert all(one.keys() == printed["proposal"].keys() for one in printed["measurements"])


@pytest.mark.usefixtures("quick")
def test_a_target_that_nothing_fits_is_said_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--memory", "4"]) == 1
    assert capsys.readouterr().err.startswith("credkit: a hash needs 7 MiB at least")


def test_a_proposal_without_a_name_is_written_out() -> None:
    found = propose(several(10), Target())
    unnamed = replace(found, profile=HashingProfile(memory_kib=131072, passes=3, lanes=4))
    assert unnamed.name is None
    assert "hasher = PasswordHasher(HashingProfile(memory_kib=131072, passes=3, lanes=4))\n" in as_python(unnamed)
    assert "from credkit.passwords import HashingProfile, PasswordHasher\n" in as_python(unnamed)
    assert "hasher = PasswordHasher(RFC_9106_LOW_MEMORY)\n" in as_python(found)
