"""Each process has its own value, made at first use and by nobody before; whoever asks first among threads decides for all."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Callable

import pytest

from credkit.per_process import PerProcess


def in_a_child(act: Callable[[], object]) -> object:
    """Return what *act* returns in a fork of this process, by way of a pipe."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on a fork beside threads warns; this child starts none and takes no lock
        pid = os.fork()
    if pid == 0:  # pragma: no cover  # nothing of the child may reach pytest, whatever happens
        status = 1
        try:
            os.write(writing, json.dumps(act()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    return json.loads(answer)


def test_nothing_is_made_before_somebody_asks() -> None:
    made: list[int] = []
    PerProcess(lambda: made.append(1))
    assert made == []


def test_a_process_has_one_value_however_often_it_asks() -> None:
    values = PerProcess(object)
    assert values.get() is values.get()


def test_none_is_a_value_and_is_made_once() -> None:
    made: list[int] = []
    values = PerProcess(lambda: made.append(1))
    assert (values.get(), values.get(), made) == (None, None, [1])


def test_two_of_them_share_nothing() -> None:
    assert PerProcess(object).get() is not PerProcess(object).get()


def test_a_failure_to_make_a_value_is_told_and_the_next_caller_tries_again() -> None:
    answers = iter([ZeroDivisionError(), "value"])

    def make() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    values = PerProcess(make)
    with pytest.raises(ZeroDivisionError):
        values.get()
    assert values.get() == "value"


# The order that matters, without luck: while the first caller makes its value, another one asks, makes its own and is faster.
def test_of_two_callers_at_once_both_get_the_value_of_the_faster() -> None:
    got: list[object] = []

    def make() -> object:
        if not got:
            got.append(None)
            other = threading.Thread(target=lambda: got.append(values.get()))
            other.start()
            other.join()
        return object()

    values = PerProcess(make)
    mine = values.get()
    assert got[1] is mine
    assert values.get() is mine


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
class TestAfterAFork:
    """F28."""

    def test_a_child_makes_a_value_of_its_own(self) -> None:
        values = PerProcess(os.getpid)
        mine = values.get()
        theirs = in_a_child(values.get)
        assert mine == os.getpid()
        assert theirs != mine
        assert values.get() == mine

    def test_a_child_keeps_to_its_own_value(self) -> None:
        values = PerProcess(lambda: [os.getpid()])
        values.get()
        assert in_a_child(lambda: values.get() is values.get() and values.get() == [os.getpid()]) is True

    def test_a_child_never_touches_the_lock_its_parent_holds(self) -> None:
        locks = PerProcess(threading.Lock)
        with locks.get():
            assert in_a_child(lambda: locks.get().acquire(blocking=False)) is True
            assert locks.get().locked()

    def test_a_childs_value_is_not_seen_by_its_parent(self) -> None:
        values = PerProcess(list[int])
        in_a_child(lambda: values.get().append(1))
        assert values.get() == []
