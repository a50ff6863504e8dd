"""Training, step by step: what a step consists of, its method says (`core.gan.phases`).

`Training` is everything that changes from step to step; `train` is the engine that lets it run and yields `Progress`.
It knows images only as one uint8 array, and neither run folders (`core.gan.worker`) nor pages.

Nothing random is carried from step to step: every number a step needs is drawn afresh from (seed, purpose, step). So
a run resumed at step n draws what the uninterrupted one drew, and of several processes each takes its slice of the
same batch. Weights are equal bit for bit on the same machine with the same number of threads.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from core.gan import methods
from core.gan.adam import Adam
from core.gan.augment import DRAWS, augment, flip
from core.gan.losses import gradient_penalty, slope_penalty
from core.gan.methods.method import GeneratorNetwork
from core.gan.networks import build
from core.gan.pictures import sheet, to_pictures
from core.gan.request import TrainRequest
from core.settings import Progress

if TYPE_CHECKING:
    from accelerate import Accelerator
    from PIL import Image

    from core.gan.data.labels import Labels

Placed = TypeVar("Placed", bound=nn.Module)
Between = Callable[[Mapping[str, Tensor]], None]  # takes what a phase measured
R1_EVERY = 16  # steps: lazy regularisation, Karras et al. 2020 (StyleGAN2), appendix B
R1_R2_EVERY = 8  # steps: R3GAN has them in each; our pilot learned fast with these, which take a seventh of the time
SETTLED_BY = 256  # latents that tell a moving average's batch norms what its features are like
PREVIEWS = 0.05  # of the time, at most
LOOKED_AT = 100  # steps that tell how much effort many take


def nobody(_: Mapping[str, Tensor]) -> None:
    """Looks at no phase."""


class Training:
    """Both networks, both optimisers, the generator's moving average (EMA), and the number of steps made. `d` is the
    discriminator, or whatever else learns beside the generator.

    `images` is uint8 [N, size, size, channels]; the places of those in it that are `held_out` are never learned from.
    `labels` are of which class each is, where there are any. The accelerator says where to compute and in which
    precision, and knows the other processes, if there are any: each takes its part of every batch, gradients are
    averaged.
    """

    def __init__(
        self, request: TrainRequest, images: np.ndarray, accelerator: Accelerator,
        held_out: Sequence[int] | np.ndarray = (),
        labels: Labels | None = None,
    ):  # fmt: skip
        self.request, self.images, self.accelerator, self.labels = request, images, accelerator, labels
        self.held_out = np.asarray(held_out, int)
        self.learned = np.setdiff1d(np.arange(len(images)), self.held_out)
        self.device = accelerator.device
        g, d = build(request, self._randomness("weights", 0), labels.names if labels else ())
        self.g, self.d = _placed(g, self.device), _placed(d, self.device)
        self.method = methods.load(request.method)
        self.opt_g, self.opt_d = map(self._adam, (self.g, self.d), request.rates)
        self._ema = copy.deepcopy(self.g).requires_grad_(False).eval()
        # A decoder's stay those of the codes it has learned from, which are not quite those it is sampled with.
        averaged = request.ema and request.method in methods.ADVERSARIAL
        self._norms = [one for one in self._ema.modules() if isinstance(one, _BatchNorm)] if averaged else []
        self._unsettled = False
        self.steps = 0
        self._orders: dict[int, np.ndarray] = {}

    def _adam(self, network: nn.Module, rate: float) -> Adam:
        fused = self.device.type in ("cpu", "cuda")
        return Adam(network.parameters(), rate, (self.request.beta1, self.method.beta2), fused)

    # ------------------------------------------------------------ one step

    def step(self, between: Between = nobody) -> dict[str, Tensor]:
        """All phases on the next batch, `between` called after each. Returns means over it of what they measured."""
        measured: dict[str, Tensor] = {}
        for phase in self.phases():
            measured |= phase
            between(phase)
        return {name: value.detach().float().mean() for name, value in measured.items()}

    def phases(self) -> Iterator[dict[str, Tensor]]:
        """The same step phase by phase, each yielding what it measured. It is made when all of them are through."""
        self.g.train()
        self.d.train()
        yield from self.method.phases(self)
        self._update_ema()
        self.steps += 1

    def learn(self, loss: Tensor, *networks: nn.Module) -> None:
        """One step of `g`, `d` or both down their loss."""
        optimisers = [self.opt_g if network is self.g else self.opt_d for network in networks]
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for network, optimiser in zip(networks, optimisers, strict=True):
            self._average_gradients(network)
            optimiser.step()

    def d_waits(self, loss_d: Tensor) -> bool:
        """Is D so far ahead that it should wait for G? All processes decide alike, by their mean loss."""
        if not self.request.skip_d_below:
            return False
        return self.accelerator.reduce(loss_d.detach(), "mean").item() < self.request.skip_d_below

    def penalty(self, real: Tensor, fake: Tensor) -> Tensor:
        """What D is punished for beside its loss, on pictures as it sees them. Those that come every n-th step are n
        times as strong."""
        request, total = self.request, torch.zeros((), device=self.device)
        if request.method not in methods.PENALISED:
            return total
        if request.r1 and self.steps % R1_EVERY == 0:
            total = total + self._steepness(real, "real") * (request.r1 / 2 * R1_EVERY)
        if request.loss == "relativistic" and request.gamma and self.steps % R1_R2_EVERY == 0:
            both = self._steepness(real, "real") + self._steepness(fake, "fake")
            total = total + both * (request.gamma / 2 * R1_R2_EVERY)
        if request.loss == "wasserstein" and request.gradient_penalty:
            share = self._draws("between")[:, 0].view(-1, *[1] * (real.ndim - 1))
            seen = torch.lerp(self.varied(fake, "fake"), self.varied(real, "real"), share)
            total = total + gradient_penalty(*self._derivable(seen)) * request.gradient_penalty
        return total

    def _steepness(self, images: Tensor, purpose: str) -> Tensor:
        return slope_penalty(*self._derivable(self.varied(images, purpose)))

    def _derivable(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """D's logits, and the pictures they can be derived by; in float32, as penalties are second derivatives."""
        seen = seen.detach().requires_grad_(True)
        return self.judged(seen), seen

    def opinions(self, seen: Tensor) -> Tensor:
        """What D says of pictures as it sees them, real or generated: what its loss is made of (`Network.opinions`)."""
        return self.d.opinions(seen, self.shares() if self.labels else None)

    def judged(self, seen: Tensor, shares: Tensor | None = None) -> Tensor:
        """D's logits [N] of pictures as it sees them, real or generated: with classes, of this step's, or of these
        `shares`."""
        if not self.labels:
            return self.d(seen)
        return self.d(seen, self.shares() if shares is None else shares)

    def _average_gradients(self, network: nn.Module) -> None:
        """The mean over all processes, as if one had seen the whole batch.

        Instead of DistributedDataParallel, which cannot bear that D is called three times and frozen in between.
        Batch norm's statistics stay those of each process's part.
        """
        if self.accelerator.num_processes == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        means = self.accelerator.reduce(torch.cat([grad.flatten() for grad in gradients]), "mean")
        for grad, mean in zip(gradients, means.split([grad.numel() for grad in gradients]), strict=True):
            grad.copy_(mean.view_as(grad))

    @torch.no_grad()
    def _update_ema(self) -> None:
        """Exponential moving average of weights; over a tenth of the steps made at most, so that the beginning is soon
        forgotten. Off, it is the generator itself."""
        decay = min(self.request.ema, self.steps / (self.steps + 10))
        averages, currents = self._ema.state_dict(), self.g.state_dict()
        real = [name for name, value in averages.items() if value.is_floating_point()]
        torch._foreach_lerp_([averages[n] for n in real], [currents[n] for n in real], 1 - decay)
        self._unsettled = bool(self._norms)

    @property
    def ema(self) -> GeneratorNetwork:
        """The moving average. Its batch norms have the statistics of its own features (Izmailov et al. 2018, section
        3.2): those vary less than the features of the generators it is made of, with whose averaged statistics its
        pictures were pale. They follow from its weights alone."""
        if self._unsettled:
            self._settle()
            self._unsettled = False
        return self._ema

    @torch.no_grad()
    def _settle(self) -> None:
        for norm in self._norms:
            norm.reset_running_stats()
            norm.momentum = None  # all batches count alike
            norm.train()
        latents = self._noise(self.g.latents(SETTLED_BY, self._randomness("settle", 0)).to(self.device))
        with self.accelerator.autocast():
            for part in latents.chunk(max(1, SETTLED_BY // self.request.batch)):
                self._ema(part)
        self._ema.eval()

    # ------------------------------------------------------------ what a step is made of

    def _randomness(self, purpose: str, number: int) -> torch.Generator:
        key = f"{self.request.seed}/{purpose}/{number}".encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.blake2b(key, digest_size=7).digest()))

    def _part(self) -> slice:
        """This process's part of a batch."""
        each = self.request.batch // self.accelerator.num_processes
        return slice(each * self.accelerator.process_index, each * (self.accelerator.process_index + 1))

    def real_batch(self) -> Tensor:
        """The next pictures [N, C, H, W] in [-1, 1]: every epoch shows all of them once, in a new order."""
        real = self.pictures(self._chosen())
        return flip(real, self._draws("flip")) if self.request.flip else real

    def pictures(self, places: Sequence[int] | np.ndarray) -> Tensor:
        """Of `images`, as networks take them: [N, C, H, W] in [-1, 1]."""
        pixels = torch.from_numpy(self.images[places]).to(self.device, non_blocking=True)
        return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1

    def shares(self, places: Sequence[int] | np.ndarray | None = None) -> Tensor:
        """How much of each class the next pictures, or those of these places, are, [N, classes]: one of one. Those that
        are generated beside them are of the same, so that both have as many of each."""
        assert self.labels is not None
        numbers = torch.from_numpy(self.labels.of[self._chosen() if places is None else places]).long()
        return F.one_hot(numbers, len(self.labels.names)).float().to(self.device, non_blocking=True)

    def _chosen(self) -> list[int]:
        """The places of the next pictures in `images`."""
        batch = self.request.batch
        places = range(self.steps * batch, (self.steps + 1) * batch)[self._part()]
        return [self._order(place // len(self.learned))[place % len(self.learned)] for place in places]

    def _order(self, epoch: int) -> np.ndarray:
        if epoch not in self._orders:  # only the newest is kept
            order = torch.randperm(len(self.learned), generator=self._randomness("order", epoch))
            self._orders = {epoch: self.learned[order.numpy()]}
        return self._orders[epoch]

    def latents(self) -> Tensor:
        """What the generator makes this step's pictures of, [N, ...]."""
        whole = self.g.training_latents(self.request.batch, self._randomness("latents", self.steps))
        latents = self._noise(whole[self._part()].to(self.device, non_blocking=True))
        if self.labels:
            shares = self.shares()
            latents[..., -shares.shape[1] :] = shares if latents.ndim == 2 else shares[:, None]
        return latents

    def _draws(self, purpose: str) -> Tensor:
        whole = torch.rand(self.request.batch, DRAWS, generator=self._randomness(purpose, self.steps))
        return whole[self._part()].to(self.device, non_blocking=True)

    def varied(self, images: Tensor, purpose: str) -> Tensor:
        """Images as D sees them; `purpose` names the random numbers for it. Those that belong together vary alike."""
        if images.ndim == 5:
            one_by_one = [self.varied(images[:, k], purpose) for k in range(images.shape[1])]
            return torch.stack(one_by_one, 1)
        r = self.request
        if r.vary_colour or r.translate or r.cut_out:
            draws = self._draws(purpose)
            images = augment(images, draws, colour=r.vary_colour, translation=r.translate, cutout=r.cut_out)
        return images.contiguous(memory_format=torch.channels_last)

    # ------------------------------------------------------------ sampling, saving

    @torch.no_grad()
    def sample(self, count: int = 36, generator: GeneratorNetwork | None = None) -> list[Image.Image]:
        """The moving average's pictures (or another generator's) from latents that are the same at every step."""
        with self.accelerator.autocast():
            return to_pictures((generator or self.ema)(self.preview_latents(count)))

    def preview_latents(self, count: int) -> Tensor:
        """The same at every step."""
        return self._noise(self.g.latents(count, self._randomness("preview", 0)).to(self.device))

    def _noise(self, latents: Tensor) -> Tensor:
        """Latents as the request wants them: without noise their random numbers are all 0."""
        if not self.request.noise:
            latents[..., : self.request.latent] = 0
        return latents

    def state(self) -> dict[str, Any]:
        """Everything that steps change, as tensors and numbers. Augmentation, data order and random numbers follow
        from the step (see the top of this module)."""
        return {
            "steps": self.steps,
            "g": self.g.state_dict(),
            "d": self.d.state_dict(),
            "average": self.ema.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned. Learning rates stay the request's: a branch may have changed them."""
        self.steps = state["steps"]
        self.g.load_state_dict(state["g"])
        self.d.load_state_dict(state["d"])
        self._ema.load_state_dict(state["average"])
        self._unsettled = False
        self.opt_g.load_state_dict(state["opt_g"])
        self.opt_d.load_state_dict(state["opt_d"])


def _placed(network: Placed, device: torch.device) -> Placed:
    """On the device, with channels last, which is how processors and GPUs convolve fastest."""
    return network.to(device, memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]  # unknown to torch's stubs


class RanAway(FloatingPointError):
    """A network has become infinite or not a number: `losses` are no numbers at `step`."""

    def __init__(self, step: int, losses: dict[str, float]):
        super().__init__(f"not a number at step {step}: {losses}")
        self.step, self.losses = step, losses


def train(
    training: Training,
    stopped: Callable[[], bool] = lambda: False,
    report_every: float = 0.5,
    preview_every: float = 4.0,
    between: Between = nobody,
    marks: int = 0,
) -> Iterator[Progress]:
    """Run until the request's number of steps, or until `stopped()`; yields `Progress` every so many seconds, now and
    then with a sheet of samples, always from the same latents; or, with `marks`, both after every so many steps.
    `between` is called after every phase, and once before the first; what it takes is not time of the training.

    Losses in a `Progress` are images_per_second, and means since the one before of what the method's phases measured
    (see `core.gan.phases`). The last `Progress` comes at the last step. A network that has become infinite or not a
    number ends in `RanAway`.
    """
    request, total = training.request, training.request.steps
    sums: dict[str, Tensor] = {}
    began = reported = time.perf_counter()
    due = -math.inf  # the next preview
    first = since = training.steps

    def looked_at(measured: Mapping[str, Tensor]) -> None:
        nonlocal began, reported
        before = time.perf_counter()
        between(measured)
        took = time.perf_counter() - before
        began, reported = began + took, reported + took

    looked_at({})
    while training.steps < total:
        if _agreed(training.accelerator, stopped):
            return
        for name, value in training.step(looked_at).items():
            sums[name] = sums.get(name, 0) + value
        now = time.perf_counter()
        marked = training.steps % marks == 0 if marks else now - reported >= report_every
        if not marked and training.steps < total:
            continue
        losses = {name: value.item() / (training.steps - since) for name, value in sums.items()}
        if not all(math.isfinite(value) for value in losses.values()):
            raise RanAway(training.steps, losses)
        losses["images_per_second"] = (training.steps - since) * request.batch / (now - reported)
        pace = (now - began) / effort(training, range(first, training.steps))
        preview = None
        if marks or now >= due or training.steps == total:
            preview = sheet(training.sample())
            due = now + max(preview_every, (time.perf_counter() - now) / PREVIEWS)
        seconds_left = pace * effort(training, range(training.steps, total))
        yield Progress(training.steps, total, losses, preview, seconds_left)
        sums, since, reported = {}, training.steps, time.perf_counter()


def effort(training: Training, steps: range) -> float:
    """Of all these steps, as far as some of them tell."""
    some = steps[:: max(1, len(steps) // LOOKED_AT)]
    efforts = [training.method.effort(training.request, step) for step in some]
    return len(steps) * sum(efforts) / max(1, len(efforts))


def _agreed(accelerator: Accelerator, stopped: Callable[[], bool]) -> bool:
    """All processes stop at the same step: when the first one wants to."""
    if accelerator.num_processes == 1:
        return stopped()
    wants_to_stop = torch.tensor(float(accelerator.is_main_process and stopped()), device=accelerator.device)
    return accelerator.reduce(wants_to_stop, "sum").item() > 0
