"""Feature networks that see as painters need: our own bundled one, and VGG-19.

Both are plain stacks of 3x3 convolutions, ReLU and average pooling, so one class runs both and only the weights
and widths differ. Layers carry the names the literature uses (`relu1_1` ... `relu5_1`). Knows nothing of painting,
training (`weights/train_perceptual.py`) or web pages; how bytes come from the Hub is `core.weights`' business.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class FeatureNet(nn.Module):
    """Image in [0, 1] -> named ReLU activations (Simonyan & Zisserman 2015, arXiv:1409.1556).

    `scales[s]` lists the widths of the convolutions of scale s + 1; between scales the picture is halved by
    average pooling, which Gatys et al. (2016, section 2) found to synthesise smoother pictures than VGG's maximum.
    The input is normalised here. The first convolution sees the border repeated outwards instead of zeros, which
    would otherwise be the strongest edge of the picture and grow a frame in it.
    """

    def __init__(self, scales: Sequence[Sequence[int]], mean=IMAGENET_MEAN, std=IMAGENET_STD, *, name="", label=""):
        super().__init__()
        self.name, self.label = name, label
        self.scales = tuple(tuple(widths) for widths in scales)
        self.convs = nn.ModuleDict()
        self.channels: dict[str, int] = {}
        before = 3
        for s, widths in enumerate(self.scales, 1):
            for i, width in enumerate(widths, 1):
                layer = f"relu{s}_{i}"
                self.convs[layer] = nn.Conv2d(before, width, 3, padding=0 if before == 3 else 1)
                self.channels[layer] = before = width
        self.layer_names = tuple(self.channels)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """image [N, 3, H, W] in [0, 1] -> {layer: [N, channels[layer], H / 2^s, W / 2^s]}; no layer after the
        last one asked for is computed."""
        unknown = set(layers) - set(self.layer_names)
        if unknown:
            raise ValueError(f"unknown layers {sorted(unknown)}; there are {self.layer_names}")
        last = max(self.layer_names.index(layer) for layer in layers)
        # Normalised before the cast: around mid-grey bfloat16 then has its finest steps where they are needed.
        x = ((image - self.mean) / self.std).to(next(self.parameters()).dtype)
        x = F.pad(x, (1, 1, 1, 1), mode="replicate").contiguous(memory_format=torch.channels_last)
        found = {}
        for layer in self.layer_names[: last + 1]:
            if layer.endswith("_1") and layer != "relu1_1":
                x = F.avg_pool2d(x, 2)
            x = F.relu(self.convs[layer](x))
            if layer in layers:
                found[layer] = x
        return found


BUNDLED = Path(__file__).parent.parent / "weights" / "perceptual.safetensors"


def load(name: str, *, device: str = "cpu", dtype: torch.dtype | None = None) -> FeatureNet:
    """The named network ("bundled" or "vgg19"), frozen, on `device` in `dtype` (None: float32)."""
    path = BUNDLED
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
        net = FeatureNet(config["scales"], config["mean"], config["std"], name=name, label=config["label"])
        net.load_state_dict({key: file.get_tensor(key).float() for key in file.keys()})
    net = net.to(device=device, dtype=dtype or torch.float32, memory_format=torch.channels_last)
    net.mean, net.std = net.mean.float(), net.std.float()
    return net.eval().requires_grad_(False)
