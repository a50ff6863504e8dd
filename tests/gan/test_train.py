"""Training: both phases against a plain reference, exact resume, and what a person can set."""

import copy
import itertools
import os
import random
import resource
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from torch.distributions import Normal, kl_divergence

from core.errors import UserError
from core.gan import checkpoint, worker
from core.gan.adam import Adam
from core.gan.methods import ADVERSARIAL, METHODS, PENALISED
from core.gan.networks import build
from core.gan.request import TrainRequest
from core.gan.spectral_norm import SpectralNorm
from core.gan.train import Training, effort, train
from core.runs import lifecycle, states
from core.runs.run_folder import Run
from core.settings import settings_of
from core.visitors import policy
from support.fitting import fitting
from support.same import same
from support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
OURS = {**os.environ, "PYTHONPATH": str(ROOT)}
TINY = {"size": 16, "width_g": 4, "width_d": 4, "latent": 8, "batch": 8, "steps": 20}


@pytest.fixture
def accelerator():
    return Accelerator(cpu=True, mixed_precision="no")


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)


def weights(training: Training) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for net in (training.g, training.d, training.ema) for p in net.parameters()])


# ---------------------------------------------------------------- the two phases


def test_gradients_of_both_phases_are_the_lessons(accelerator, pictures):
    """In float64, against the plainest possible writing of Goodfellow's algorithm with the paper's networks."""
    request = TrainRequest(**TINY, norm_d="batch", translate=False, rate_d=0.003)
    training = Training(request, pictures, accelerator)
    ones, zeros = torch.ones(8).double(), torch.zeros(8).double()

    def loss_d(d, real, fake):
        return F.binary_cross_entropy(d(real).sigmoid(), ones) + F.binary_cross_entropy(d(fake).sigmoid(), zeros)

    d_before = copy.deepcopy(training.d.state_dict())
    gradients_are(training, loss_d, lambda d, _, fake: F.binary_cross_entropy(d(fake).sigmoid(), ones))
    assert not same(d_before, training.d.state_dict())


def gradients_are(training: Training, loss_d, loss_g) -> None:
    """One step in float64: what D and G learn from is what these plain losses of (d, real, fake) give."""
    for net in (training.g, training.d, training.ema):
        net.double()
    g, d = copy.deepcopy(training.g), copy.deepcopy(training.d)
    real, latents = training.real_batch().double(), training.latents().double()
    training.real_batch, training.latents = lambda: real, lambda: latents
    found = {}
    take = training.opt_d.step
    training.opt_d.step = lambda: (found.update(d=[p.grad.clone() for p in training.d.parameters()]), take())
    # `step` turns pictures and logits into float32 for the losses; here everything stays double.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        training.step()

    fake = g(latents)
    loss_d(d, real, fake.detach()).backward()
    for mine, plain in zip(found["d"], d.parameters(), strict=True):
        torch.testing.assert_close(mine, plain.grad, rtol=1e-9, atol=1e-12)
    d.load_state_dict({**training.d.state_dict()})  # D after its step, as G meets it
    loss_g(d, real, fake).backward()
    for mine, plain in zip(training.g.parameters(), g.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, plain.grad, rtol=1e-9, atol=1e-12)


