"""Small pictures for tests, drawn from numbers: a scene to paint, and textures to paint it with."""

import numpy as np
from PIL import Image


def scene(width: int = 96, height: int = 72) -> Image.Image:
    """Sky, a hill and a sun: edges, smooth parts and colours."""
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    sky = np.stack([0.5 + 0.3 * y, 0.65 + 0.2 * y, 0.95 - 0.2 * y], -1)
    sky[(x - 0.7) ** 2 + (y - 0.25) ** 2 < 0.015] = (1.0, 0.9, 0.5)
    sky[y > 0.6 + 0.1 * np.sin(6 * x)] = (0.25, 0.5, 0.2)
    return Image.fromarray((sky * 255).astype("uint8"))


def texture(width: int = 80, height: int = 80, hue: tuple[float, float, float] = (0.8, 0.3, 0.2)) -> Image.Image:
    """Diagonal strokes in one colour with grain."""
    y, x = np.mgrid[:height, :width]
    strokes = 0.5 + 0.5 * np.sin(0.9 * (x + 0.7 * y))
    grain = np.random.default_rng(0).normal(0, 0.05, (height, width))
    value = np.clip(0.3 + 0.6 * strokes + grain, 0, 1)[..., None] * np.array(hue)
    return Image.fromarray((np.clip(value, 0, 1) * 255).astype("uint8"))
