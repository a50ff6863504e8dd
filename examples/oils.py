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
        marks = noise(rng, sheet, 0.004, 0.16) + 0.7 * noise(rng, sheet, 0.0017, 0.07) + 0.5 * noise(rng, sheet, 0.012, 0.3)
        self.marks = (0.5 + 0.27 * marks).astype(np.float32)

    def stroke(self, x, y, direction, colour, second, length, breadth, dry=0.35, hair=0.16, curve=True, body=1.0):
        """Paint one stroke centred at each (x, y), in the order given.

        direction: field of angles (height, width). colour, second: (n, 3), the two pigments the brush carries.
        length, breadth: (n,), in units of the longer side. dry: how early the bristles run out of paint. hair:
        how much single bristles differ. curve: follow the field, instead of keeping the first direction.
        """
        height, width = self.relief.shape
        long = max(height, width)
        if not len(x):  # so small a picture that no stroke falls on the shape
            return
        order = np.arange(len(x))
        per_stroke = float(np.max(length) * np.max(breadth)) * long**2 * 2.2
        for part in np.array_split(order, max(1, int(len(x) * per_stroke / 1.5e6))):
            self._ribbons(x[part], y[part], direction, colour[part], second[part], length[part], breadth[part],
                          dry, hair, curve, body, long)  # fmt: skip

    def _ribbons(self, x, y, direction, colour, second, length, breadth, dry, hair, curve, body, long):
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
        row, column, mark = row[wet], column[wet], mark[wet]
        who = np.nonzero(wet)[0]
        tint = (1 + hair * 2 * (mark - 0.5))[:, None]
        load = np.clip((np.broadcast_to(v, wet.shape)[wet] * 0.5 + 0.5 - 0.55) * 2.2 + (mark - 0.5) * 1.6, 0, 1)[:, None]
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
        wind = (-np.pi / 2 + 0.55 * np.sin(24 * y + 16 * (x - sway) / wide * 0.3) + 0.5 * (x - sway) / wide).astype(np.float32)
        tone = 0.5 + 0.5 * np.sin((x - sway) * 210 + 7 * np.sin(15 * y))
        leaf = ramp(colours("0a140f", "13261a", "1f3d22", "3f5a25", "6f5a2a"), 0.85 * tone)
        for times, length, breadth in ((3, 0.06, 0.011), (3, 0.05, 0.007), (1.6, 0.04, 0.0045)):
            oil.cover(times, wind, leaf, length, breadth, where=tree, vary=0.06)