def test_gradients_with_minibatch_standard_deviation(accelerator, pictures):
    """Through the deviation of each four, before the last layer."""
    request = TrainRequest(**TINY, norm_d="none", translate=False, minibatch_stddev=True)

    def plain(d, images):
        *inner, _, last, _ = d.layers
        features = images
        for layer in inner:
            features = layer(features)
        four = [(((f - f.mean(0)) ** 2).mean(0) + 1e-8).sqrt().mean() for f in (features[:4], features[4:])]
        shown = torch.stack([four[i // 4].expand(4, 4) for i in range(8)])[:, None]
        return last(torch.cat([features, shown], 1)).flatten()

    def loss_d(d, real, fake):
        return F.softplus(-plain(d, real)).mean() + F.softplus(plain(d, fake)).mean()

    gradients_are(
        Training(request, pictures, accelerator), loss_d, lambda d, _, fake: F.softplus(-plain(d, fake)).mean()
    )


def test_gradients_of_an_autoencoder_are_those_of_its_bound(accelerator, pictures):
    """The evidence lower bound, plainly: pictures normal with the likeliest scatter, latents with torch's divergence.
    (The constant of the normal density has no gradient.)"""
    training = Training(fitting("vae", **TINY), pictures, accelerator)
    for net in (training.g, training.d, training.ema):
        net.double()
    g, encoder = copy.deepcopy(training.g), copy.deepcopy(training.d)
    real, noise = training.real_batch().double(), training.latents().double()
    training.real_batch, training.latents = lambda: real, lambda: noise
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        measured = training.step()

    mean, log_variance = encoder(real)
    latents = Normal(mean, (log_variance / 2).exp())
    made = g(mean + latents.scale * noise)
    error = (made - real).square().mean()
    surprise = 3 * 16 * 16 / 2 * error.log()
    divergence = kl_divergence(latents, Normal(0.0, 1.0)).sum(1).mean()
    (surprise + divergence).backward()
    for mine, plain in ((training.g, g), (training.d, encoder)):
        for a, b in zip(mine.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-12)
    assert measured["reconstruction"] == pytest.approx(error.item())
    assert measured["divergence"] == pytest.approx(divergence.item())


def slopes(d, images: torch.Tensor) -> list[torch.Tensor]:
    """How D's opinion of each picture depends on it, one after the other."""
    alone = [image[None].clone().requires_grad_(True) for image in images]
    return [torch.autograd.grad(d(image).sum(), image, create_graph=True)[0] for image in alone]


@pytest.mark.parametrize("method", ["dcgan", "connected"])
def test_gradients_of_the_relativistic_loss_are_r3gans(accelerator, pictures, method):
    """Pairs, and R1 and R2 of half of gamma each, eight times as strong in every eighth step."""
    request = TrainRequest(**TINY, method=method, loss="relativistic", gamma=0.3, norm_d="none", translate=False)

    def loss_d(d, real, fake):
        pairs = [-torch.log(torch.sigmoid(d(r[None]) - d(f[None]))) for r, f in zip(real, fake, strict=True)]
        penalties = [(s**2).sum() for s in slopes(d, real) + slopes(d, fake)]
        return sum(pairs).sum() / 8 + 8 * 0.3 / 2 * sum(penalties) / 8

    def loss_g(d, real, fake):
        return -torch.log(torch.sigmoid(d(fake) - d(real).detach())).mean()

    gradients_are(Training(request, pictures, accelerator), loss_d, loss_g)


@pytest.mark.parametrize("method", ["dcgan", "connected"])
def test_gradients_of_the_wasserstein_loss_are_wgan_gps(accelerator, pictures, method):
    request = TrainRequest(**TINY, method=method, loss="wasserstein", norm_d="none", translate=False)
    training = Training(request, pictures, accelerator)
    share = training._draws("between")[:, 0].double()
    training._draws = lambda _: share[:, None]

    def loss_d(d, real, fake):
        between = [a * r + (1 - a) * f for a, r, f in zip(share, real, fake, strict=True)]
        penalties = [((s**2).sum().sqrt() - 1) ** 2 for s in slopes(d, between)]
        drift = 0.001 * (d(real) ** 2).mean()
        return d(fake).mean() - d(real).mean() + 10 * sum(penalties) / 8 + drift

    gradients_are(training, loss_d, lambda d, _, fake: -d(fake).mean())
    assert share.min() < 0.4 < 0.6 < share.max()


def test_adam_is_adam(accelerator):
    """Kingma & Ba's algorithm 1, plainly; what has no gradient stays."""
    start, idle = torch.randn(3, 5), torch.ones(2)
    mine, frozen = nn.Parameter(start.clone()), nn.Parameter(idle.clone())
    optimiser = Adam([mine, frozen], 0.01, (0.5, 0.999), fused=True)
    value, m, v = start.double(), 0, 0
    for step in range(1, 6):
        gradient = torch.randn(3, 5) * step
        mine.grad = gradient.clone()
        optimiser.step()
        m, v = 0.5 * m + 0.5 * gradient.double(), 0.999 * v + 0.001 * gradient.double() ** 2
        value = value - 0.01 * (m / (1 - 0.5**step)) / ((v / (1 - 0.999**step)).sqrt() + 1e-8)
        torch.testing.assert_close(mine.detach(), value.float())
        optimiser.zero_grad()
        optimiser.step()  # there is nothing to learn
    assert torch.equal(frozen, idle)
    assert optimiser.state_dict()["state"].keys() == {0}


def test_the_frozen_discriminator_takes_no_gradient(accelerator, pictures):
    training = Training(TrainRequest(**TINY, norm_d="batch"), pictures, accelerator)
    seen = []
    take = training.opt_g.step
    training.opt_g.step = lambda: (
        seen.append([p.requires_grad for p in training.d.parameters()]), seen.append(training.d.training), take(),
    )  # fmt: skip
    before = [p.clone() for p in training.d.parameters()]
    training.opt_d.step = lambda: None
    training.step()
    assert not any(seen[0])
    assert seen[1], "batch norm has to see the batch's statistics"
    assert all(torch.equal(a, b) for a, b in zip(before, training.d.parameters(), strict=True))


def test_a_discriminator_that_is_ahead_waits(accelerator, pictures):
    training = Training(TrainRequest(**TINY, skip_d_below=2.0, rate_d=0.01), pictures, accelerator)
    d, g = ([p.clone() for p in net.parameters()] for net in (training.d, training.g))
    assert training.step()["loss_d"] < 2
    assert all(torch.equal(a, b) for a, b in zip(d, training.d.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(g, training.g.parameters(), strict=True))


def test_learning_rates_are_separate(accelerator, pictures):
    training = Training(TrainRequest(**TINY, rate_d=0.0), pictures, accelerator)
    d, g = ([p.clone() for p in net.parameters()] for net in (training.d, training.g))
    training.step()
    assert all(torch.equal(a, b) for a, b in zip(d, training.d.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(g, training.g.parameters(), strict=True))


@pytest.mark.parametrize(
    ("settings", "every"),
    [({}, 0), ({"r1": 10.0}, 16), ({"loss": "relativistic"}, 8), ({"loss": "relativistic", "gamma": 0.0}, 0),
     ({"loss": "wasserstein"}, 1), ({"loss": "wasserstein", "gradient_penalty": 0.0}, 0)],
)  # fmt: skip
def test_penalties_come_when_they_are_due(accelerator, pictures, settings, every):
    """Those every n-th step, and those a loss has to have come with it alone."""
    training = Training(TrainRequest(**TINY, **settings), pictures, accelerator)
    real, found = training.real_batch(), []
    for training.steps in range(33):
        if training.penalty(real, -real).item() > 0:
            found.append(training.steps)
    assert found == (list(range(0, 33, every)) if every else [])


@pytest.mark.slow
def test_heads_have_a_loss_each_and_no_slopes_are_punished(accelerator, pictures, monkeypatch):
    """Of a projected GAN, hinge as the paper's: with what it sees blurred, as at first."""
    monkeypatch.setattr(SpectralNorm, "train", lambda norm, *_: norm)  # so that it knows singular values as they were
    request = fitting("projected", **TINY, loss="hinge", translate=False)
    training = Training(request, pictures, accelerator)
    for norm in (layer for layer in training.d.modules() if isinstance(layer, SpectralNorm)):
        norm.training = False

    def each(d, images):
        d.blur.fill_(1.0)
        return d.opinions(images).unbind(1)

    def loss_d(d, real, fake):
        found = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(each(d, real), each(d, fake), strict=True)]
        return sum(found) / 4

    gradients_are(training, loss_d, lambda d, _, fake: -sum(each(d, fake)).mean() / 4)
    assert training.d.blur == 1
    compared = Training(fitting("projected", **TINY, loss="relativistic"), pictures, accelerator)
    assert compared.penalty(compared.real_batch(), compared.real_batch()) == 0
    with pytest.raises(UserError, match=r"'wasserstein', which punishes .* choose another loss, or dcgan or"):
        TrainRequest(method="projected", loss="wasserstein")


def test_a_loss_that_does_not_tell_who_is_ahead_is_not_asked():
    with pytest.raises(UserError, match=r"wait below is 0\.2, but the Wasserstein loss .*leave it at 0"):
        TrainRequest(loss="wasserstein", skip_d_below=0.2)


def test_the_average_follows_and_is_the_generator_itself_when_off(accelerator, pictures):
    off = Training(TrainRequest(**TINY, ema=0.0), pictures, accelerator)
    for _ in range(3):
        off.step()
    assert same(off.ema.state_dict()["layers.0.weight"], off.g.state_dict()["layers.0.weight"])


@pytest.mark.slow
@pytest.mark.parametrize(("ema", "steps", "behind"), [(0.9, 400, 9), (0.9999, 400, 400 / 11), (0.99, 4000, 99)])
def test_the_average_lags_by_its_length_or_by_an_eleventh_of_the_steps(accelerator, pictures, ema, steps, behind):
    """Of weights that grow by 1 a step, a moving average is 1 / (1 - ema) - 1 behind; and never so far that what the
    weights were at first counts."""
    training = Training(TrainRequest(**TINY, ema=ema), pictures, accelerator)
    with torch.no_grad():
        for training.steps in range(steps):
            next(training.g.parameters()).fill_(training.steps)
            training._update_ema()
    averaged = next(training.ema.parameters())
    assert training.steps - averaged.mean().item() == pytest.approx(behind, rel=0.05, abs=1)


@pytest.mark.parametrize("method", ["dcgan", "connected", "projected"])
def test_the_average_is_as_bright_as_what_it_is_the_average_of(accelerator, pictures, method):
    """Its batch norms once had the averaged statistics of generators, whose features vary more: it was pale."""
    training = Training(
        TrainRequest(**TINY | {"size": 32, "batch": 32}, method=method), pictures.repeat(2, 1).repeat(2, 2), accelerator
    )
    for weight in training.g.parameters():
        torch.nn.init.normal_(weight, 1.0 if weight.ndim == 1 else 0.0, 0.2)
    at_first = [weight.detach().clone() for weight in training.g.parameters()]
    training.g.train()
    with torch.no_grad():
        for training.steps in range(200):
            for weight, first in zip(training.g.parameters(), at_first, strict=True):
                weight.copy_(first + 0.2 * torch.randn_like(first))
            training.g(training.latents())
            training._update_ema()
        latents = training.preview_latents(64)
        shown, of_itself = training.ema(latents), training.ema.train()(latents)
    assert (shown.std() / of_itself.std()).item() == pytest.approx(1, abs=0.06)


def test_a_step_made_phase_by_phase_is_the_step(accelerator, pictures):
    whole, watched = (Training(TrainRequest(**TINY), pictures, accelerator) for _ in range(2))
    for _ in range(3):
        measured = whole.step()
        frozen, seen = [], {}
        for phase in watched.phases():
            frozen.append(not any(p.requires_grad for p in watched.d.parameters()))
            seen |= phase
        assert frozen == [False, True]
        assert same(measured, {name: value.detach().float().mean() for name, value in seen.items()})
    assert same(whole.state(), watched.state())


def test_every_epoch_shows_every_picture_once(accelerator, pictures):
    training = Training(TrainRequest(**TINY), pictures, accelerator)
    known = {p.tobytes(): i for i, p in enumerate(pictures)}
    shown = []
    for training.steps in range(10):
        batch = ((training.real_batch().permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
        shown += [known[picture.tobytes()] for picture in batch]
    assert sorted(shown[:40]) == sorted(shown[40:]) == list(range(40))
    assert shown[:40] != shown[40:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "loss"),
    [*itertools.product(PENALISED, settings_of(TrainRequest)["loss"].choices), ("projected", "hinge"), ("vae", None)],
)
def test_everything_at_once_stays_finite(accelerator, method, loss):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 4), np.uint8)  # fewer than a batch
    request = fitting(
        method, **{**TINY, "steps": 20}, grown_at=10, loss=loss, colour="rgba", smoothing=0.1, r1=1.0, flip=True,
        vary_colour=True, cut_out=True, norm_g="none",
    )  # fmt: skip
    training = Training(request, pictures, accelerator)
    *_, last = train(training, report_every=0)
    assert last.step == 20
    assert last.seconds_left == 0
    assert all(np.isfinite(v) for v in last.losses.values())
    measured = {"loss_d", "loss_g", "real", "fake"} if method in ADVERSARIAL else {"reconstruction", "divergence"}
    assert last.losses.keys() == {*measured, "images_per_second"}
    assert last.preview is not None


@pytest.mark.slow
def test_a_generator_learns_a_colour(accelerator):
    """A set of one colour is learned within seconds: the whole loop works, not only its parts."""
    pictures = np.empty((64, 16, 16, 3), np.uint8)
    pictures[:] = (220, 60, 120)
    training = Training(TrainRequest(**{**TINY, "steps": 150, "batch": 16}, rate_g=0.003), pictures, accelerator)
    list(train(training, report_every=60))
    middle = np.mean([np.asarray(p)[4:-4, 4:-4].mean((0, 1)) for p in training.sample(16)], 0)
    assert np.abs(middle - (220, 60, 120)).max() < 40, middle


def test_running_away_is_noticed(accelerator, pictures):
    training = Training(TrainRequest(**TINY), pictures, accelerator)
    with torch.no_grad():
        training.g.layers[0].weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 1"):
        list(train(training, report_every=0))


# ---------------------------------------------------------------- exact resume


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "settings"),
    [
        ("no", {}),
        ("no", {"loss": "relativistic"}),
        ("bf16", {"loss": "wasserstein", "minibatch_stddev": True}),
        *(("bf16", {"method": method}) for method in METHODS),
    ],
)
def test_going_on_from_a_state_is_the_same_bit_for_bit(pictures, tmp_path, precision, settings):
    accelerator = Accelerator(cpu=True, mixed_precision=precision)
    request = fitting(**{"method": "dcgan", **TINY, **settings}, grown_at=16, r1=1.0, flip=True, vary_colour=True)
    whole = Training(request, pictures, accelerator)
    run = Run(tmp_path)
    cut = random.Random(f"{precision} {settings}").randrange(1, 19)
    for _ in train(whole, report_every=0):
        if whole.steps == cut:
            checkpoint.save(run, whole.state(), 1.5)
    torch.manual_seed(99)  # whatever else uses torch's generator must not matter
    resumed = Training(request, pictures, accelerator)
    state = checkpoint.newest(run, accelerator.device)
    assert state.pop("seconds") == 1.5
    resumed.restore(state)
    assert resumed.steps == cut
    list(train(resumed))
    assert same(whole.state(), resumed.state())


def worker_process(run: Run, *options: str) -> subprocess.Popen:
    code = (
        "import sys; from pathlib import Path; from core.gan import run_writer, worker;"
        "from core.runs.run_folder import Run;"
        "run_writer.CHECKPOINT_SECONDS = 0.0; worker.work(Run(Path(sys.argv[1])));"
        "assert 'torch._dynamo' not in sys.modules, 'the compiler takes two seconds to import, and compiles nothing'"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(run.path), *options], cwd=ROOT, env=OURS)


