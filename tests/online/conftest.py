"""The real Hub and a real Docker, by `make test-online`; `make test` leaves this folder out (norecursedirs).

Without a network every test skips and says why.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request

import pytest

REAL = "https://huggingface.co"
TOKEN = os.environ.get("HF_TOKEN", "")  # the fixture of all tests takes it out of the environment
os.environ["HF_ENDPOINT"] = REAL  # huggingface_hub reads it when it is first imported


@pytest.fixture(scope="session")
def network():
    """Skips where the Hub is out of reach. An answer that is an error is none: then the tests have to tell."""
    try:
        urllib.request.urlopen(f"{REAL}/robots.txt", timeout=10).close()
    except urllib.error.HTTPError:
        pass
    except OSError as error:
        pytest.skip(f"{REAL} cannot be reached from here: {error}")


@pytest.fixture(autouse=True)
def real_hub(network, _own_files, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", REAL)


@pytest.fixture
def token(real_hub, monkeypatch):
    if not TOKEN:
        pytest.skip("HF_TOKEN is not set; give one that may write")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return TOKEN
