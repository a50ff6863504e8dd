"""Prints: a great wave in woodblock, a lighthouse in linocut, a constructivist poster."""

import numpy as np
from PIL import Image, ImageDraw

from examples.canvas import blur, clouds, colour, colours, finish, grid, light, mix, noise, ramp, step


class Block:
    """Shapes with outlines, cut into two blocks: `colour` and `key`. Points are in units of the longer side."""

    def __init__(self, shape, ground: str):
        self.height, self.width = shape
        self.long = max(shape)
        self.colour = Image.new("RGB", (self.width, self.height), "#" + ground)
        self.key = Image.new("L", (self.width, self.height), 0)
        self.paint, self.cut = ImageDraw.Draw(self.colour), ImageDraw.Draw(self.key)

    def shape(self, points, fill=None, line=0.0):
        """A closed shape: filled (which hides the lines under it), outlined by `line`, both optional."""
        at = [tuple(p) for p in np.asarray(points) * self.long]
        if fill is not None:
            self.paint.polygon(at, fill="#" + fill)
            self.cut.polygon(at, fill=0)
        if line:
            self.stroke([*points, points[0]], line)

    def stroke(self, points, line, fade=False):
        """A line of the key block; with `fade` it swells in the middle and ends in points."""
        at = np.asarray(points) * self.long
        if not fade:
            self.cut.line([tuple(p) for p in at], fill=255, width=max(1, round(line * self.long)), joint="curve")
            return
        self.cut.polygon(
            [tuple(p) for p in ribbon(at, line * self.long * np.sin(np.linspace(0, np.pi, len(at))) ** 0.7)], fill=255
        )


def ribbon(points, width):
    """The outline of a line of varying width."""
    ahead = np.gradient(points, axis=0)
    normal = np.stack([-ahead[:, 1], ahead[:, 0]], 1) / np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
    half = normal * np.asarray(width)[:, None] / 2
    return np.concatenate([points + half, (points - half)[::-1]])


def spline(points, count=240):
    """A smooth curve through the points (Catmull-Rom)."""
    p = np.asarray(points, float)
    p = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    t = np.linspace(0, len(p) - 3 - 1e-9, count)
    i, f = t.astype(int), (t % 1)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


def printed(rng, block, key_colour, paper_colour, shift=0.0012):
    """Both blocks pulled on handmade paper: wood grain in the ink, a slight misfit, worn patches, fibres."""
    shape = (block.height, block.width)
    inks = np.asarray(block.colour, np.float32) / 255
    key = np.roll(
        np.asarray(block.key, np.float32) / 255, (round(shift * block.long), -round(shift * block.long)), (0, 1)
    )
    sheet = colour(paper_colour)
    inked = 1 - np.clip(1 - np.abs(inks - sheet).sum(2) * 4, 0, 1)  # bare paper takes no ink
    x, y = np.meshgrid(np.arange(shape[1]) / block.long, np.arange(shape[0]) / block.long)
    rings = y + 0.035 * clouds(rng, shape, 0.5, 2) + 0.02 * np.sin(3.1 * x + 1)
    grain = np.sin(rings * 420 + 2.4 * noise(rng, shape, 0.3, 0.03)) * 0.5 + 0.8 * noise(rng, shape, 0.09, 0.0013)
    mottle = clouds(rng, shape, 0.05, 5, 0.7)
    inks = mix(inks, sheet, np.clip(0.075 + 0.075 * grain + 0.055 * mottle, 0, 0.5) * inked)
    inks = mix(inks, sheet, 0.55 * step(2.0, 2.8, noise(rng, shape, 0.0022)) * inked)
    worn = 0.93 - 0.35 * step(1.3, 2.4, noise(rng, shape, 0.003) + 0.4 * mottle)
    picture = mix(inks, colour(key_colour), blur(key, 0.7) * worn)
    fibre = (
        0.012 * noise(rng, shape, 0.0012, 0.02)
        + 0.012 * noise(rng, shape, 0.02, 0.0012)
        + 0.012 * noise(rng, shape, 0.0016)
    )
    return picture * (1 + fibre + 0.02 * clouds(rng, shape, 0.4, 3))[..., None]


