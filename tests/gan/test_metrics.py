"""KID: nothing between equal sets, more the further apart; and a judge that can tell noise from portraits."""

import numpy as np
import pytest
import torch

from core.gan.data import dicebear
from core.gan.metrics import KidScorer, kid


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


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_judge_prefers_portraits_to_noise(mode):
    real = np.stack([np.array(dicebear.draw("portraits", i, 32).convert(mode)) for i in range(48)])
    judge = KidScorer(real.reshape(48, 32, 32, len(mode) if mode != "L" else 1))
    others = [dicebear.draw("portraits", i, 32).convert(mode) for i in range(100, 132)]
    landscapes = [dicebear.draw("landscapes", i, 32).convert(mode) for i in range(32)]
    assert judge(others) < judge(landscapes)
