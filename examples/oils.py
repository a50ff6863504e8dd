"""Oil paint: strokes that follow a field of directions, with bristles, ridges and light on the relief."""

import numpy as np

from examples.canvas import blur, clouds, colours, finish, grid, light, look_up, mix, noise, ramp, step


class Oil:
    """A canvas that takes strokes. Later strokes cover earlier ones, and each leaves the relief of its bristles."""

    def __init__(self, rng, ground: np.ndarray):
        self.rng = rng
        self.paint = ground.astype(np.float32).copy()
        self.relief = np.zeros(ground.shape[:2], np.float32)
        # Bristle marks: long along the stroke, fine across it. Strokes cut their own piece from this sheet.
        sheet = (1024, 1024)
        marks = (
            noise(rng, sheet, 0.004, 0.16) + 0.7 * noise(rng, sheet, 0.0017, 0.07) + 0.5 * noise(rng, sheet, 0.012, 0.3)
        )
        self.marks = (0.5 + 0.27 * marks).astype(np.float32)

    def stroke(self, x, y, direction, colour, second, length, breadth, dry=0.35, hair=0.16, curve=True, body=1.0,
               within=None):  # fmt: skip
        """Paint one stroke centred at each (x, y), in the order given.

        direction: field of angles (height, width). colour, second: (n, 3), the two pigments the brush carries.
        length, breadth: (n,), in units of the longer side. dry: how early the bristles run out of paint. hair:
        how much single bristles differ. curve: follow the field, instead of keeping the first direction. within: a field of
        labels; a stroke stays on the label it was started on.
        """
        height, width = self.relief.shape
        long = max(height, width)
        if not len(x):  # so small a picture that no stroke falls on the shape
            return
        order = np.arange(len(x))
        per_stroke = float(np.max(length) * np.max(breadth)) * long**2 * 2.2
        for part in np.array_split(order, max(1, int(len(x) * per_stroke / 1.5e6))):
            self._ribbons(x[part], y[part], direction, colour[part], second[part], length[part], breadth[part],
                          dry, hair, curve, body, within, long)  # fmt: skip

    def _ribbons(self, x, y, direction, colour, second, length, breadth, dry, hair, curve, body, within, long):
        count = len(x)
        along = max(4, int(np.max(length) * long * 1.35))
        across = max(3, int(np.max(breadth) * long * 1.5))
        # Walk from the middle to both ends, so that a stroke stays where it was asked for.
        pace = (length / along).astype(np.float32)
        angle0 = look_up(direction, x, y)
        path = np.empty((along, 3, count), np.float32)
        half = along // 2
        for sign, places in ((1, range(half, along)), (-1, range(half - 1, -1, -1))):
            px, py, angle = x.copy(), y.copy(), angle0.copy()
            for i in places:
                path[i] = px, py, angle
                if curve:
                    angle = look_up(direction, px, py)
                    turned = np.cos(angle - angle0) < 0  # a field of angles has no sign: never turn back
                    angle = np.where(turned, angle + np.pi, angle)
                px, py = px + sign * pace * np.cos(angle), py + sign * pace * np.sin(angle)
        u = np.linspace(0, 1, along, dtype=np.float32)[None, :, None]
        v = np.linspace(-1, 1, across, dtype=np.float32)[None, None, :]
        px, py, angle = (path[:, i].T[:, :, None] for i in range(3))
        reach = (breadth / 2)[:, None, None] * v
        column = ((px - np.sin(angle) * reach) * long + 0.5).astype(np.int32)
        row = ((py + np.cos(angle) * reach) * long + 0.5).astype(np.int32)

        # Each stroke's own piece of the bristle sheet; bristles keep their true size on thin strokes.
        top = self.rng.integers(0, 1024, (count, 1, 1))
        left = self.rng.integers(0, 1024, (count, 1, 1))
        fine = np.arange(across)[None, None, :]
        mark = self.marks[(top + np.arange(along)[None, :, None]) % 1024, (left + fine) % 1024]
        # Paint is there where the bristle mark beats a threshold that rises to the end and the sides.
        rim = np.abs(v) ** 4 * 0.55 + (1 - np.minimum(1, 9 * u)) ** 2 * 0.9
        wet = mark > rim + dry * np.maximum(0, u - 0.45) * 1.8 + np.where(np.abs(v) > 0.92, 0.2, 0) - 0.12
        ends = (np.abs(2 * u - 1) ** 5 + np.abs(v) ** 3) < 1
        wet &= ends & (row >= 0) & (row < self.relief.shape[0]) & (column >= 0) & (column < self.relief.shape[1])
        if within is not None:
            wet[wet] = within[row[wet], column[wet]] == look_up(within, x, y)[np.nonzero(wet)[0]]
        row, column, mark = row[wet], column[wet], mark[wet]
        who = np.nonzero(wet)[0]
        tint = (1 + hair * 2 * (mark - 0.5))[:, None]
        load = np.clip((np.broadcast_to(v, wet.shape)[wet] * 0.5 + 0.5 - 0.55) * 2.2 + (mark - 0.5) * 1.6, 0, 1)[
            :, None
        ]
        self.paint[row, column] = (colour[who] * (1 - load) + second[who] * load) * tint
        profile = np.broadcast_to(0.55 + 0.45 * np.abs(v) ** 2 + 0.35 * np.maximum(0, u - 0.8), wet.shape)[wet]
        self.relief[row, column] = body * profile * (0.35 + mark) * (breadth[who] * long) ** 0.5

    def cover(self, times, direction, paint, length, breadth, where=None, vary=0.05, order=None, **how):
        """Cover the canvas about `times` over with strokes whose colours are taken from the picture `paint`.

        length, breadth: one number, or a field; where: only strokes starting where this mask is true.
        vary: how far a stroke's pigments leave the picture's colour. order: a field; low values are painted first.
        """
        height, width = self.relief.shape
        long = max(height, width)
        area = height * width / long**2
        typical = float(np.median(breadth)) * float(np.median(length)) * 0.7
        count = int(times * area / typical)
        x = self.rng.uniform(0, width / long, count).astype(np.float32)
        y = self.rng.uniform(0, height / long, count).astype(np.float32)
        if where is not None:
            inside = look_up(where, x, y)
            x, y = x[inside], y[inside]
        if order is not None:
            first = np.argsort(look_up(order, x, y) + self.rng.normal(0, 0.03, len(x)))
            x, y = x[first], y[first]
        size = self.rng.lognormal(0, 0.22, (2, len(x))).astype(np.float32)
        length, breadth = (look_up(f, x, y) if isinstance(f, np.ndarray) else f for f in (length, breadth))
        base = look_up(paint, x, y)
        light_and_dark = self.rng.normal(0, vary, (2, len(x), 1))
        pigment = self.rng.normal(0, vary * 0.7, (2, len(x), 3))
        pair = np.clip(base * (1 + 1.4 * light_and_dark) + pigment, 0, 1).astype(np.float32)
        self.stroke(x, y, direction, pair[0], pair[1], length * np.minimum(size[0], 1.6),
                    breadth * np.minimum(size[1], 1.6), **how)  # fmt: skip

    def finished(self, depth: float = 0.55, shine: float = 0.5) -> np.ndarray:
        """The painting under light, varnished."""
        scale = max(self.relief.shape) / 1536
        relief = blur(self.relief, 0.7 * scale + 0.3)
        return light(self.paint, relief, depth * scale**0.5, shine)


