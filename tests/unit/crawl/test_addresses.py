import pytest

from libs.crawl.addresses import AllowList, canonical_host, is_public, literal_address


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.9",
        "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "192.88.99.1",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001::1",
        "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
        "100::1", "5f00::1", "2001:4860:1:1:0:5efe:127.0.0.1", "2001:4860:1:1:200:5efe:10.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_or_embed_others_are_refused(text: str) -> None:
    address = literal_address(text)
    assert address is not None
    assert not is_public(address)


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::200e", "::ffff:8.8.8.8"],
)
def test_public_addresses_are_allowed(text: str) -> None:
    address = literal_address(text)
    assert address is not None
    assert is_public(address)


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
        "127.1", "127.0.1", "0x7F.1", "127.0.0.1.", "00000177.0x0.0.1",
    ],
)  # fmt: skip
def test_every_spelling_of_loopback_is_recognised(spelling: str) -> None:
    assert str(literal_address(spelling)) == "127.0.0.1"


@pytest.mark.parametrize("name", ["example.com", "1.example", "abc", "x7f.1", "1.2.3.4.5", "09"])
def test_names_are_not_addresses(name: str) -> None:
    assert literal_address(name) is None


def test_a_host_has_one_spelling() -> None:
    assert canonical_host("EXAMPLE.com.") == "example.com"
    assert canonical_host("[::1]") == canonical_host("0:0::1") == "::1"


def test_exceptions_name_a_host_with_or_without_a_port() -> None:
    allow = AllowList(" 127.0.0.1:8700, intern.example ,[::1]:90")
    assert allow.allows("127.0.0.1", 8700)
    assert allow.allows("0x7f.1", 8700)
    assert allow.allows("Intern.Example", 1234)
    assert allow.allows("::1", 90)
    assert not allow.allows("127.0.0.1", 8701)
    assert not allow.allows("localhost", 8700)
    assert not AllowList("").allows("127.0.0.1", 80)


@pytest.mark.parametrize("text", ["a:0", "a:99999", "a:x", "a:٣"])
def test_an_exception_with_an_impossible_port_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a port"):
        AllowList(text)
