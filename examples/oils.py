"""Oil paintings: a night of swirls, a lake in dots, an avenue in autumn."""

import numpy as np

from examples.brush import Oil, constant, flow
from examples.canvas import blur, clouds, colour, colours, finish, grid, look_up, mix, noise, ramp, step


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
    stars = [(0.89, 0.125, 0.066), (0.07, 0.31, 0.028), (0.25, 0.065, 0.02), (0.49, 0.075, 0.03),
             (0.64, 0.22, 0.017), (0.78, 0.31, 0.03), (0.95, 0.39, 0.018), (0.26, 0.41, 0.021),
             (0.44, 0.49, 0.015), (0.70, 0.46, 0.014)]  # fmt: skip
    glow = ramp(colours("fffbe0", "ffe680", "f8c23f", "e6cf7c", "9cc3ad", "4f8fc4", "2a5fae"), np.linspace(0, 1, 64))
    for cx, cy, r in stars:
        d = np.hypot(x - cx, y - cy) / r
        near = step(2.4, 1.5, d)
        stream += near * (np.minimum(d, 2.4) * 3 * r - stream)
        rings = np.clip(d / 2.3 + 0.09 * np.sin(d * 9) + 0.05 * noise(rng, shape, 0.02), 0, 1)
        sky = mix(sky, glow[(rings * 63).astype(int)], step(2.5, 0.9, d + 0.25 * noise(rng, shape, 0.012)))
    moon = (np.hypot(x - 0.89, y - 0.125) < 0.042) & (np.hypot(x - 0.912, y - 0.113) > 0.034)

    oil = Oil(rng, mix(sky * 0.6, colour("5a3c20"), 0.25))
    oil.cover(2.0, flow(stream), sky, 0.10, 0.017, vary=0.05)
    oil.cover(2.5, flow(stream), sky, 0.065, 0.0095, vary=0.07)
    oil.cover(1.2, flow(stream), mix(sky, np.float32(1), 0.12), 0.045, 0.0062, vary=0.09)
    oil.cover(6, flow(stream), colours("ff9d1e")[None], 0.02, 0.006, where=moon, vary=0.04)

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
    cypress(oil, x, y)
    return finish(oil.finished())


def village(oil, rng, x, y):
    """Small houses with lit windows, and a steeple."""
    up = constant(-np.pi / 2)
    level = constant(0)
    for i in range(15):
        cx, cy, s = 0.42 + 0.036 * i + rng.normal(0, 0.006), 0.645 + rng.normal(0, 0.008), rng.uniform(0.011, 0.017)
        wall = (np.abs(x - cx) < s) & (np.abs(y - cy) < s * 0.75)
        roof = (y < cy - 0.6 * s) & (y - (cy - 1.7 * s) > np.abs(x - cx) * 0.9)
        shade = rng.choice(["35518c", "4a6a9a", "2d3f6e", "6a7fa0"])
        oil.cover(3, up, colours(shade)[None], 0.018, 0.005, where=wall, curve=False)
        slate = rng.choice(["7d3a2a", "a4502f", "283a63", "5a2f35"])
        oil.cover(4, level, colours(slate)[None], 0.018, 0.0045, where=roof, curve=False)
        pane = (np.abs(x - cx + s * 0.3) < 0.0028) & (np.abs(y - cy) < 0.0035)
        oil.cover(8, up, colours("ffd54a")[None], 0.008, 0.004, where=pane, curve=False)
    for half, top, bottom in ((0.0075, 0.585, 0.65), (0.006, 0.535, 0.587)):
        taper = half * np.clip((y - top) / (bottom - top) * (3 if half > 0.007 else 1), 0, 1)
        tower = (np.abs(x - 0.685) < taper) & (y > top) & (y < bottom)
        oil.cover(5, up, colours("2a3c70")[None], 0.022, 0.005, where=tower, curve=False)