def flow(stream: np.ndarray) -> np.ndarray:
    """The direction along the level lines of a stream function."""
    down, across = np.gradient(stream)
    return np.arctan2(-across, down).astype(np.float32)


def swirls(rng, size):
    """A night of whirling air over a sleeping valley."""
    x, y = grid(size, 1.28)
    shape = x.shape
    stream = 1.0 * y + 0.035 * np.sin(7 * x + 1.0) + 0.012 * clouds(rng, shape, 0.3, 2)
    whirls = [(0.36, 0.27, 0.14, 1.0), (0.58, 0.37, 0.105, -1.0), (0.13, 0.12, 0.075, 1.0), (0.71, 0.10, 0.06, -1)]
    for cx, cy, r, turn in whirls:
        d = np.hypot(x - cx, (y - cy) * 1.1)
        stream += turn * 1.9 * r * np.exp(-((d / r) ** 2))
    # Sky colour follows the stream lines, so bands of paint wind up into the whirls.
    band = 0.5 + 0.5 * np.sin(stream * 75 + 1.2 * clouds(rng, shape, 0.22, 2))
    sky = ramp(colours("0b1b4d", "12307f", "1d4fa8", "3f7fc4", "7fb2d6", "cfe0c8"), 0.1 + 0.75 * band**1.25 - 0.18 * y)
    stars = [(0.89, 0.125, 0.066), (0.07, 0.31, 0.028), (0.25, 0.065, 0.02), (0.49, 0.075, 0.03), (0.64, 0.22, 0.017),
             (0.78, 0.31, 0.03), (0.95, 0.39, 0.018), (0.26, 0.41, 0.021), (0.44, 0.49, 0.015), (0.70, 0.46, 0.014)]  # fmt: skip
    glow = ramp(colours("fffbe0", "ffe680", "f8c23f", "e6cf7c", "9cc3ad", "4f8fc4", "2a5fae"), np.linspace(0, 1, 64))
    for cx, cy, r in stars:
        d = np.hypot(x - cx, y - cy) / r
        near = step(2.4, 1.5, d)
        stream += near * (np.minimum(d, 2.4) * 3 * r - stream)
        rings = np.clip(d / 2.3 + 0.09 * np.sin(d * 9) + 0.05 * noise(rng, shape, 0.02), 0, 1)
        sky = mix(sky, glow[(rings * 63).astype(int)], step(2.5, 0.9, d + 0.25 * noise(rng, shape, 0.012)))
    moon = (np.hypot(x - 0.89, y - 0.125) < 0.042) & (np.hypot(x - 0.912, y - 0.113) > 0.034)

    oil = Oil(rng, mix(sky * 0.6, colours("5a3c20")[0], 0.25))
    oil.cover(2.0, flow(stream), sky, 0.10, 0.017, vary=0.05)
    oil.cover(2.5, flow(stream), sky, 0.065, 0.0095, vary=0.07)
    oil.cover(1.2, flow(stream), mix(sky, np.float32(1), 0.12), 0.045, 0.0062, vary=0.09)
    oil.cover(6, flow(stream), np.broadcast_to(colours("ff9d1e"), sky.shape), 0.02, 0.006, where=moon, vary=0.04)

    # Hills in three ranges, each with its own slope of strokes.
    ranges = [(0.545, 0.035, 5.0, 0.3, ("1b2f6b", "27508f", "4f86ad", "6fa3b5")),
              (0.600, 0.030, 7.5, 2.2, ("12324a", "1f5a5e", "3f8a6a", "8ab36a")),
              (0.668, 0.024, 6.0, 4.4, ("16301f", "2b5a2d", "5f8f38", "c2b74a"))]  # fmt: skip
    for base, rise, waves, phase, palette in ranges:
        ridge = base + rise * np.sin(waves * x + phase) + 0.3 * rise * np.sin(2.7 * waves * x + 2 * phase)
        below = y - ridge
        lines = below + 0.012 * np.sin(28 * x + 30 * below) + 0.004 * clouds(rng, shape, 0.1, 2)
        tone = 0.5 + 0.5 * np.sin(lines * 170 + 2 * noise(rng, shape, 0.12))
        hill = ramp(colours(*palette), 0.75 * tone + 0.25 * step(0.1, 0.0, below))
        for times, length, breadth in ((2.2, 0.06, 0.012), (2.4, 0.045, 0.0075), (1.0, 0.03, 0.005)):
            oil.cover(times, flow(lines), hill, length, breadth, where=below > 0.004, vary=0.07)
        if base == 0.600:
            village(oil, rng, x, y)
    cypress(oil, rng, x, y)
    return finish(oil.finished())


