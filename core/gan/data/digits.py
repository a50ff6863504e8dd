"""Handwritten digits, drawn on the spot: strokes through points that tremble, white on black like MNIST's.

Plain: no torch. A picture depends on its number only, whose last figure is the digit drawn. For the lesson's exercise
without a network.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

LICENCE = "CC0 1.0"

# How each digit is written, some in more than one way: strokes, each through points of a box from 0,0 (top left) to
# 100,100.
WAYS = (
    ("55,0 20,15 8,55 30,95 65,95 90,55 80,15 50,0",),
    ("50,0 50,50 50,100", "30,22 55,0 54,50 54,100"),
    ("12,25 35,2 75,8 80,38 45,72 8,98 / 8,98 92,96", "10,20 45,0 82,25 50,65 15,93 30,82 55,95 92,95"),
    ("15,10 50,0 80,20 65,42 42,47 75,55 85,80 50,100 10,90",),
    ("30,0 15,50 20,60 85,58 / 70,15 68,60 62,100", "62,0 10,65 / 10,65 92,65 / 62,0 64,100"),
    ("80,2 25,3 / 25,3 20,42 55,38 85,62 65,95 12,93",),
    ("70,0 35,25 15,65 35,97 75,90 80,65 50,52 20,70",),
    ("10,5 85,3 / 85,3 55,50 40,100", "10,5 85,3 / 85,3 55,50 40,100 / 30,50 75,48"),
    ("75,12 45,0 22,20 50,45 82,75 50,100 18,78 50,47 80,20 72,10",),
    ("80,22 50,0 20,22 40,48 80,25 78,15 / 80,20 75,60 62,100",),
)
FINE = 8  # points drawn for each that is given
LARGER = 4  # times: drawn so, then reduced, since PIL draws no soft edges


def draw(number: int, size: int, transparent: bool = False) -> Image.Image:
    """Picture `number`, size x size: the digit `number % 10`, white on black; or, transparent, on nothing."""
    random = np.random.default_rng(number)
    ways = WAYS[number % len(WAYS)]
    strokes = ways[random.integers(len(ways))].split(" / ")
    # A hand of its own for each picture: slant, turn, proportions, pen.
    turn, slant = random.normal(0, 0.09), random.normal(0.12, 0.2)
    high = random.uniform(0.58, 0.74)
    wide = high * random.uniform(0.5, 0.85)
    pen = random.uniform(0.05, 0.11)
    cos, sin = np.cos(turn), np.sin(turn)
    hand = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, -slant], [0, 1]]) @ np.diag([wide, high])
    middle = 0.5 + random.normal(0, 0.02, 2)
    side = size * LARGER
    picture = Image.new("L", (side, side))
    paper = ImageDraw.Draw(picture)
    for stroke in strokes:
        points = np.array([point.split(",") for point in stroke.split()], float) / 100
        points += random.normal(0, 0.03, points.shape)
        line = (middle + (_through(points) - 0.5) @ hand.T) * side
        _written(paper, line, pen * side)
    ink = picture.resize((size, size), Image.Resampling.BOX)
    if not transparent:
        return ink
    white = Image.new("RGBA", (size, size), "white")
    white.putalpha(ink)
    return white


def _through(points: np.ndarray) -> np.ndarray:
    """A smooth line through points [N, 2] (Catmull & Rom 1974), [(N - 1) * FINE + 1, 2]."""
    before, after = 2 * points[0] - points[1], 2 * points[-1] - points[-2]
    p = np.concatenate([[before], points, [after]])
    t = np.linspace(0, 1, FINE, endpoint=False)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.concatenate([*parts, points[-1:]])


def _written(paper: ImageDraw.ImageDraw, line: np.ndarray, pen: float) -> None:
    """With a round pen: PIL's own lines have neither round ends nor round corners."""
    paper.line([tuple(point) for point in line], fill=255, width=max(1, round(pen)))
    for x, y in line:
        paper.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
