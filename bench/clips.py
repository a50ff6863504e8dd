"""Does a painted clip flicker? What stands still in it, what is panned over, and what it takes.

    python bench/clips.py photo.jpg style.jpg [--size 512] [--frames 12] [--out folder]

Two clips are made of the photo. In one a disc goes over the left part while all else stands still; in the other the
camera pans by 3 px a frame. Each is painted twice: as a clip, with what is found of it as a whole fixed, and frame by
frame as photos. Told is the mean change of a pixel (of 255) from frame to frame, in the still part, and along with the
camera. What is panned changes by what the disc's or the camera's frames themselves do, and by the painter's grid.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageSequence

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import itertools

from core.pictures import images
from core.settings import Result
from core.style.instant import clip, paint
from core.style.request import ClipRequest, InstantRequest

PAN = 3  # px


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
    photo = photo.resize(images.fit_size(*photo.size, options.size + PAN * options.frames), Image.Resampling.LANCZOS)
    width, height = photo.width - PAN * options.frames, photo.height
    still, panned = [], []
    for k in range(options.frames):
        frame = photo.crop((0, 0, width, height))
        at = height * k // options.frames
        ImageDraw.Draw(frame).ellipse((width // 16, at, width // 16 + 40, at + 40), fill=(250, 240, 220))
        still.append(frame)
        panned.append(photo.crop((PAN * k, 0, PAN * k + width, height)))
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        print(f"{width} x {height}, {options.frames} frames; mean change of a pixel from frame to frame, of 255")
        for name, frames, change in ("still", still, _standing), ("panned", panned, _along):
            began = time.perf_counter()
            together = _as_clip(frames, style, out, name, options.size)
            seconds = (time.perf_counter() - began) / len(frames)
            alone = [_alone(frame, style, options.size) for frame in frames]
            told = [change([np.asarray(frame, float) for frame in each]) for each in (frames, together, alone)]
            print(f"{name:8} input {told[0]:6.3f}   as a clip {told[1]:6.3f}   frame by frame {told[2]:6.3f}   "
                  f"{seconds:.2f} s a frame")  # fmt: skip
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


def _standing(frames: list[np.ndarray]) -> float:
    part = [frame[:, frame.shape[1] // 2 :] for frame in frames]
    return float(np.mean([np.abs(b - a).mean() for a, b in itertools.pairwise(part)]))


def _along(frames: list[np.ndarray]) -> float:
    pairs = itertools.pairwise(frames)
    return float(np.mean([np.abs(b[:, 32 : -32 - PAN] - a[:, 32 + PAN : -32]).mean() for a, b in pairs]))


if __name__ == "__main__":
    main()