def village(oil, rng, x, y):
    """Small houses with lit windows, and a steeple."""
    up = np.full(x.shape, -np.pi / 2, np.float32)
    level = np.zeros(x.shape, np.float32)
    for i in range(15):
        cx, cy, s = 0.42 + 0.036 * i + rng.normal(0, 0.006), 0.645 + rng.normal(0, 0.008), rng.uniform(0.011, 0.017)
        wall = (np.abs(x - cx) < s) & (np.abs(y - cy) < s * 0.75)
        roof = (y < cy - 0.6 * s) & (y - (cy - 1.7 * s) > np.abs(x - cx) * 0.9)
        shade = rng.choice(["35518c", "4a6a9a", "2d3f6e", "6a7fa0"])
        oil.cover(3, up, np.broadcast_to(colours(shade), (*x.shape, 3)), 0.018, 0.005, where=wall, curve=False)
        slate = rng.choice(["7d3a2a", "a4502f", "283a63", "5a2f35"])
        oil.cover(4, level, np.broadcast_to(colours(slate), (*x.shape, 3)), 0.018, 0.0045, where=roof, curve=False)
        pane = (np.abs(x - cx + s * 0.3) < 0.0028) & (np.abs(y - cy) < 0.0035)
        oil.cover(8, up, np.broadcast_to(colours("ffd54a"), (*x.shape, 3)), 0.008, 0.004, where=pane, curve=False)
    for half, top, bottom in ((0.0075, 0.585, 0.65), (0.006, 0.535, 0.587)):
        taper = half * np.clip((y - top) / (bottom - top) * (3 if half > 0.007 else 1), 0, 1)
        tower = (np.abs(x - 0.685) < taper) & (y > top) & (y < bottom)
        oil.cover(5, up, np.broadcast_to(colours("2a3c70"), (*x.shape, 3)), 0.022, 0.005, where=tower, curve=False)


