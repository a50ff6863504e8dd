"""Amounts in words: what one reads, at both sides of every border."""

import time

import pytest

from core import amounts


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (42, "42 s"),
        (89.9, "90 s"),
        (90, "1.5 min"),
        (142, "2.5 min"),
        (240, "4 min"),
        (5399, "90 min"),
        (9000, "2.5 h"),
    ],
)
def test_durations(seconds, words):
    assert amounts.duration(seconds) == words


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [(20, 35.2, "20 to 35 s"), (50, 100, "50 s to 1.5 min"), (200, 400, "3.5 to 7 min"), (20.1, 20.2, "20 s"),
     (20, None, "20 s")],
)  # fmt: skip
def test_a_duration_that_is_not_known_well(least, most, words):
    assert amounts.between(least, most) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "just now"), (59, "just now"), (61, "1 minute ago"), (3599, "59 minutes ago"), (3601, "1 hour ago"),
     (86399, "23 hours ago"), (86401, "1 day ago"), (10 * 86401, "10 days ago")],
)  # fmt: skip
def test_how_long_ago(monkeypatch, seconds, words):
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert amounts.ago(1e9 - seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(None, ""), (0, "0 bytes"), (999, "999 bytes"), (1234, "1.23 kB"), (50_123_456, "50.1 MB"),
     (574_673_361, "575 MB"), (999_999_999, "1,000 MB"), (2_000_000_000, "2 GB")],
)  # fmt: skip
def test_sizes(number, words):
    assert amounts.size(number) == words


@pytest.mark.parametrize(("number", "words"), [(0, "0 MB"), (20e6, "20 MB"), (600e6, "600 MB"), (2e9, "2.0 GB")])
def test_sizes_in_round_numbers(number, words):
    assert amounts.megabytes(number) == words
