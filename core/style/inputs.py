"""What is made of pictures before an engine paints with them, and what has to be told of them. Plain: no torch."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from core.errors import UserError
from core.pictures import images
from core.pictures.depth import flat

SEEN = 128  # of 255: what is less opaque does not count where a style is cut out


def to_paint(photo: Image.Image) -> Image.Image:
    """A photo as it is; one of which nothing can be seen is a white sheet of paper."""
    return images.on_white(photo) if _unseen(photo) else photo


def _unseen(picture: Image.Image) -> bool:
    return picture.mode == "RGBA" and picture.getchannel("A").getextrema()[1] == 0


def of_style(style: Image.Image) -> Image.Image:
    """RGB: of a style only what can be seen. What is see-through around it is cut off; in between, the colours beside
    it go on. `UserError` where nothing can be seen."""
    if style.mode != "RGBA":
        return style
    alpha = style.getchannel("A")
    place = alpha.point([255 * (level >= SEEN) for level in range(256)]).getbbox() or alpha.getbbox()
    if place is None:
        raise UserError("Nothing of the style picture can be seen, it is see-through all over; choose another one.")
    # Averages of what can be seen, ever coarser, lie under each other: each shows where the finer ones are see-through.
    levels = [style.crop(place).convert("RGBa")]
    while max(levels[-1].size) > 1:
        levels.append(levels[-1].reduce(2))
    below = levels.pop().convert("RGBA")
    below.putalpha(255)
    for level in reversed(levels):
        below = below.resize(level.size, Image.Resampling.BILINEAR)
        below.alpha_composite(level.convert("RGBA"))
    return below.convert("RGB")


def noted(photo: Image.Image, styles: Sequence[Image.Image], painted: tuple[int, int]) -> list[str]:
    """What a person has to know of the pictures they gave, in sentences; `styles` as `of_style` gives them, `painted`
    the painting's width and height."""
    notes = []
    if _unseen(photo):
        notes.append("Nothing of the photo can be seen, it is see-through all over; it was painted as white paper.")
    if images.fit_size(*photo.size, max(painted), minimum=1) != painted:
        notes.append(
            "The photo is too long and narrow to be painted in its own shape; it was stretched to "
            f"{painted[0]} × {painted[1]}."
        )
    for number, style in enumerate(styles, 1):
        if flat(style.convert("RGB")):
            which = "The style picture" if len(styles) == 1 else f"Style picture {number}"
            notes.append(f"{which} is of one colour: there are no strokes to take from it, only the colour.")
    return notes
