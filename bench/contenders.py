"""What `bench/looks.py` compares our painter with, on our own features: the lesson's recipe, and the strongest peer."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from core.gan.data.torchvision_shim import importable_torchvision
from core.perceptual import FeatureNet
from core.pictures import images
from core.style.optimise.objective import CONTENT_LAYER, PALETTE, Moments, Objective, Weights, total_variation
from core.style.optimise.schedule import scales
from core.style.pixels import to_picture, to_tensor
from core.style.request import StyleRequest

CPU = torch.device("cpu")
EVALUATIONS = 300  # of the classic's loss


def classic(net: FeatureNet, photo: Image.Image, painting: Image.Image, size: int) -> Image.Image:
    """One scale, float32, from the photo, torch's L-BFGS as it comes: the well-known PyTorch tutorial's recipe."""
    request = StyleRequest(freedom=0, size=size)
    stage = scales(request, photo.size)[-1]
    target = to_tensor(photo, (stage.width, stage.height), CPU)
    style = to_tensor(painting, stage.of_style(*painting.size), CPU)
    objective = Objective(net, target, [style], [1.0], Weights.of(request))
    x = target.contiguous().clone().requires_grad_()
    optimiser, evaluations = torch.optim.LBFGS([x]), 0

    def closure() -> Tensor:
        nonlocal evaluations
        with torch.no_grad():
            x.clamp_(0, 1)
        optimiser.zero_grad()
        loss = _formula(objective, x) * x.numel()  # the tutorial's losses are of such a size; a mean would stall it
        loss.backward()
        evaluations += 1
        return loss

    while evaluations < EVALUATIONS:
        optimiser.step(closure)
    return to_picture(x.detach())


def _formula(objective: Objective, image: Tensor) -> Tensor:
    """The objective at full size, as the lesson writes it, left to autograd."""
    weights = objective.weights
    features = objective.network(image, [*objective.layer_weights, CONTENT_LAYER])
    loss = weights.content * (features[CONTENT_LAYER] - objective.content).square().mean() / objective.content_size
    shares = {layer: weights.style * share for layer, share in objective.layer_weights.items()}
    for name, share in {**shares, PALETTE: weights.palette}.items():
        found, target = Moments.of(features.get(name, image)), objective.styles[name]
        loss = loss + share * (found.mean[0] - target.mean).square().sum() / target.mean_size
        loss = loss + share * (found.covariance[0] - target.covariance).square().sum() / target.covariance_size
    return loss + weights.variation * total_variation(image)


def crowsonkb(
    folder: Path, net: FeatureNet, photo: Image.Image, painting: Image.Image, size: int, allowed: float | None = None
) -> list[tuple[float, Image.Image]]:
    """Its StyleTransfer at its defaults, looking through our network instead of VGG-19, to its end or for so many
    seconds of processor time: what there was to see after how many of them. `folder`: a checkout of it."""
    importable_torchvision()
    sys.path.insert(0, str(folder))
    from style_transfer import style_transfer

    names = {1: "relu1_1", 6: "relu2_1", 11: "relu3_1", 20: "relu4_1", 22: "relu4_2", 29: "relu5_1"}

    class Features(nn.Module):
        def __init__(self, layers: list[int], **_: str):
            super().__init__()
            self.layers = sorted(set(layers))

        def distribute_layers(self, _: dict) -> None:
            """One device: nothing to distribute."""

        def forward(self, image: Tensor, layers: list[int] | None = None) -> dict:
            wanted = self.layers if layers is None else layers
            found = net(image, [names[n] for n in wanted])
            return {"input": image, **{n: found[names[n]] for n in wanted}}

    style_transfer.VGGFeatures = Features
    painter, began, seen = style_transfer.StyleTransfer(), time.process_time(), []

    def watch(_: object) -> None:
        now = time.process_time() - began
        if allowed and now > allowed:
            raise TimeoutError
        if not seen or now - seen[-1][0] > 1:
            seen.append((now, painter.get_image()))

    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(TimeoutError):
        painter.stylize(images.on_white(photo), [images.on_white(painting)], end_scale=size, callback=watch)
    return [*seen, (time.process_time() - began, painter.get_image())]
