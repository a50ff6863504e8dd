"""Four visitors at once, as in bench/load.py: each gets every page and a painting in their own colours."""

import asyncio
import sys

import pytest

from support.studio import ROOT, serving

sys.path.append(str(ROOT / "bench"))

import load

pytestmark = pytest.mark.server

MANY = 4


async def visits(address: str) -> load.Seen:
    seen = load.Seen()
    crowd = [load.Visitor(address, number, seen) for number in range(9, 9 + MANY)]
    fn = await load.events(crowd[0], "start")
    await asyncio.gather(*(one.paint(fn) for one in crowd), *(one.open(page) for one in crowd for page in load.PAGES))
    for one in crowd:
        await one.look()
        await one.http.aclose()
    return seen


def test_everybody_gets_their_own(tmp_path):
    here = {"GANVAS_PUBLIC": "1", "GRADIO_TEMP_DIR": str(tmp_path / "gradio")}
    with serving(tmp_path, env=here) as address:
        seen = asyncio.run(visits(address))  # raises where something is missing, or another's
    assert len(seen.finished) == MANY
    assert max(seen.places) >= MANY - 2, "they saw how many were before them"
    assert seen.previews >= 3 * MANY
    assert not seen.refused
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def test_colours_are_told_apart():
    assert all(load.decoded(load.coded(number, 64)) == number for number in range(64))
