"""A golden tree: spirals and ornaments in relief on leaf gold."""

import numpy as np
from PIL import Image, ImageDraw

from examples.canvas import blur, clouds, colours, finish, grid, light, noise, ramp
from examples.prints import ribbon


def golden_tree(rng, size):
    """A tree of spirals on gold leaf, set with ornaments."""
    x, y = grid(size, 0.95)
    shape, wide = x.shape, x.max()
    long = max(shape)
    leaf = clouds(rng, shape, 0.12, 5, 0.7)
    squares = rng.normal(0, 1, (14, 14))[
        np.minimum((y * 13 + 0.06 * leaf).astype(int), 13), np.minimum((x * 13 + 0.06 * leaf).astype(int), 13)
    ]
    gold = ramp(
        colours("6f4a10", "a8781c", "d6a52e", "f0cc5c", "fff0b4"),
        0.52 + 0.07 * leaf + 0.10 * squares + 0.06 * noise(rng, shape, 0.003),
    )
    image = Image.fromarray((np.clip(gold, 0, 1) * 255).astype(np.uint8))
    bump = Image.new("F", image.size, 0)
    draw, raised = ImageDraw.Draw(image), ImageDraw.Draw(bump)

    def lay(points, shade, height=1.0):
        at = [tuple(p) for p in np.asarray(points) * long]
        draw.polygon(at, fill="#" + shade)
        raised.polygon(at, fill=height)

    def disc(cx, cy, r, shade, height=1.0):
        turn = np.linspace(0, 2 * np.pi, 22)
        lay(np.stack([cx + r * np.cos(turn), cy + r * np.sin(turn)], 1), shade, height)

    for _ in range(260):  # small rings and eyes strewn over the gold
        cx, cy, r = rng.uniform(0, wide), rng.uniform(0, 0.76), rng.uniform(0.004, 0.011)
        for k, shade in enumerate(rng.permutation(["8a5f14", "f8e6a0", "b88a28", "e8c868"])[:3]):
            disc(cx, cy, r * (1 - 0.33 * k), str(shade), 0.3 + 0.2 * k)
    meadow(rng, lay, disc, wide)
    limbs = [(wide * 0.5, 0.95, -np.pi / 2, 0.34, 0.115, 0, 1)]
    curls = []
    while limbs:
        px, py, angle, length, width, level, side = limbs.pop(0)
        n = 40
        bend = angle + side * np.cumsum(np.full(n, 0.008 + 0.010 * level)) * (level > 0)
        path = np.stack([px + np.cumsum(np.cos(bend)) * length / n, py + np.cumsum(np.sin(bend)) * length / n], 1)
        taper = width * (1 - 0.45 * np.linspace(0, 1, n)) + (level == 0) * 0.10 * np.linspace(1, 0, n) ** 4
        curls.append((path, taper))
        end, angle, width = path[-1], bend[-1], taper[-1]
        if level < 3:
            spread = (
                ((-1.12, 1.15), (-0.42, 0.95), (0.36, 0.95), (1.08, 1.15))
                if level == 0
                else ((-0.62, 0.78), (0.52, 0.80))
            )
            for turn, scale in spread:
                way = 1 if turn > 0 else -1
                limbs.append(
                    (
                        *end,
                        angle + turn + rng.normal(0, 0.08),
                        (0.25 if level == 0 else length) * scale,
                        width * 0.66,
                        level + 1,
                        way,
                    )
                )
        for at, way in ((n - 1, side), (n // 2, -side), (n // 4, side)):
            if level > 0:
                r = rng.uniform(0.050, 0.082) * (1.25 - 0.14 * level)
                a = bend[at] + np.linspace(0, way * 2 * np.pi * 1.9, 90)
                pace = r * 0.075 * np.linspace(1, 0.06, 90) ** 1.0
                curl = path[at] + np.stack([np.cumsum(np.cos(a) * pace), np.cumsum(np.sin(a) * pace)], 1) * 1.35
                curls.append((curl, np.maximum(taper[at] * 0.55, 0.013) * np.linspace(1, 0.4, 90)))
    for grow, shade, height in ((0.010, "3a1c0c", 0.8), (0.0, "8a4a1c", 1.5)):
        for path, width in curls:
            lay(ribbon(path, width + grow * np.minimum(1, width / 0.02)), shade, height)
            disc(*path[-1], width[-1] / 2 + grow * 0.25, shade, height)
    for path, width in curls:  # bark: bright and dark flecks, along the limbs
        for _ in range(int(len(path) * (0.5 + width[0] * 40))):
            i = rng.integers(1, len(path) - 1)
            ahead = path[i] - path[i - 1]
            ahead = ahead / (np.hypot(*ahead) + 1e-9)
            across = np.array([-ahead[1], ahead[0]])
            at = path[i] + across * width[i] * rng.uniform(-0.42, 0.42)
            half = min(0.012, 0.0022 + width[i] * 0.12)
            shade = str(rng.choice(["5a2c10", "c8843a", "e8b85a", "6f3a14", "a8642a", "f0d48a", "2f160a"]))
            lay(
                ribbon(at + np.linspace(-1, 1, 5)[:, None] * ahead * half, 0.0022 * np.array([0.3, 1, 1.2, 1, 0.3])),
                shade,
                1.8,
            )
    for path, _ in curls[2::2]:  # leaves and eyes hung in the curls
        cx, cy = path[len(path) // 3] + rng.normal(0, 0.02, 2)
        if cy < 0.78:
            eye(lay, disc, cx, cy, rng.uniform(0.010, 0.019), rng.uniform(0, np.pi), rng)
    picture = np.asarray(image, np.float32) / 255
    relief = blur(np.asarray(bump), 1.2 * size / 768) * 2.0 + 0.25 * leaf + 0.16 * noise(rng, shape, 0.0025)
    picture = picture * (1 + 0.05 * noise(rng, shape, 0.0018) + 0.05 * noise(rng, shape, 0.008))[..., None]
    return finish(light(picture, relief, 0.8, 0.9))


def eye(lay, disc, cx, cy, r, turn, rng):
    """An almond with an iris, in enamel."""
    t = np.linspace(-1, 1, 16)
    for scale, shade in (
        (1.0, "24140c"),
        (0.82, str(rng.choice(["f6e8c0", "1f6f7a", "b8301f", "e8d8f0"]))),
        (0.5, "1a3a5a"),
    ):
        u = np.concatenate([t, t[::-1]]) * r * 1.9 * scale
        v = np.concatenate([1 - t**2, -(1 - t**2)]) * r * scale
        lay(
            np.stack([cx + u * np.cos(turn) - v * np.sin(turn), cy + u * np.sin(turn) + v * np.cos(turn)], 1),
            shade,
            1.6,
        )
    disc(cx, cy, r * 0.3, "f8e8a0", 2.0)


def meadow(rng, lay, disc, wide):
    """The ground: a carpet of small flowers, triangles and spirals."""
    hill = lambda u: 0.845 + 0.03 * np.sin(5 * u + 1)  # noqa: E731
    u = np.linspace(0, wide, 60)
    lay([*np.stack([u, hill(u)], 1), (wide, 1.01), (0, 1.01)], "2a3a1c", 0.4)
    for _ in range(1500):
        cx = rng.uniform(0, wide)
        cy = rng.uniform(hill(cx), 1.0)
        r = rng.uniform(0.004, 0.010)
        shade = str(
            rng.choice(["d8402a", "e8a82a", "f4e4b0", "2f6fa0", "6f9f3a", "a83a6a", "1f5a4a", "f07a3a", "8fb84a"])
        )
        if rng.random() < 0.45:
            turn = rng.uniform(0, 7)
            for k in range(5):
                disc(
                    cx + r * 0.62 * np.cos(turn + 1.257 * k),
                    cy + r * 0.62 * np.sin(turn + 1.257 * k),
                    r * 0.42,
                    shade,
                    1.2,
                )
            disc(cx, cy, r * 0.34, "fff0a8", 1.6)
        elif rng.random() < 0.5:
            turn = rng.uniform(0, 7) + np.array([0, 2.09, 4.19])
            lay(np.stack([cx + r * np.cos(turn), cy + r * np.sin(turn)], 1), shade, 1.0)
        else:
            disc(cx, cy, r * 0.75, shade, 1.0)
            disc(cx, cy, r * 0.4, "1c1c14", 1.3)
