"""Requests: bounds, recipes, and what is said when they are not kept."""

import dataclasses

import pytest

from core.errors import UserError
from core.settings import settings_of
from core.style.request import STYLE_PRESETS, StyleRequest


def test_every_default_is_allowed_and_survives_the_recipe():
    request = StyleRequest()
    assert StyleRequest.from_recipe(request.recipe()) == request


@pytest.mark.parametrize(("name", "about"), settings_of(StyleRequest).items())
def test_bounds_are_kept_for_every_setting(name, about):
    if about.choices:
        with pytest.raises(UserError, match="choose one of"):
            StyleRequest(**{name: "no such thing"})
    elif about.type is bool:
        with pytest.raises(UserError, match="true or false"):
            StyleRequest(**{name: "yes"})
    else:
        for value in (about.lo, about.hi):
            assert getattr(StyleRequest(**{name: value}), name) == value
        for value in (about.lo - 1, about.hi + 1):
            with pytest.raises(UserError, match=f"from {about.lo} to {about.hi}"):
                StyleRequest(**{name: value})
        for value in ("many", float("nan"), float("inf"), True):
            with pytest.raises(UserError, match="has to be"):
                StyleRequest(**{name: value})


def test_values_no_widget_would_send_are_refused_in_words():
    for values in ({"seed": 10**400}, {"start": {"a": 1}}, {"style_shares": 5}, {"style_shares": None}, {"size": [1]}):
        with pytest.raises(UserError):
            StyleRequest(**values)
    with pytest.raises(UserError, match="all 0"):
        StyleRequest(content_weight=0, style_weight=0, palette_weight=0)


def test_numbers_come_as_their_type():
    request = StyleRequest(size=256.0, stroke_size="1.5")
    assert request.size == 256
    assert type(request.size) is int
    assert request.stroke_size == 1.5
    with pytest.raises(UserError, match="whole number"):
        StyleRequest(size=256.5)


def test_a_near_miss_is_named():
    with pytest.raises(UserError, match="Did you mean 'adam'"):
        StyleRequest(optimiser="adm")


def test_a_recipe_of_another_version_works_as_far_as_understood():
    recipe = {"ganvas": "9.0", "kind": "style", "size": 128, "brush": "wide", "style_shares": [2, 1]}
    assert StyleRequest.from_recipe(recipe) == StyleRequest(size=128, style_shares=(2, 1))


def test_a_recipe_of_another_kind_is_refused():
    with pytest.raises(UserError, match="'sample'"):
        StyleRequest.from_recipe({"kind": "sample"})
    with pytest.raises(UserError, match="None"):
        StyleRequest.from_recipe({})


def test_style_shares_are_checked():
    for shares in ((-1.0,), (float("nan"), 1.0), ("a",), (0.0, 0.0)):
        with pytest.raises(UserError):
            StyleRequest(style_shares=shares)


def test_presets_are_valid_and_grow():
    sizes = [StyleRequest(**preset).size for preset in STYLE_PRESETS.values()]
    assert sizes == sorted(sizes)


def test_requests_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        StyleRequest().size = 1