def cypress(oil, rng, x, y):
    """A dark flame of a tree in the foreground."""
    for cx, top, wide in ((0.215, 0.30, 0.036), (0.165, 0.075, 0.055)):
        h = np.clip((y - top) / (0.80 - top), 0, 1)
        sway = cx + 0.014 * np.sin(11 * y + 1) * h
        half = wide * (h**0.75) * (1.05 - 0.35 * h) + 0.006 * np.sin(70 * y) * h
        tree = (np.abs(x - sway) < half) & (y > top)
        wind = (-np.pi / 2 + 0.55 * np.sin(24 * y + 16 * (x - sway) / wide * 0.3) + 0.5 * (x - sway) / wide).astype(
            np.float32
        )
        tone = 0.5 + 0.5 * np.sin((x - sway) * 210 + 7 * np.sin(15 * y))
        leaf = ramp(colours("0a140f", "13261a", "1f3d22", "3f5a25", "6f5a2a"), 0.85 * tone)
        for times, length, breadth in ((3, 0.06, 0.011), (3, 0.05, 0.007), (1.6, 0.04, 0.0045)):
            oil.cover(times, wind, leaf, length, breadth, where=tree, vary=0.06)


def dots(rng, size):
    """An afternoon on the lake, in dots of pure pigment that mix in the eye."""
    x, y = grid(size, 1.42)
    horizon = 0.285
    sun = np.hypot(x - 0.63, (y - 0.20) * 1.15)
    sky = ramp(
        colours("fff2b0", "ffd27a", "ffa46b", "e58fa5", "9c8fce", "6f9fe0", "4f7fd0"),
        1.35 * sun + 0.03 * clouds(rng, x.shape, 0.3),
    )
    puffs = step(0.2, 1.4, clouds(rng, x.shape, 0.35) + 1.0 * np.sin(9 * y + 4 * x) - 5 * np.abs(y - 0.12))
    sky = mix(sky, colours("fff3e2")[0], 0.75 * puffs)
    depth = (y - horizon) / (y.max() - horizon)
    water = ramp(colours("f7b27a", "c88fb0", "5f86c8", "2f6fae", "1f5f8f", "1d5a70"), 0.1 + depth * 1.0)
    ripple = np.sin(260 * np.sqrt(np.maximum(depth, 0)) + 3 * noise(rng, x.shape, 0.09, 0.02))
    path = np.exp(-(((x - 0.63) / (0.035 + 0.12 * depth)) ** 2)) * (0.55 + 0.45 * ripple)
    water = mix(water, colours("ffe9a8")[0], np.clip(path * (1 - 0.45 * depth), 0, 1))
    water = mix(water, colours("12406e")[0], 0.28 * step(0.3, 1, -ripple) * step(0, 0.2, depth))
    scene = mix(sky, water, step(horizon - 0.002, horizon + 0.002, y))
    far = y > horizon - 0.032 - 0.018 * np.sin(8 * x + 1) - 0.006 * noise(rng, x.shape, 0.03)
    scene[far & (y < horizon)] = mix(colours("5a5fa8")[0], colours("b07fae")[0], float(0.35))
    for cx, base, tall in ((0.30, 0.385, 0.20), (0.475, 0.315, 0.075), (0.80, 0.345, 0.12), (0.91, 0.305, 0.055)):
        t = (base - y) / tall
        main = (x > cx) & (x - cx < 0.42 * tall * np.clip(1 - t, 0, 1) ** 0.8) & (t > 0.08)
        jib = (x < cx - 0.006 * tall) & (cx - x < 0.30 * tall * np.clip(0.9 - t, 0, 1)) & (t > 0.08)
        hull = (
            (np.abs(x - cx) < 0.36 * tall - 1.2 * np.maximum(0, y - base))
            & (y > base - 0.05 * tall)
            & (y < base + 0.045 * tall)
        )
        mirror = (x > cx - 0.3 * tall) & (x - cx < 0.40 * tall * np.clip(1 + 1.2 * t, 0, 1)) & (t < -0.05) & (t > -0.85)
        scene = np.where(mirror[..., None] & (ripple > -0.25)[..., None], mix(scene, colours("fff0d8")[0], 0.5), scene)
        shade = np.clip((x - cx) / (0.42 * tall), 0, 1)
        scene = np.where(main[..., None], ramp(colours("fffaf0", "ffe3b8", "e0a8b8"), shade), scene)
        scene[jib] = colours("f6d0c0")[0]
        scene[hull] = colours("7a2f3a")[0]
    bank = y > 0.605 + 0.05 * np.sin(3.3 * x + 2.4) - 0.008 * noise(rng, x.shape, 0.02)
    meadow = ramp(
        colours("1f4f2f", "3f7f35", "8fae3a", "dcd05a"), 0.45 + 0.28 * clouds(rng, x.shape, 0.12) - 0.5 * (y - 0.6)
    )
    scene = np.where(bank[..., None], meadow, scene)
    trunk = np.abs(x - 0.085 - 0.02 * np.sin(9 * y)) < 0.011 + 0.02 * step(0.55, 0.68, y)
    scene = np.where(
        (trunk & (y > 0.2))[..., None], ramp(colours("2a1f3f", "6f3f3a", "c87f4a"), (x - 0.072) * 32), scene
    )
    crown = np.hypot((x - 0.07) / 0.23, (y - 0.13) / 0.19) + 0.17 * clouds(rng, x.shape, 0.09) < 0.92
    leaves = ramp(
        colours("16333f", "1f5a3f", "3f8a3a", "a8b83a", "f2d45a"),
        0.42 + 0.25 * clouds(rng, x.shape, 0.07) + 1.3 * (x - 0.1) - 1.0 * (y - 0.1),
    )
    scene = np.where(crown[..., None], leaves, scene)

    pigments = colours("fff4c8", "ffd23f", "ff9a2e", "ef5b3c", "e86f9a", "b0488f", "5a3f9a", "2f4fb0", "3f86d8", "7fc4e8",
                       "1f8f8a", "2f8f4a", "8fc83f", "1f3f5f", "5f2f3f", "f8f0f0")  # fmt: skip
    oil = Oil(rng, mix(scene, colours("f0e2c4")[0], 0.55))
    still = np.zeros(x.shape, np.float32)
    long = max(x.shape)
    for breadth, times in ((0.0085, 2.0), (0.0066, 2.2), (0.0052, 1.3)):
        count = int(times * x.size / long**2 / breadth**2)
        px, py = (rng.uniform(0, side / long, count).astype(np.float32) for side in x.shape[::-1])
        base = look_up(scene, px, py)
        # Each dot takes a pure pigment, the likelier the nearer it is to the colour aimed at.
        apart = ((base[:, None, :] - pigments[None]) ** 2).sum(2)
        choice = np.argmax(-apart / 0.075 + rng.gumbel(size=apart.shape), axis=1)
        dot = base * 0.42 + pigments[choice] * 0.58
        wide = (breadth * rng.lognormal(0, 0.15, count)).astype(np.float32)
        tilt = (still + 0.6 * noise(rng, x.shape, 0.2)).astype(np.float32)
        oil.stroke(px, py, tilt, dot, dot, 1.25 * wide, wide, dry=0.0, hair=0.08, curve=False, body=1.2)
    return finish(oil.finished(0.5, 0.3))


