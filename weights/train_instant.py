"""Train the instant painter's decoder on folders of photographs and paintings.

    python weights/train_instant.py --photos DIR --large DIR --paintings DIR --work DIR --minutes 9
    python weights/train_instant.py --work DIR --ship weights/instant.safetensors

In the order of the method:

1. Photographs (small ones enlarged or laid side by side, crops of large ones and of paintings) and styles (crops of
   paintings, and of photographs) are drawn at random.
2. The frozen encoder sees both; the photograph's features are moved to the style's statistics in closed form
   (`core/style/instant/transfer.py`); the decoder makes a picture of them. At first it only learns to give a
   photograph back. Later the picture is the mean of two, at the whole and at half the size, as the engine paints it.
3. The picture is judged by the painter's own objective (`core.style.optimise.objective`), for a batch: content, means
   and covariances of five layers, palette, variation; style also at a half and a quarter of the size, where the large
   forms are. For the judge it is moved by some pixels, differently every time: else what lies on the grid of its
   pooling would be rewarded, and fine lines would show.
4. Now and then a photograph painted onto itself has to come back: that keeps haze away.
5. A moving average of the weights is what is shipped.

The script can be stopped at any time and started again with the same arguments; it goes on where it was.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import device as devices  # noqa: E402
from core import perceptual  # noqa: E402
from core.perceptual import FeatureNet  # noqa: E402
from core.pictures import images  # noqa: E402
from core.style.instant.decoder import DEEP, LAYERS, Decoder, encoded, save  # noqa: E402
from core.style.instant.paint import FINE_PART, halved, look_of  # noqa: E402
from core.style.instant.paint import painted as painted_in  # noqa: E402
from core.style.instant.transfer import COLOUR_SHRINK, transported  # noqa: E402
from core.style.optimise.objective import CONTENT_LAYER, PALETTE, STYLE_LAYERS, Moments, total_variation  # noqa: E402
from core.style.optimise.schedule import scales  # noqa: E402
from core.style.pixels import to_picture, to_tensor  # noqa: E402
from core.style.request import InstantRequest  # noqa: E402

Look = dict[tuple[int, str], Moments]  # by size and layer
Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Stage:
    until: float  # fraction of the whole time
    side: int  # px
    batch: int  # photographs a step; half as many styles
    paint: bool  # else the photograph only has to come back
    halved: bool = False  # painted at half the size too


PLAN = (Stage(0.04, 128, 64, False), Stage(0.2, 128, 64, True), Stage(1.0, 256, 32, True, True))
RATE, LAST_RATE = 1e-3, 2e-5  # Adam, cosine
WARM_UP = 200  # steps
CLIP = 1.0
AVERAGE = 0.999
CONTENT, PALETTE_WEIGHT, VARIATION = 1.0, 1.0, 10.0
STYLE_AT = {1: 1.0, 2: 1.0, 4: 1.0}  # weight of the style at the whole size, half and a quarter of it
BACK = 0.3  # weight of photographs that have to come back
BACK_SHARE = 8  # every so many of a batch has to
BACK_LAYERS, BACK_FEATURES = STYLE_LAYERS[:4], 0.3
MIXED, PHOTO_STYLES = 0.2, 0.15  # shares of styles that are two mixed, and that are photographs
MOVED = 2  # px, at most, for the judge
NOISE = 0.03  # on half of the photographs: the painter's seeds
SMALL = 128  # px: small photographs are laid side by side at this size
WORKERS = 12  # processes that cut batches
SAVE_EVERY = 60  # seconds


# ---------------------------------------------------------------- 1. pictures

Batch = tuple[Tensor, Tensor]  # photographs and styles, uint8 [N, 3, side, side]


class Pictures(Dataset):
    """Batches at random, one for every step; the same step has the same batch, always."""

    def __init__(self, photos: Path, large: Path, paintings: Path, seed: int):
        with ThreadPoolExecutor() as pool:
            self.small, self.large, self.paintings = (
                list(pool.map(_opened, sorted(folder.glob("*.jpg")))) for folder in (photos, large, paintings)
            )
        self.seed, self.stage = seed, PLAN[0]

    def batches(self, step: int, stage: Stage) -> Iterator[Batch]:
        """From this step on, without end, made ahead of time by other processes where there are cores for them."""
        self.stage = stage
        workers = max(0, min(WORKERS, (os.cpu_count() or 1) - 2))
        return iter(DataLoader(self, None, sampler=range(step, sys.maxsize), num_workers=workers))

    def __getitem__(self, step: int) -> Batch:
        rng, side = np.random.default_rng((self.seed, step)), self.stage.side
        photos = [self.photo(rng, side) for _ in range(self.stage.batch)]
        styles = [self.style(rng, side) for _ in range(self.stage.batch // 2)]
        return tuple(torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).contiguous() for some in (photos, styles))

    def photo(self, rng: np.random.Generator, side: int) -> np.ndarray:
        """A third small ones enlarged, a third as sharp as they are, the rest cut from large ones and paintings."""
        kind = rng.choice(["enlarged", "sharp", "large", "painting"], p=[1 / 3, 1 / 3, 1 / 6, 1 / 6])
        if kind == "enlarged":
            return self._cut(rng, self.small, side, 0.35)
        if kind == "sharp":
            rows = [[self._cut(rng, self.small, SMALL, 1) for _ in range(side // SMALL)] for _ in range(side // SMALL)]
            return np.concatenate([np.concatenate(row, 1) for row in rows], 0)
        return self._cut(rng, self.large if kind == "large" else self.paintings, side, 0.75)

    def style(self, rng: np.random.Generator, side: int) -> np.ndarray:
        if rng.random() < PHOTO_STYLES:
            return self.photo(rng, side)
        return self._cut(rng, self.paintings, side, 0.6)

    def _cut(self, rng: np.random.Generator, among: Sequence[Image.Image], side: int, smallest: float) -> np.ndarray:
        """A square of `smallest * side` px to the whole of a picture, brought to `side`."""
        picture = among[rng.integers(len(among))]
        most = min(picture.size)
        least = min(most, smallest * side)
        cut = round(least * (most / least) ** rng.random())
        x, y = rng.integers(picture.width - cut + 1), rng.integers(picture.height - cut + 1)
        square = picture.resize((side, side), Image.Resampling.BICUBIC, (x, y, x + cut, y + cut))
        pixels = np.asarray(square)
        return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def _opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes())).convert("RGB")


def _recoloured(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Colours turned about grey by a few degrees and made stronger or weaker, for each of [N, 3, H, W] differently."""
    count = len(pictures)
    angle, strength, contrast = rng.normal(0, 0.3, count), rng.uniform(0.7, 1.3, count), rng.uniform(0.85, 1.15, count)
    grey = np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    c, s, strength, contrast = (v[:, None, None] for v in (np.cos(angle), np.sin(angle), strength, contrast))
    turned = contrast * (grey + strength * (c * (np.eye(3) - grey) + s * across))
    turned = torch.from_numpy(turned.astype(np.float32)).to(pictures.device)
    middle = pictures.mean((1, 2, 3), keepdim=True)
    return (torch.einsum("nij,njhw->nihw", turned, pictures - middle) + middle).clamp(0, 1)


