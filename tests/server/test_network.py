"""Which address a request counts for, with proxies in front and without."""

import pytest

from ui.server import network


def client(*headers: str, peer: str = "10.2.3.4") -> str:
    sent = [(b"x-forwarded-for", header.encode()) for header in headers]
    return network.true_client({"type": "http", "headers": sent, "client": (peer, 5)})[0]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    for name in ("SPACE_ID", "GANVAS_PROXIES"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_proxy_nothing_is_believed(monkeypatch):
    assert client("1.2.3.4") == "10.2.3.4"
    monkeypatch.setenv("GANVAS_PROXIES", "0")
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert client("1.2.3.4") == "10.2.3.4"


@pytest.mark.parametrize(("headers", "told"), [
    (["203.0.113.7"], "203.0.113.7"), (["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
    (["6.6.6.6", "203.0.113.7"], "203.0.113.7"), (["6.6.6.6, 203.0.113.7, 10.0.0.9"], "203.0.113.7"),
    (["2001:db8::1"], "2001:db8::1"), (["[2001:db8::1]:99"], "2001:db8::1"), (["203.0.113.7:80"], "203.0.113.7"),
    (["::ffff:203.0.113.7"], "203.0.113.7"), (["10.0.0.9"], "10.0.0.9"), ([], "10.2.3.4"), (["6.6.6.6, x"], "10.2.3.4"),
])  # fmt: skip
def test_on_a_space(monkeypatch, headers, told):
    monkeypatch.setenv("SPACE_ID", "someone/ganvas")
    assert client(*headers) == told


def test_behind_ones_own_proxies(monkeypatch):
    monkeypatch.setenv("GANVAS_PROXIES", "1")
    assert client("8.8.8.8, 192.168.1.5") == "192.168.1.5"
    monkeypatch.setenv("GANVAS_PROXIES", "2")
    assert client("8.8.8.8, 192.168.1.5, 192.168.1.1") == "192.168.1.5"
    assert client("192.168.1.1") == "10.2.3.4", "one proxy was passed by"


def test_a_home_is_one_place():
    assert network.place_of("2001:db8:1:2::3") == network.place_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network.place_of("2001:db8:1:3::3") != network.place_of("2001:db8:1:2::3")
    assert network.place_of("::ffff:1.2.3.4") == network.place_of("1.2.3.4") == "1.2.3.4"
    assert network.place_of("") == network.place_of("unix socket") == "nowhere"
