"""Squares cut out of photographs and paintings, which two of the bundled generators learn from. None of the pictures
comes along: `train_generators.py --pictures` says where they lie on this machine.

A square depends on the folder's files and its number only, as with the sets that are drawn (`core.gan.data.drawn`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.gan.data.drawn import DrawnSet

LEARNED = 12_000  # squares; those of higher numbers are of pictures that none of these is from
HELD_OUT = 8  # of so many pictures one is not learned from

# github.com/marcusklasson/GroceryStoreDataset at fc80ba9: its folder `dataset`.
FRUIT: Mapping[str, Sequence[str]] = {
    "apples": ("Fruit/Apple/Royal-Gala", "Fruit/Apple/Pink-Lady", "Fruit/Apple/Red-Delicious"),
    "bananas": ("Fruit/Banana",),
    "carrots": ("Vegetables/Carrots",),
    "green apples": ("Fruit/Apple/Granny-Smith", "Fruit/Apple/Golden-Delicious"),
    "kiwis": ("Fruit/Kiwi",),
    "lemons": ("Fruit/Lemon",),
    "limes": ("Fruit/Lime",),
    "oranges": ("Fruit/Orange", "Fruit/Satsumas"),
    "tomatoes": ("Vegetables/Tomato/Regular-Tomato", "Vegetables/Tomato/Beef-Tomato", "Vegetables/Tomato/Vine-Tomato"),
    "watermelons": ("Fruit/Melon/Watermelon",),
}


PAINTERS = (  # whose strokes one sees; a painting's file begins with its painter
    "august-macke", "childe-hassam", "claude-monet", "edvard-munch", "francis-picabia", "konstantin-korovin",
    "maurice-denis", "paul-cezanne", "paul-gauguin", "piet-mondrian", "robert-delaunay", "robert-lewis-reid",
    "vincent-van-gogh", "willard-l-metcalf", "william-glackens",
)  # fmt: skip


def fruit(folder: Path) -> DrawnSet:
    kinds = [sorted(path for kind in of for path in folder.glob(f"*/{kind}/*.jpg")) for of in FRUIT.values()]
    return DrawnSet(
        "Fruit stall", "squares of photographs of the Grocery Store Dataset (Klasson et al. 2019)", "MIT",
        functools.partial(_square, kinds, (0.55, 1.0)), tuple(FRUIT),
    )  # fmt: skip


def brushwork(folder: Path) -> DrawnSet:
    paintings = [path for path in sorted(folder.glob("*.jpg")) if path.name.startswith(PAINTERS)]
    return DrawnSet(
        "Brushwork", "squares of paintings in the public domain", "public domain",
        functools.partial(_square, [paintings], (0.2, 0.4)),
    )  # fmt: skip


SETS = {"fruit": fruit, "brushwork": brushwork}


def _square(
    kinds: Sequence[Sequence[Path]], share: tuple[float, float], number: int, size: int, _: bool = False
) -> Image.Image:
    """A square whose side is a share of the shorter side, anywhere, mirrored or not; kinds take turns."""
    chance, files = np.random.default_rng(number), kinds[number % len(kinds)]
    held_out = files[::HELD_OUT]
    among = held_out if number >= LEARNED else sorted(set(files) - set(held_out))
    with Image.open(among[chance.integers(len(among))]) as file:
        picture = file.convert("RGB")
    side = chance.uniform(*share) * min(picture.size)
    left, top = (chance.uniform(0, length - side) for length in picture.size)
    square = picture.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
    return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chance.random() < 0.5 else square