def drawn(name: str, **changes) -> Run:
    request = TrainRequest(**{**TINY, "steps": 100, **changes})
    return lifecycle.create(request, {"kind": "drawn", "name": "portraits", "count": 60}, name)


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_the_weights_are_the_same():
    """`kill -9` twice at random moments, also while checkpoints are written (they are, all the time)."""
    undisturbed, killed = drawn("undisturbed"), drawn("killed")
    moments, kills = random.Random(), 0
    while True:
        process = worker_process(killed)
        while kills < 2 and process.poll() is None and killed.state.get("step", 0) <= 25 * kills + 5:
            time.sleep(0.01)
        if kills == 2 or process.poll() is not None:
            assert process.wait(PATIENCE) == 0
            break
        time.sleep(moments.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        assert killed.status in (states.INTERRUPTED, states.FINISHED)
    assert kills >= 1

    worker.work(undisturbed)
    assert undisturbed.status == killed.status == states.FINISHED
    a, b = (checkpoint.newest(run, torch.device("cpu")) for run in (undisturbed, killed))
    for state in (a, b):
        state.pop("seconds")
    assert a["steps"] == 100
    assert same(a, b)
    steps = [line["step"] for line in killed.metrics()]
    assert steps == sorted(set(steps)), "the diary of the killed process was cut back to its checkpoint"


def test_a_damaged_checkpoint_costs_only_itself(accelerator, pictures, tmp_path, capsys):
    run, training = Run(tmp_path), Training(TrainRequest(**TINY), pictures, accelerator)
    for _ in range(3):
        training.step()
        checkpoint.save(run, training.state(), 0.0)
    paths = run.checkpoints()
    paths[3].write_bytes(paths[3].read_bytes()[:5000])
    (tmp_path / "checkpoints" / "step-00000009.part").write_bytes(b"half")
    assert checkpoint.newest(run, accelerator.device)["steps"] == 2
    paths[2].write_bytes(b"")
    assert checkpoint.newest(run, accelerator.device)["steps"] == 1
    assert "cannot be read" in capsys.readouterr().out


def test_a_full_disk_keeps_the_checkpoint_before(accelerator, pictures, tmp_path, monkeypatch):
    run, training = Run(tmp_path), Training(TrainRequest(**TINY), pictures, accelerator)
    checkpoint.save(run, training.state(), 0.0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    training.step()
    with pytest.raises(UserError, match=r"The checkpoint could not be written.*the disk is full"):
        checkpoint.save(run, training.state(), 0.0)
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000000.pt"]
    assert checkpoint.newest(run, accelerator.device)["steps"] == 0


def test_torchs_own_words_for_a_full_disk_are_understood(accelerator, pictures, tmp_path, monkeypatch):
    run, training = Run(tmp_path), Training(TrainRequest(**TINY), pictures, accelerator)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UserError, match=r"The checkpoint could not be written.*ulimit"):
            checkpoint.save(run, training.state(), 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_checkpoints_are_thinned_but_first_and_newest_stay(accelerator, pictures, tmp_path):
    run, training = Run(tmp_path), Training(TrainRequest(**TINY), pictures, accelerator)
    for training.steps in range(0, 400, 10):
        checkpoint.save(run, training.state(), 0.0)
    kept = list(run.checkpoints())
    assert len(kept) == policy.PRIVATE.checkpoints
    assert kept[0] == 0
    assert kept[-2:] == [380, 390]
    assert max(b - a for a, b in itertools.pairwise(kept)) < 200


# ---------------------------------------------------------------- several processes, budget


TWO = """
import sys, numpy as np, torch
from accelerate import Accelerator
from core.gan.data.labels import Labels
from core.gan.train import Training
from core.gan.request import TrainRequest
from core.gan.spectral_norm import SpectralNorm
accelerator = Accelerator(cpu=True, mixed_precision="no")
pictures = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
small = dict(size=16, width_g=4, latent=8, batch=8, flip=True)
two, plain = dict(width_d=4, r1=1.0), dict(norm_g="none", norm_d="none")
states = []
for more in (dict(**two, **plain, skip_d_below=0.2), dict(**two, **plain, loss="relativistic"),
             dict(**two, **plain, loss="wasserstein"), dict(method="vae", norm_g="none"),
             dict(**two, method="progressive", grown_at=4), dict(**two, method="msg"),
             dict(method="projected", loss="hinge", width_d=4, norm_g="none"), dict(**two, **plain, by_folder=True)):
    request = TrainRequest(**small, **more)
    labels = Labels(("a", "b"), np.arange(40, dtype=np.uint8) % 2) if request.by_folder else None
    training = Training(request, pictures, accelerator, labels=labels)
    for _ in range(5):
        training.step()
    state = training.state()
    state["d"] = {name: value for name, value in state["d"].items() if not name.endswith(".usual")}
    states.append(state)
torch.save(states, f"{sys.argv[1]}/{accelerator.num_processes}-{accelerator.process_index}.pt")
"""


@pytest.mark.slow
def test_two_processes_follow_one(tmp_path, monkeypatch):
    """`accelerate launch` on two processes: both end with equal weights, bit for bit, and each with half of the batch
    follows one with the whole. Without what is not learned, but measured of each process's half: batch norm's
    statistics, and the usual deviation of a minibatch."""
    script = tmp_path / "two.py"
    script.write_text(TWO)
    # `--multi_gpu` is accelerate's word for several processes on one machine, whatever they compute on.
    launch = "accelerate.commands.launch --multi_gpu --num_machines 1 --mixed_precision no --dynamo_backend no"
    launch = [sys.executable, "-m", *launch.split(), "--main_process_port", "0", "--num_processes", "2"]
    subprocess.run([*launch, str(script), str(tmp_path)], env=OURS, check=True, timeout=PATIENCE)
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    runpy.run_path(str(script))
    first, second, one = (torch.load(tmp_path / f"{n}.pt") for n in ("2-0", "2-1", "1-0"))
    assert same(first, second)
    for number, (whole, halves) in enumerate(zip(one, first, strict=True)):
        for net in ("g", "d"):
            for name, value in whole[net].items():
                where = f"{name} of {number}"
                torch.testing.assert_close(
                    halves[net][name], value, rtol=1e-3, atol=1e-5, msg=lambda m, where=where: f"{where}: {m}"
                )


@pytest.mark.slow
@pytest.mark.parametrize("steps", [20, 300, 3000, 100_000])
def test_what_is_measured_comes_from_all_over_the_run(accelerator, pictures, monkeypatch, steps):
    """Also where a slow machine ends it after a few; what comes every sixteenth step comes as often as in twenty."""
    training, made = Training(TrainRequest(**{**TINY, "steps": steps}), pictures, accelerator), []
    step = training.step
    monkeypatch.setattr(training, "step", lambda: (made.append(training.steps), step())[1])
    monkeypatch.setattr(worker, "MEASURE_SECONDS", float("inf"))
    worker.measure(training)
    before, measured = made[:-20], made[-20:]
    assert min(before) == steps - 1, "the number of threads is chosen where steps take the longest"
    assert sum(place % 16 == 0 for place in measured) == 2
    if steps > 1000:
        for some in (measured[:3], measured[:5], measured):
            shares = [0, *sorted(place / steps for place in some), 1]
            assert max(b - a for a, b in itertools.pairwise(shares)) < 2 / len(some)


def test_time_left_knows_that_steps_grow_dearer(accelerator, pictures):
    """Until pictures have grown, the steps made tell little of those to come."""
    request = TrainRequest(method="progressive", size=16, width_g=4, width_d=4, batch=8, steps=1000, grown_at=800)
    training = Training(request, pictures, accelerator)
    told = [effort(training, range(0, 1000)), effort(training, range(500, 1000)), effort(training, range(1000, 1000))]
    # Of three scales: 200 steps at 4 px, 400 at 8, 400 at 16.
    assert told == pytest.approx([200 + 2 * 400 + 3 * 400, 2 * 100 + 3 * 400, 0], rel=0.02)
    assert effort(Training(TrainRequest(**TINY), pictures, accelerator), range(7, 20)) == 13


def test_twenty_steps_say_what_a_run_will_take(accelerator, pictures):
    training = Training(TrainRequest(**TINY), pictures, accelerator)
    budget = worker.measure(training)
    assert budget["steps"] == 20
    assert budget["seconds"] == pytest.approx(budget["seconds_per_step"] * 20)
    assert budget["seconds_per_thousand"] == pytest.approx(budget["seconds_per_step"] / 8 * 1000)
    g, d = build(training.request, torch.Generator())
    assert budget["parameters"] == sum(p.numel() for net in (g, d) for p in net.parameters())
