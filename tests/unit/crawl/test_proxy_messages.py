import pytest

from libs.crawl.proxy_messages import closing_response, is_interim, parse_request, refusal


def test_a_connect_names_host_and_port() -> None:
    request = parse_request(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
    assert (request.host, request.port, request.forward) == ("example.com", 443, None)


def test_a_plain_request_is_sent_on_for_one_answer_only() -> None:
    request = parse_request(
        b"GET http://example.com:81/a?b=c HTTP/1.1\r\nHost: example.com:81\r\n"
        b"Proxy-Connection: keep-alive\r\nconnection: keep-alive\r\nX-A: 1\r\n\r\n"
    )
    assert (request.host, request.port) == ("example.com", 81)
    assert request.forward == (
        b"GET /a?b=c HTTP/1.1\r\nHost: example.com:81\r\nX-A: 1\r\nconnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET ftp://example.com/ HTTP/1.1\r\n\r\n",
        b"CONNECT example.com HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"GET http://example.com:99999/ HTTP/1.1\r\n\r\n",
        b"GET http://example.com/ HTTP/2\r\n\r\n",
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"one two three four\r\n\r\n",
    ],
)
def test_anything_else_is_an_error(head: bytes) -> None:
    with pytest.raises(ValueError):
        parse_request(head)


def test_an_answer_is_marked_as_the_last_of_its_connection() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nA: b\r\n\r\n"
    assert closing_response(head) == b"HTTP/1.1 200 OK\r\nA: b\r\nconnection: close\r\n\r\n"


def test_interim_answers_are_told_apart() -> None:
    assert is_interim(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert not is_interim(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    assert not is_interim(b"HTTP/1.1 200 OK\r\n\r\n")


def test_a_reason_cannot_add_headers() -> None:
    assert b"\r\nevil" not in refusal(403, "x-guard", "no\r\nevil: 1").removesuffix(b"\r\n\r\n")