def autumn(rng, size):
    """A wet avenue in October with its lamps lit, laid on with the knife."""
    x, y = grid(size, 0.8)
    shape = x.shape
    cx, horizon = 0.40, 0.585
    away = np.hypot((x - cx) * 1.25, (y - 0.50) * 0.9)
    clump = clouds(rng, shape, 0.15, 3)
    # Leaves: pale in the haze at the end of the avenue, then gold, orange, red; violet and blue in the shade.
    leaf = ramp(colours("fdf3c8", "ffe48a", "ffc63a", "ff9a1f", "ec5f1c", "c8301f", "8a1c34", "4a1a4a", "24305f"),
                1.45 * away + 0.10 * clump + 0.02)  # fmt: skip
    shade = step(0.35, 1.5, clouds(rng, shape, 0.09, 3)) * step(0.06, 0.28, away)
    leaf = mix(
        leaf, ramp(colours("1c2a5a", "1f5f7a", "3f8f6a", "a8b04a"), 0.5 + 0.35 * noise(rng, shape, 0.06)), 0.75 * shade
    )
    scene = leaf.copy()
    depth = np.maximum(0, y - horizon) / (1 - horizon)
    road = np.abs(x - cx - 0.03 * np.sin(3 * depth)) < 0.022 + 0.44 * depth
    wall = (y > horizon - 0.04 - 0.10 * np.abs(x - cx)) & (y <= horizon)  # hedges and shade under the trees
    scene = np.where(
        (wall & (np.abs(x - cx) > 0.05))[..., None],
        ramp(colours("5f2a3a", "3a1f4a", "1c2450"), 2.2 * np.abs(x - cx)),
        scene,
    )

    oil = Oil(rng, mix(scene * 0.5, colours("3a1410")[0], 0.4))
    sweep = (np.arctan2(y - 0.50, x - cx) + 0.55 * noise(rng, shape, 0.09)).astype(np.float32)
    level = (0.10 * noise(rng, shape, 0.1)).astype(np.float32)
    above = y <= horizon + 0.004
    oil.cover(2.4, sweep, scene, 0.040, 0.021, where=above, vary=0.06, curve=False)
    oil.cover(1.6, sweep, scene, 0.026, 0.0125, where=above & (away > 0.05), vary=0.09, curve=False)
    for gap in (0.06, 0.09, 0.135, 0.20, 0.29, 0.38):
        for side in (-1, 1):
            tree(oil, rng, x, y, cx + side * gap * rng.uniform(0.95, 1.08), horizon - 0.02 + 0.42 * (gap - 0.05), gap)
        near = (away > 0.8 * gap) & above & (clouds(rng, shape, 0.06, 3) > 0.35 - 1.2 * np.maximum(0, 0.34 - y))
        oil.cover(0.55, sweep, leaf, 0.020, 0.0115, where=near, vary=0.13, curve=False, body=1.3)
    lamps = [
        (cx - 0.115, horizon + 0.012, 0.135, 0.012),
        (cx + 0.125, horizon + 0.016, 0.145, 0.013),
        (cx + 0.275, horizon + 0.085, 0.29, 0.020),
    ]
    for at, foot, tall, globe in lamps:
        lamp(oil, x, y, at, foot, tall, globe)

    # The wet ground mirrors what is painted above it, drawn down and broken by ripples.
    shown = blur(oil.paint, 5 * size / 768)
    wave = 0.012 * noise(rng, shape, 0.08, 0.01) * (0.3 + depth)
    mirrored = look_up(shown, x + wave, np.maximum(0, horizon - 0.012 - 1.25 * (y - horizon)))
    wet = mix(mirrored * 1.08, colours("3f6a9a")[0], np.clip(0.24 + 0.16 * noise(rng, shape, 0.10, 0.02), 0, 0.5))
    verge = ramp(
        colours("2a1838", "6f1f2a", "c8481c", "f09a2a"), 0.50 + 0.25 * clouds(rng, shape, 0.06) - 0.35 * np.abs(x - cx)
    )
    ground = np.where(road[..., None], wet, verge)
    for at, foot, _, globe in lamps:
        streak = (
            np.exp(-(((x - at - 0.3 * wave) / (1.1 * globe)) ** 2))
            * step(foot, foot + 0.05, y)
            * step(foot + 0.34, foot + 0.05, y)
        )
        ground = mix(
            ground, colours("ffe9a0")[0], 0.85 * streak * (0.6 + 0.4 * np.sign(noise(rng, shape, 0.05, 0.008)))
        )
    below = y > horizon
    oil.cover(2.5, level, ground, 0.050, 0.013, where=below, vary=0.05, curve=False)
    oil.cover(2.2, level, ground, 0.036, 0.0085, where=below, vary=0.07, curve=False)
    oil.cover(1.2, level, ground, 0.024, 0.0060, where=below, vary=0.11, curve=False, body=1.2)
    fallen = ramp(colours("d8401c", "ff8a1f", "ffc43a", "ffe88a"), 0.5 + 0.4 * noise(rng, shape, 0.004))
    oil.cover(0.09, sweep, fallen, 0.012, 0.0070, where=below & (clump > -0.2), vary=0.08, curve=False, body=1.6)
    walkers(oil, x, y, cx + 0.012, horizon + 0.075)
    return finish(oil.finished(0.6, 0.5))