def cypress(oil, x, y):
    """A dark flame of a tree in the foreground."""
    for cx, top, wide in ((0.215, 0.30, 0.036), (0.165, 0.075, 0.055)):
        h = np.clip((y - top) / (0.80 - top), 0, 1)
        sway = cx + 0.014 * np.sin(11 * y + 1) * h
        half = wide * (h**0.75) * (1.05 - 0.35 * h) + 0.006 * np.sin(70 * y) * h
        tree = (np.abs(x - sway) < half) & (y > top)
        aside = (x - sway) / wide
        wind = -np.pi / 2 + 0.55 * np.sin(24 * y + 4.8 * aside) + 0.5 * aside
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
    sky = mix(sky, colour("fff3e2"), 0.75 * puffs)
    depth = (y - horizon) / (y.max() - horizon)
    water = ramp(colours("f7b27a", "c88fb0", "5f86c8", "2f6fae", "1f5f8f", "1d5a70"), 0.1 + depth * 1.0)
    ripple = np.sin(260 * np.sqrt(np.maximum(depth, 0)) + 3 * noise(rng, x.shape, 0.09, 0.02))
    path = np.exp(-(((x - 0.63) / (0.035 + 0.12 * depth)) ** 2)) * (0.55 + 0.45 * ripple)
    water = mix(water, colour("ffe9a8"), np.clip(path * (1 - 0.45 * depth), 0, 1))
    water = mix(water, colour("12406e"), 0.28 * step(0.3, 1, -ripple) * step(0, 0.2, depth))
    scene = mix(sky, water, step(horizon - 0.002, horizon + 0.002, y))
    far = y > horizon - 0.032 - 0.018 * np.sin(8 * x + 1) - 0.006 * noise(rng, x.shape, 0.03)
    scene[far & (y < horizon)] = mix(colour("5a5fa8"), colour("b07fae"), np.float32(0.35))
    for cx, base, tall in ((0.30, 0.385, 0.20), (0.475, 0.315, 0.075), (0.80, 0.345, 0.12), (0.91, 0.305, 0.055)):
        t = (base - y) / tall
        main = (x > cx) & (x - cx < 0.42 * tall * np.clip(1 - t, 0, 1) ** 0.8) & (t > 0.08)
        jib = (x < cx - 0.006 * tall) & (cx - x < 0.30 * tall * np.clip(0.9 - t, 0, 1)) & (t > 0.08)
        hull = (np.abs(x - cx) < 0.36 * tall - 1.2 * np.maximum(0, y - base)) & (t < 0.05) & (t > -0.045)
        mirror = (x > cx - 0.3 * tall) & (x - cx < 0.40 * tall * np.clip(1 + 1.2 * t, 0, 1)) & (t < -0.05) & (t > -0.85)
        scene = mix(scene, colour("fff0d8"), 0.5 * (mirror & (ripple > -0.25)))
        shade = np.clip((x - cx) / (0.42 * tall), 0, 1)
        scene = mix(scene, ramp(colours("fffaf0", "ffe3b8", "e0a8b8"), shade), main)
        scene[jib] = colour("f6d0c0")
        scene[hull] = colour("7a2f3a")
    bank = y > 0.605 + 0.05 * np.sin(3.3 * x + 2.4) - 0.008 * noise(rng, x.shape, 0.02)
    meadow = ramp(
        colours("1f4f2f", "3f7f35", "8fae3a", "dcd05a"), 0.45 + 0.28 * clouds(rng, x.shape, 0.12) - 0.5 * (y - 0.6)
    )
    scene = mix(scene, meadow, bank)
    trunk = np.abs(x - 0.085 - 0.02 * np.sin(9 * y)) < 0.011 + 0.02 * step(0.55, 0.68, y)
    scene = mix(scene, ramp(colours("2a1f3f", "6f3f3a", "c87f4a"), (x - 0.072) * 32), trunk & (y > 0.2))
    crown = np.hypot((x - 0.07) / 0.23, (y - 0.13) / 0.19) + 0.17 * clouds(rng, x.shape, 0.09) < 0.92
    leaves = ramp(
        colours("16333f", "1f5a3f", "3f8a3a", "a8b83a", "f2d45a"),
        0.42 + 0.25 * clouds(rng, x.shape, 0.07) + 1.3 * (x - 0.1) - 1.0 * (y - 0.1),
    )
    scene = mix(scene, leaves, crown)

    pigments = colours("fff4c8", "ffd23f", "ff9a2e", "ef5b3c", "e86f9a", "b0488f", "5a3f9a", "2f4fb0", "3f86d8",
                       "7fc4e8", "1f8f8a", "2f8f4a", "8fc83f", "1f3f5f", "5f2f3f", "f8f0f0")  # fmt: skip
    oil = Oil(rng, mix(scene, colour("f0e2c4"), 0.55))
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
        tilt = 0.6 * noise(rng, x.shape, 0.2)
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
    depth = np.maximum(0, y - horizon) / (1 - horizon)
    road = np.abs(x - cx - 0.03 * np.sin(3 * depth)) < 0.022 + 0.44 * depth
    wall = (y > horizon - 0.04 - 0.10 * np.abs(x - cx)) & (y <= horizon)  # hedges and shade under the trees
    hedge = ramp(colours("5f2a3a", "3a1f4a", "1c2450"), 2.2 * np.abs(x - cx))
    scene = mix(leaf, hedge, wall & (np.abs(x - cx) > 0.05))

    oil = Oil(rng, mix(scene * 0.5, colour("3a1410"), 0.4))
    sweep = (np.arctan2(y - 0.50, x - cx) + 0.55 * noise(rng, shape, 0.09)).astype(np.float32)
    level = (0.10 * noise(rng, shape, 0.1)).astype(np.float32)
    above = y <= horizon + 0.004
    oil.cover(2.4, sweep, scene, 0.040, 0.021, where=above, vary=0.06, curve=False)
    oil.cover(1.6, sweep, scene, 0.026, 0.0125, where=above & (away > 0.05), vary=0.09, curve=False)
    for gap in (0.06, 0.09, 0.135, 0.20, 0.29, 0.38):
        for side in (-1, 1):
            tree(oil, rng, cx + side * gap * rng.uniform(0.95, 1.08), horizon - 0.02 + 0.42 * (gap - 0.05), gap)
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
    wet = mix(mirrored * 1.08, colour("3f6a9a"), np.clip(0.24 + 0.16 * noise(rng, shape, 0.10, 0.02), 0, 0.5))
    verge = ramp(
        colours("2a1838", "6f1f2a", "c8481c", "f09a2a"), 0.50 + 0.25 * clouds(rng, shape, 0.06) - 0.35 * np.abs(x - cx)
    )
    ground = mix(verge, wet, road)
    for at, foot, _, globe in lamps:
        streak = np.exp(-(((x - at - 0.3 * wave) / (1.1 * globe)) ** 2))
        streak *= step(foot, foot + 0.05, y) * step(foot + 0.34, foot + 0.05, y)
        streak *= 0.85 * (0.6 + 0.4 * np.sign(noise(rng, shape, 0.05, 0.008)))
        ground = mix(ground, colour("ffe9a0"), streak)
    below = y > horizon
    oil.cover(2.5, level, ground, 0.050, 0.013, where=below, vary=0.05, curve=False)
    oil.cover(2.2, level, ground, 0.036, 0.0085, where=below, vary=0.07, curve=False)
    oil.cover(1.2, level, ground, 0.024, 0.0060, where=below, vary=0.11, curve=False, body=1.2)
    fallen = ramp(colours("d8401c", "ff8a1f", "ffc43a", "ffe88a"), 0.5 + 0.4 * noise(rng, shape, 0.004))
    oil.cover(0.09, sweep, fallen, 0.012, 0.0070, where=below & (clump > -0.2), vary=0.08, curve=False, body=1.6)
    walkers(oil, x, y, cx + 0.012, horizon + 0.075)
    return finish(oil.finished(0.6, 0.5))


