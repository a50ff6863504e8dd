"""Sampling for programs: the function behind `/sample` of the API that Gradio publishes (`gr.api(sample)`).

The same request, the same job and the same pictures as on the Generate page and the command line.
"""

from __future__ import annotations

import base64
import dataclasses
import io
from typing import Any

from core import amounts, jobs
from core.errors import UserError
from core.gan.points import recipe_of
from core.gan.request import SampleRequest
from core.gan.zoo import catalogue
from core.pictures import images
from core.visitors import policy

DEFAULT = SampleRequest()


def sample(
    generator: str = DEFAULT.generator,
    seed: int = DEFAULT.seed,
    count: int = 1,  # a program asks for what it wants; a page shows many
    truncation: float = DEFAULT.truncation,
    averaged: bool = DEFAULT.averaged,
    sort: bool = DEFAULT.sort,
    points: list[str] | None = None,
    label: str = DEFAULT.label,
) -> dict[str, Any]:
    """Have a generator make pictures.

    Returns {"recipe", "pictures", "seconds"}: pictures are PNGs in base64, each with its own recipe inside.
    generator: a name (portraits), run:name, or hub:owner/name.
    points: in place of seed and count, exactly these pictures, like "7:12" or "7:12-7:3+8:0".
    label: the class of all of them, by name or number, where the generator has classes.
    """
    request = SampleRequest(generator, seed, count, truncation, averaged, sort, points or (), label)
    jobs.require_room(request)  # before anything is fetched
    if catalogue.on_hub(generator):  # here, not in the queue, where others would wait for the download
        from core.gan.zoo.load import fetch, open_generator

        request = dataclasses.replace(request, generator=fetch(generator))
        if left := open_generator(request.generator).readings:
            ways = "; ".join(f"{request.generator}:{reading.tags} ({reading.says})" for reading in left)
            raise UserError(
                f"{generator} can be read in several ways, and does not tell which is right; name one of them as the "
                f"generator, the likeliest first: {ways}."
            )
    result = jobs.submit(request).wait()
    pictures, size, most = [], 0, policy.limits().answer_bytes
    for index, picture in enumerate(result.images):
        file = io.BytesIO()
        images.write_png(picture, file, recipe_of(result.recipe, index))
        size += file.tell()
        if not policy.within(size, most):
            raise UserError(
                f"These pictures are more than {amounts.megabytes(most)}, of which {index} have room; ask for fewer "
                f"at once ({policy.ELSEWHERE})."
            )
        pictures.append(base64.b64encode(file.getvalue()).decode())
    return {"recipe": dict(result.recipe), "pictures": pictures, "seconds": result.seconds}
