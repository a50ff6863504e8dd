"""Which address a request counts for, with proxies in front and without."""

import pytest

from ui.server import network

HERE = network.HERE


def client(*headers: str, peer: str = "10.2.3.4") -> str:
    sent = [(b"x-forwarded-for", header.encode()) for header in headers]
    return network.true_client({"type": "http", "headers": sent, "client": (peer, 5)})[0]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    for name in ("SPACE_ID", "GANVAS_PROXIES", "FORWARDED_ALLOW_IPS"):
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


def test_what_uvicorn_believed_of_a_program_on_this_computer_counts_for_nothing(monkeypatch):
    """As with `streamlit run app.py`, where uvicorn starts before us: it puts what the header says for the peer."""
    assert client("203.0.113.7", peer="203.0.113.7") == client("6.6.6.6, 203.0.113.7:80", peer="203.0.113.7") == HERE
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "10.0.0.1")  # by whoever runs it
    assert client("203.0.113.7", peer="203.0.113.7") == "203.0.113.7"


def test_who_counts_addresses_of_a_proxy_is_told(monkeypatch):
    assert "GANVAS_PROXIES" in network.note()
    monkeypatch.setenv("GANVAS_PROXIES", "0")
    assert network.note() == ""
    monkeypatch.delenv("GANVAS_PROXIES")
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert network.note() == ""


def test_a_home_is_one_place():
    assert network.place_of("2001:db8:1:2::3") == network.place_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network.place_of("2001:db8:1:3::3") != network.place_of("2001:db8:1:2::3")
    assert network.place_of("::ffff:1.2.3.4") == network.place_of("1.2.3.4") == "1.2.3.4"
    assert network.place_of("") == network.place_of("unix socket") == "nowhere"