def tree(oil, rng, at, foot, size):
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
            size = np.full((2, 6), [[length / steps * 1.9], [max(thin * 0.42, 0.0028)]], np.float32)
            oil.stroke(sx, sy, constant(angle), bark, bark * 0.75, *size, dry=0.1, curve=False, body=1.2)
            px, py = px + length / steps * np.cos(angle), py + length / steps * np.sin(angle)
            angle += rng.normal(0, 0.07)
        if level < 3:
            forks = angle + np.array([-0.48, 0.42]) + rng.normal(0, 0.15, 2)
            limbs += [(px, py, fork, length * 0.70, wide * 0.5, level + 1) for fork in forks]


def lamp(oil, x, y, at, foot, tall, globe):
    """A street lamp with its halo."""
    up = constant(np.pi / 2)
    d = np.hypot(x - at, y - foot + tall)
    around = (np.arctan2(y - foot + tall, x - at) + np.pi / 2).astype(np.float32)
    halo = mix(oil.paint, colour("ffe08a"), 0.75 * step(3.4 * globe, 1.2 * globe, d))
    oil.cover(1.6, around, halo, 0.016, 0.0065, where=(d < 3.2 * globe) & (d > globe), vary=0.05)
    post = (np.abs(x - at) < 0.16 * globe) & (y < foot) & (y > foot - tall + globe)
    oil.cover(9, up, colours("1a1a30")[None], 0.018, 0.0045, where=post, curve=False)
    oil.cover(7, around, colours("fffbe0")[None], 0.010, 0.0055, where=d < globe, vary=0.02)


def walkers(oil, x, y, at, foot):
    """Two people under one red umbrella, and their reflection."""
    up = constant(np.pi / 2)
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
        oil.cover(9, direction, colours(shade)[None], 0.018, 0.0065, where=where, vary=0.09, curve=False)