def great_wave(rng, size):
    """A breaking wave, in the manner of a woodblock print: few colours, hard lines, soft gradients in the sky."""
    x, _ = grid(size, 1.42)
    block = Block(x.shape, "efe2c4")
    high = x.shape[0] / block.long
    white, pale, blue, deep = "f4ead2", "a9c4cc", "35699a", "1c3a66"
    # The mountain, far away.
    slope = [
        (0.50, 0.535),
        (0.57, 0.475),
        (0.62, 0.405),
        (0.641, 0.377),
        (0.655, 0.374),
        (0.669, 0.378),
        (0.69, 0.405),
        (0.745, 0.475),
        (0.83, 0.54),
    ]
    block.shape(spline(slope, 90), "4a6a8c", 0.0016)
    snow = [(0.600, 0.437), (0.62, 0.405), (0.641, 0.377), (0.655, 0.374), (0.669, 0.378), (0.69, 0.405),
            (0.713, 0.438), (0.697, 0.428), (0.688, 0.445), (0.677, 0.424), (0.664, 0.452), (0.652, 0.425),
            (0.640, 0.447), (0.630, 0.424), (0.617, 0.446), (0.611, 0.431)]  # fmt: skip
    block.shape(snow, white, 0.0012)
    for i in range(5):  # the far sea
        top = 0.505 + 0.024 * i
        across = np.linspace(-0.02, 1.02, 160)
        line = np.stack([across, top + (0.008 + 0.004 * i) * np.sin(across * (21 - 2 * i) + 2.3 * i)], 1)
        block.shape([*line, (1.02, 1), (-0.02, 1)], (pale, blue, pale, deep, blue)[i], 0.0016)
        for _ in range(46):
            start, drop = rng.integers(0, 130), np.array([0, rng.uniform(0.004, 0.026)])
            block.stroke(line[start : start + rng.integers(10, 34)] + drop, 0.0022, fade=True)

    # The right swell, then the great wave, then the pointed one in front; each is ribs between two curves.
    swell = [(1.08, 0.34), (1.0, 0.42), (0.93, 0.525), (0.86, 0.60), (0.76, 0.64), (0.64, 0.665)]
    ribs(
        block,
        swell,
        [(1.12, 0.62), (1.0, 0.68), (0.92, 0.70), (0.84, 0.70), (0.75, 0.69), (0.64, 0.675)],
        (blue, pale, deep, white, deep, blue, pale, deep, white, deep, blue),
    )
    foam(block, rng, spline(swell)[:190], 0.019, 90, -1)
    back = [
        (-0.10, 0.62),
        (-0.02, 0.40),
        (0.07, 0.225),
        (0.18, 0.105),
        (0.30, 0.062),
        (0.40, 0.085),
        (0.475, 0.165),
        (0.505, 0.255),
        (0.495, 0.325),
    ]
    face = [
        (0.74, 0.73),
        (0.58, 0.705),
        (0.44, 0.65),
        (0.335, 0.565),
        (0.275, 0.46),
        (0.268, 0.36),
        (0.315, 0.275),
        (0.395, 0.245),
        (0.455, 0.275),
    ]
    ribs(
        block,
        back,
        face,
        (
            deep,
            blue,
            pale,
            deep,
            white,
            deep,
            blue,
            white,
            deep,
            pale,
            deep,
            blue,
            white,
            deep,
            pale,
            deep,
            white,
            blue,
            deep,
        ),
    )
    lip = spline([(0.14, 0.13), (0.22, 0.145), (0.30, 0.15), (0.385, 0.185), (0.44, 0.235), (0.47, 0.30)])
    crest = spline(back)[72:]
    block.shape([*crest, *lip[::-1]], white, 0.0018)
    for s in np.linspace(0.06, 0.94, 9):
        block.stroke((spline(crest[::8], 240) * (1 - s) + lip * s)[20:225], 0.0022, fade=True)
    foam(block, rng, crest, 0.030, 120, 1)
    foam(block, rng, spline(crest[::8], 240) * 0.45 + lip * 0.55, 0.026, 70, 1)
    foam(block, rng, lip[20:], 0.030, 120, 1)
    foam(block, rng, spline([(0.36, 0.215), (0.43, 0.26), (0.475, 0.33), (0.47, 0.385)]), 0.034, 75, 1)
    boat(block, [(0.50, 0.60), (0.60, 0.662), (0.72, 0.672), (0.86, 0.60)], 0.020)
    front = [
        (-0.05, 0.60),
        (0.03, 0.535),
        (0.12, 0.505),
        (0.20, 0.44),
        (0.245, 0.425),
        (0.28, 0.47),
        (0.34, 0.56),
        (0.44, 0.64),
        (0.60, 0.685),
        (0.80, 0.68),
        (1.05, 0.645),
    ]
    under = [
        (-0.05, 0.85),
        (0.05, 0.80),
        (0.13, 0.78),
        (0.20, 0.76),
        (0.25, 0.76),
        (0.30, 0.77),
        (0.36, 0.78),
        (0.45, 0.79),
        (0.60, 0.79),
        (0.80, 0.79),
        (1.05, 0.79),
    ]
    ribs(
        block,
        front,
        under,
        (white, pale, white, deep, blue, deep, pale, deep, white, deep, blue, deep, pale, deep, blue),
    )
    foam(block, rng, spline(front)[10:140], 0.025, 130, 1)
    for _ in range(170):  # spray
        u = rng.beta(2, 2.4)
        cx, cy = 0.16 + 0.50 * u + rng.normal(0, 0.03), 0.02 + 0.34 * u**1.5 + rng.normal(0, 0.045)
        if (cx < 0.44 and cy > 0.09) or cy > 0.33:
            continue
        r = rng.uniform(0.0016, 0.0042)
        turn = np.linspace(0, 2 * np.pi, 14)
        block.shape(np.stack([cx + r * np.cos(turn), cy + r * np.sin(turn)], 1), white, 0.0009)
    picture = printed(rng, block, "152a4e", "efe2c4")
    # Bokashi: the sky is wiped by hand, dark at the top and above the horizon.
    y = np.arange(x.shape[0])[:, None] / block.long
    flat = (np.abs(np.asarray(block.colour, np.float32) / 255 - colour("efe2c4")).sum(2) < 0.02) & (y < 0.56)
    wipe = np.clip(0.62 * step(0.20, 0.0, y) + 0.55 * np.exp(-(((y - 0.50) / 0.13) ** 2)), 0, 1) * np.ones_like(x)
    wipe = wipe * (0.85 + 0.10 * noise(rng, x.shape, 0.5, 0.002) + 0.06 * noise(rng, x.shape, 0.003))
    sky = mix(
        colour("efe2c4"),
        ramp(colours("6f8796", "b8a98f", "cfa98a"), 1.9 * y * np.ones_like(x)),
        np.clip(wipe, 0, 1),
    )
    picture = picture * np.where(flat[..., None], sky / colour("efe2c4"), 1)
    edge = np.minimum.reduce([x, x.max() - x, y * np.ones_like(x), high - y * np.ones_like(x)])
    picture = mix(
        picture,
        colour("efe2c4") * np.ones(3, np.float32),
        step(0.013, 0.0115, edge + 0.0007 * noise(rng, x.shape, 0.01)),
    )
    return finish(picture)


