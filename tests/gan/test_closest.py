"""Samples beside the pictures they are nearest to."""

from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from core.gan.closest import closest
from core.pictures import images


def test_copies_stand_above_what_they_are_copies_of():
    """Of 14 samples ten are copies; by features, a picture that only looks like it may be nearer."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 16, 16, 3), np.uint8)
    learned = rng.permutation(40)[:30]
    copied = learned[5:15]
    samples = [Image.fromarray(array) for array in [*rng.integers(0, 256, (4, 16, 16, 3), np.uint8), *pixels[copied]]]
    features = torch.from_numpy(rng.normal(size=(30, 8)))
    of_samples = torch.cat([torch.full((4, 8), 9.0), features[5:15] + torch.arange(10)[:, None] * 1e-3])
    of_samples[13] = features[20] + 1e-4  # the last copy, by our network, is nearer to another picture
    real = SimpleNamespace(pixels=pixels, learned=learned, searched=lambda: features)
    cells = images.cells(closest(SimpleNamespace(real=real, features=of_samples, samples=samples)), 5, 2)
    shown = [np.asarray(cell.resize((16, 16), Image.Resampling.NEAREST)) for cell in cells]
    assert len(shown) == 30
    for place, copy in enumerate([0, 9, *range(1, 9)]):  # the nearest first
        column = place % 5 + place // 5 * 15
        np.testing.assert_array_equal(shown[column], pixels[copied[copy]])
        np.testing.assert_array_equal(shown[column + 5], pixels[learned[20] if copy == 9 else copied[copy]])
        np.testing.assert_array_equal(shown[column + 10], pixels[copied[copy]])


def test_it_waits_until_all_pictures_were_looked_at():
    assert closest(SimpleNamespace(real=SimpleNamespace(searched=lambda: None))) is None
