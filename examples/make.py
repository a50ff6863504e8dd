"""Draw the example paintings: `python -m examples.make [name ...] [--size 768] [--seed 1] [--out DIR]`.

Each painting is a function (generator of random numbers, size of the longer side) -> picture. The same seed and size
give the same picture; another seed gives another one in the same manner. Titles and origins are in `index.toml`.
"""

import argparse
import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from examples import facets, gold, oils, prints, tiles, water

PAINTINGS = {
    "swirls": oils.swirls,
    "dots": oils.dots,
    "autumn": oils.autumn,
    "stained-glass": tiles.stained_glass,
    "mosaic": tiles.mosaic,
    "cubist": facets.cubist,
    "great-wave": prints.great_wave,
    "linocut": prints.linocut,
    "poster": prints.poster,
    "golden-tree": gold.golden_tree,
    "marble": water.marble,
    "ink": water.ink,
    "poppies": water.poppies,
}
MOST_BYTES = 250_000


def draw(name: str, size: int = 768, seed: int = 1) -> Image.Image:
    """One painting; `size` is its longer side in pixels."""
    # The name goes into the seed, so that two paintings of one seed share no random numbers.
    return PAINTINGS[name](np.random.default_rng([seed, zlib.crc32(name.encode())]), size)


def as_jpeg(picture: Image.Image) -> bytes:
    """The best JPEG that keeps to `MOST_BYTES`."""
    for quality in range(92, 60, -2):
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=quality, optimize=True, subsampling=0 if quality > 88 else 2)
        if packed.tell() <= MOST_BYTES:
            break
    return packed.getvalue()


def main():
    parser = argparse.ArgumentParser(description="Draw the example paintings.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones (all): {', '.join(PAINTINGS)}")
    parser.add_argument("--size", type=int, default=768, help="longer side in pixels (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other pictures (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "paintings")
    given = parser.parse_args()
    if unknown := set(given.names) - set(PAINTINGS):
        parser.error(f"no painting is called {', '.join(sorted(unknown))}; there are {', '.join(PAINTINGS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.names or PAINTINGS:
        packed = as_jpeg(draw(name, given.size, given.seed))
        (given.out / f"{name}.jpg").write_bytes(packed)
        print(f"{name}.jpg  {len(packed) // 1000} kB")


if __name__ == "__main__":
    main()
