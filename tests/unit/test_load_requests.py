"""What goes over the wire for a request, and where a URL leads."""

import pytest

from comporta.load.requests import Address, Request


def test_a_head_names_the_host_and_the_length_of_the_body() -> None:
    head = Request("post", "POST", "/jobs", b"abc").head("site:80")
    assert (head.method, head.target) == (b"POST", b"/jobs")
    assert list(head.headers) == [(b"host", b"site:80"), (b"content-length", b"3")]


def test_a_get_without_a_body_announces_none_and_an_empty_post_announces_zero() -> None:
    assert list(Request("get").head("site").headers) == [(b"host", b"site")]
    assert (b"content-length", b"0") in list(Request("post", "POST").head("site").headers)


def test_a_host_of_its_own_replaces_the_address() -> None:
    head = Request("get", headers=(("Host", "other"),)).head("site")
    assert list(head.headers) == [(b"host", b"other")]


def test_a_url_gives_host_port_and_target() -> None:
    assert Address.of("http://127.0.0.1:81/a?b=c") == Address("127.0.0.1", 81, "127.0.0.1:81", "/a?b=c")
    assert Address.of("http://site") == Address("site", 80, "site", "/")


@pytest.mark.parametrize("url", ["site", "https://site", "http://", "http://site:x"])
def test_a_url_that_is_not_plain_http_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"cannot send load|[Pp]ort"):
        Address.of(url)
