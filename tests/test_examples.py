"""The example pictures: the scripts draw them again from a seed, and every shipped file is sound and accounted for."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.make import MOST_BYTES, PAINTINGS, as_jpeg, draw

FOLDER = Path(__file__).parents[1] / "examples"
PICTURES = tomllib.loads((FOLDER / "index.toml").read_text())["picture"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_depends_on_its_seed_alone(name):
    first, again, other = (draw(name, 24, seed) for seed in (1, 1, 2))
    assert as_jpeg(first) == as_jpeg(again)
    assert max(first.size) == 24
    assert first.mode == "RGB"
    difference = np.abs(np.asarray(first, float) - np.asarray(other, float)).mean()
    assert difference > 2, "another seed must give another picture"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["swirls", "great-wave", "ink", "poppies"])
def test_size_changes_the_detail_and_not_the_composition(name):
    small, large = draw(name, 64), draw(name, 128)
    assert max(large.size) == 128
    a, b = (np.asarray(p.resize((6, 6), Image.Resampling.BOX), float) for p in (small, large))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.7


@pytest.mark.parametrize("picture", PICTURES, ids=lambda p: p["file"])
def test_a_shipped_picture_is_sound(picture):
    path = FOLDER / picture["file"]
    with Image.open(path) as image:
        image.load()
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        assert 400 <= max(image.size) <= 1024
        # A style needs texture everywhere: no tile of a painting may be flat.
        if picture["kind"] == "painting":
            assert path.stat().st_size <= MOST_BYTES
            grey = np.asarray(image.convert("L"), float)
            height, width = (side // 48 * 48 for side in grey.shape)
            tiles = grey[:height, :width].reshape(height // 48, 48, width // 48, 48)
            assert tiles.std(axis=(1, 3)).min() > 1.5


def test_every_file_is_in_the_index_and_every_entry_is_a_file():
    shipped = {str(p.relative_to(FOLDER)) for folder in ("paintings", "photos") for p in (FOLDER / folder).iterdir()}
    assert shipped == {p["file"] for p in PICTURES}
    assert {Path(p["file"]).stem for p in PICTURES if p["kind"] == "painting"} == set(PAINTINGS)


def test_the_readme_names_every_file_with_its_licence_and_author():
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("|")]
    for picture in PICTURES:
        assert picture["title"]
        (row,) = (r for r in rows if r.startswith(f"| {Path(picture['file']).name} |"))
        if picture["kind"] == "photo":
            assert picture["licence"] in row
            assert picture["origin"].split(";")[0].split(",")[0] in row
