"""A secret stays where it is: every way out that Python offers shows a mask or fails, except the one that can be searched for."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from credkit.secret import Revealing, Secret, SecretValueHolder, text_of

CANARY = "canary-7Q2"


@dataclass(frozen=True)
class Holder:
    inner: Secret


class Reveals:
    """A wrapper of the host's own, in the manner of `Secret`."""

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> object:
        return self._value


class Holds:
    """A wrapper in the manner of pydantic's."""

    def __init__(self, value: object) -> None:
        self._value = value

    def get_secret_value(self) -> object:
        return self._value


def test_a_secret_gives_its_text_when_asked_to_reveal_it() -> None:
    assert Secret(CANARY).reveal() == CANARY


# PW-26, KE-05, TE-06.
@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        pprint.pformat,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r} {secret!s} {secret!a}",
        lambda secret: f"{secret:>40}",
        lambda secret: "{}{:s}".format(secret, secret),  # noqa: UP032  # the method is what is tried
        lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031  # the operator is what is tried
        lambda secret: repr([secret, {"k": secret}, Holder(secret)]),
        lambda secret: repr(ValueError(secret)) + str(ValueError(secret)),
        lambda secret: logging.LogRecord("n", 10, "p", 1, "%s %r", (secret, secret), None).getMessage(),
    ],
)
def test_showing_a_secret_shows_a_mask(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert CANARY not in shown
    assert "Secret(...)" in shown


def test_a_traceback_with_local_variables_shows_a_mask() -> None:
    def fail(password: Secret) -> None:
        raise RuntimeError(password)

    with pytest.raises(RuntimeError) as caught:
        fail(Secret(CANARY))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "password = Secret(...)" in shown
    assert CANARY not in shown


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_a_secret_is_refused(protocol: int) -> None:
    for value in (Secret(CANARY), [Secret(CANARY)], Holder(Secret(CANARY))):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(value, protocol)
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("leave", [copy.copy, copy.deepcopy, vars, json.dumps, dict, list, bytes, len, iter])
def test_no_other_way_out_works(leave: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leave(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_a_secret_has_no_hash_that_could_stand_for_it() -> None:
    with pytest.raises(TypeError):
        hash(Secret(CANARY))
    with pytest.raises(TypeError):
        {Secret(CANARY)}


def test_secrets_are_equal_if_their_texts_are() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY + "x")
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("\u00e9") != Secret("e\u0301")


@pytest.mark.parametrize("other", [CANARY, CANARY.encode(), None, True, Reveals(CANARY), Holds(CANARY), object()])
def test_a_secret_equals_nothing_but_a_secret(other: object) -> None:
    assert Secret(CANARY) != other
    assert other != Secret(CANARY)
    assert not Secret(CANARY) == other  # noqa: SIM201  # the other operator was the line above


@pytest.mark.parametrize("value", [CANARY, Secret(CANARY), Reveals(CANARY), Holds(CANARY)])
def test_text_is_taken_plain_or_out_of_a_wrapper(value: object) -> None:
    assert text_of(value) == CANARY


def test_text_is_taken_out_of_pydantics_own_wrapper() -> None:
    pydantic = pytest.importorskip("pydantic")
    assert text_of(pydantic.SecretStr(CANARY)) == CANARY
    assert text_of(pydantic.SecretBytes(CANARY.encode())) is None


@pytest.mark.parametrize("value", [None, True, False, 0, 1, 1.5, b"text", bytearray(b"text"), [], ["text"], ("text",), {}, {"reveal": "text"}, object()])
def test_what_is_no_text_gives_nothing_plain_or_wrapped(value: object) -> None:  # REQ-D4c
    assert text_of(value) is None
    assert text_of(Reveals(value)) is None
    assert text_of(Holds(value)) is None


def test_a_wrapper_in_a_wrapper_is_not_text() -> None:
    assert text_of(Reveals(Secret(CANARY))) is None


def test_the_kinds_of_wrapper_are_told_apart_by_what_they_can_do() -> None:
    assert isinstance(Secret(CANARY), Revealing)
    assert isinstance(Reveals(CANARY), Revealing)
    assert isinstance(Holds(CANARY), SecretValueHolder)
    assert not isinstance(CANARY, Revealing | SecretValueHolder)
