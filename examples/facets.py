"""A still life in the cubist manner: the scene cut into facets, each seen from a place of its own, painted in oil."""

import numpy as np

from examples.brush import Oil
from examples.canvas import blur, colour, colours, finish, grid, mix, noise, ramp, step

# The colours of things, by the number that `still_life` gives them.
THINGS = colours("d8b070", "3a2418", "1f5580", "9a4f24", "f2e2b8", "3f7a4c", "f6ead0", "3a2418", "e09c38",
                 "9a4f24", "141214", "1a1614", "f2e2b8", "3a2418", "b8ccc8", "c8452a")  # fmt: skip


def still_life(x, y):
    """The number of the thing at each point: wall, table, curtain, board, cloth, bottle, its label, the guitar
    (rim, body, rosette, hole, neck, strings, bridge), glass, fruit."""
    thing = np.where(y < 0.62, 0, 1)

    def put(number, where):
        thing[where] = number

    put(2, (np.abs(x - 0.16) < 0.16) & (y < 0.66))
    put(3, np.abs(y - 0.80 + 0.25 * x) < 0.20)
    put(4, (y > 0.62) & (np.abs(x - 0.62) < 0.24) & (y < 0.98))
    bottle = ((np.abs(x - 0.19) < 0.065) & (y > 0.33) & (y < 0.75)) | (
        (np.abs(x - 0.19) < 0.024) & (y > 0.14) & (y < 0.35)
    )
    put(5, bottle)
    put(6, bottle & (np.abs(y - 0.55) < 0.075))
    lean = 0.62
    u = (x - 0.47) * np.cos(lean) + (y - 0.50) * np.sin(lean)
    v = -(x - 0.47) * np.sin(lean) + (y - 0.50) * np.cos(lean)
    put(7, (np.hypot(u / 0.185, (v - 0.13) / 0.165) < 1) | (np.hypot(u / 0.14, (v + 0.06) / 0.13) < 1))
    put(8, (np.hypot(u / 0.17, (v - 0.13) / 0.15) < 1) | (np.hypot(u / 0.125, (v + 0.06) / 0.115) < 1))
    put(9, np.hypot(u, v - 0.02) < 0.060)
    put(10, np.hypot(u, v - 0.02) < 0.046)
    put(11, (np.abs(u) < 0.024) & (v < -0.02) & (v > -0.48))
    put(12, (np.abs(np.abs(u) - 0.009) < 0.0026) & (v < 0.16) & (v > -0.48))
    put(13, (np.abs(u) < 0.05) & (np.abs(v - 0.165) < 0.011))
    put(14, (np.abs(x - 0.66) < 0.05 + 0.10 * (0.72 - y)) & (y > 0.60) & (y < 0.78))
    put(15, np.hypot(x - 0.60, y - 0.855) < 0.048)
    return thing


def edges(labels):
    """1 where a label meets another, else 0."""
    edge = np.zeros(labels.shape, np.float32)
    edge[:, 1:] += labels[:, 1:] != labels[:, :-1]
    edge[1:] += labels[1:] != labels[:-1]
    return np.minimum(edge, 1)


def cubist(rng, size):
    """A guitar, a bottle and a glass on a table, seen from many sides at once."""
    x, y = grid(size, 0.82)
    shape, wide = x.shape, x.max()
    mid = wide / 2

    # Facets: the sheet cut again and again by lines that mostly keep to a few directions.
    number = np.zeros(shape, np.int64)
    for k in range(22):
        angle = rng.choice([0.25, 0.62, 1.15, 1.57, 2.0, 2.55, 2.95]) + rng.normal(0, 0.10)
        cx, cy = mid + rng.normal(0, 0.24), 0.5 + rng.normal(0, 0.28)
        side = (x - cx) * np.sin(angle) - (y - cy) * np.cos(angle)
        reach = np.abs((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) < rng.uniform(0.12, 0.42)
        number = number * 2 % 1_000_003 + np.where(reach, (side > 0) * (k + 1) * 7919, 0)
    for cx, cy, r in ((0.47, 0.50, 0.15), (0.40, 0.66, 0.21), (0.62, 0.30, 0.13)):
        number = number + 104_729 * ((np.hypot(x - cx, y - cy) < r) & (np.abs(x - cx) + y - cy > 0))
    _, facet = np.unique(number, return_inverse=True)
    facet = facet.reshape(shape)
    count = facet.max() + 1
    area = np.maximum(1, np.bincount(facet.ravel(), minlength=count))
    cx, cy = (np.bincount(facet.ravel(), f.ravel(), count) / area for f in (x, y))
    # Each facet shows the scene from its own place: shifted, turned, a little nearer or farther.
    shift, spin, zoom = rng.normal(0, 0.022, (2, count)), rng.normal(0, 0.10, count), rng.lognormal(0, 0.12, count)
    dx, dy = (x - cx[facet]) * zoom[facet], (y - cy[facet]) * zoom[facet]
    c, s = np.cos(spin)[facet], np.sin(spin)[facet]
    thing = still_life(cx[facet] + dx * c - dy * s + shift[0][facet], cy[facet] + dx * s + dy * c + shift[1][facet])
    wall = ramp(colours("e0b468", "ecd8a8", "7a9c9a", "4a6f80"), 0.1 + 1.0 * x + 0.3 * (y - 0.3))
    picture = mix(THINGS[thing], wall, thing == 0)
    # Shading: every facet runs from light at one edge to dark at the other.
    way = rng.choice([0.4, 0.9, 2.2, 3.6, 4.0, 5.3], count) + rng.normal(0, 0.2, count)
    run = ((x - cx[facet]) * np.cos(way)[facet] + (y - cy[facet]) * np.sin(way)[facet]) / np.sqrt(
        area[facet] / max(shape) ** 2
    )
    tone = np.clip(0.5 + 0.55 * run, 0, 1)
    veil = ramp(colours("2a2320", "6a5238", "b08a56", "e0c48c", "f4e8c8"), 0.12 + 0.80 * tone)
    picture = mix(picture, veil, 0.26)
    picture = picture * (0.50 + 0.88 * tone)[..., None]
    cool = rng.random(count) < 0.22
    picture = mix(picture, picture * colour("bcd7e9"), cool[facet])
    # Brushwork: short flat strokes across each facet in its own direction, then the contours, lost here and there.
    oil = Oil(rng, mix(picture * 0.7, colour("4a3424"), 0.3))
    across = (way[facet] + np.pi / 2 + 0.12 * noise(rng, shape, 0.05)).astype(np.float32)
    for times, length, breadth in ((2.2, 0.036, 0.0130), (2.4, 0.024, 0.0085), (0.7, 0.016, 0.0060)):
        oil.cover(times, across, picture, length, breadth, vary=0.035, curve=False, within=facet * len(THINGS) + thing)
    scale = size / 768
    line = np.clip(blur(np.maximum(edges(facet), 0.6 * edges(thing)), 1.3 * scale) * 3.6 * scale, 0, 1)
    lost = step(-1.0, 0.5, noise(rng, shape, 0.06))
    beside = np.roll(line, (round(3 * scale), round(3 * scale)), (0, 1))
    painted = mix(oil.finished(0.5, 0.3), colour("f8ecd0"), 0.30 * beside * lost)
    return finish(mix(painted, colour("140d0a"), 0.9 * line * lost))
