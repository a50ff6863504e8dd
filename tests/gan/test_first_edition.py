"""What the first edition of Ganvas wrote (commit a45debb, in tests/data/edition-1) still opens, with the same pictures.

Two runs: `shapes`, a DCGAN with spectral norm, whole; `flat`, fully connected with batch norm, without its checkpoint.
`sampled` has pictures with their recipes, side by side in one file.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.gan import checkpoint, sample, worker
from core.gan.request import SampleRequest
from core.gan.zoo import load, model_folder
from core.pictures import images
from core.runs import lifecycle, states

EDITION = Path(__file__).parents[1] / "data" / "edition-1"


@pytest.fixture(autouse=True)
def _runs(_own_files):
    shutil.copytree(EDITION / "runs", lifecycle.folder())


def test_a_recipe_of_a_bundled_generator_opens():
    """Its pictures are those of the weights that come along now."""
    path = EDITION / "sampled" / "portraits.png"
    recipe = images.read_recipe(path)
    *_, now = sample.sample(SampleRequest.from_recipe(recipe))
    assert (now.recipe["points"], len(now.images)) == (recipe["points"], 4)


@pytest.mark.parametrize("name", ["run-shapes", "run-flat", "run-shapes-sorted"])
def test_a_recipe_gives_the_pictures_it_came_with(name):
    path = EDITION / "sampled" / f"{name}.png"
    recipe, before = images.read_recipe(path), np.asarray(Image.open(path), int)
    *_, now = sample.sample(SampleRequest.from_recipe(recipe))
    # Bit for bit where it was written; another processor adds in another order.
    assert np.abs(np.asarray(images.grid(now.images, gap=0), int) - before).max() <= 1
    assert now.recipe["points"] == recipe["points"]
    assert now.recipe.get("opinions") == pytest.approx(recipe.get("opinions"), abs=1e-3)


def test_every_tensor_of_a_checkpoint_is_in_its_place():
    (run,) = [run for run in lifecycle.all_runs() if run.id == "shapes"]
    saved = checkpoint.read(run.checkpoints()[20], torch.device("cpu"))
    for averaged, name in ((True, "average"), (False, "g")):
        loaded = load.open_generator("run:shapes@20", averaged)
        for network, tensors in ((loaded.network, saved[name]), (loaded.discriminator, saved["d"])):
            assert network.state_dict().keys() == tensors.keys()
            assert all(torch.equal(value, tensors[key]) for key, value in network.state_dict().items())


def test_a_discriminator_whose_spectral_norm_was_worked_in_is_the_one_of_the_checkpoint():
    (run,) = [run for run in lifecycle.all_runs() if run.id == "shapes"]
    kept, whole = model_folder.load_discriminator(run.result), load.open_generator("run:shapes@20").discriminator
    assert (kept.config["norm"], whole.config["norm"]) == ("none", "spectral")
    seen = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(kept(seen), whole(seen))


@pytest.mark.slow
def test_a_run_goes_on_in_a_branch():
    (run,) = [run for run in lifecycle.all_runs() if run.id == "shapes"]
    assert run.status == states.FINISHED
    twig = lifecycle.branch(run, 20, {"steps": 24}, "twig")
    worker.work(twig)
    assert (twig.status, twig.state["step"]) == (states.FINISHED, 24)
    *_, made = sample.sample(SampleRequest("run:twig", count=2))
    assert len(made.images) == 2
