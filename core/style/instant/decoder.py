"""From a picture to features and back; the way back is the one part of the instant painter that learns.

The encoder is the feature network as it is. The decoder has 0.53 M numbers and sees the two deeper layers only: what
hands it the photo's finest scales makes tinted photos of paintings. Pictures grow by bilinear interpolation before a
convolution (Odena et al. 2016, distill.pub, "Deconvolution and checkerboard artifacts"), and nothing is normalised; but
every channel is made stronger or weaker by what all the features together are like (Hu et al. 2018, arXiv:1709.01507).
Those are the style's by then, so the decoder paints otherwise for oils than for woodcuts.

Knows nothing of styles, training (`weights/train_instant.py`) or requests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.perceptual import FeatureNet

DEEP, FINE = "relu4_1", "relu3_1"  # at an eighth and a quarter of the picture's size
LAYERS = (FINE, DEEP)
MULTIPLE = 8  # px: a picture's sides are brought to a multiple of it
# Beyond the border the encoder's convolutions see zeros, and around every picture a frame would grow. They get to see a
# mirror image of so many px instead.
MARGIN = 16


def encoded(net: FeatureNet, picture: Tensor) -> dict[str, Tensor]:
    """A picture [N, 3, H, W] in [0, 1], sides multiples of 8 px and 24 px at least -> features of `LAYERS`."""
    features, found = net(F.pad(picture, (MARGIN,) * 4, mode="reflect"), LAYERS), {}
    for layer, times in ((FINE, 4), (DEEP, 8)):
        cut = MARGIN // times
        found[layer] = features[layer][:, :, cut:-cut, cut:-cut]
    return found


class Decoder(nn.Module):
    """Features of `LAYERS` -> a picture. `widths`: channels at an eighth, a quarter, a half and the whole size.

    Attributes: `digest` of the weights.
    """

    def __init__(self, deep: int = 256, fine: int = 128, widths: tuple[int, int, int, int] = (128, 64, 32, 16)):
        super().__init__()
        self.config = {"deep": deep, "fine": fine, "widths": list(widths)}
        self.digest = ""
        eighth, quarter, half, whole = widths
        self.at_eighth = _conv(deep, eighth)
        self.fine = nn.Conv2d(fine, eighth, 1)
        self.at_quarter = nn.ModuleList([_conv(eighth, quarter), _conv(quarter, quarter)])
        self.at_half = nn.ModuleList([_conv(quarter, half), _conv(half, half)])
        self.at_whole = nn.ModuleList([_conv(half, whole), _conv(whole, 3)])
        self.tuned = (quarter, quarter, half, half, whole)  # channels of the convolutions that are
        last = nn.Linear(64, 2 * sum(self.tuned))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.tune = nn.Sequential(nn.Linear(2 * (deep + fine), 64), nn.ReLU(), last)

    def forward(self, features: Mapping[str, Tensor], tuned: Tensor) -> Tensor:
        """What `encoded` gave for [N, 3, H, W] -> a picture of that size, about in [0, 1] and not clamped. `tuned`:
        what `tuning` says of these features, or of others that they are to be like."""
        deep, fine = (features[layer].to(self.fine.weight.dtype) for layer in (DEEP, FINE))
        tuning = self._gains(tuned)
        x = _doubled(F.relu(self.at_eighth(deep)))
        x = F.relu(x + self.fine(fine))
        for conv in self.at_quarter:
            x = _tuned(conv(x), next(tuning))
        x = _doubled(x)
        for conv in self.at_half:
            x = _tuned(conv(x), next(tuning))
        x = _tuned(self.at_whole[0](_doubled(x)), next(tuning))
        return self.at_whole[1](x)

    def tuning(self, features: Mapping[str, Tensor]) -> Tensor:
        """How strong each channel is where all the features together are like these [N, C, H, W]: [N, T, 1, 1]."""
        dtype = self.fine.weight.dtype
        alike = []
        for layer in (DEEP, FINE):
            rows = features[layer].to(dtype).permute(0, 2, 3, 1).flatten(1, 2).float()  # [N, H W, C]
            mean = rows.mean(1, keepdim=True)
            alike += [mean[:, 0], (rows - mean).square().mean(1).sqrt()]  # torch's own std takes five times as long
        return self.tune(torch.cat(alike, 1).to(dtype))[:, :, None, None]

    def _gains(self, tuned: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """A gain and a shift [N, C, 1, 1] for every convolution of `tuned`."""
        for channels, both in zip(self.tuned, tuned.split([2 * n for n in self.tuned], 1), strict=True):
            yield 1 + both[:, :channels], both[:, channels:]

    def frozen(self, device: str | torch.device, dtype: torch.dtype | None) -> Decoder:
        """Ready for use: on `device` in `dtype` (None: float32), channels last, nothing to train."""
        self.to(device=device, dtype=dtype or torch.float32)
        self.to(memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]  # unknown to torch's stubs
        return self.eval().requires_grad_(False)


def _conv(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, padding_mode="replicate")


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _tuned(x: Tensor, by: tuple[Tensor, Tensor]) -> Tensor:
    gain, shift = by
    return torch.addcmul(shift, x, gain).relu_()


def save(decoder: Decoder, path: Path, **about: object) -> None:
    """Write as float16 safetensors that `read` reads; its shape and `about` travel in the header."""
    tensors = {key: value.half().contiguous() for key, value in decoder.state_dict().items()}
    save_file(tensors, path, {"config": json.dumps(decoder.config), "about": json.dumps(about)})


def read(path: Path) -> Decoder:
    """What `save` wrote, in float32."""
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (a safe_open is no dict)
    decoder = Decoder(config["deep"], config["fine"], tuple(config["widths"]))
    decoder.load_state_dict({key: value.float() for key, value in tensors.items()})
    digest = hashlib.sha256()
    for key, value in sorted(tensors.items()):
        digest.update(key.encode() + value.contiguous().numpy().tobytes())
    decoder.digest = digest.hexdigest()[:16]
    return decoder