# ---------------------------------------------------------------- 2. to 4. what is learnt


def painted(
    decoder: torch.nn.Module, features: dict[str, Tensor], wanted: dict[str, Moments], part: float = 1.0
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The photographs of these features a part of the way to the wanted styles: the moved features, the decoder's
    picture of them, float32 [N, 3, H, W], and that with its colours set."""
    moved = {}
    with torch.no_grad():
        for layer in LAYERS:
            seen = features[layer]
            whole = transported(seen, moments_of(seen), wanted[layer])
            moved[layer] = torch.lerp(seen.float(), whole.float(), part).to(seen.dtype)
    device = moved[DEEP].device
    with torch.autocast(device.type, torch.bfloat16, enabled=moved[DEEP].dtype == torch.bfloat16):
        output = decoder(moved, decoder.tuning(moved)).float()
    return moved, output, coloured(output, wanted[PALETTE])


def coloured(picture: Tensor, palette: Moments) -> Tensor:
    return transported(picture, moments_of(picture), palette, COLOUR_SHRINK)


def moments_of(features: Tensor) -> Moments:
    """`Moments.of`, in slices: a batched product over so many positions keeps a GPU waiting."""
    rows = features.permute(0, 2, 3, 1).flatten(1, 2).float()  # [N, positions, C]
    count, positions, channels = rows.shape
    slices = math.gcd(positions, 64)
    parts = rows.reshape(count * slices, positions // slices, channels)
    gram = (parts.transpose(1, 2) @ parts).view(count, slices, channels, channels).sum(1) / positions
    return Moments(rows.mean(1), gram)


class Judge:
    """`core.style.optimise.objective.Objective` for a batch: every picture has a photograph and a style of its own.

    Two departures. Content is compared with the photograph's features as they were moved to the style, on which content
    and style agree (Huang & Belongie 2017, arXiv:1703.06868, do so). And style is compared at several sizes.
    """

    def __init__(self, net: FeatureNet):
        self.net = net

    def look(self, picture: Tensor) -> tuple[Look, dict[int, Tensor]]:
        """Moments of style layers and palette, and features of the content layer, at the sizes of `STYLE_AT`."""
        found, content = {}, {}
        for times in STYLE_AT:
            smaller = F.avg_pool2d(picture, times) if times > 1 else picture
            features = self.net(smaller, STYLE_LAYERS)
            content[times] = features[CONTENT_LAYER]
            for name, seen in {**features, PALETTE: smaller}.items():
                found[times, name] = moments_of(seen)
        return found, content

    def __call__(self, picture: Tensor, content: dict[int, Tensor], usual: Look, wanted: Look) -> Parts:
        """The parts, weighted, each a scalar: means over the batch. `content`: features of the content layer at some
        sizes."""
        found, seen = self.look(picture)
        kept = [_relative(seen[times], features).mean() for times, features in content.items()]
        parts = {"content": CONTENT * sum(kept) / len(kept)}
        for times, weight in STYLE_AT.items():
            distances = [
                style_distance(found[times, name], wanted[times, name], usual[times, name]) for name in STYLE_LAYERS
            ]
            parts[f"style/{times}"] = weight * torch.stack(distances).mean()
        return parts | {"variation": VARIATION * total_variation(picture)}

    def back(self, output: Tensor, photo: Tensor) -> Tensor:
        """How far photographs are from having come back: pixels, and a little of their features."""
        found, wanted = self.net(output, BACK_LAYERS), self.net(photo, BACK_LAYERS)
        features = sum(_relative(found[layer], wanted[layer]) for layer in BACK_LAYERS) / len(BACK_LAYERS)
        spread = (photo - photo.mean((2, 3), keepdim=True)).square().mean((1, 2, 3)) + 1e-2
        return ((output - photo).square().mean((1, 2, 3)) / spread + BACK_FEATURES * features).mean()


def style_distance(found: Moments, wanted: Moments, usual: Moments) -> Tensor:
    """[N]: as `objective.StyleDistance` against `StyleTarget.of(wanted, usual)`."""
    mean_size = wanted.mean.square().sum(1) + 0.1 * usual.mean.square().sum(1) + 1e-4
    size = wanted.covariance.square().sum((1, 2)) + 0.1 * usual.covariance.square().sum((1, 2)) + 1e-4
    to_mean = (found.mean - wanted.mean).square().sum(1) / mean_size
    return to_mean + (found.covariance - wanted.covariance).square().sum((1, 2)) / size


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    """Squared difference over the wanted's mean square [N]."""
    wanted = wanted.float()
    return (found.float() - wanted).square().mean((1, 2, 3)) / (wanted.square().mean((1, 2, 3)) + 1e-4)


def loss_of(decoder: torch.nn.Module, judge: Judge, stage: Stage, batch: Batch, rng: np.random.Generator) -> Parts:
    """Of one batch: the parts that are added up, each a scalar."""
    net, device = judge.net, judge.net.mean.device
    photos, styles = (pictures.to(device, non_blocking=True).float() / 255 for pictures in batch)
    with torch.no_grad():
        backs = photos[:: BACK_SHARE if stage.paint else 1]  # to be painted onto themselves
        features = encoded(net, backs)
        to_be = moments(features) | {PALETTE: moments_of(backs)}
        if stage.paint:
            count = len(photos)
            photos = photos + _noise(photos, rng)
            styles, shares = _recoloured(styles, rng), _shares(rng, len(styles), device)
            wanted, (usual, _) = _mixed(judge.look(styles)[0], shares, count), judge.look(photos)
            palette = wanted[1, PALETTE]
            in_style = _mixed(moments(encoded(net, styles)), shares, count) | {PALETTE: palette}
            seen = encoded(net, photos)
            features = {layer: torch.cat([seen[layer], features[layer]]) for layer in seen}
            to_be = {name: joined(in_style[name], own) for name, own in to_be.items()}
    moved, output, picture = painted(decoder, features, to_be, FINE_PART if stage.halved else 1.0)
    came_back = slice(-len(backs), None)
    parts = {"back": BACK * (judge.back(output[came_back], backs) + judge.back(picture[came_back], backs)) / 2}
    if stage.paint:
        picture, content, raw = picture[:count], {1: moved[CONTENT_LAYER][:count]}, moments_of(output[:count])
        if stage.halved:
            with torch.no_grad():
                in_style = _mixed(moments(encoded(net, _halved(styles))), shares, count) | {PALETTE: palette}
                features = encoded(net, _halved(photos))
            moved, _, small = painted(decoder, features, in_style)
            small = F.interpolate(small, scale_factor=2, mode="bicubic", align_corners=False)
            picture, content[2] = coloured((picture + small) / 2, palette), moved[CONTENT_LAYER]
        parts |= judge(_moved(picture, rng), content, usual, wanted)
        parts["palette"] = PALETTE_WEIGHT * style_distance(raw, palette, usual[1, PALETTE]).mean()
    return parts


def _halved(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, scale_factor=0.5, mode="bilinear", align_corners=False, antialias=True)


def _moved(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    x, y = rng.integers(2 * MOVED + 1, size=2)
    height, width = pictures.shape[2:]
    return F.pad(pictures, (MOVED,) * 4, mode="replicate")[:, :, y : y + height, x : x + width]


def moments(features: dict[str, Tensor]) -> dict[str, Moments]:
    return {name: moments_of(found) for name, found in features.items()}


def joined(a: Moments, b: Moments) -> Moments:
    return Moments(torch.cat([a.mean, b.mean]), torch.cat([a.gram, b.gram]))


def _noise(photos: Tensor, rng: np.random.Generator) -> Tensor:
    trace = torch.from_numpy(NOISE * rng.integers(0, 2, (len(photos), 1, 1, 1)).astype(np.float32))
    return trace.to(photos.device) * torch.randn_like(photos)


def _shares(rng: np.random.Generator, count: int, device: torch.device) -> Tensor:
    """How much of its own style each picture gets; the rest is its neighbour's."""
    shares = np.where(rng.random(count) < MIXED, rng.uniform(0.3, 0.7, count), 1.0)
    return torch.from_numpy(shares.astype(np.float32)).to(device)


def _mixed(found: dict[Any, Moments], shares: Tensor, count: int) -> dict[Any, Moments]:
    """Styles mixed with their neighbours, repeated until there are `count`."""

    def mix(values: Tensor) -> Tensor:
        share = shares.view(-1, *[1] * (values.ndim - 1))
        values = share * values + (1 - share) * values.roll(1, 0)
        return torch.cat([values] * (count // len(values)))

    return {name: Moments(mix(each.mean), mix(each.gram)) for name, each in found.items()}


# ---------------------------------------------------------------- 5. the loop


def train(options: argparse.Namespace, decoder: torch.nn.Module) -> None:
    device = devices.pick()
    net = perceptual.load("bundled", device=device, dtype=devices.dtype(device))
    judge, pictures = Judge(net), Pictures(options.photos, options.large, options.paintings, options.seed)
    print(f"{len(pictures.small)} photographs, {len(pictures.large)} large, {len(pictures.paintings)} paintings")
    decoder.to(device, memory_format=torch.channels_last)
    average = [p.detach().clone() for p in decoder.parameters()]
    optimiser = torch.optim.Adam(decoder.parameters(), lr=RATE, betas=(0.9, 0.99))
    step, seen, spent = 0, 0, 0.0
    if (options.work / "state.pt").exists():
        saved = torch.load(options.work / "state.pt", map_location=device, weights_only=True)
        decoder.load_state_dict(saved["decoder"])
        optimiser.load_state_dict(saved["optimiser"])
        average = [average.to(device) for average in saved["average"]]
        step, seen, spent = saved["step"], saved["seen"], saved["spent"]
    began, reported, saved_at, sums, since = time.monotonic() - spent, spent, spent, {}, step
    whole, stage = 60 * options.minutes, None
    while (now := time.monotonic() - began) < whole:
        if stage != (now_at := next(stage for stage in PLAN if now / whole < stage.until)):
            stage = now_at
            batches = pictures.batches(step, stage)
        cosine = (1 + math.cos(math.pi * now / whole)) / 2
        rate = (LAST_RATE + (RATE - LAST_RATE) * cosine) * min(1, (step + 1) / WARM_UP)
        optimiser.param_groups[0]["lr"] = rate
        rng = np.random.default_rng((options.seed, step, 1))  # not the batch's
        parts = loss_of(decoder, judge, stage, next(batches), rng)
        loss = sum(parts.values())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        size = torch.nn.utils.clip_grad_norm_(decoder.parameters(), CLIP)
        if torch.isfinite(size):
            optimiser.step()
        else:
            print(f"step {step} left out: its gradient is {size}", flush=True)
        step, seen = step + 1, seen + stage.batch
        with torch.no_grad():
            torch._foreach_lerp_(average, list(decoder.parameters()), 1 - min(AVERAGE, 1 - 1 / (step + 1)))
        for name, part in parts.items():
            sums[name] = sums.get(name, 0) + part.detach()
        if step - since >= options.report:
            now = time.monotonic() - began
            shown = " ".join(f"{name} {float(total) / (step - since):.3f}" for name, total in sums.items())
            pace = (step - since) * stage.batch / (now - reported)
            print(f"{now:6.0f} s, step {step}, {seen} pictures, {pace:.0f}/s, {stage.side} px: {shown}", flush=True)
            reported, sums, since = now, {}, step
        if now - saved_at > SAVE_EVERY:
            saved_at = now
            keep(options, decoder, optimiser, average, step, seen, now)
    keep(options, decoder, optimiser, average, step, seen, time.monotonic() - began)
    averaged = Decoder()
    averaged.load_state_dict(dict(zip(dict(decoder.named_parameters()), average, strict=True)))
    sheet(options, averaged.to(device), net)


def keep(options, decoder, optimiser, average, step, seen, spent) -> None:
    state = {"decoder": decoder.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
    torch.save(state | {"step": step, "seen": seen, "spent": spent}, options.work / "state.part")
    os.replace(options.work / "state.part", options.work / "state.pt")
    named = dict(zip(dict(decoder.named_parameters()), average, strict=True))
    torch.save(named, options.work / f"average-{step:06d}.pt")


@torch.no_grad()
def sheet(options: argparse.Namespace, decoder: Decoder, net: FeatureNet) -> None:
    """Photo, painting and what the engine makes of them, for each pair of `--shown`."""
    rows, device = [], net.mean.device
    for photo, style in zip(options.shown[::2], options.shown[1::2], strict=True):
        stage = scales(InstantRequest(size=512), images.open_picture(photo).size)[-1]
        painting = images.open_picture(style)
        looks = [look_of(painting, view, net) for view in (halved(stage), stage)]
        picture = to_tensor(images.open_picture(photo), (stage.width, stage.height), device)
        rows += [to_picture(picture), painting, to_picture(painted_in(net, decoder, picture, 0 * picture, looks))]
    if rows:
        images.grid(rows, 3).save(options.work / "sheet.png")


def ship(options: argparse.Namespace) -> None:
    state = torch.load(options.work / "state.pt", map_location="cpu", weights_only=True)
    decoder = Decoder()
    decoder.load_state_dict(dict(zip(dict(decoder.named_parameters()), state["average"], strict=True)))
    save(decoder, options.ship, steps=state["step"], pictures=state["seen"], seconds=round(state["spent"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="small photographs")
    parser.add_argument("--large", type=Path, help="photographs of 400 px and more")
    parser.add_argument("--paintings", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to begin with, as far as they fit")
    parser.add_argument("--minutes", type=float, default=9, help="of the whole training")
    parser.add_argument("--shown", type=Path, nargs="*", default=[], metavar="PHOTO PAINTING")
    parser.add_argument("--report", type=int, default=100, help="steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ship", type=Path)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.ship:
        ship(options)
    else:
        torch.manual_seed(options.seed)
        decoder = Decoder()
        if options.start:
            decoder.load_state_dict(load_file(options.start), strict=False)
        train(options, decoder)


if __name__ == "__main__":
    main()
