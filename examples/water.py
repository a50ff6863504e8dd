"""Colour carried by water: marbled paper, ink wash, watercolour."""

import numpy as np
from PIL import Image, ImageDraw

from examples.canvas import blur, clouds, colour, colours, finish, grid, look_up, mix, noise, paper, step


def marble(rng, size):
    """Ebru: drops of ink floated on a bath, drawn out with combs. Every move is an exact map of the plane.

    The maps are those of Lu, Jaffer, Jin, Zhao, Mao, "Mathematical marbling" (2012). We start from a pixel of the
    finished sheet and undo the moves, last first, until a drop is found in which the point began.
    """
    x, y = grid(size, 1.25)
    wide, high = x.max(), y.max()
    x, y = x + 0.004 * clouds(rng, x.shape, 0.3), y + 0.004 * clouds(rng, x.shape, 0.3)
    inks = colours("12284a", "b5241f", "f3e6c8", "1f6f78", "e8a02c", "0f1a2a", "d8583a", "8fc0b0")
    chance = np.array([0.2, 0.17, 0.19, 0.13, 0.1, 0.1, 0.06, 0.05])
    moves = []
    for i in range(240):
        radius = rng.uniform(0.03, 0.07) if i < 150 else rng.uniform(0.008, 0.03)
        moves.append(
            (
                "drop",
                rng.uniform(-0.1, wide + 0.1),
                rng.uniform(-0.1, high + 0.1),
                radius,
                rng.choice(len(inks), p=chance),
            )
        )
    # First a wide comb, down and up in turn; then a fine one, straight across; then a stylus, in small spirals.
    moves += [("line", (wide + 0.1) * i / 12 - 0.05, 0.0, 0.24 * (-1) ** i, 0.030) for i in range(13)]
    moves += [("row", 0.0, high * (i + 0.5) / 20, 0.085, 0.0085) for i in range(20)]
    for i in range(12):
        cx, cy = wide * (0.125 + 0.25 * (i % 4)), high * (0.17 + 0.33 * (i // 4)) + 0.02 * (-1) ** i
        moves.append(("whirl", cx, cy, 0.10 * (-1) ** (i + i // 4), 0.035))
    ink = np.full(x.shape, 2, np.int32)
    age = np.zeros(x.shape, np.float32)
    index = np.arange(x.size)
    px, py = x.ravel().copy(), y.ravel().copy()
    ink, age = ink.ravel(), age.ravel()
    for kind, a, b, strength, extra in reversed(moves):
        if kind == "line":
            py -= strength * np.exp(-np.abs(px - a) / extra)
        elif kind == "row":
            px -= strength * np.exp(-np.abs(py - b) / extra)
        elif kind == "whirl":
            dx, dy = px - a, py - b
            d = np.hypot(dx, dy) + 1e-9
            turn = strength * np.exp(-np.abs(d - extra) / 0.028) / d
            px, py = a + dx * np.cos(turn) - dy * np.sin(turn), b + dx * np.sin(turn) + dy * np.cos(turn)
        else:
            dx, dy = px - a, py - b
            d2 = dx * dx + dy * dy
            inside = d2 < strength**2
            ink[index[inside]] = extra
            age[index[inside]] = d2[inside] / strength**2
            keep = ~inside
            index, dx, dy, d2 = index[keep], dx[keep], dy[keep], d2[keep]
            back = np.sqrt(1 - strength**2 / d2)
            px, py = a + dx * back, b + dy * back
    ink, age = ink.reshape(x.shape), age.reshape(x.shape)
    sheet = inks[ink]
    # Ink is thin in the middle of a drop and gathers at its rim; it granulates on the sized paper.
    sheet = mix(sheet, np.float32(1), 0.16 * (1 - age) * step(0.2, 1.0, 1 - age))
    sheet = sheet * (1 - 0.22 * step(0.86, 1.0, age))[..., None]
    grain = (
        0.05 * noise(rng, x.shape, 0.0016)
        + 0.04 * noise(rng, x.shape, 0.006)
        + 0.03 * noise(rng, x.shape, 0.0012, 0.02)
    )
    speckle = step(2.3, 2.8, noise(rng, x.shape, 0.0026))
    sheet = mix(sheet * (1 + grain)[..., None], colour("f6ecd4"), 0.55 * speckle)
    sheet = mix(sheet, colour("f3e3c0"), 0.05)
    return finish(blur(sheet, 0.5))


class Wash:
    """Transparent colour on white paper: each layer takes light away, and dries with a dark edge."""

    def __init__(self, rng, shape, sheet):
        self.rng, self.shape, self.sheet = rng, shape, sheet
        self.density = np.zeros((*shape, 3), np.float32)
        self.tooth = paper(rng, shape)
        self.scale = max(shape) / 1536

    def lay(self, amount, pigment, edge=0.5, grain=0.2, soft=1.0):
        """Lay a wash: `amount` (height, width) in [0, 1] is how much; pigment (3,): its colour when full."""
        rows, columns = (np.flatnonzero(amount.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return
        margin = int(3 * (soft + 5) * self.scale) + 2  # work only where there is paint
        at = tuple(slice(max(0, found[0] - margin), found[-1] + margin) for found in (rows, columns))
        amount = blur(amount[at].astype(np.float32), soft * self.scale)
        rim = np.clip(amount - blur(amount, 5 * self.scale), 0, 1) * 2.0 * edge
        settle = 1 + grain * self.tooth[at] * (0.5 + amount)
        film = amount * np.clip(settle, 0.2, 2) * (1 - 0.3 * edge) + rim
        self.density[at] += film[..., None] * -np.log(np.clip(pigment, 0.02, 1))

    def lift(self, where):
        """Take paint off where the mask is 1."""
        self.density *= (1 - where)[..., None]

    def picture(self):
        lit = self.sheet * (1 + 0.022 * self.tooth)[..., None]
        down = np.gradient(blur(self.tooth, 0.6), axis=0)
        return lit * np.exp(-self.density) * (1 + 0.05 * down)[..., None]


def ink(rng, size):
    """Mountains in mist, pines, a boat: ink and water on old paper, one red seal."""
    x, y = grid(size, 0.66)
    shape, wide = x.shape, x.max()
    # Place, breadth and height of four summits in each of four ranges; drawn first, so that size does not change them.
    summits = rng.uniform([[0.14], [0.035], [0.45]], [[wide], [0.11], [1.2]], (4, 3, 4))
    sheet = (
        colour("efe6d2")
        * (
            1
            + 0.025 * clouds(rng, shape, 0.5)
            + 0.014 * noise(rng, shape, 0.001, 0.012)
            + 0.012 * noise(rng, shape, 0.014, 0.001)
        )[..., None]
    )
    work = Wash(rng, shape, sheet)
    black, blue = colour("2b2a2c"), colour("4a5560")
    sun = np.hypot(x - 0.47, y - 0.135)
    work.lay(
        0.75 * step(0.050, 0.0485, sun + 0.0004 * noise(rng, shape, 0.004)), colour("c8402c"), edge=0.5, grain=0.12
    )
    ranges = [(0.335, 0.10, 0.20, 0.22), (0.36, 0.16, 0.17, 0.38), (0.50, 0.17, 0.22, 0.62), (0.70, 0.10, 0.20, 0.85)]
    for i, (base, rise, fade, dark) in enumerate(ranges):
        line = np.arange(shape[1]) / max(shape)
        peaks = sum(h * np.exp(-(np.abs((line - c) / w) ** 1.35)) for c, w, h in summits[i].T)
        rough = 0.010 * clouds(rng, (8, shape[1]), 0.05, 5)[4]
        ridge = (base - rise * peaks + rough * (0.6 + 0.25 * i)).astype(np.float32)[None, :]
        below = y - ridge
        mist = np.exp(-np.maximum(below, 0) / (fade * (0.7 + 0.25 * noise(rng, shape, 0.2, 0.05))).clip(0.04))
        body = (below > 0) * mist
        work.lift(0.94 * step(0.0, 0.004, below))  # the range before hides the one behind
        brushy = np.clip(0.62 + 0.32 * clouds(rng, shape, 0.07, 5, 0.6), 0, 1.2)
        work.lay(dark * 0.75 * body * brushy, mix(blue, black, 0.3 + 0.2 * i), edge=0.55, grain=0.22, soft=1.2)
        # Texture strokes down the rock, "axe cuts", darkest under the ridge.
        slant = x + 0.35 * below + 0.010 * clouds(rng, shape, 0.06)
        sheet_noise = noise(rng, shape, 0.0075, 0.05) + 0.8 * noise(rng, shape, 0.003, 0.02)
        cuts = (
            step(0.55, 1.5, look_up(sheet_noise, slant % wide, y))
            * np.exp(-np.maximum(below, 0) / (0.42 * fade))
            * (below > 0)
        )
        work.lay(dark * 0.8 * cuts, black, edge=0.25, grain=0.5, soft=0.6)
        contour = np.exp(-(((below - 0.002) / (0.0018 + 0.0012 * noise(rng, shape, 0.04)).clip(0.0006)) ** 2))
        work.lay(dark * 0.75 * contour, black, edge=0.1, grain=0.6, soft=0.5)
        if i == 1:  # a waterfall's veil, left white
            work.lift(
                0.8
                * np.exp(-(((x - 0.30 - 0.012 * np.sin(20 * y)) / 0.007) ** 2))
                * step(0.33, 0.37, y)
                * step(0.56, 0.48, y)
            )
    for px, foot, tall in (
        (0.085, 0.80, 0.30),
        (0.175, 0.775, 0.19),
        (0.555, 0.74, 0.12),
        (0.60, 0.745, 0.15),
        (0.515, 0.735, 0.08),
    ):
        pine(work, rng, shape, px, foot, tall)
    # The lake: a few wet lines; a boat and its sail.
    ripples = step(1.2, 2.2, noise(rng, shape, 0.12, 0.004)) * step(0.83, 0.88, y)
    work.lay(0.35 * ripples, blue, edge=0.3, grain=0.4)
    for i in range(34):  # reeds in the near corners, one stroke each
        foot = rng.normal(0.07, 0.05) if i % 3 else rng.normal(wide - 0.04, 0.035)
        tall, lean = rng.uniform(0.05, 0.15), rng.normal(0.01, 0.035)
        t = np.clip((1.005 - y) / tall, 0, 1)
        blade = step(1.0, 0.6, np.abs(x - foot - lean * t**2) / (0.0042 * (1.03 - t) ** 0.8)) * (t < 1)
        work.lay(rng.uniform(0.35, 0.85) * blade, black, edge=0.4, grain=0.35, soft=0.7)
    bx, by = 0.40, 0.865
    hull = (np.abs(y - by + 2.6 * (x - bx) ** 2 - 0.003) < 0.006 * np.clip(1 - ((x - bx) / 0.062) ** 2, 0, 1)) & (
        np.abs(x - bx) < 0.062
    )
    work.lay(0.95 * hull, black, edge=0.3, grain=0.4, soft=0.7)
    man = (np.hypot((x - bx - 0.012) / 0.007, (y - by + 0.016) / 0.013) < 1) | (
        np.hypot((x - bx - 0.012) / 0.014, (y - by + 0.030) / 0.004) < 1
    )
    work.lay(0.9 * man, black, edge=0.3, grain=0.3, soft=0.7)
    pole = np.abs((x - bx + 0.035) + 0.5 * (y - by)) < 0.0011
    work.lay(0.9 * (pole & (y > by - 0.075) & (y < by + 0.02)), black, edge=0, grain=0.5, soft=0.5)
    for i in range(6):  # birds
        cx, cy, s = (
            0.19 + 0.028 * i + rng.normal(0, 0.006),
            0.17 + 0.012 * i + rng.normal(0, 0.008),
            rng.uniform(0.007, 0.012),
        )
        u = (x - cx) / s
        wing = np.abs((y - cy) / s + 0.55 * np.abs(u) ** 0.6 - 0.35 * np.abs(u)) < 0.11 * np.clip(1 - np.abs(u), 0, 1)
        work.lay(0.85 * wing, black, edge=0, grain=0.2, soft=0.5)
    seal = (np.abs(x - 0.075) < 0.022) & (np.abs(y - 0.075) < 0.022)
    carved = np.abs(np.abs(x - 0.075) - 0.0085) < 0.0024
    carved |= (np.abs(np.abs(y - 0.075) - 0.0105) < 0.0022) & (np.abs(x - 0.075) < 0.015)
    carved |= np.abs(np.maximum(np.abs(x - 0.075), np.abs(y - 0.075)) - 0.0185) < 0.0012
    work.lay(
        0.9 * (seal & ~carved) * step(-1.6, -0.7, noise(rng, shape, 0.003)),
        colour("c23a26"),
        edge=0.1,
        grain=0.3,
        soft=0.6,
    )
    return finish(work.picture())


def pine(work, rng, shape, at, foot, tall):
    """A pine: a bent trunk, boughs, and on them fans of single needles."""
    black = colour("1c1c20")
    scale = max(shape)
    wood, needles = Image.new("L", shape[::-1], 0), Image.new("L", shape[::-1], 0)
    draw, prick = ImageDraw.Draw(wood), ImageDraw.Draw(needles)

    def trunk(t):
        return at + tall * (0.13 * np.sin(3.6 * t + at * 9) - 0.10 * t), foot - tall * t

    def limb(points, widths):
        for (x0, y0), (x1, y1), w in zip(points, points[1:], widths, strict=False):
            draw.line(
                [(x0 * scale, y0 * scale), (x1 * scale, y1 * scale)],
                fill=int(rng.uniform(140, 255)),
                width=max(1, round(w * scale)),
            )

    steps = np.linspace(0, 1, 26)
    limb([trunk(t) for t in steps], 0.052 * tall * (1.12 - steps))
    for i in range(11):
        level = 0.34 + 0.66 * i / 10
        side = (-1) ** i
        reach = tall * rng.uniform(0.75, 1.1) * (0.42 - 0.26 * level)
        bx, by = trunk(level)
        u = np.linspace(0, 1, 9)
        bough = [(bx + side * reach * v, by + tall * 0.05 * np.sin(5 * v + i) * v - 0.02 * tall * v) for v in u]
        limb(bough, 0.018 * tall * (1.1 - 0.8 * u))
        for _ in range(int(26 * (1.5 - level))):  # fans of needles, standing on the bough
            v = rng.uniform(0.25, 1.12)
            fx, fy = bx + side * reach * v, by - 0.02 * tall * v + rng.normal(0, 0.016) * tall
            fan, dark = tall * rng.uniform(0.035, 0.060), rng.uniform(110, 255)
            for a in np.linspace(-2.9, -0.25, 13) + rng.normal(0, 0.08, 13):
                tip = ((fx + fan * np.cos(a)) * scale, (fy + 0.75 * fan * np.sin(a)) * scale)
                prick.line([(fx * scale, fy * scale), tip], fill=int(dark), width=max(1, round(0.0011 * scale)))
    for image, much in ((wood, 0.85), (needles, 0.8)):
        work.lay(much * np.asarray(image, np.float32) / 255, black, edge=0.45, grain=0.45, soft=0.7)
    haze = blur(np.asarray(needles, np.float32) / 255, 9 * work.scale)  # a pale wash under the needles
    work.lay(0.45 * np.where(haze > 0.02, haze, 0), black, edge=0.2, grain=0.2, soft=1.5)


def poppies(rng, size):
    """Poppies in a wet meadow, the colours running into each other."""
    x, y = grid(size, 0.82)
    shape, wide = x.shape, x.max()
    work = Wash(rng, shape, np.full((*shape, 3), colour("fbf8f0"), np.float32))
    # Wet in wet: broad clouds of sky and meadow that bleed and bloom.
    washes = [("6fb4dc", 0.12, 0.9), ("8f9fe0", 0.30, 0.6), ("f6c8a0", 0.42, 0.6), ("f2b0c0", 0.36, 0.35),
              ("7fc0b0", 0.55, 0.7), ("9cc45a", 0.72, 1.0), ("3f8f6a", 0.88, 0.9), ("2f6f8a", 0.98, 0.6),
              ("e8d060", 0.62, 0.6)]  # fmt: skip
    for pigment, cy, strength in washes:
        field = clouds(rng, shape, 0.35, 6, 0.55) * 0.9 - np.abs(y - cy) * 9 + 0.7
        work.lay(strength * 0.55 * step(-0.4, 1.2, field), colour(pigment), edge=0.8, grain=0.16, soft=2.5)
        work.lay(
            strength * 0.25 * step(0.45, 0.6, field + 0.2 * clouds(rng, shape, 0.05)),
            colour(pigment),
            edge=1.0,
            grain=0.2,
            soft=1.0,
        )
    for _ in range(16):  # blooms, where a drop of water pushed the colour out
        cx, cy, r = rng.uniform(0, wide), rng.uniform(0, 1), rng.uniform(0.02, 0.075)
        d = np.hypot(x - cx, y - cy) / r + 0.16 * clouds(rng, shape, 0.05, 5, 0.65)
        work.lift(0.40 * step(1.0, 0.75, d))
        work.lay(0.16 * np.exp(-(((d - 1) / 0.09) ** 2)), colour("3f7f8a"), edge=0.2, grain=0.2)
    # Grasses, soft ones far and crisp ones near.
    for i in range(80):
        near = i / 80
        foot, tall, lean = (
            rng.uniform(-0.05, wide + 0.05),
            rng.uniform(0.15, 0.5) * (0.6 + 0.6 * near),
            rng.normal(0, 0.12),
        )
        t = np.clip((1.02 - y) / tall, 0, 1)
        blade = step(1.0, 0.55, np.abs(x - foot - lean * t**2) / (0.0058 * (1.02 - t) ** 0.7 + 1e-5)) * (t < 1)
        work.lay(
            (0.25 + 0.5 * near) * blade,
            colour(rng.choice(["5f9f3a", "2f7f5a", "8fb040", "2f6a7a", "b0a040"])),
            edge=0.7,
            grain=0.25,
            soft=0.8,
        )
    flowers = [
        (0.26, 0.33, 0.135),
        (0.57, 0.25, 0.105),
        (0.45, 0.54, 0.125),
        (0.12, 0.60, 0.085),
        (0.70, 0.50, 0.09),
        (0.66, 0.72, 0.07),
        (0.27, 0.74, 0.07),
    ]
    for fx, fy, fr in sorted(flowers, key=lambda f: f[2]):
        stem = np.abs(x - fx - 0.05 * np.sin(3.2 * (y - fy) + fx * 8)) / 0.0042
        work.lay(
            0.85 * step(1.0, 0.7, stem) * step(fy + 0.2 * fr, fy + 0.4 * fr, y),
            colour("3f6f2a"),
            edge=0.7,
            grain=0.3,
            soft=0.7,
        )
        poppy(work, rng, x, y, fx, fy, fr)
    for _ in range(130):  # spatter
        cx, cy, r = rng.uniform(0, wide), rng.uniform(0, 1), 0.0012 + 0.0045 * rng.random() ** 4
        box = (np.abs(x - cx) < 3 * r) & (np.abs(y - cy) < 3 * r)
        drop = box * step(1.05, 0.85, np.hypot(x - cx, y - cy) / r)
        work.density += (0.55 * drop)[..., None] * -np.log(
            colour(rng.choice(["d8402a", "2f6f8a", "5f8f3a", "c8507a", "f0a83a"]))
        )
    return finish(work.picture())


def poppy(work, rng, x, y, cx, cy, r):
    """Four loose petals, laid wet over each other, and a dark heart."""
    shape = x.shape
    reds = ("f2502f", "e0301f", "f57a3a", "d82040")
    for k in rng.permutation(4):
        turn = k * np.pi / 2 + rng.normal(0, 0.25) + 0.6
        px, py = cx + 0.42 * r * np.cos(turn), cy + 0.34 * r * np.sin(turn)
        along = (x - px) * np.cos(turn) + (y - py) * np.sin(turn)
        side = -(x - px) * np.sin(turn) + (y - py) * np.cos(turn)
        frill = 0.10 * clouds(rng, shape, 0.35 * r, 5, 0.6)
        d = np.hypot(along / (0.62 * r), side / (0.74 * r)) + frill
        inside = step(1.0, 0.94, d)
        veins = noise(rng, shape, 0.3)  # the fan of folds in a petal
        fold = np.sin(np.arctan2(side, along + 0.7 * r) * 26 + 2 * veins) * step(0.1, 0.7, d)
        flow = np.clip(0.70 + 0.32 * clouds(rng, shape, 0.6 * r, 4) + 0.16 * fold + 0.22 * (d - 0.5), 0.08, 1.3)
        work.lift(0.55 * inside)
        work.lay(0.72 * inside * flow, colours(reds[k])[0], edge=0.9, grain=0.20, soft=0.9)
        work.lay(
            0.5 * inside * step(0.45, 0.0, np.hypot(x - cx, y - cy) / r),
            colour("8f1040"),
            edge=0.2,
            grain=0.2,
            soft=5,
        )
    heart = np.hypot(x - cx, y - cy) / (0.15 * r) + 0.3 * noise(rng, shape, 0.05 * r)
    work.lay(0.95 * step(1.1, 0.7, heart), colour("1c1430"), edge=0.5, grain=0.2, soft=1.0)
    turn = np.arctan2(y - cy, x - cx)
    ring = np.hypot(x - cx, y - cy) / r
    stamens = (
        step(0.55, 0.9, np.cos(turn * 19 + 2 * noise(rng, shape, 0.1)))
        * step(0.14, 0.18, ring)
        * step(0.34, 0.27, ring + 0.05 * noise(rng, shape, 0.006))
    )
    work.lay(0.85 * stamens, colour("20163a"), edge=0.3, grain=0.2, soft=0.6)