def ribs(block, outer, inner, shades):
    """The body of a wave: bands that run along it, from its outer curve to its inner one."""
    a, b = spline(outer), spline(inner)
    edges = np.linspace(0, 1, len(shades) + 1) ** 0.9
    block.shape([*a, *b[::-1]], shades[0], 0.0022)
    for k, shade in enumerate(shades):
        low, high = (a * (1 - s) + b * s for s in (edges[k], edges[k + 1]))
        block.shape([*low, *high[::-1]], shade)
        for part in (0.25, 0.5, 0.75):  # fine lines in each band, pointed at both ends
            s = edges[k] * (1 - part) + edges[k + 1] * part
            curve = (a * (1 - s) + b * s)[round(110 * part) % 60 : 240 - (37 * k + round(50 * part)) % 70]
            block.stroke(curve, 0.0026, fade=True)
    for s in edges[1:-1]:
        block.stroke(a * (1 - s) + b * s, 0.0016)
    block.stroke(a, 0.0024)
    block.stroke(b, 0.0018)


def foam(block, rng, curve, length, count, side):
    """Claws of foam along a curve: small hooked fingers, white with a dark edge, lying over each other."""
    white, shade = "f4ead2", "a9c4cc"
    ahead = np.gradient(curve, axis=0)
    for i in np.sort(rng.integers(0, len(curve), count)):
        angle = np.arctan2(ahead[i, 1], ahead[i, 0]) - side * rng.uniform(-0.2, 1.1)
        start = curve[i] + rng.normal(0, length * 0.35, 2)
        for part, hook in ((1.0, 2.6), (0.72, -2.2), (0.6, 1.8)):
            t = np.linspace(0, 1, 14)
            size = length * part * rng.uniform(0.6, 1.25)
            bend = angle + side * hook * t**1.6 + rng.normal(0, 0.3)
            pace = size / 13
            path = start + np.stack([np.cumsum(np.cos(bend)), np.cumsum(np.sin(bend))], 1) * pace
            width = size * 0.50 * (1 - t) ** 0.65 + size * 0.10
            block.shape(ribbon(path, width), white if rng.random() < 0.86 else shade, 0.0012)


