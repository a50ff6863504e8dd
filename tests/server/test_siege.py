"""The small form of bench/siege.py: its quickest attacks at a real server, an honest visitor beside them."""

import sys

import pytest

from support.studio import ROOT

sys.path.append(str(ROOT / "bench"))

import siege
import strangers
from attacks.files import leaks

pytestmark = pytest.mark.server

QUICK = [attack for attack in siege.ATTACKS if attack.quick]


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("siege")
        patch.setenv("GANVAS_PUBLIC", "1")
        patch.setenv("GANVAS_HOME", str(home / "runs"))
        studio = strangers.Studio(home)
        try:
            studio.start()
            yield studio
        finally:
            studio.close()


@pytest.fixture(autouse=True)
def its_home(studio, monkeypatch):
    """Runs made by a test are the server's."""
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setenv("GANVAS_HOME", str(studio.home / "runs"))


@pytest.fixture(scope="module")
def honest(studio):
    siege.warm(studio)
    visitor = siege.Honest(studio, every=3.0)
    visitor.come()
    yield visitor
    visitor.leave()


@pytest.mark.parametrize("number", range(len(QUICK)), ids=[attack.name for attack in QUICK])
def test_it_holds(studio, honest, number):
    outcome = siege.besieged(studio, honest, QUICK[number], number)
    if not outcome.held:
        siege.renew(studio, honest)
    assert outcome.held, outcome.seen


def test_the_honest_visitor_was_served_throughout(studio, honest):
    assert honest.served(180), honest.words()
    honest.leave()
    assert not honest.faults


def test_an_attack_that_succeeds_is_seen(studio):
    """The siege itself can fail: what it guards against is noticed when it happens."""
    with pytest.raises(strangers.Fell, match="others wait"), studio.answering(0.0):
        pass
    with pytest.raises(strangers.Fell, match="memory grew"), studio.memory_within(-1.0):
        pass
    assert not leaks(studio.home / "gradio", [studio.marker.encode()])
    (studio.home / "gradio" / "stolen.txt").write_text(studio.secret.read_text())
    assert leaks(studio.home / "gradio", [studio.marker.encode()])
