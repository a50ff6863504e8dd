"""A finished run, as the worker leaves it: with a result that can be sampled, published and sorted."""

import torch

from core.gan import points
from core.gan.methods.dcgan import Discriminator, Generator
from core.gan.pictures import to_pictures
from core.gan.request import TrainRequest
from core.gan.zoo import model_folder
from core.runs import lifecycle, run_folder, states
from core.runs.run_folder import Run
from support.foreign_networks import lively


def finished_run() -> Run:
    """A run with a result, as the worker leaves it."""
    request = TrainRequest(size=16, latent=8, width_g=4, steps=20)
    made = lifecycle.create(request, {"kind": "drawn", "name": "portraits", "count": 100}, "My cats")
    net = lively(Generator(method="dcgan", size=16, channels=3, latent=8, width=4))
    with torch.no_grad():
        shown = net(torch.from_numpy(points.latents(points.of_seed(0, 64), 8)))
    about = {"name": "My cats", "steps_made": 20, "seconds": 1, "data": {"source": "x", "licence": "y", "count": 9}}
    model_folder.save(net, made.path / "result", to_pictures(shown), request.recipe(**about))
    discriminator = Discriminator(method="dcgan", size=16, channels=3, width=4, norm="none")
    model_folder.save_discriminator(discriminator, made.path / "result")
    run_folder.write_state(made, status=states.FINISHED, step=20)
    return made