def tree(oil, rng, x, y, at, foot, size):
    """A trunk with forking branches, lit from the middle of the avenue; `size` grows with nearness."""
    lit = -1.0 if at > 0.40 else 1.0
    limbs = [(at, foot, -np.pi / 2 + 0.10 * lit + rng.normal(0, 0.05), 0.75 * size + 0.06, 0.010 + 0.105 * size, 0)]
    while limbs:
        px, py, angle, length, wide, level = limbs.pop()
        steps = 8
        for i in range(steps):
            thin = wide * (1 - 0.45 * i / steps)
            across = np.linspace(-0.42, 0.42, 6)
            sx = (px - np.sin(angle) * across * thin + rng.normal(0, 0.002, 6)).astype(np.float32)
            sy = (py + np.cos(angle) * across * thin).astype(np.float32)
            side = -across * np.sin(angle) * lit / 0.42  # 1 where the bark faces the light
            bark = ramp(
                colours("141028", "2c1a34", "5a2f38", "a85f3a", "f0b060"),
                np.clip(0.30 + 0.45 * side + rng.normal(0, 0.08, 6), 0, 1),
            )
            field = np.full(x.shape, angle, np.float32)
            oil.stroke(sx, sy, field, bark, bark * 0.75, np.full(6, length / steps * 1.9, np.float32),
                       np.full(6, max(thin * 0.42, 0.0028), np.float32), dry=0.1, curve=False, body=1.2)  # fmt: skip
            px, py = px + length / steps * np.cos(angle), py + length / steps * np.sin(angle)
            angle += rng.normal(0, 0.07)
        if level < 3:
            for turn in (-0.48, 0.42):
                limbs.append((px, py, angle + turn + rng.normal(0, 0.15), length * 0.70, wide * 0.5, level + 1))


