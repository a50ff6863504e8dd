"""Samples beside the pictures they are nearest to of those that were learned from: to see with one's own eyes whether
they are copies."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from core.gan.measures.moment import Moment
from core.gan.pictures import TILE
from core.pictures import images

PAIRS = 10
ACROSS = 5


def closest(moment: Moment) -> Image.Image | None:
    """Of the samples of this moment the ten that are nearest to a picture learned from, by our own network's features:
    five times in a row the sample, under it that picture, under that the nearest one in pixels; then the other five.
    None until all pictures were looked at."""
    learned = moment.real.searched()
    if learned is None:
        return None
    apart = torch.cdist(moment.features.double(), learned.double())
    nearest, which = apart.min(1)
    chosen = nearest.argsort()[:PAIRS].tolist()
    places = moment.real.learned[: len(learned)]
    pixels = moment.real.pixels[places].reshape(len(places), -1).astype(np.float32)
    rows: list[list[Image.Image]] = [[], [], []]
    for sample in chosen:
        picture = moment.samples[sample]
        by_pixels = np.square(pixels - np.asarray(picture, np.float32).reshape(-1)).sum(1).argmin()
        found = [moment.real.pixels[places[place]] for place in (int(which[sample]), int(by_pixels))]
        for row, one in zip(rows, [picture, *(Image.fromarray(np.squeeze(array)) for array in found)], strict=True):
            row.append(images.on_white(one))
    blocks = [picture for start in range(0, len(chosen), ACROSS) for row in rows for picture in row[start:][:ACROSS]]
    side = max(TILE, blocks[0].width)
    return images.grid([one.resize((side, side), Image.Resampling.NEAREST) for one in blocks], ACROSS, gap=2)
