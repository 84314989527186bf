"""How easily one word comes out where another is meant: a weighted edit distance (Damerau and Levenshtein, restricted) for typing.

It knows the keyboard and no words.
"""

from __future__ import annotations

from typing import Final

from credkit.identifiers._keyboards import are_neighbours

__all__ = ["slip_cost"]

# Tenths of one arbitrary slip. Swapped and doubled letters come first and arbitrary letters last in every count of typing errors since
# Damerau, "A technique for computer detection and correction of spelling errors" (1964); the numbers are set by hand to that order.
_SWAPPED: Final = 6
_DOUBLED: Final = 6
_NEIGHBOUR: Final = 8
_LEFT_OUT: Final = 9
_PUT_IN: Final = 11
_OTHER: Final = 12
_FIRST: Final = 4
"""On top where the first letter is concerned: people look at that one, and other words begin there."""


def slip_cost(typed: str, meant: str) -> int:
    """Return the least cost of the slips that make *typed* of *meant*, in tenths; 0 if they are the same."""
    rows = [[_PUT_IN * length for length in range(len(typed) + 1)]]
    for place in range(len(meant)):
        rows.append(_next_row(typed, meant, place, rows))
    return rows[-1][-1]


def _next_row(typed: str, meant: str, place: int, rows: list[list[int]]) -> list[int]:
    """Return the costs of all beginnings of *typed* for the letter at *place* of *meant*, after the rows for those before it."""
    wanted, above = meant[place], rows[-1]
    first = 0 if place else _FIRST
    twice = place > 0 and meant[place - 1] == wanted
    left_out = (_DOUBLED if twice else _LEFT_OUT) + first
    row = [above[0] + left_out]
    for here, sign in enumerate(typed):
        costs = [
            above[here] + (0 if sign == wanted else first + (_NEIGHBOUR if are_neighbours(sign, wanted) else _OTHER)),
            above[here + 1] + left_out,
            row[here] + _put_in(typed, here, wanted),
        ]
        if place and here and sign == meant[place - 1] and typed[here - 1] == wanted and sign != wanted:
            costs.append(rows[-2][here - 1] + _SWAPPED)
        row.append(min(costs))
    return row


def _put_in(typed: str, here: int, wanted: str) -> int:
    """Return what it costs that the sign at *here* is too many, after *wanted*."""
    if here and typed[here] == typed[here - 1]:
        return _DOUBLED
    return _NEIGHBOUR if are_neighbours(typed[here], wanted) else _PUT_IN