def boat(block, line, thick):
    """A long open boat, with a row of heads."""
    keel = spline(line, 60)
    deck = keel - np.stack([np.zeros(60), thick * np.sin(np.linspace(0, np.pi, 60)) ** 0.6], 1)
    for i in range(14, 48, 5):
        turn = np.linspace(0, 2 * np.pi, 16)
        head = deck[i] + np.stack([0.0075 * np.cos(turn), 0.0085 * np.sin(turn) - 0.006], 1)
        block.shape(head, "d8b48a", 0.0012)
        block.shape(
            deck[i] + np.array([(-0.009, 0.012), (-0.008, 0.0), (0.008, 0.0), (0.009, 0.012)]), "2f4f7a", 0.0012
        )
    block.shape([*keel, *deck[::-1]], "d8bd84", 0.0018)
    block.stroke(keel * 0.5 + deck * 0.5, 0.0012)


def linocut(rng, size):
    """A lighthouse in a storm, cut in lino: black ink and the marks of the gouge, over two flat tints."""
    x, y = grid(size, 0.8)
    shape, wide = x.shape, x.max()
    lamp_x, lamp_y = 0.545, 0.235
    wob = 0.009 * clouds(rng, shape, 0.12, 2)
    d = np.hypot(x - lamp_x, y - lamp_y)
    turn = np.arctan2(y - lamp_y, x - lamp_x)
    cloud = clouds(rng, shape, 0.30, 2, 0.4) + 0.9 * np.sin(7 * y + 3 * x)
    beam = np.maximum(step(0.17, 0.10, np.abs(turn - 0.28)), step(0.17, 0.10, np.abs(turn + np.pi - 0.20)))
    # Each region: `phase` counts the lines cut there, `tone` is how much of a line is white.
    swirl = y * 1.0 + 0.085 * cloud
    phase = swirl * 62
    tone = 0.30 + 0.28 * np.sin(cloud * 3.0) + 0.15 * cloud
    halo = step(0.40, 0.05, d + 0.025 * np.sin(turn * 30) * (d > 0.2))
    phase = np.where(halo > 0.12, (d + 0.35 * wob) * 68, phase)
    tone = np.where(halo > 0.12, 0.05 + 0.9 * halo, tone)
    rays = turn * 95 / np.pi + 0.4 * noise(rng, shape, 0.1)
    phase, tone = np.where(beam > 0.5, rays, phase), np.where(beam > 0.5, 0.95 - 0.5 * d, tone)
    tint = np.where((halo > 0.12) | (beam > 0.5), 1, 0)
    # Sea: rows of curling waves that grow towards us.
    sea = 0.60
    for i in range(9):
        top = sea + 0.043 * i**1.12
        period = 0.11 + 0.040 * i
        u = (x + 0.37 * i * period + 0.03 * np.sin(9 * x + i)) / period
        peak = (1 - np.abs(np.sin(np.pi * u)) ** 0.8) * (0.7 + 0.5 * np.sin(2.1 * np.floor(u + 0.5) + i))
        crest = top - (0.018 + 0.0095 * i) * peak + 0.004 * np.sin(25 * x + 2 * i)
        below = y - crest
        phase = np.where(below > 0, below * (1 + 0.25 * np.sin(2 * np.pi * u)) * (165 - 9 * i), phase)
        tone = np.where(
            below > 0, 1.0 * np.exp(-below / (0.022 + 0.005 * i)) + 0.06 + 0.22 * np.sin(2 * np.pi * u + 1), tone
        )
        tint = np.where(below > 0, 2, tint)
        foam_line = (below > 0) & (below < 0.004 + 0.0012 * i)
        tone = np.where(foam_line, 1.3, tone)
        if i == 2:  # the rock stands behind the nearer waves
            cliff = 0.50 + 1.3 * np.abs(x - 0.55) ** 1.5 - 0.012 * np.floor(3 * clouds(rng, shape, 0.06, 3)) / 2
            rock = y > cliff
            strata = (
                x * 0.8 + 0.5 * y + 0.05 * noise(rng, shape, 0.2) + 0.02 * np.floor(2.2 * clouds(rng, shape, 0.10, 2))
            )
            phase, tone = (
                np.where(rock, strata * 95, phase),
                np.where(
                    rock,
                    0.42
                    + 0.34 * np.sign(np.sin(strata * 19 + 30 * x)) * step(0.75, 0.5, y)
                    - 0.35 * step(0.60, 0.40, x + 0.05 * cloud),
                    tone,
                ),
            )
            tone = np.where(np.abs(y - cliff) < 0.003, 1.3, tone)
            tint = np.where(rock, 0, tint)
    # The tower: bands of white and black, rounded by its lines.
    half = 0.030 + 0.042 * (y - 0.27)
    tower = (np.abs(x - lamp_x) < half) & (y > 0.275) & (y < 0.525)
    across = (x - lamp_x) / half
    band = np.floor((y - 0.275 + 0.012 * across**2) / 0.0455).astype(int) % 2 == 0
    phase = np.where(tower, np.arcsin(np.clip(across, -1, 1)) * 7, phase)
    tone = np.where(tower, np.where(band, 1.05, 0.18) - 0.62 * step(-0.2, 1, across) + 0.2 * (across < -0.7), tone)
    tint = np.where(tower, 3, tint)
    for low, top, reach, white in (
        (0.262, 0.275, 0.044, 0),
        (0.255, 0.262, 0.050, 1.3),
        (0.212, 0.255, 0.026, 1.4),
        (0.204, 0.212, 0.036, 0),
    ):
        part = (np.abs(x - lamp_x) < reach) & (y > low) & (y < top)
        tone, tint = np.where(part, white, tone), np.where(part, 1, tint)
    roof = (y > 0.158) & (y < 0.205) & (np.abs(x - lamp_x) < 0.034 * np.sqrt(np.clip((y - 0.158) / 0.047, 0, 1)))
    bars = (np.abs(np.abs(x - lamp_x) - 0.010) < 0.0016) & (y > 0.212) & (y < 0.255)
    tone = np.where(roof | bars, 0.0, tone)
    window = (np.abs(x - lamp_x + 0.006) < 0.006) & (np.abs(((y - 0.30) % 0.088) - 0.02) < 0.011) & tower
    tone = np.where(window, np.where(band, -1, 1.3), tone)
    # Cutting: along each line the gouge goes in, deepens and comes out, so white marks have pointed ends.
    row = np.floor(phase)
    offset = np.modf(np.sin(row * 12.9898) * 43758.5)[0]
    down, over = np.gradient(phase)
    angle = np.arctan2(over, -down)
    along = (x * np.cos(np.round(angle * 4) / 4) + y * np.sin(np.round(angle * 4) / 4)) / 0.075 + offset * 3
    stroke = np.abs(np.sin(np.pi * along)) ** 0.35
    white = tone * (0.35 + 0.65 * stroke) + 0.055 * noise(rng, shape, 0.008) + 0.03 * noise(rng, shape, 0.002)
    ridge = np.abs(phase - row - 0.5) * 2
    slope = np.hypot(down, over) * 2
    cut = np.clip((white - ridge) / np.maximum(slope, 0.02) + 0.5, 0, 1)
    # The gouge leaves chatter: thin stray lines where broad areas were cleared.
    chatter = step(1.9, 2.3, noise(rng, shape, 0.022, 0.0022) + 0.8 * noise(rng, shape, 0.006)) * (tone > 1)
    cut = cut * (1 - 0.8 * chatter)
    tints = colours("e9dcc0", "f0b83c", "6fa3a0", "f2e6cc")
    sheet = tints[misfit(tint)]
    ink = colour("14161c") * np.ones((*shape, 1), np.float32)
    bare = step(1.7, 2.6, noise(rng, shape, 0.0022) + 0.5 * clouds(rng, shape, 0.05)) * 0.5
    picture = mix(mix(ink, sheet, bare * 0.6), sheet, blur(cut.astype(np.float32), 0.6))
    frame = np.minimum.reduce([x, wide - x, y, 1 - y]) + 0.0009 * noise(rng, shape, 0.012)
    picture = mix(picture, colour("efe6d2"), step(0.021, 0.0195, frame))
    tooth = 0.018 * noise(rng, shape, 0.0014) + 0.012 * noise(rng, shape, 0.02, 0.0012) + 0.02 * clouds(rng, shape, 0.3)
    return finish(picture * (1 + tooth)[..., None])


