"""Which sites can be configured, what they say of themselves, and that everything wrong is said at once."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from credkit.errors import ConfigurationError
from credkit.secret import Secret
from credkit.site import Paths, Site
from credkit.tickets import Token


def site(**settings: object) -> Site:
    return Site(**{"name": "Example", "url": "https://example.com", "support": "help@example.com", **settings})  # type: ignore[arg-type]


def problems(**settings: object) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        site(**settings)
    return caught.value.problems


# NO-03: the host is configuration, lower-case ASCII, without port or path.
@pytest.mark.parametrize(
    ("url", "host", "insecure"),
    [
        ("https://example.com", "example.com", False),
        ("https://example.com/", "example.com", False),
        ("https://example.com:8443", "example.com", False),
        ("https://EXAMPLE.Com", "example.com", False),
        ("HTTPS://example.com", "example.com", False),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", False),
        ("https://a-b.c-d.example:1/", "a-b.c-d.example", False),
        ("https://localhost", "localhost", False),
        ("http://localhost", "localhost", True),
        ("http://localhost:8000", "localhost", True),
        ("http://127.0.0.1:8000/", "127.0.0.1", True),
        ("http://[::1]:8000", "::1", True),
    ],
)
def test_an_https_origin_or_localhost_is_taken(url: str, host: str, insecure: bool) -> None:
    assert (site(url=url).host, site(url=url).insecure) == (host, insecure)


# RS-15, REQ-D9: what could put anything else into a link, a cookie's scope or the last line of a text message.
@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "https:",
        "https://",
        "https:example.com",
        "https:///path",
        "http://example.com",
        "http://localhost.example.com",
        "http://127.0.0.2",
        "http://localhost@example.com",
        "ftp://example.com",
        "javascript:alert(1)",
        "https://example.com/path",
        "https://example.com//",
        "https://example.com/;x",
        "https://example.com?",
        "https://example.com?a=b",
        "https://example.com/?a",
        "https://example.com#",
        "https://example.com#a",
        "https://user@example.com",
        "https://user:secret@example.com",
        "https://@example.com",
        "https://example.com@evil.example",
        "https://example.com\\@evil.example",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:port",
        "https://[::1",
        "https://[not an address]",
        "https://b\u00fccher.example",
        "https://e\u00ad.example",
        "https://exa mple.com",
        "https://example.com #",
        "https://exa\nmple.com",
        "https://example.com\n",
        "\thttps://example.com",
        " https://example.com",
        "https://example.com\x00",
        'https://"example".com',
        "https://<b>.com",
        "https://%65xample.com",
        "https://.",
        "https://example..com",
        "https://example.com.",
    ],
    ids=ascii,
)
def test_what_is_no_https_origin_is_refused(url: str) -> None:
    (problem,) = problems(url=url)
    assert problem.startswith("site.url ")


@pytest.mark.parametrize("setting", ["name", "support"])
@pytest.mark.parametrize("text", ["", " ", "\u00a0", "Exam\nple", "Exam\r\nBcc: eve@example.com", "Ex\x00ample", "Ex\u202eample", "Ex\u200bample", "Ex\ud800"])
def test_a_name_or_contact_that_is_empty_or_could_break_a_header_is_refused(setting: str, text: str) -> None:  # NO-06, NO-09
    (problem,) = problems(**{setting: text})
    assert problem.startswith(f"site.{setting} ")


@pytest.mark.parametrize(("setting", "longest"), [("name", 40), ("support", 100)])
def test_a_name_or_contact_has_a_longest_length(setting: str, longest: int) -> None:
    assert getattr(site(**{setting: "\u00e9" * longest}), setting) == "\u00e9" * longest
    assert problems(**{setting: "x" * (longest + 1)}) == (f"site.{setting} must be 1 to {longest} printable characters",)


@pytest.mark.parametrize("text", ["{site}", "{0}", "{", "}", "%s", "\u4e2d\u6587", "O'Neil & Sons <x>"])
def test_a_name_may_hold_any_printable_text(text: str) -> None:
    assert site(name=text).name == text


@pytest.mark.parametrize("text", ["", "Main", "main site", "-main", "m" * 33, "main\n", "m\u00e4in", "a/b"])
def test_an_id_that_could_be_mistaken_is_refused(text: str) -> None:
    (problem,) = problems(id=text)
    assert problem.startswith("site.id ")


@pytest.mark.parametrize("text", ["main", "m", "0", "tenant-17", "m" * 32])
def test_an_id_of_lower_case_letters_digits_and_dashes_is_taken(text: str) -> None:
    assert site(id=text).id == text


def test_a_site_is_called_main_unless_told_otherwise() -> None:
    assert (site().id, site().default_region, site().paths) == ("main", None, Paths())


def test_a_region_of_two_capital_letters_is_taken() -> None:
    assert site(default_region="US").default_region == "US"


@pytest.mark.parametrize("region", ["", "us", "USA", "U1", "US\n", "\u00dcS"])
def test_a_region_that_is_no_two_capital_letters_is_refused(region: str) -> None:
    assert problems(default_region=region) == ("site.default_region must be two capital letters, such as US",)


@pytest.mark.parametrize("path", ["/security/approve", "/", "/a.b-c_d~e/%20", "/a//b"])
@pytest.mark.parametrize("name", ["approve", "undo", "reset", "stop"])
def test_a_path_of_the_site_is_taken(name: str, path: str) -> None:
    assert getattr(site(paths=Paths(**{name: path})).paths, name) == path


@pytest.mark.parametrize(
    "path", ["", "reset", "//evil.example/reset", "https://evil.example", "/reset?a=b", "/reset#a", "/re set", "/reset\n", "/r\u00e9set", "/\x00"]
)
@pytest.mark.parametrize("name", ["approve", "undo", "reset", "stop"])
def test_a_path_that_could_lead_elsewhere_is_refused(name: str, path: str) -> None:
    assert problems(paths=Paths(**{name: path})) == (f"site.paths.{name} must start with one slash and hold no query or fragment",)


def test_all_that_is_wrong_with_a_site_is_said_at_once() -> None:  # HO-05
    found = problems(name="", url="http://example.com", support="", default_region="x", id="", paths=Paths(approve="a", undo="b", reset="c", stop="d"))
    labels = ["name", "support", "url", "paths.approve", "paths.undo", "paths.reset", "paths.stop", "id", "default_region"]
    assert [problem.split()[0] for problem in found] == [f"site.{label}" for label in labels]


@pytest.mark.parametrize(
    ("url", "path", "token_in", "link"),
    [
        ("https://example.com", "/a", "fragment", "https://example.com/a#id.secret"),
        ("https://example.com/", "/a", "fragment", "https://example.com/a#id.secret"),
        ("https://example.com", "/a/", "fragment", "https://example.com/a/#id.secret"),
        ("https://example.com", "/", "fragment", "https://example.com/#id.secret"),
        ("https://example.com", None, "fragment", "https://example.com/#id.secret"),
        ("https://example.com:8443/", "/a/b", "path", "https://example.com:8443/a/b/id.secret"),
        ("https://example.com", "/a/", "path", "https://example.com/a/id.secret"),
        ("https://example.com", "/", "path", "https://example.com/id.secret"),
        ("https://example.com", None, "path", "https://example.com/id.secret"),
        ("http://localhost:8000", "/a", "path", "http://localhost:8000/a/id.secret"),
    ],
)
def test_a_link_is_made_of_configuration_and_a_token_in_its_fragment_or_path(url: str, path: str | None, token_in: str, link: str) -> None:  # AP-20, RS-15
    assert site(url=url, token_in=token_in).link(path, "id.secret") == link


def test_a_token_rides_in_the_fragment_unless_told_otherwise() -> None:  # AP-20
    assert site().token_in == "fragment"


@pytest.mark.parametrize("token_in", ["", "query", "Fragment", None, 1])
def test_a_token_rides_nowhere_else(token_in: object) -> None:  # AP-20
    assert problems(token_in=token_in) == ('site.token_in must be "fragment" or "path"',)


@pytest.mark.parametrize("token_in", ["fragment", "path"])
@pytest.mark.parametrize("path", [None, "/", "/a", "/a/b.c/", "/a//b/%20"])
def test_every_link_leads_to_the_site_and_gives_its_token_back(path: str | None, token_in: str) -> None:
    token = Token("A" * 22, Secret("b" * 43))
    link = site(token_in=token_in).link(path, token.text)
    assert (urlsplit(link).scheme, urlsplit(link).netloc, urlsplit(link).query) == ("https", "example.com", "")
    assert Token.in_link(link) == token


def test_pages_that_links_lead_to_are_asked_for_by_name() -> None:
    whole = site(paths=Paths(approve="/approve", undo="/undo"))
    whole.require_paths()
    whole.require_paths("approve", "undo")
    with pytest.raises(ConfigurationError) as caught:
        whole.require_paths("approve", "reset", "stop")
    assert [problem.split()[0] for problem in caught.value.problems] == ["site.paths.reset", "site.paths.stop"]