def dots(rng, size):
    """An afternoon on the lake, in dots of pure pigment that mix in the eye."""
    x, y = grid(size, 1.42)
    horizon = 0.285
    sun = np.hypot(x - 0.63, (y - 0.20) * 1.15)
    sky = ramp(colours("fff2b0", "ffd27a", "ffa46b", "e58fa5", "9c8fce", "6f9fe0", "4f7fd0"), 1.35 * sun + 0.03 * clouds(rng, x.shape, 0.3))
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
        hull = (np.abs(x - cx) < 0.36 * tall - 1.2 * np.maximum(0, y - base)) & (y > base - 0.05 * tall) & (y < base + 0.045 * tall)
        mirror = (x > cx - 0.3 * tall) & (x - cx < 0.40 * tall * np.clip(1 + 1.2 * t, 0, 1)) & (t < -0.05) & (t > -0.85)
        scene = np.where(mirror[..., None] & (ripple > -0.25)[..., None], mix(scene, colours("fff0d8")[0], 0.5), scene)
        shade = np.clip((x - cx) / (0.42 * tall), 0, 1)
        scene = np.where(main[..., None], ramp(colours("fffaf0", "ffe3b8", "e0a8b8"), shade), scene)
        scene[jib] = colours("f6d0c0")[0]
        scene[hull] = colours("7a2f3a")[0]
    bank = y > 0.605 + 0.05 * np.sin(3.3 * x + 2.4) - 0.008 * noise(rng, x.shape, 0.02)
    meadow = ramp(colours("1f4f2f", "3f7f35", "8fae3a", "dcd05a"), 0.45 + 0.28 * clouds(rng, x.shape, 0.12) - 0.5 * (y - 0.6))
    scene = np.where(bank[..., None], meadow, scene)
    trunk = np.abs(x - 0.085 - 0.02 * np.sin(9 * y)) < 0.011 + 0.02 * step(0.55, 0.68, y)
    scene = np.where((trunk & (y > 0.2))[..., None], ramp(colours("2a1f3f", "6f3f3a", "c87f4a"), (x - 0.072) * 32), scene)
    crown = np.hypot((x - 0.07) / 0.23, (y - 0.13) / 0.19) + 0.17 * clouds(rng, x.shape, 0.09) < 0.92
    leaves = ramp(colours("16333f", "1f5a3f", "3f8a3a", "a8b83a", "f2d45a"), 0.42 + 0.25 * clouds(rng, x.shape, 0.07) + 1.3 * (x - 0.1) - 1.0 * (y - 0.1))
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
    """A wet avenue in October, laid on with the knife."""
    x, y = grid(size, 0.8)
    shape = x.shape
    cx, horizon = 0.42, 0.56
    glow = np.exp(-(np.hypot((x - cx) * 1.5, y - 0.46) / 0.20) ** 2)
    air = ramp(colours("274a7a", "4f7fae", "9fb9b8", "ffe2a0", "fff6d8"), 0.25 + 0.75 * glow + 0.06 * clouds(rng, shape, 0.2))
    # The crowns: leaf masses in clumps, brighter towards the opening in the middle.
    leaf = ramp(colours("4a1430", "8f1f28", "d03a1f", "f0701c", "ffab22", "ffd84a", "fff0a0"),
                0.42 + 0.16 * clouds(rng, shape, 0.16, 4) + 0.38 * np.exp(-(np.hypot(x - cx, y - 0.42) / 0.27) ** 2) - 0.12 * (np.abs(x - cx) > 0.3))  # fmt: skip
    teal = step(0.8, 1.5, clouds(rng, shape, 0.13, 3))
    leaf = mix(leaf, ramp(colours("143a5a", "2f7f8a", "8fc0a0"), 0.5 + 0.3 * noise(rng, shape, 0.05)), 0.8 * teal)
    opening = np.hypot((x - cx) / 0.115, (y - 0.50) / 0.20) + 0.16 * clouds(rng, shape, 0.09)
    scene = mix(air, leaf, step(0.75, 1.15, opening))
    # The wet ground mirrors what stands above the horizon, drawn down and broken by ripples.
    below = np.maximum(0, y - horizon)
    mirrored = look_up(scene, x + 0.012 * noise(rng, shape, 0.08, 0.01), np.maximum(0, horizon - 1.15 * below - 0.01))
    depth = below / (1 - horizon)
    wet = mix(mirrored * (0.86 - 0.25 * depth[..., None]), colours("2f4f86")[0], 0.25 + 0.18 * noise(rng, shape, 0.09, 0.02))
    road = np.abs(x - cx) < 0.035 + 0.52 * depth
    verge = ramp(colours("3f1420", "8f2a1c", "d8601f", "f6a82f"), 0.42 + 0.25 * clouds(rng, shape, 0.06) - 0.2 * depth)
    ground = np.where(road[..., None], wet, verge)
    scene = np.where((y > horizon)[..., None], ground, scene)

    oil = Oil(rng, mix(scene * 0.5, colours("3a1410")[0], 0.4))
    level = (0.12 * noise(rng, shape, 0.1)).astype(np.float32)
    hang = (1.1 + 0.9 * noise(rng, shape, 0.07)).astype(np.float32)
    where_up, where_down = y <= horizon + 0.004, y > horizon
    oil.cover(2.2, hang, scene, 0.035, 0.019, where=where_up, vary=0.06, curve=False)
    oil.cover(2.5, level, scene, 0.05, 0.012, where=where_down, vary=0.07, curve=False)
    for side, gap in ((-1, 0.055), (1, 0.06), (-1, 0.105), (1, 0.125), (-1, 0.19), (1, 0.23), (-1, 0.31), (1, 0.37)):
        tree(oil, rng, x, y, cx + side * gap, horizon + 0.30 * (gap - 0.05), gap)
    for breadth, times in ((0.0125, 1.1), (0.0085, 1.5)):
        oil.cover(times, hang, scene, 0.018, breadth, where=where_up & (opening > 0.8), vary=0.12, curve=False, body=1.3)
        oil.cover(times, level, scene, 0.034, breadth * 0.75, where=where_down, vary=0.10, curve=False)
    fallen = leaf * 0.3 + colours("f08a24")[0] * 0.7
    oil.cover(0.22, hang, fallen, 0.012, 0.0075, where=where_down, vary=0.16, curve=False, body=1.5)
    walkers(oil, rng, x, y, cx + 0.012, horizon + 0.045)
    return finish(oil.finished(0.6, 0.5))


def tree(oil, rng, x, y, at, foot, size):
    """A trunk with forking branches; `size` grows with nearness."""
    limbs = [(at, foot, -np.pi / 2 + rng.normal(0, 0.05), 0.9 * size + 0.05, 0.012 + 0.085 * size, 0)]
    while limbs:
        px, py, angle, length, wide, level = limbs.pop()
        steps = 7
        for i in range(steps):
            count = max(3, int(5 - level))
            sx = (px + rng.normal(0, wide * 0.22, count)).astype(np.float32)
            sy = (py + rng.normal(0, wide * 0.1, count)).astype(np.float32)
            bark = colours(*rng.choice(["24121c", "3a1c22", "5a2f2a", "2f2a4a", "9a5a3a"], count))
            field = np.full(x.shape, 0, np.float32) + np.float32(angle)
            thin = np.full(count, wide * (1 - 0.5 * i / steps) * 0.75, np.float32)
            oil.stroke(sx, sy, field, bark, bark * 0.8, np.full(count, length / steps * 1.9, np.float32), thin, dry=0.1, curve=False)
            px, py = px + length / steps * np.cos(angle), py + length / steps * np.sin(angle)
            angle += rng.normal(0, 0.08)
        if level < 3:
            for turn in (-0.5, 0.42):
                limbs.append((px, py, angle + turn + rng.normal(0, 0.15), length * 0.72, wide * 0.5, level + 1))


def walkers(oil, rng, x, y, at, foot):
    """Two people under one red umbrella, and their reflection."""
    up = np.full(x.shape, np.pi / 2, np.float32)
    arc = np.hypot((x - at) / 0.034, (y - foot + 0.052) / 0.024)
    parts = [((np.abs(x - at + 0.010) < 0.0085) & (np.abs(y - foot + 0.012) < 0.030), "1f2a50"),
             ((np.abs(x - at - 0.010) < 0.0085) & (np.abs(y - foot + 0.010) < 0.029), "5a2038"),
             ((np.abs(x - at) < 0.016) & (y > foot + 0.022) & (y < foot + 0.085), "3a2440"),
             ((arc < 1) & (y < foot - 0.050), "d8202a")]  # fmt: skip
    for where, shade in parts:
        oil.cover(7, up, np.broadcast_to(colours(shade), (*x.shape, 3)), 0.016, 0.006, where=where, curve=False, vary=0.06)
