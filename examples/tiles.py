"""Pictures put together from pieces: stained glass and mosaic."""

import numpy as np
from PIL import Image, ImageDraw

from examples.canvas import blur, clouds, colour, colours, finish, grid, light, look_up, mix, noise, ramp, step, voronoi


def stained_glass(rng, size):
    """A window: the sun behind hills, a river, a tree in leaf; light comes through the glass."""
    x, y = grid(size, 0.72)
    wide = x.max()
    sun_x, sun_y = 0.40 * wide + 0.02, 0.30

    # The cartoon: a number for every field of the drawing. Fields below WHOLE are cut up into pieces of glass.
    whole = 10_000
    r, turn = np.hypot(x - sun_x, y - sun_y), np.arctan2(y - sun_y, x - sun_x)
    ring = np.searchsorted([0.075, 0.115, 0.17, 0.25, 0.35, 0.47], r)
    ray = np.floor((turn / (2 * np.pi) % 1) * 22).astype(int)
    field_at = np.where(ring == 0, whole, 100 + ring * 30 + np.where(ring > 3, ray, ray // 2))
    sheets = {whole: ("fff6c0", "ffdc50")}
    hills = [(0.545, 0.040, 7, 0.6, ("2a2f8a", "5a4ab0", "4f86d0")),
             (0.600, 0.045, 6, 3.3, ("0f5a5a", "1f8f7a", "6fc08a")),
             (0.720, 0.040, 8, 1.2, ("1f6a2a", "4f9f2f", "a8c83a"))]  # fmt: skip
    for i, (base, rise, waves, phase, codes) in enumerate(hills):
        below = y - base - rise * np.sin(waves * x + phase)
        bands = np.minimum(below // 0.062, 6).astype(int)
        field_at = np.where(below > 0, 1000 * (i + 1) + bands, field_at)
        sheets |= {1000 * (i + 1) + band: codes for band in range(7)}
    number = whole + 1
    for foot, lean, tall in ((0.03, 0.05, 0.26), (0.12, -0.04, 0.33), (0.20, 0.07, 0.22),
                             (0.43, 0.05, 0.20), (0.52, -0.06, 0.30), (0.60, 0.05, 0.36), (0.67, -0.05, 0.24),
                             (0.27, 0.04, 0.13)):  # fmt: skip
        t = (1.0 - y) / tall
        blade = np.abs(x - foot - lean * t**2 * 1.6) < 0.040 * np.clip(1 - t, 0, 1) ** 0.7 * (0.5 + t)
        half = x > foot + lean * t**2 * 1.6
        for side in (blade & (t < 1) & half, blade & (t < 1) & ~half):
            field_at = np.where(side, number, field_at)
            sheets[number] = ("0f4a2a", "2f8f3a", "8fc84a")
            number += 1
    flowers = [(0.145, 0.665, 0.088, 0.2, ("a0102a", "e8283a", "ff6a4a")),
               (0.545, 0.705, 0.080, 0.6, ("a0102a", "e8283a", "ff7a3a")),
               (0.345, 0.835, 0.070, 0.0, ("c02a6a", "f05a9a", "ffa8c8")),
               (0.625, 0.555, 0.062, 0.4, ("c02a6a", "f06a8a", "ffb0b8")),
               (0.055, 0.850, 0.060, 0.9, ("d8501f", "ff8a2a", "ffc04a"))]  # fmt: skip
    for fx, fy, fr, start, codes in flowers:
        stem = (np.abs(x - fx - 0.03 * np.sin(5 * (y - fy))) < 0.0055) & (y > fy)
        field_at = np.where(stem, number, field_at)
        sheets[number] = ("1f6a2a", "4f9f3a")
        number += 1
        fd, angle = np.hypot(x - fx, y - fy), np.arctan2(y - fy, x - fx) + start
        for outer, inner, petals in ((1.0, 0.62, 6), (0.62, 0.5, 6)):
            phase = angle * petals / 2 + (0 if outer == 1 else np.pi / 2)
            petal = fd < fr * (outer - (outer - inner) * (1 - np.abs(np.sin(phase))) ** 1.6)
            which = number + (np.floor(phase / np.pi) % petals).astype(int)
            field_at = np.where(petal, which, field_at)
            sheets |= {number + k: codes for k in range(petals)}
            number += petals
        field_at = np.where(fd < fr * 0.2, number, field_at)
        sheets[number] = ("fff0a0", "ffc83a")
        number += 1

    # Points moved towards even cells; then each piece of glass is a Voronoi cell cut by the cartoon.
    n = 300
    points = rng.uniform((-0.03, -0.03), (wide + 0.03, 1.03), (n, 2))
    probe = rng.uniform((-0.03, -0.03), (wide + 0.03, 1.03), (9000, 2))
    for _ in range(7):
        near = ((probe[:, None] - points[None]) ** 2).sum(2).argmin(1)
        for axis in (0, 1):
            total = np.bincount(near, probe[:, axis], n)
            points[:, axis] = total / np.maximum(1, np.bincount(near, minlength=n))
    cell, _ = voronoi(points, x.shape)
    piece = np.where(field_at >= whole, 0, cell) + n * field_at
    names, piece = np.unique(piece, return_inverse=True)
    piece = piece.reshape(x.shape)
    counts = np.bincount(piece.ravel())
    fields = names // n
    mid_x = np.bincount(piece.ravel(), x.ravel()) / counts
    mid_y = np.bincount(piece.ravel(), y.ravel()) / counts

    # Lead: where the piece changes, grown to a came of even width; heavier along the lines of the cartoon.
    def came(labels, radius):
        edge = np.zeros(x.shape, np.float32)
        edge[:, 1:] += labels[:, 1:] != labels[:, :-1]
        edge[1:] += labels[1:] != labels[:-1]
        return blur(np.minimum(edge, 1), radius) * radius * 2.5

    scale = size / 768
    lead = np.maximum(step(0.34, 0.62, came(piece, 2.4 * scale)), step(0.28, 0.55, came(field_at, 3.6 * scale)))

    # Glass colours by field, each piece from another sheet.
    tone = rng.uniform(0, 1, len(names))
    r = np.hypot(mid_x - sun_x, mid_y - sun_y)
    sky = ramp(
        colours("ffe9a0", "ffc23a", "f58a1f", "d8452a", "a02860", "4f2f9a", "23409f", "1a6fb8"),
        r / 0.62 + 0.16 * (tone - 0.5),
    )
    glass = sky
    for field, codes in sheets.items():
        glass[fields == field] = ramp(colours(*codes), tone[fields == field])
    picture = glass[piece]
    picture = picture * (1 + 0.55 * (rng.normal(0, 0.22, len(names))[piece]))[..., None]
    # In each piece: streaks of the pour, seeds (bubbles), a gradient of thickness, light bleeding by the lead.
    lean = rng.uniform(-1, 1, (len(names), 2))
    slope = (x - mid_x[piece]) * lean[piece, 0] + (y - mid_y[piece]) * lean[piece, 1]
    picture = picture * (1 + 5.0 * slope)[..., None]
    shift = rng.integers(0, 5000, len(names))[piece]
    pour = clouds(rng, x.shape, 0.09, 4)
    swirl = np.sin(38 * (pour + 2.0 * x * np.cos(shift) + 2.0 * y * np.sin(shift)) * 0.35 + shift)
    picture = picture * (1 + 0.13 * swirl + 0.07 * noise(rng, x.shape, 0.004))[..., None]
    picture = mix(picture, np.float32(1), 0.16 * step(0.55, 1.0, swirl))
    seeds = step(2.6, 3.1, noise(rng, x.shape, 0.0035))
    picture = mix(picture, np.float32(1), 0.5 * seeds)
    dim = blur(lead, 7 * scale)
    picture = picture * (1.16 - 0.75 * dim)[..., None]
    glow = blur(np.clip(picture, 0, 1.2), 16 * scale)
    picture = 1 - (1 - np.clip(picture, 0, 1)) * (1 - 0.25 * np.clip(glow, 0, 1))
    # The lead itself: round, dull, soldered, catching a little light.
    ridge = light(
        mix(colour("17161a"), colour("3c3b42"), 0.5 + 0.3 * clouds(rng, x.shape, 0.02)),
        blur(lead, 1.6 * scale),
        5,
    )
    picture = mix(picture, np.clip(ridge, 0.02, 0.5), lead)
    return finish(picture)


LINES = 100  # regions of the mosaic from here on are drawn first, in small stones


def mosaic(rng, size):
    """Two fish between waves, in small stones set along the lines of the drawing."""
    x, y = grid(size, 1.0)
    shape = x.shape
    long = max(shape)

    def fish(cx, cy, length, turn, bend):
        """Signed distance-like field of a fish (negative inside), and coordinates along and across its body."""
        u = ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) / length
        v = (-(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)) / length
        v = v - bend * (u * u - 0.1)
        half = 0.21 * np.sqrt(np.clip(1 - (u / 0.5) ** 2, 0, 1)) * (1 - 0.35 * u)
        body = np.where(np.abs(u) < 0.5, np.abs(v) - half, 1)
        tail = np.where((u < -0.40) & (u > -0.66), np.abs(v) - 0.75 * (-0.37 - u) - 0.02, 1)
        notch = (u < -0.58) & (np.abs(v) < 0.9 * (-0.575 - u) * 2)
        fin = np.where(
            np.abs(u + 0.02) < 0.2, np.abs(v) - half - 0.11 * np.sqrt(np.clip(1 - ((u + 0.02) / 0.2) ** 2, 0, 1)), 1
        )
        return body * length, np.where(notch, 1, np.minimum(tail, fin)) * length, u, v

    picture = np.zeros((*shape, 3), np.float32)
    # Ground: a round medallion of sea, rings of waves, a border of gold and red.
    r = np.hypot(x - 0.5, y - 0.5)
    turn = np.arctan2(y - 0.5, x - 0.5)
    swell = y + 0.030 * np.sin(15 * x + 9 * y) + 0.012 * np.sin(31 * x - 8 * y)
    band = swell / 0.052
    sea = ramp(
        colours("0c3a5a", "14577a", "1f7f94", "4fb0a8", "bfe6d0", "f2f4e0"),
        0.08 + 0.72 * (band % 1) ** 1.4 + 0.10 * np.sin(5 * y),
    )
    picture[:] = sea
    field = swell.copy()  # stones are set in rows along the level lines of `field`
    region = np.zeros(shape, np.int32)
    for number, (cx, cy, length, angle, bend, codes) in enumerate((
        (0.47, 0.35, 0.56, -0.22, 0.35, ("7a1420", "c8321f", "f07a24", "ffc04a", "ffe9b0")),
        (0.55, 0.66, 0.56, np.pi - 0.20, 0.35, ("2a1f5a", "5a3f9a", "a86fb8", "f0b0b8", "fff0d8")),
    ), start=1):  # fmt: skip
        body, fins, u, v = fish(cx, cy, length, angle, bend)
        lower = np.clip(v / 0.21, -1, 1) * (1 if number == 1 else -1)
        scales = 0.5 + 0.5 * np.cos(2 * np.pi * (u * 13 + 0.5 * np.cos(v * 38)))
        coat = ramp(colours(*codes), 0.42 + 0.40 * lower + 0.26 * (scales - 0.5))
        ray = ramp(colours(*codes[::-1]), 0.3 + 1.82 * np.abs(v) + 0.2 * np.sin(v * 130))
        for mask, paint, f in ((fins < 0, ray, fins * 0.6 + 0.3 * v), (body < 0, coat, body)):
            picture = np.where(mask[..., None], paint, picture)
            field, region = np.where(mask, f, field), np.where(mask, 2 * number + (f is body), region)
        line = (np.abs(body) < 0.0055) | ((np.abs(fins) < 0.005) & (body > 0))
        picture[line] = colour("14101c")
        edge = np.where(np.abs(body) < 0.0055, body, fins)
        field, region = np.where(line, edge + 0.0055, field), np.where(line, LINES + number, region)
        halo = (np.minimum(body, fins) > 0.0055) & (np.minimum(body, fins) < 0.03) & (region == 0)
        field, region = np.where(halo, np.minimum(body, fins), field), np.where(halo, 8 + number, region)
        gill = (np.abs(u - 0.27 - 0.5 * v**2) < 0.010) & (body < 0)
        picture[gill] = colour("fff2c8")
        eye = np.hypot(u - 0.37, v + (0.045 if number == 1 else -0.045)) * length
        for limit, shade in ((0.026, "f8f0d0"), (0.019, "e0a020"), (0.0125, "0c0a10")):
            picture[eye < limit] = colour(shade)
        field, region = np.where(eye < 0.026, eye, field), np.where(eye < 0.026, LINES + 20 + number, region)
    frame = r - 0.435
    gold = ramp(
        colours("9a6a14", "d8a52a", "f6d568", "fff2b8"),
        0.5 + 0.25 * noise(rng, shape, 0.012) + 0.2 * np.sin(turn * 7 + 1),
    )
    wave = np.sin(turn * 28) * 0.018
    ring = np.where((frame - 0.034 < wave)[..., None], colour("8f1a24"), colour("f4ead0"))
    for low, paint in ((0.0, colour("1a1c30")), (0.011, ring), (0.057, colour("1a1c30")), (0.068, gold)):
        picture = np.where((frame > low)[..., None], paint, picture)
    field, region = np.where(frame > 0, r, field), np.where(frame > 0, 30, region)
    corner = np.hypot(np.abs(x - 0.5) - 0.44, np.abs(y - 0.5) - 0.44)
    for limit, shade in ((0.045, "1a1c30"), (0.035, "b0241f"), (0.017, "fff0c0")):
        picture[corner < limit] = colour(shade)
    field, region = np.where(corner < 0.045, corner, field), np.where(corner < 0.045, 40, region)

    down, across = np.gradient(field)
    direction = np.arctan2(across, -down).astype(np.float32)  # along the rows
    spacing = np.hypot(down, across) * long  # field units per unit of length
    return finish(set_stones(rng, picture, field, spacing, direction, region))


def set_stones(rng, picture, field, spacing, direction, region):
    """Set square stones in rows along the level lines of `field`, wherever there is still room."""
    height, width = field.shape
    long = max(height, width)
    taken = np.zeros((height, width), bool)
    canvas = Image.fromarray((colour("7d7468") * 255).astype(np.uint8)[None, None].repeat(height, 0).repeat(width, 1))
    bumps = Image.new("F", (width, height), 0)
    draw, raise_ = ImageDraw.Draw(canvas), ImageDraw.Draw(bumps)
    for stone, tries, first in ((0.0105, 90000, LINES), (0.0075, 40000, LINES), (0.0150, 30000, 0), (0.0115, 26000, 0),
                                (0.0080, 34000, 0), (0.0055, 40000, 0)):  # fmt: skip
        half = stone / 2
        tries = min(tries, height * width)
        px, py = rng.uniform(0, width / long, tries), rng.uniform(0, height / long, tries)
        wanted = look_up(region, px, py) >= first
        px, py = px[wanted], py[wanted]
        # Slide each candidate to the middle of the next row.
        value, steep, angle = (look_up(f, px, py) for f in (field, spacing, direction))
        row = stone * np.maximum(steep, 0.2)
        slide = ((np.floor(value / row) + 0.5) * row - value) / np.maximum(steep, 0.2)
        px, py = px + slide * np.sin(angle), py - slide * np.cos(angle)
        # Nearest to the corner of its row first, so that neighbours close up.
        order = np.argsort(np.round(px * np.cos(angle) + py * np.sin(angle), 3) + rng.uniform(0, 0.02, len(px)))
        for i in order:
            cx, cy, c, s = px[i], py[i], np.cos(angle[i]), np.sin(angle[i])
            column, line = int(cx * long), int(cy * long)
            if not (0 <= column < width and 0 <= line < height) or taken[line, column]:
                continue
            a, b = half * 0.93 * rng.uniform(0.86, 1.12), half * 0.93 * rng.uniform(0.88, 1.0)
            u = np.array([-1, -0.5, 0, 0.5, 1, 1, 1, 0.5, 0, -0.5, -1, -1]) * a
            v = np.array([-1, -1, -1, -1, -1, 0, 1, 1, 1, 1, 1, 0]) * b
            rim_x = np.clip(((cx + u * c - v * s) * long).astype(int), 0, width - 1)
            rim_y = np.clip(((cy + u * s + v * c) * long).astype(int), 0, height - 1)
            if taken[rim_y, rim_x].any() or (region[rim_y[::2], rim_x[::2]] != region[line, column]).sum() > 2:
                continue
            corners = np.array([(-a, -b), (a, -b), (a, b), (-a, b)]) + rng.normal(0, stone * 0.05, (4, 2))
            quad = [((cx + p * c - q * s) * long, (cy + p * s + q * c) * long) for p, q in corners]
            shade = picture[line, column] * (1 + rng.normal(0, 0.10)) + rng.normal(0, 0.022, 3)
            draw.polygon(quad, fill=tuple(int(v) for v in np.clip(shade * 255, 0, 255)))
            raise_.polygon(quad, fill=1.0 + rng.normal(0, 0.12))
            r = int((half * 0.99) * long)
            box = np.s_[max(0, line - 2 * r) : line + 2 * r, max(0, column - 2 * r) : column + 2 * r]
            yy, xx = np.mgrid[box[0].start : min(height, box[0].stop), box[1].start : min(width, box[1].stop)]
            dx, dy = (xx - cx * long), (yy - cy * long)
            taken[line, column] = True
            taken[box] |= (np.abs(dx * c + dy * s) < a * long * 1.04) & (np.abs(-dx * s + dy * c) < b * long * 1.06)
    stones, bumps = np.asarray(canvas, np.float32) / 255, np.asarray(bumps)
    scale = long / 1536
    on = step(0.3, 0.7, bumps)
    # Stones are a little uneven: each catches the light in its own way; the grout is sandy.
    facet = noise(rng, field.shape, 0.006) * 0.35 + noise(rng, field.shape, 0.0016) * 0.12
    stones = stones * (1 + on * (0.10 * facet + 0.05 * noise(rng, field.shape, 0.0025)))[..., None]
    stones = stones * (1 + (1 - on) * 0.22 * noise(rng, field.shape, 0.0014))[..., None]
    dark = 1 - 0.55 * step(0.05, 0.8, blur(on, 2.0 * scale)) * (1 - on)
    relief = blur(bumps, 1.3 * scale) * 2.2 + facet * on
    return light(stones * dark[..., None], relief, 0.9, 0.35)
