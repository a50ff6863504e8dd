"""What a chain of layers can do without when it only makes pictures: the same function in fewer steps."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def folded(layers: nn.Sequential) -> nn.Module:
    """Latents [N, latent] -> images: batch norm is worked into the layer before it, and a first layer that lays out
    1x1 latents is one matrix product. `layers` stays as it is."""
    parts = without_norms(copy.deepcopy(layers).eval())
    first = parts[0]
    if isinstance(first, nn.Linear):
        return parts
    if isinstance(first, nn.ConvTranspose2d) and first.padding == (0, 0) and first.output_padding == (0, 0):
        return nn.Sequential(*_as_product(first), *list(parts)[1:])
    return nn.Sequential(nn.Unflatten(1, (-1, 1, 1)), *parts)


def without_norms(layers: nn.Sequential) -> nn.Sequential:
    """Layers in evaluation mode -> as many or fewer that do the same."""
    parts: list[nn.Module] = []
    for layer in layers:
        before = parts[-1] if parts else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.ConvTranspose2d | nn.Conv2d):
            parts[-1] = fuse_conv_bn_eval(before, layer, transpose=isinstance(before, nn.ConvTranspose2d))
        elif isinstance(layer, nn.BatchNorm1d) and isinstance(before, nn.Linear):
            parts[-1] = fuse_linear_bn_eval(before, layer)
        else:
            parts.append(layer)
    return nn.Sequential(*parts)


def _as_product(first: nn.ConvTranspose2d) -> list[nn.Module]:
    inputs, outputs, height, width = first.weight.shape
    product = nn.Linear(inputs, outputs * height * width)
    with torch.no_grad():
        product.weight.copy_(first.weight.flatten(1).T)
        if first.bias is None:
            product.bias.zero_()
        else:
            product.bias.copy_(first.bias.repeat_interleave(height * width))
    return [product, nn.Unflatten(1, (outputs, height, width))]