def misfit(labels):
    """Labels shifted a little, as a tint block never fits the key block exactly."""
    shift = round(0.0018 * max(labels.shape))
    return np.roll(labels, (shift, shift), (0, 1))


def poster(rng, size):
    """Circles, bars and wedges in balance: a constructivist poster, lithographed on rough paper."""
    x, y = grid(size, 0.74)
    shape, wide = x.shape, x.max()
    cream, black, red, blue, ochre, teal, rose, grey = colours(
        "eee3c8", "1b1a1c", "c8301f", "1f4f86", "e6a928", "3f8f86", "d88a72", "8f8a80"
    )
    picture = np.broadcast_to(cream, (*shape, 3)).copy()
    turn = -0.58
    u, v = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)

    def lay(where, ink, fade=None, through=0.0):
        """Print a shape. fade: a field from 0 (full ink) to 1 (sprayed out in dots). through: how much shows below."""
        nonlocal picture
        cover = np.asarray(where, np.float32)
        if fade is not None:
            cover = cover * (np.clip(fade, 0, 1) < 0.5 + 0.42 * spray)
        speck = 1 - 0.75 * step(1.55, 2.3, noise(rng, shape, 0.0022) + 0.5 * crumbs)
        film = blur(cover, 0.6) * speck * (0.93 + 0.05 * crumbs)
        picture = mix(picture, picture * ink * through + ink * (1 - through), np.clip(film, 0, 1))

    spray = noise(rng, shape, 0.0016) * 0.6
    crumbs = clouds(rng, shape, 0.03, 5, 0.8)
    circle = lambda cx, cy: np.hypot(x - cx, y - cy)  # noqa: E731
    sun = circle(0.46, 0.34)
    lay((np.abs(u - 0.02) < 0.30) & (v > 0.30) & (v < 0.62), ochre, fade=(v - 0.30) / 0.40)
    lay(sun < 0.235, red, fade=(sun - 0.02 + 0.35 * (x - 0.3)) / 0.30)
    lay((sun > 0.245) & (sun < 0.262), black)
    lay(
        (sun > 0.275) & (sun < 0.330) & (np.arctan2(y - 0.34, x - 0.46) > 0.4),
        blue,
        fade=(y - 0.35) / 0.35,
        through=0.4,
    )
    lay((sun > 0.345) & (sun < 0.349), black)
    for i in range(9):
        r = circle(0.46, 0.34)
        lay((r < 0.20 - 0.021 * i) & (r > 0.194 - 0.021 * i) & (x + 0.6 * y < 0.60), cream)
    lay((np.abs(v - 0.36) < 0.020) & (u > -0.5), black)
    lay((np.abs(v - 0.405) < 0.0045) & (u > -0.3), red)
    lay((np.abs(v - 0.425) < 0.0022) & (u > -0.3), black)
    wedge = (v > 0.44) & (v < 0.44 + 0.52 * (u + 0.32)) & (u < 0.02)
    lay(wedge, blue, fade=(0.06 - u) / 0.5)
    lay(wedge & (v > 0.56) & ((u * 38) % 1 < 0.42), cream)
    disc = circle(0.175, 0.735)
    lay(disc < 0.125, black)
    lay((disc < 0.125) & (x > 0.175) & (y < 0.735), ochre)
    lay((disc < 0.085) & (x < 0.175), cream, fade=(0.735 - y + 0.06) / 0.2)
    lay((disc < 0.052), red, through=0.1)
    lay((disc > 0.140) & (disc < 0.150) & (np.arctan2(y - 0.735, x - 0.175) < 1.2), teal)
    lay((disc > 0.160) & (disc < 0.1635), black)
    board = (x > 0.42) & (x < 0.66) & (y > 0.70) & (y < 0.90)
    lay(board & ((np.floor((x - 0.42) / 0.04) + np.floor((y - 0.70) / 0.04)) % 2 == 0), black)
    lay(board & ((np.floor((x - 0.42) / 0.04) + np.floor((y - 0.70) / 0.04)) % 2 == 1), teal, fade=(y - 0.66) / 0.34)
    arch = circle(0.54, 0.70)
    for i, ink in enumerate((rose, cream, red, cream, blue, cream, ochre)):
        lay((arch < 0.12 - 0.016 * i) & (y < 0.70), ink, fade=None if i % 2 else (0.72 - y) / 0.20)
    for i in range(15):
        lay((np.abs(x - 0.065 - 0.0125 * i) < 0.0024) & (y > 0.07) & (y < 0.235 - 0.006 * i), black)
    lay((x > 0.05) & (x < 0.31) & (np.abs(y - 0.27) < 0.012), teal, fade=(x - 0.05) / 0.42)
    lay(
        (x - 0.05 > (y - 0.30) * 0.0) & (y > 0.30) & (y - 0.30 < 0.15) & (x < 0.05 + (0.45 - y) * 1.1),
        rose,
        fade=(y - 0.26) / 0.25,
        through=0.3,
    )
    for i in range(5):
        c = circle(0.07 + 0.052 * i, 0.945)
        lay(c < 0.0205, (red, black, ochre, blue, teal)[i])
        lay((c < 0.0205) & (y > 0.945), grey, through=0.6)
    lay((np.abs(y - 0.945 - 0.013 * np.sin(70 * x)) < 0.003) & (x > 0.37) & (x < 0.69), black)
    lay((np.abs((x - 0.62) * 0.92 + (y - 0.13) * 0.39) < 0.004) & (y < 0.32), black)
    for i in range(6):
        lay(circle(0.655 - 0.016 * i, 0.045 + 0.040 * i) < 0.013 - 0.0012 * i, (red, black)[i % 2])
    lay(np.abs(x + 0.28 * y - 0.70) < 0.0018, black)
    lay(np.abs(y - 0.16 * x - 0.585) < 0.0016, black)
    fibre = (
        0.022 * noise(rng, shape, 0.0014)
        + 0.014 * noise(rng, shape, 0.0012, 0.02)
        + 0.014 * noise(rng, shape, 0.02, 0.0012)
    )
    aged = colour("e8d4a6") / cream
    edge = np.minimum.reduce([x, wide - x, y, 1 - y])
    picture = mix(picture, picture * aged, 0.25 + 0.55 * step(0.12, 0, edge + 0.03 * clouds(rng, shape, 0.1)))
    return finish(light(picture * (1 + fibre)[..., None], noise(rng, shape, 0.003) + noise(rng, shape, 0.0015), 0.05))
