"""Paints the pictures of the front page and the README with what ships: `python -m examples.gallery`.

Each is one of the example photos in the style of one of the example paintings, at the style page's own settings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from core import images
from core.settings import StyleRequest
from core.style.paint import paint

HERE = Path(__file__).parent
PAIRS = (
    ("pagoda", "swirls"),
    ("cat", "mosaic"),
    ("astronaut", "stained-glass"),
    ("mountains", "great-wave"),
    ("dahlia", "autumn"),
    ("dogs", "poppies"),
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--size", type=int, default=640)
    options.add_argument("--out", type=Path, default=HERE / "gallery")
    arguments = options.parse_args()
    arguments.out.mkdir(exist_ok=True)
    for photo, painting in PAIRS:
        pictures = [images.open_picture(HERE / "photos" / f"{photo}.jpg")]
        styles = [images.open_picture(HERE / "paintings" / f"{painting}.jpg")]
        *_, result = paint(StyleRequest(size=arguments.size), *pictures, styles)
        target = arguments.out / f"{photo}-{painting}.jpg"
        result.images[0].save(target, quality=88, optimize=True)
        print(f"{target}: {result.seconds:.0f} s")


if __name__ == "__main__":
    main()
