"""Does a painted clip flicker? What stands still in it, what is panned over, and what it takes.

    python bench/clips.py photo.jpg style.jpg [--size 512] [--frames 12] [--out folder]

Clips are made of the photo. In one a disc goes over the left part while all else stands still; in the others the camera
is turned, by 3 px a frame and by 1.3 and 0.7 px to two sides, or comes nearer by 1 %. Each is painted as a clip, with
what is found of it as a whole fixed and the painter's grid following the camera; as a clip whose grid stays where it
is; and frame by frame as photos. Told is the mean change of a pixel (of 255) from frame to frame: in the part that
stands still, far from the disc and right beside it, or of what was shown to where it is now, which resampling adds to
except for whole pixels.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image, ImageDraw, ImageSequence

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from core import device as devices

devices.wait_briefly()  # as the studio and the command line do

from core.pictures import images
from core.settings import Result
from core.style.instant import clip, paint
from core.style.request import ClipRequest, InstantRequest

EDGE = 32  # px that are left out, where things come and go
DISC = 40  # px
AFFINE = Image.Transform.AFFINE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo")
    parser.add_argument("style")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    style = images.open_picture(options.style, max_pixels=options.size**2)
    photo = images.open_picture(options.photo)
    more = 3 * options.frames
    photo = photo.resize(images.fit_size(*photo.size, options.size + more), Image.Resampling.LANCZOS)
    size = photo.width - more, photo.height - more
    middle = size[0] / 2, size[1] / 2

    def turned(k: int, by: tuple[float, float]) -> tuple[float, ...]:
        return 1, 0, by[0] * k, 0, 1, by[1] * k

    def nearer(k: int) -> tuple[float, ...]:
        part = 0.99**k
        return part, 0, (1 - part) * middle[0], 0, part, (1 - part) * middle[1]

    kinds = {
        "still": lambda k: turned(k, (0, 0)),
        "turned by 3": lambda k: turned(k, (3, 0)),
        "turned by 1.3 and 0.7": lambda k: turned(k, (1.3, 0.7)),
        "nearer by 1 %": nearer,
    }
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        print(f"{size[0]} x {size[1]}, {options.frames} frames; mean change of a pixel, of 255")
        print(f"{'':24}{'input':>8}{'as a clip':>12}{'grid fixed':>12}{'one by one':>12}{'s a frame':>12}")
        for name, where in kinds.items():
            frames = [_resampled(photo, where(k), size) for k in range(options.frames)]
            if name == "still":
                for k, frame in enumerate(frames):
                    at = size[1] * k // options.frames
                    ImageDraw.Draw(frame).ellipse((size[0] // 16, at, size[0] // 16 + DISC, at + DISC), (250, 240, 220))
            began = time.perf_counter()
            ways = [frames, _as_clip(frames, style, out, name, options.size)]
            seconds = (time.perf_counter() - began) / len(frames)
            with mock.patch.object(clip.Camera, "see", return_value=(0.0, 0.0)):
                ways.append(_as_clip(frames, style, out, f"{name}, fixed", options.size))
            ways.append([_alone(frame, style, options.size) for frame in frames])
            matrices = [_matrix(where(k)) for k in range(options.frames)]
            seen = {name: slice(size[0] // 2, -EDGE)}  # where no disc goes
            if name == "still":
                right = size[0] // 16 + DISC
                seen["beside the disc"] = slice(right + 8, right + 8 + DISC)
            for part, columns in seen.items():
                first, *others = (_change(way, matrices, columns) for way in ways)
                print(f"{part:24}{first:8.2f}" + "".join(f"{one:12.2f}" for one in others) + f"{seconds:12.2f}")
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def _as_clip(frames: list, style: Image.Image, out: Path, name: str, size: int) -> list[Image.Image]:
    frames[0].save(out / f"{name}-in.png", save_all=True, append_images=frames[1:], duration=80)
    list(clip.paint(ClipRequest(size=size), out / f"{name}-in.png", [style], out / f"{name}.png"))
    with Image.open(out / f"{name}.png") as file:
        return [frame.convert("RGB") for frame in ImageSequence.Iterator(file)]


def _alone(frame: Image.Image, style: Image.Image, size: int) -> Image.Image:
    *_, result = paint.paint(InstantRequest(size=size), frame, [style])
    assert isinstance(result, Result)
    return result.images[0]


def _resampled(picture: Image.Image, by: tuple[float, ...], size: tuple[int, int]) -> Image.Image:
    return picture.transform(size, AFFINE, by, Image.Resampling.BICUBIC)


def _matrix(affine: tuple[float, ...]) -> np.ndarray:
    """From where something is in a frame to where it is in the photo."""
    return np.array([*affine, 0, 0, 1], float).reshape(3, 3)


def _change(frames: list[Image.Image], matrices: list[np.ndarray], columns: slice) -> float:
    """From each frame, brought to where the camera shows it next, to the next one, in these columns."""
    changes = []
    for (before, was), (after, now) in itertools.pairwise(zip(frames, matrices, strict=True)):
        moved = _resampled(before, tuple((np.linalg.inv(was) @ now).flatten()[:6]), before.size)
        seen = np.s_[EDGE:-EDGE, columns]
        changes.append(np.abs(np.asarray(moved, float)[seen] - np.asarray(after, float)[seen]).mean())
    return float(np.mean(changes))


if __name__ == "__main__":
    main()
