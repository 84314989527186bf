"""Who credkit speaks for: the site's name, address, support contact and pages. Configuration, never taken from a request (REQ-D9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Final, Literal
from urllib.parse import urlsplit

from credkit.errors import ConfigurationError

__all__ = ["Paths", "Site"]

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_REGION: Final = re.compile(r"[A-Z]{2}")
_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[::1\])(?::[0-9]+)?/?", re.ASCII | re.IGNORECASE)
"""Asked of the text itself: `urlsplit` drops line breaks, outer spaces and an empty query, and takes any character in a host."""
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Paths of the host's pages that links in messages lead to; only those of journeys in use are needed."""

    approve: str | None = None
    """Where a change of settings is approved or denied."""
    undo: str | None = None
    """Where a change is undone, or an undo contested."""
    reset: str | None = None
    """Where a reset by link goes on: always with ``Policy(reset_by="link")``, else where messages pile up. Without it, whoever keeps asking for
    codes keeps the owner from getting one."""
    stop: str | None = None
    """Where the addressee of a reset says "I did not ask" (RS-18); without it messages have no such link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One site. Its `id` enters every key, code and record, so that nothing of one site counts in another.

    Raises:
        ConfigurationError: Something is missing or unusable; all of it is listed.
    """

    name: str
    """What messages call the site; at most 40 characters."""
    url: str
    """The https origin, for example ``https://example.com``; http is accepted for localhost only."""
    support: str
    """Where a person gets help: an address, number or page, named in every notice (NO-09)."""
    default_region: str | None = None
    """ISO 3166 region of phone numbers typed without a country code, for example ``US``; none means they are refused."""
    paths: Paths = field(default_factory=Paths)
    token_in: Literal["fragment", "path"] = "fragment"
    """Where a link carries its token. A fragment never reaches a server or its logs, and needs a few lines of script; a path needs none (AP-20)."""
    id: str = "main"
    """Lower-case letters, digits and dashes; changing it ends everything outstanding."""

    def __post_init__(self) -> None:
        problems = [*_name_problems(self.name, self.support), *_url_problems(self.url), *_path_problems(self.paths)]
        if not _ID.fullmatch(self.id):
            problems.append("site.id must be 1 to 32 lower-case letters, digits and dashes")
        if self.default_region is not None and not _REGION.fullmatch(self.default_region):
            problems.append("site.default_region must be two capital letters, such as US")
        if self.token_in not in {"fragment", "path"}:
            problems.append('site.token_in must be "fragment" or "path"')
        if problems:
            raise ConfigurationError(problems)

    def require_paths(self, *names: str) -> None:
        """Go on only if the pages are configured that links of a journey lead to.

        Raises:
            ConfigurationError: One of them is not; the text names it.
        """
        missing = [f"site.paths.{name} is needed: links in messages lead there" for name in names if getattr(self.paths, name) is None]
        if missing:
            raise ConfigurationError(missing)

    def link(self, path: str | None, token: str) -> str:
        """Return the link to one of the site's pages: from configuration only, never from a request (REQ-D9, RS-15)."""
        base = f"{self.url.rstrip('/')}{path or '/'}"
        return f"{base}#{token}" if self.token_in == "fragment" else f"{base.rstrip('/')}/{token}"

    @property
    def host(self) -> str:
        """The host name, as it stands in the last line of a text message (NO-03)."""
        return (urlsplit(self.url).hostname or "").lower()

    @property
    def insecure(self) -> bool:
        """Whether the site is plain http on localhost, where cookies cannot be `Secure`."""
        return urlsplit(self.url).scheme == "http"


def _name_problems(name: str, support: str) -> list[str]:
    problems: list[str] = []
    for label, text, limit in (("name", name, 40), ("support", support, 100)):
        if not text.strip() or len(text) > limit or not text.isprintable():
            problems.append(f"site.{label} must be 1 to {limit} printable characters")
    return problems


def _url_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ["site.url is not a URL"]
    plain = parts.scheme == "http" and host in _LOCAL_HOSTS
    if (parts.scheme != "https" and not plain) or not host or not host.isascii():
        return ["site.url must be an https origin with an ASCII host (or http://localhost)"]
    if not _ORIGIN.fullmatch(url):
        return ["site.url must be an origin only: scheme, host and perhaps a port"]
    return ["site.url has port 0"] if port == 0 else []


def _path_problems(paths: Paths) -> list[str]:
    given = [(f.name, getattr(paths, f.name)) for f in fields(paths)]
    return [
        f"site.paths.{name} must start with one slash and hold no query or fragment"
        for name, path in given
        if path is not None and (not path.startswith("/") or path.startswith("//") or not re.fullmatch(r"[!-~]+", path) or "?" in path or "#" in path)
    ]
