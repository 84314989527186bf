"""Which mail domain somebody may have meant: the well-known ones, and how a slip of the finger leads past them.

It is silent about a domain that may well be real: one that is well known itself, or of a top-level domain that exists, unless it is a
hair's breadth from a provider that very many people use. It never asks whether a domain exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Final

from credkit.identifiers._typos import slip_cost

__all__ = ["has_real_ending", "is_well_known", "split_at_provider", "suggested_domain"]

_ENDINGS: Final = ("com", "net", "org", "edu", "gov", "info")
"""What an ending that does not exist is compared with; country codes are so short that each is a slip away from many."""

_JOINED: Final = {
    ending.replace(".", ""): ending
    for ending in ("co.uk", "org.uk", "ac.uk", "com.au", "net.au", "com.br", "co.nz", "co.jp", "co.in", "co.za", "com.mx", "com.ar")
}

_SLIPS_OF_COM: Final = frozenset({"co", "cm", "om"})
"""Colombia, Cameroon and Oman: after a provider that has none of them, a letter is missing."""

_SPECIAL: Final = frozenset({"alt", "arpa", "example", "internal", "invalid", "lan", "local", "localhost", "onion", "test"})
"""Special-use names (RFC 6761 and later, and what home routers use): no slips."""

_SUFFIX_LIMIT: Final = 9
"""One slip and no more; in tenths, as `slip_cost` counts."""

_WHOLE_LIMIT: Final = 16
"""Name and suffix together: two easy slips."""


@dataclass(frozen=True)  # without slots, for `cached_property`
class _Provider:
    name: str
    suffixes: tuple[str, ...]
    is_popular: bool
    is_exclusive: bool
    """Whether there are no mailboxes under other suffixes."""

    @cached_property
    def letters(self) -> frozenset[str]:
        """The letters of the name."""
        return frozenset(self.name)

    @cached_property
    def limit(self) -> int:
        """How bad a slip in the name may be: the shorter a name, the more real names lie around it."""
        length = len(self.name)
        if length < 5:
            return 0 if length < 4 else 6
        if length < 7:
            return 12 if self.is_popular else 9
        if length < 10:
            return 16 if self.is_popular else 9
        return 20 if self.is_popular else 14


def is_well_known(domain: str) -> bool:
    """Return whether many people have mailboxes at *domain*."""
    return domain in _known()


def has_real_ending(domain: str) -> bool:
    """Return whether *domain* has a name and ends in a top-level domain that exists."""
    name, _, ending = domain.rpartition(".")
    return bool(name) and (ending in _endings() or ending.startswith("xn--"))


def split_at_provider(text: str) -> tuple[str, str] | None:
    """Return what stands before a popular mail domain at the end of *text*, and the domain; for addresses that lack their at-sign."""
    domain = next((domain for domain in _popular() if text.lower().endswith(domain)), "")
    return (text[: -len(domain)], domain) if domain and len(text) > len(domain) else None


def suggested_domain(domain: str) -> str | None:
    """Return the domain that *domain* may be a slip of, or `None` if it may as well be right."""
    domain = domain.lower()
    if not domain.isascii() or domain in _known() or domain in _left_alone():
        return None
    if "." not in domain:
        return _undotted(domain)
    bare = domain.removeprefix("www.")
    if bare in _known():
        return bare
    near = _near_provider(domain)
    if near is not None:
        return near
    mended = _near_ending(domain)
    return None if mended is None else suggested_domain(mended) or mended  # With its ending right, the name may be near, too.


def _undotted(domain: str) -> str | None:
    """Return the domain that lost its dots, or its suffix if there is one likely."""
    for provider in _providers():
        for suffix in provider.suffixes:
            if domain == provider.name + suffix.replace(".", ""):
                return f"{provider.name}.{suffix}"
    popular = [p for p in _providers() if p.is_popular and len(p.name) > 3]
    whole = next((p for p in popular if p.name == domain), None)
    if whole is None and len(domain) > len("com") + 3:
        whole = next((p for p in popular if slip_cost(domain, f"{p.name}com") <= _SUFFIX_LIMIT), None)
    return None if whole is None else f"{whole.name}.{whole.suffixes[0]}"


def _near_provider(domain: str) -> str | None:
    name, _, rest = domain.partition(".")
    return min(_near(name, rest), key=lambda near: near[0], default=(0, None))[1]


def _near(name: str, rest: str) -> Iterator[tuple[int, str | None]]:
    """Yield each provider that *name* and *rest* may be a slip of, the most popular first: what the slip costs, and the domain."""
    for provider in _providers():
        # Each slip brings or takes two kinds of letters at most, and costs 8 then: most providers are out without more work.
        if abs(len(name) - len(provider.name)) > 2 or 4 * len(provider.letters.symmetric_difference(name)) > provider.limit:
            continue
        slip = 0 if name == provider.name else slip_cost(name, provider.name)
        if slip > provider.limit:
            continue
        meant = _meant_suffix(provider, rest, exact=slip == 0)
        if meant is not None and slip + meant[0] <= max(_WHOLE_LIMIT, provider.limit):
            yield slip + meant[0], f"{provider.name}.{meant[1]}"


def _meant_suffix(provider: _Provider, rest: str, *, exact: bool) -> tuple[int, str] | None:
    """Return the suffix of the provider that *rest* is or may be meant as, and what the slip costs."""
    if rest in provider.suffixes:
        return 0, rest
    if provider.is_popular and rest in _SLIPS_OF_COM and "com" in provider.suffixes:
        return _SUFFIX_LIMIT, "com"
    if provider.is_exclusive and exact and (rest.count(".") == 0 or rest.startswith(("co.", "com.", "con."))):
        return 0, provider.suffixes[0]
    again = next((suffix for suffix in provider.suffixes if rest in {f"{suffix}.{suffix}", suffix * 2, f"{suffix}."}), None)
    if again is not None:
        return 0, again
    if _is_real(rest):
        return None
    cost, _, suffix = min((_ending_cost(rest, suffix), place, suffix) for place, suffix in enumerate(provider.suffixes))
    return (cost, suffix) if cost <= _SUFFIX_LIMIT else None


def _near_ending(domain: str) -> str | None:
    """Return *domain* with an ending that exists, if its own does not and only one is near."""
    name, _, ending = domain.rpartition(".")
    if not name or ending in _endings() or ending in _SPECIAL or not ending.isalnum():
        return None
    if ending in _JOINED:
        return f"{name}.{_JOINED[ending]}"
    if name.endswith((".co", ".org", ".ac", ".gov")):
        return f"{name}.uk" if len(ending) == 2 and _ending_cost(ending, "uk") < _SUFFIX_LIMIT else None
    if len(ending) < 3:
        return None
    digits = re.fullmatch("(com|net|org)[0-9]+", ending)
    if digits is not None:
        return f"{name}.{digits[1]}"
    near = sorted((cost, meant) for meant in _ENDINGS if (cost := _ending_cost(ending, meant)) <= _SUFFIX_LIMIT)
    return f"{name}.{near[0][1]}" if near and (len(near) == 1 or near[0][0] < near[1][0]) else None


def _ending_cost(typed: str, meant: str) -> int:
    # Behind a dot no letter is the first that people look at.
    return slip_cost(f".{typed}", f".{meant}")


def _is_real(rest: str) -> bool:
    """Return whether what follows a name may be as it should."""
    return rest.rpartition(".")[2] in _endings()


@cache
def _providers() -> tuple[_Provider, ...]:
    found: list[_Provider] = []
    for line in _lines("mail_domains.txt"):
        name, *suffixes = line.split()
        if name != "=":
            found.append(_Provider(name.lstrip("!"), tuple(suffixes), name.startswith("!"), name.startswith("!!")))
    return tuple(found)


@cache
def _popular() -> tuple[str, ...]:
    """Return the domains of popular providers, the longest first, without those whose names other words end in."""
    found = [f"{p.name}.{suffix}" for p in _providers() if p.is_popular and len(p.name) > 3 for suffix in p.suffixes]
    return tuple(sorted(found, key=len, reverse=True))


@cache
def _known() -> frozenset[str]:
    return frozenset(f"{provider.name}.{suffix}" for provider in _providers() for suffix in provider.suffixes)


@cache
def _left_alone() -> frozenset[str]:
    return frozenset(domain for line in _lines("mail_domains.txt") if line.startswith("= ") for domain in line.split()[1:])


@cache
def _endings() -> frozenset[str]:
    return frozenset(ending for line in _lines("tlds.txt") for ending in line.split())


def _lines(name: str) -> list[str]:
    text = resources.files("credkit.identifiers").joinpath(name).read_text(encoding="ascii")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
