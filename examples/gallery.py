"""Paints the pictures of the front page and the README with what ships.

    python -m examples.gallery           the gallery: example photos in the style of example paintings
    python -m examples.gallery --film    the README's time-lapse of one of them

Each is made at the style page's own settings; only the size is chosen here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core import jobs
from core.pictures import images
from core.style.request import StyleRequest

HERE = Path(__file__).parent
PAIRS = (
    ("pagoda", "swirls"),
    ("cat", "mosaic"),
    ("astronaut", "stained-glass"),
    ("mountains", "great-wave"),
    ("dahlia", "autumn"),
    ("dogs", "poppies"),
)
FILMED = ("cat", "mosaic")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--film", action="store_true", help="only the time-lapse")
    options.add_argument("--size", type=int, help="the longer side (512; of the time-lapse 480)")
    options.add_argument("--out", type=Path, help="a folder (examples/gallery); for the time-lapse a .webp file")
    arguments = options.parse_args()
    if arguments.film:
        film(arguments.size or 480, arguments.out or HERE / "timelapse.webp")
    else:
        gallery(arguments.size or 512, arguments.out or HERE / "gallery")


def gallery(size: int, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for photo, painting in PAIRS:
        job = _painted(photo, painting, size)
        target = folder / f"{photo}-{painting}.jpg"
        job.result.images[0].save(target, quality=88, optimize=True)
        print(f"{target}: {job.result.seconds:.0f} s")


def film(size: int, target: Path) -> None:
    """The photo for a moment, and then what the page's time-lapse shows."""
    job = _painted(*FILMED, size)
    photo = images.open_picture(HERE / "photos" / f"{FILMED[0]}.jpg").resize(job.frames[-1].size)
    images.animation([*[photo] * 5, *job.frames], target, seconds_per_frame=0.12, hold_last=2.5)
    print(f"{target}: {len(job.frames)} frames, {target.stat().st_size / 1e6:.2f} MB, {job.result.seconds:.0f} s")


def _painted(photo: str, painting: str, size: int) -> jobs.Job:
    picture = images.open_picture(HERE / "photos" / f"{photo}.jpg")
    styles = [images.open_picture(HERE / "paintings" / f"{painting}.jpg")]
    job = jobs.submit(StyleRequest(size=size), picture, styles)
    job.wait()
    return job


if __name__ == "__main__":
    main()
