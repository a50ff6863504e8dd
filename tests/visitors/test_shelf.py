"""Whose kept pictures are whose, and which go when there is no room."""

import time

import pytest
from PIL import Image

from core.errors import UserError
from core.gan.request import SampleRequest
from core.settings import Result
from core.visitors import identity, policy, shelf
from core.visitors.identity import Visitor

ANNA, BERT, CARL = Visitor("anna", "anna", "x"), Visitor("bert", "bert", "y"), Visitor("carl", "carl", "y")
SIZE = 10_000  # bytes of one of these


@pytest.fixture(autouse=True)
def small_budget(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", policy.Limits(kept=3 * SIZE, kept_all=5 * SIZE))


def keep(who: Visitor, *seeds: int) -> None:
    with identity.asking(who):
        for seed in seeds:
            shelf.keep(picture(seed), Result((Image.new("L", (100, 100)),), {}, 0.0))


def picture(seed: int) -> SampleRequest:
    return SampleRequest(seed=seed, count=1, points=(f"{seed}:0",))


def kept(who: Visitor) -> list[int]:
    with identity.asking(who):
        return [request.seed for request in shelf.kept()]


def test_kept_pictures_are_ones_own_and_none_goes_for_a_new_one():
    keep(ANNA, 1, 2, 3, 3)
    keep(BERT, 4)
    with pytest.raises(UserError, match="press Do not keep"):
        keep(ANNA, 5)
    with identity.asking(ANNA):
        shelf.put_away(picture(2))
        shelf.put_away(picture(4))  # another's
    keep(ANNA, 5)
    assert (kept(ANNA), kept(BERT), kept(CARL)) == ([1, 3, 5], [4], [])


def test_where_all_have_too_much_the_address_that_has_most_loses():
    keep(ANNA, 1, 2)
    keep(BERT, 3, 4)
    keep(CARL, 5, 6)
    assert (kept(ANNA), kept(BERT), kept(CARL)) == ([1, 2], [], [5, 6])


def test_what_nobody_looks_after_goes():
    keep(ANNA, 1)
    began = time.time()
    keep(BERT, 2)
    shelf.forget(began)
    assert (kept(ANNA), kept(BERT)) == ([], [2])
