"""What every painter in this folder shares: a canvas, smooth noise, blur, light, paper, Voronoi cells.

Knows numpy and Pillow only, and nothing about the single paintings. Pictures are float32 arrays (height, width, 3)
in [0, 1]; positions are in units of the picture's longer side, so one recipe draws any size. Everything random
comes from the generator that is handed in.
"""

import numpy as np
from PIL import Image

OVERSAMPLE = 2  # painters draw this many times larger; `finish` scales down, which smooths every edge


def grid(size: int, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every pixel for a picture whose longer side is `size`, and whose width / height is `ratio`."""
    long = size * OVERSAMPLE
    width, height = (long, round(long / ratio)) if ratio >= 1 else (round(long * ratio), long)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / long
    return x, y


def colours(*codes: str) -> np.ndarray:
    """Hexadecimal colours as an array (n, 3)."""
    return np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes], np.float32)


def colour(code: str) -> np.ndarray:
    """One hexadecimal colour as an array (3,)."""
    return colours(code)[0]


def ramp(palette: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The palette as a continuous scale: t = 0 is its first colour, t = 1 its last."""
    t = np.clip(t, 0, 1) * (len(palette) - 1)
    low = np.minimum(t.astype(np.int32), len(palette) - 2)
    part = (t - low)[..., None].astype(np.float32)
    return palette[low] * (1 - part) + palette[low + 1] * part


def step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between (low > high falls instead)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: np.ndarray, b: np.ndarray, part: np.ndarray | float) -> np.ndarray:
    """a where part is 0 (or false), b where it is 1; a part (height, width) applies to all three channels."""
    if isinstance(part, np.ndarray):
        part = part.astype(np.float32)[..., None]
    return a * (1 - part) + b * part


def resize(a: np.ndarray, height: int, width: int) -> np.ndarray:
    """One channel, bicubic."""
    return np.asarray(Image.fromarray(a.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC))


def noise(rng, shape: tuple[int, int], across: float, down: float | None = None) -> np.ndarray:
    """Smooth noise, mean 0 and deviation about 1; grains of `across` x `down` in units of the longer side."""
    height, width = shape[:2]
    long = max(height, width)
    down = across if down is None else down
    rows = int(np.ceil(height / max(1.0, down * long))) + 3
    columns = int(np.ceil(width / max(1.0, across * long))) + 3
    return resize(rng.standard_normal((rows, columns)), height, width) * 1.35


def clouds(rng, shape: tuple[int, int], across: float, octaves: int = 5, fade: float = 0.5) -> np.ndarray:
    """Noise of halving grain size, summed: mean 0, deviation about 1."""
    layers = [noise(rng, shape, across / 2**i) * fade**i for i in range(octaves)]
    return sum(layers) / np.sqrt(sum(fade ** (2 * i) for i in range(octaves)))


def blur(a: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian blur of one channel or three; `radius` in pixels of `a`. Edges are mirrored."""
    if a.ndim == 3:
        return np.stack([blur(a[..., i], radius) for i in range(a.shape[2])], axis=2)
    reach = min(int(3 * radius) + 1, min(a.shape) - 1)
    padded = np.pad(a, reach, mode="reflect")
    rows, columns = (np.fft.fftfreq(padded.shape[0]), np.fft.rfftfreq(padded.shape[1]))
    keep = [np.exp(-2 * (np.pi * radius * f) ** 2) for f in (rows, columns)]
    smooth = np.fft.irfft2(np.fft.rfft2(padded) * keep[0][:, None] * keep[1][None, :], padded.shape)
    return smooth[reach:-reach, reach:-reach].astype(np.float32)


def look_up(a: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The values of `a` at positions in units of its longer side (nearest pixel, clamped to the picture)."""
    height, width = a.shape[:2]
    long = max(height, width)
    column = np.clip((x * long).astype(np.int32), 0, width - 1)
    row = np.clip((y * long).astype(np.int32), 0, height - 1)
    return a[row, column]


def light(picture: np.ndarray, relief: np.ndarray, depth: float, shine: float = 0.0) -> np.ndarray:
    """The picture as a surface of the given relief, lit from the upper left. Relief in pixels, depth its scale."""
    down, across = np.gradient(relief * depth)
    slope = (across + down) / np.sqrt(2)  # a surface that rises to the lower right turns towards the light
    lit = picture * (1 + 0.9 * slope / np.sqrt(1 + slope**2))[..., None]
    if shine:
        lit = lit + (shine * np.clip(slope - 0.35, 0, 0.8) ** 2)[..., None]
    return lit


def paper(rng, shape: tuple[int, int], tooth: float = 0.0022) -> np.ndarray:
    """The relief of watercolour paper: mean 0, deviation about 1."""
    return 0.7 * noise(rng, shape, tooth) + 0.5 * noise(rng, shape, tooth * 2.3) + 0.35 * noise(rng, shape, tooth * 6)


def voronoi(points: np.ndarray, shape: tuple[int, int], block: int = 48):
    """For every pixel: its nearest point's index, and how far (same unit) the border to the next cell is.

    Works block by block, with only the points that can be nearest to some pixel of the block.
    """
    height, width = shape[:2]
    long = max(height, width)
    nearest = np.empty((height, width), np.int32)
    border = np.empty((height, width), np.float32)
    reach = block / long * 0.75  # a bit more than half a block's diagonal
    for top in range(0, height, block):
        for left in range(0, width, block):
            y, x = np.mgrid[top : min(top + block, height), left : min(left + block, width)] / long
            to_middle = np.hypot(points[:, 0] - x.mean(), points[:, 1] - y.mean())
            near = np.flatnonzero(to_middle <= np.partition(to_middle, 1)[1] + 2 * reach)
            far = np.hypot(points[near, 0] - x[..., None], points[near, 1] - y[..., None])
            first = far.argmin(axis=2)
            d1 = np.take_along_axis(far, first[..., None], 2)
            own, others = points[near][first][..., None, :], points[near]
            apart = np.hypot(own[..., 0] - others[:, 0], own[..., 1] - others[:, 1])
            # Distance to the perpendicular bisector between the own point and each other one.
            to_border = np.where(apart > 0, (far**2 - d1**2) / np.maximum(2 * apart, 1e-9), np.inf).min(axis=2)
            block_at = np.s_[top : top + x.shape[0], left : left + x.shape[1]]
            nearest[block_at], border[block_at] = near[first], to_border
    return nearest, border


def finish(picture: np.ndarray) -> Image.Image:
    """The float picture at its final size, 8 bits."""
    height, width = (side // OVERSAMPLE for side in picture.shape[:2])
    big = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return big.resize((width, height), Image.Resampling.LANCZOS)
