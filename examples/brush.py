"""An oil brush: strokes that follow a field of directions, with bristles, ridges and light on the relief."""

import numpy as np

from examples.canvas import blur, light, look_up, noise


class Oil:
    """A canvas that takes strokes. Later strokes cover earlier ones, and each leaves the relief of its bristles."""

    def __init__(self, rng, ground: np.ndarray):
        self.rng = rng
        self.paint = ground.astype(np.float32).copy()
        self.relief = np.zeros(ground.shape[:2], np.float32)
        # Bristle marks: long along the stroke, fine across it. Strokes cut their own piece from this sheet.
        sheet = (1024, 1024)
        marks = noise(rng, sheet, 0.004, 0.16)
        marks += 0.7 * noise(rng, sheet, 0.0017, 0.07) + 0.5 * noise(rng, sheet, 0.012, 0.3)
        self.marks = (0.5 + 0.27 * marks).astype(np.float32)

    def stroke(self, x, y, direction, colour, second, length, breadth, **how):
        """Paint one stroke centred at each (x, y), in the order given.

        direction: field of angles (height, width). colour, second: (n, 3), the two pigments the brush carries.
        length, breadth: (n,), in units of the longer side. how: see `_ribbons`.
        """
        if not len(x):  # so small a picture that no stroke falls on the shape
            return
        samples = len(x) * float(np.max(length) * np.max(breadth)) * max(self.relief.shape) ** 2 * 2.2
        for part in np.array_split(np.arange(len(x)), max(1, int(samples / 1.5e6))):  # to bound the memory
            self._ribbons(x[part], y[part], direction, (colour[part], second[part]), length[part], breadth[part], **how)

    def _ribbons(
        self, x, y, direction, pigments, length, breadth, dry=0.35, hair=0.16, curve=True, body=1.0, within=None
    ):
        """Lay strokes as ribbons: every sample along and across a stroke colours the pixel it falls on.

        dry: how early the bristles run out of paint. hair: how much single bristles differ. curve: follow the
        field, instead of keeping the first direction. body: how thick the paint is. within: a field of labels; a
        stroke stays on the label it was started on.
        """
        height, width = self.relief.shape
        long = max(height, width)
        along = max(4, int(np.max(length) * long * 1.35))
        across = max(3, int(np.max(breadth) * long * 1.5))
        px, py, angle = self._walk(x, y, direction, length / along, along, curve)
        u = np.linspace(0, 1, along, dtype=np.float32)[None, :, None]
        v = np.linspace(-1, 1, across, dtype=np.float32)[None, None, :]
        reach = (breadth / 2)[:, None, None] * v
        column = ((px - np.sin(angle) * reach) * long + 0.5).astype(np.int32)
        row = ((py + np.cos(angle) * reach) * long + 0.5).astype(np.int32)

        # Each stroke's own piece of the bristle sheet; bristles keep their true size on thin strokes.
        side = len(self.marks)
        top, left = self.rng.integers(0, side, (len(x), 1, 1)), self.rng.integers(0, side, (len(x), 1, 1))
        mark = self.marks[(top + np.arange(along)[:, None]) % side, (left + np.arange(across)) % side]
        # Paint is there where the bristle mark beats a threshold that rises to the end and the sides.
        rim = np.abs(v) ** 4 * 0.55 + (1 - np.minimum(1, 9 * u)) ** 2 * 0.9 + np.where(np.abs(v) > 0.92, 0.2, 0)
        wet = mark > rim + dry * np.maximum(0, u - 0.45) * 1.8 - 0.12
        wet &= (np.abs(2 * u - 1) ** 5 + np.abs(v) ** 3 < 1) & (row >= 0) & (row < height)
        wet &= (column >= 0) & (column < width)
        if within is not None:
            wet[wet] = within[row[wet], column[wet]] == look_up(within, x, y)[np.nonzero(wet)[0]]
        row, column, mark = row[wet], column[wet], mark[wet]
        who = np.nonzero(wet)[0]
        u, v = np.broadcast_to(u, wet.shape)[wet], np.broadcast_to(v, wet.shape)[wet]
        # The second pigment sits on one side of the brush, and on single bristles.
        load = np.clip(1.1 * v - 0.11 + (mark - 0.5) * 1.6, 0, 1)[:, None]
        tint = (1 + hair * 2 * (mark - 0.5))[:, None]
        self.paint[row, column] = (pigments[0][who] * (1 - load) + pigments[1][who] * load) * tint
        profile = 0.55 + 0.45 * v**2 + 0.35 * np.maximum(0, u - 0.8)  # pushed to the sides and to the end
        self.relief[row, column] = body * profile * (0.35 + mark) * (breadth[who] * long) ** 0.5

    def _walk(self, x, y, direction, pace, steps, curve):
        """The middle lines of strokes: x, y and angle, each (n, steps, 1). From the middle to both ends, so that a
        stroke stays where it was asked for."""
        angle0 = look_up(direction, x, y)
        path = np.empty((3, len(x), steps, 1), np.float32)
        for sign, places in ((1, range(steps // 2, steps)), (-1, range(steps // 2 - 1, -1, -1))):
            px, py, angle = x, y, angle0
            for i in places:
                path[0, :, i, 0], path[1, :, i, 0], path[2, :, i, 0] = px, py, angle
                if curve:
                    angle = look_up(direction, px, py)
                    turned = np.cos(angle - angle0) < 0  # a field of angles has no sign: never turn back
                    angle = np.where(turned, angle + np.pi, angle)
                px, py = px + sign * pace * np.cos(angle), py + sign * pace * np.sin(angle)
        return path

    def cover(self, times, direction, paint, length, breadth, where=None, vary=0.05, **how):
        """Cover the canvas about `times` over with strokes whose colours are taken from the picture `paint`.

        where: only strokes starting where this mask is true. vary: how far pigments leave the picture's colour.
        """
        height, width = self.relief.shape
        long = max(height, width)
        count = int(times * height * width / long**2 / (0.7 * length * breadth))
        x = self.rng.uniform(0, width / long, count).astype(np.float32)
        y = self.rng.uniform(0, height / long, count).astype(np.float32)
        if where is not None:
            inside = look_up(where, x, y)
            x, y = x[inside], y[inside]
        size = np.minimum(1.6, self.rng.lognormal(0, 0.22, (2, len(x)))).astype(np.float32)
        shade = self.rng.normal(0, 1.4 * vary, (2, len(x), 1))
        hue = self.rng.normal(0, 0.7 * vary, (2, len(x), 3))
        pair = np.clip(look_up(paint, x, y) * (1 + shade) + hue, 0, 1).astype(np.float32)
        self.stroke(x, y, direction, pair[0], pair[1], length * size[0], breadth * size[1], **how)

    def finished(self, depth: float = 0.55, shine: float = 0.5) -> np.ndarray:
        """The painting under light, varnished."""
        scale = max(self.relief.shape) / 1536
        relief = blur(self.relief, 0.7 * scale + 0.3)
        return light(self.paint, relief, depth * scale**0.5, shine)


def flow(stream: np.ndarray) -> np.ndarray:
    """The direction along the level lines of a stream function."""
    down, across = np.gradient(stream)
    return np.arctan2(-across, down).astype(np.float32)


def constant(angle: float) -> np.ndarray:
    """One direction everywhere: a field of a single pixel, as `look_up` takes the nearest there is."""
    return np.full((1, 1), angle, np.float32)