def lamp(oil, x, y, at, foot, tall, globe):
    """A street lamp with its halo."""
    up = np.full(x.shape, np.pi / 2, np.float32)
    d = np.hypot(x - at, y - foot + tall)
    around = (np.arctan2(y - foot + tall, x - at) + np.pi / 2).astype(np.float32)
    halo = mix(oil.paint, colours("ffe08a")[0], 0.75 * step(3.4 * globe, 1.2 * globe, d))
    oil.cover(1.6, around, halo, 0.016, 0.0065, where=(d < 3.2 * globe) & (d > globe), vary=0.05)
    post = (np.abs(x - at) < 0.16 * globe) & (y < foot) & (y > foot - tall + globe)
    oil.cover(9, up, np.broadcast_to(colours("1a1a30"), (*x.shape, 3)), 0.018, 0.0045, where=post, curve=False)
    oil.cover(7, around, np.broadcast_to(colours("fffbe0"), (*x.shape, 3)), 0.010, 0.0055, where=d < globe, vary=0.02)


def walkers(oil, x, y, at, foot):
    """Two people under one red umbrella, and their reflection."""
    up = np.full(x.shape, np.pi / 2, np.float32)
    arc = np.hypot((x - at) / 0.043, (y - foot + 0.066) / 0.030)
    rib = (np.arctan2(y - foot + 0.062, x - at)).astype(np.float32)
    mirror = step(foot + 0.115, foot + 0.02, y)
    parts = [((np.abs(x - at) < 0.020 * mirror) & (y > foot + 0.004) & (y < foot + 0.11), up, "3a2040"),
             ((np.abs(x - at) < 0.034 * mirror) & (y > foot + 0.075) & (y < foot + 0.125), up, "a8202a"),
             ((np.abs(x - at + 0.013) < 0.0115 + 0.10 * (y - foot)) & (np.abs(y - foot + 0.028) < 0.026), up, "1a2348"),
             ((np.abs(x - at - 0.013) < 0.0115 + 0.10 * (y - foot)) & (np.abs(y - foot + 0.028) < 0.026), up, "6a1f3a"),
             ((np.abs(np.abs(x - at) - 0.013) < 0.008) & (y > foot - 0.004) & (y < foot + 0.008), up, "14122a"),
             ((arc < 1) & (y < foot - 0.060), rib, "e0202a")]  # fmt: skip
    for where, direction, shade in parts:
        oil.cover(
            9,
            direction,
            np.broadcast_to(colours(shade), (*x.shape, 3)),
            0.018,
            0.0065,
            where=where,
            curve=False,
            vary=0.09,
        )
