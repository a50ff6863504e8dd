"""How far what a clip shows has moved, so that it can be painted alike wherever in the picture it is.

By phase correlation (Kuglin & Hines 1975): one shift for the whole picture, as when a camera is turned. Where none
explains what has changed, nothing has moved. Knows no painting.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

EXPLAINED = 0.7  # of the change that is left, at most, once it is shifted
FARTHEST = 8  # a picture is compared until it has moved by this part of its size
SMOOTH = 0.2  # cycles a pixel: what is finer says little, and in films it is noise

Shift = tuple[float, float]  # px, downwards and to the right


class Camera:
    """Told one picture of a clip after the other, where what it shows is now, against the first."""

    def __init__(self) -> None:
        self._key: np.ndarray | None = None
        self._at: Shift = (0.0, 0.0)  # of the key
        self.place: Shift = (0.0, 0.0)

    def see(self, picture: Image.Image) -> Shift:
        seen = np.asarray(picture.convert("L"), np.float32)
        shift = None if self._key is None else shift_between(self._key, seen)
        if shift is not None:
            self.place = self._at[0] + shift[0], self._at[1] + shift[1]
        if shift is None or any(FARTHEST * abs(by) > side for by, side in zip(shift, seen.shape, strict=True)):
            self._key, self._at = seen, self.place
        return self.place


def shift_between(before: np.ndarray, after: np.ndarray) -> Shift | None:
    """By how much the first of two grey pictures [H, W] has to be shifted to be the second; None where no shift makes
    much of the difference go."""
    across, down = np.hanning(before.shape[1]), np.hanning(before.shape[0])
    window = down[:, None] * across
    one, two = (np.fft.rfft2((picture - picture.mean()) * window) for picture in (before, after))
    product = two * one.conj()
    fine = np.fft.fftfreq(before.shape[0])[:, None] ** 2 + np.fft.rfftfreq(before.shape[1]) ** 2
    alike = np.fft.irfft2(product / (np.abs(product) + 1e-6) * np.exp(-fine / SMOOTH**2), before.shape)
    y, x = (int(at) for at in np.unravel_index(np.argmax(alike), alike.shape))
    shift = _place(alike[:, x], y), _place(alike[y], x)
    return shift if _explains(before, after, shift) else None


def _place(values: np.ndarray, at: int) -> float:
    """Where the height is of a parabola through the largest of these values and those beside it; from the middle on,
    before 0."""
    low, top, high = (float(values[(at + by) % len(values)]) for by in (-1, 0, 1))
    bend = low - 2 * top + high
    found = at + ((low - high) / (2 * bend) if bend else 0.0)
    return found - len(values) if found > len(values) / 2 else found


def _explains(before: np.ndarray, after: np.ndarray, shift: Shift) -> bool:
    y, x = (round(by) for by in shift)
    height, width = before.shape
    if y == x == 0:
        return True
    was = before[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    now = after[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)]
    return bool(np.abs(now - was).mean() <= EXPLAINED * np.abs(after - before).mean())
