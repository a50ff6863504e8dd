"""Measures: that what is declared can be taken, and what KID says of sets that are equal, near and far apart."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from core.gan import measures
from core.gan.data import drawn
from core.gan.measures.kid import kid
from core.gan.measures.moment import COMPARED, Moment, Real


def test_kid_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(7, 5, generator=generator), torch.randn(6, 5, generator=generator) + 1

    def k(x, y):
        return (x.double() @ y.double() / 5 + 1) ** 3

    expected = sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / 42
    expected += sum(k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j) / 30
    expected -= 2 * sum(k(x, y) for x in a for y in b) / 42
    assert kid(a, b) == pytest.approx(1000 * expected.item(), rel=1e-9)


def test_kid_of_one_distribution_is_about_nothing():
    a, b = torch.randn(2, 400, 8, generator=torch.Generator().manual_seed(1))
    assert abs(kid(a, b)) < 0.05 * kid(a, b + 1)


def training(images: np.ndarray, kind: str, mode: str) -> SimpleNamespace:
    """As far as measures look at one: pictures it learns from, and pictures it makes, here drawn ones."""
    samples = [drawn.draw(kind, i, 32).convert(mode) for i in range(100, 132)]
    return SimpleNamespace(images=images, sample=lambda count: samples[: min(count, COMPARED)])


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_portraits_are_nearer_to_portraits_than_landscapes_are(mode):
    pixels = np.stack([np.array(drawn.draw("portraits", i, 32).convert(mode)) for i in range(48)])
    pixels = pixels.reshape(48, 32, 32, len(mode) if mode != "L" else 1)
    real = Real(pixels)
    near, far = (
        dict(measures.take(Moment(training(pixels, kind, mode), real)))["kid"] for kind in ("portraits", "landscapes")
    )
    assert near < far


def test_every_measure_is_declared_once_and_has_its_file():
    beside = {path.stem for path in Path(measures.__file__).parent.glob("*.py")}
    assert set(measures.MEASURES) == beside - {"__init__", "moment"}
    assert measures.DECISIVE in measures.MEASURES
    for measure in measures.MEASURES.values():
        assert measure.label
        assert re.fullmatch(r"[A-Z].*\.", measure.meaning)


def test_the_best_step_depends_on_which_value_is_best():
    values = {10: 3.0, 20: 1.0, 30: 1.0, 40: 5.0}
    assert measures.Measure("a", "lowest", "").ranked(values) == [20, 30, 10, 40]
    assert measures.Measure("a", "highest", "").ranked(values) == [40, 10, 20, 30]
    assert measures.Measure("a", "highest", "", " %").shown(12.3456) == "12.3 %"
    assert measures.Measure("a", "lowest", "").shown(32345.6) == "32,346"
