"""The doctor on curves written out here: what is named, on what evidence, with which cures; and what is done alone."""

import dataclasses
import json
from pathlib import Path

import pytest

from core import files
from core.errors import UserError
from core.gan import doctor
from core.gan.doctor import cures, heal, report, rules
from core.gan.doctor.signals import Signals
from core.gan.request import TrainRequest
from core.gan.zoo import model_folder
from core.hub import publish
from core.runs import lifecycle, run_folder, states
from core.runs.run_folder import Run
from core.visitors import identity

STEPS = range(50, 1001, 50)


def curve(*values: float) -> dict[int, float]:
    """From the first value to the last over twenty moments, between these evenly."""
    places = [(len(values) - 1) * i / (len(STEPS) - 1) for i in range(len(STEPS))]
    ends = [(values[int(p)], values[min(int(p) + 1, len(values) - 1)], p % 1) for p in places]
    return {step: a + (b - a) * share for step, (a, b, share) in zip(STEPS, ends, strict=True)}


# Of a run that learns: losses go up and down, KID falls, samples become as varied as real pictures.
HEALTHY = {
    "loss_d": dict(zip(STEPS, [1.0, 1.3] * 10, strict=True)), "loss_g": dict(zip(STEPS, [1.2, 0.8] * 10, strict=True)),
    "real": curve(0.7, 0.65), "fake": curve(0.3, 0.35),
    "kid": curve(40_000, 15_000, 8_000, 5_000, 3_500), "kid_spread": curve(900, 200),
    "diversity": curve(0.05, 0.7, 0.9, 0.95), "coverage": curve(0.0, 0.3, 0.6), "density": curve(0.0, 0.4, 0.7),
    "duplicates": curve(100, 5, 2), "by_heart": curve(2.2, 1.3, 1.1),
    "sign_real": curve(0.6, 0.4), "sign_held_out": curve(0.6, 0.4),
    "gradient_d": curve(2, 1.5), "gradient_g": curve(2, 1.5),
}  # fmt: skip
SICK = {
    "collapse": {"diversity": curve(0.05, 0.6, 0.1, 0.05, 0.05), "coverage": curve(0, 0.3, 0.02, 0.01),
                 "duplicates": curve(100, 50, 100, 100), "kid": curve(40_000, 20_000, 30_000, 30_000)},
    "d_wins": {"real": curve(0.9, 0.999, 1.0), "fake": curve(0.1, 0.001, 0.0), "loss_d": curve(0.3, 0.01, 0.001),
               "loss_g": curve(3, 8, 12), "kid": curve(40_000, 38_000, 39_000), "sign_real": curve(1, 1),
               "sign_held_out": curve(1, 1), "diversity": curve(0.3, 0.5, 0.5)},
    "g_wins": {"real": curve(0.5, 0.3, 0.3), "fake": curve(0.5, 0.7, 0.7), "loss_g": curve(0.69, 0.5, 0.5),
               "loss_d": curve(1.4, 1.7), "kid": curve(40_000, 38_000, 39_000), "sign_real": curve(0, -0.6, -0.8),
               "sign_held_out": curve(0, -0.6, -0.8)},
    "diverging": {"kid": curve(40_000, 5_000, 30_000, 60_000, 80_000)},
    "by_heart": {"by_heart": curve(2.2, 0.6, 0.3), "sign_real": curve(0.6, 1), "sign_held_out": curve(0.6, -1)},
}  # fmt: skip


def signals(**more) -> Signals:
    return Signals(TrainRequest(), {**HEALTHY, **more}, checkpoints=(250, 500, 950), pictures=600)


@pytest.mark.parametrize("name", SICK)
def test_what_is_sick_is_named_with_the_curve_that_shows_it(name):
    found, sentence, evidence = rules.judge(signals(**SICK[name]))
    assert found == name
    assert sentence.endswith(".")
    assert {shown.curve for shown in evidence} <= {**HEALTHY, **SICK[name]}.keys()
    for shown in evidence:
        assert 0 < shown.first <= shown.last <= 1000
        assert shown.words


def test_what_goes_well_is_no_alarm():
    name, _, (shown,) = rules.judge(signals())
    assert (name, shown.words) == ("learning", "KID went from 8,737 to 3,500")
    assert rules.judge(signals(kid=curve(40_000, 5_000, 5_100, 5_050, 5_000)))[0] in ("done", "oscillating")
    assert rules.judge(signals(kid=curve(40_000, 5_000, 5_500, 5_500, 5_500)))[0] == "done"
    start = {name: {50: values[50]} for name, values in HEALTHY.items()}
    assert rules.judge(Signals(TrainRequest(), start))[0] == "early"


def test_of_a_run_without_scores_losses_are_enough_for_what_they_show():
    plain = {name: HEALTHY[name] for name in ("loss_d", "loss_g", "real", "fake")}
    assert rules.judge(Signals(TrainRequest(), plain))[0] == "oscillating"
    sick = {**plain, **{name: values for name, values in SICK["d_wins"].items() if name in plain}}
    assert rules.judge(Signals(TrainRequest(), sick))[0] == "d_wins"
    assert rules.judge(Signals(TrainRequest(), {}))[0] == "early"
    vae = {"reconstruction": curve(0.3, 0.1), "divergence": curve(1, 20)}
    assert not doctor.DIAGNOSES[rules.judge(Signals(TrainRequest(method="vae"), vae))[0]].sick


def test_what_is_wild_is_diverging_and_what_never_varied_is_not_collapsed_where_d_wins():
    wild = signals(loss_d=curve(1.4, 5, 40), loss_g=curve(1, 20, 90), **SICK["collapse"])
    assert rules.judge(wild)[0] == "diverging"
    lost = signals(**{**SICK["d_wins"], "diversity": curve(0.04, 0.05)})
    assert rules.judge(lost)[0] == "d_wins"
    assert rules.judge(signals(**{**SICK["d_wins"], "diversity": curve(0.5, 0.9, 0.05, 0.04)}))[0] == "collapse"
    assert rules.judge(signals(**{**SICK["d_wins"], "diversity": curve(0.0, 0.0)}))[0] == "collapse"
    beaten = signals(loss_g=curve(9, 12), real=curve(0.9, 0.95), fake=curve(0.1, 0.05))
    assert rules.judge(beaten)[0] == "d_wins"
    slow = {"diversity": curve(0.05, 0.24), "coverage": curve(0.0, 0.0)}
    assert rules.judge(signals(**slow))[0] == "learning", "it is on its way"
    even = {"real": curve(0.47, 0.43), "fake": curve(0.39, 0.45)}
    assert rules.judge(signals(**even))[0] == "learning", "neither is ahead, and samples are varied"
    assert rules.judge(signals(**even, diversity=curve(0.04, 0.05)))[0] == "g_wins"


def test_what_comes_out_of_a_collapse_by_itself_is_not_collapsed():
    """A rise at the end is not taken for the height that samples fell from."""
    alike = dict.fromkeys(STEPS, 0.1)
    assert rules.judge(signals(diversity=alike))[0] == "collapse"
    assert rules.judge(signals(diversity=alike | {1000: 0.5}))[0] == "learning"
    assert rules.judge(signals(diversity=alike | {950: 0.5, 1000: 0.6}))[0] == "learning"
    assert rules.judge(signals(diversity=alike | {500: 0.9}))[0] == "collapse"
    assert rules.judge(signals(diversity=dict.fromkeys(STEPS, 0.001) | {1000: 0.5}))[0] == "learning"


def test_what_is_nothing_like_real_pictures_is_diverging_though_losses_are_calm():
    assert rules.judge(signals(by_heart_pixels=curve(3.9, 2.6)))[0] == "diverging"
    assert rules.judge(signals(by_heart_pixels=curve(3.9, 1.5)))[0] == "learning"
    assert (
        rules.judge(Signals(TrainRequest(rate_g=0.0002, rate_d=0.0002), {"by_heart_pixels": curve(3, 3)}))[0] == "early"
    )


def test_a_few_values_far_apart_are_enough():
    """In a short run that is rarely measured the last four count, though not all of them are recent."""
    rare = dict.fromkeys((30, 60, 90, 120), 0.0)
    assert rules.judge(Signals(TrainRequest(), {"diversity": rare}))[0] == "collapse", "it never made more than one"
    assert rules.judge(Signals(TrainRequest(), {"diversity": dict.fromkeys(rare, 0.002)}))[0] == "early"


def test_with_a_low_rate_the_beginning_lasts_longer():
    begun = {**SICK["d_wins"], "diversity": curve(0.001, 0.002)}
    early = {
        name: {step // 2: value for step, value in values.items() if step <= 800} for name, values in begun.items()
    }
    lesson = Signals(TrainRequest(rate_g=0.0002, rate_d=0.0002), early, pictures=600)
    assert not doctor.DIAGNOSES[rules.judge(lesson)[0]].sick
    assert rules.judge(dataclasses.replace(lesson, request=TrainRequest(rate_g=0.002, rate_d=0.002)))[0] == "collapse"


def test_few_pictures_are_learned_by_heart_sooner_than_it_shows_in_features():
    few = {"by_heart_pixels": curve(0.8, 0.9), "by_heart": curve(2.0, 1.8)}
    assert rules.judge(dataclasses.replace(signals(**few), pictures=10))[0] == "by_heart"
    assert rules.judge(signals(**few))[0] == "learning"


def test_all_names_and_cures_are_declared():
    assert {*(name for name, _ in rules.RULES), "early"} == set(doctor.DIAGNOSES)
    assert {name for name, kind in doctor.DIAGNOSES.items() if kind.sick} == set(cures.ORDER)
    assert {cure for order in cures.ORDER.values() for cure in order} == {*cures.REMEDIES, "more_pictures"}


@pytest.mark.parametrize("method", ["dcgan", "connected", "msg", "progressive", "projected", "vae"])
@pytest.mark.parametrize("name", cures.ORDER)
def test_every_cure_changes_what_it_may(name, method):
    request = TrainRequest(method=method, steps=3000)
    for cure in cures.of(name, dataclasses.replace(signals(), request=request)):
        assert cure.advice == (cure.name == "more_pictures")
        changed = dataclasses.replace(request, **cure.changes)
        assert cure.advice or changed != request
        assert cure.step in (None, 950), "the best checkpoint"


def test_what_stands_out_in_the_settings_is_mended_first():
    def first(name, **settings):
        return cures.of(name, dataclasses.replace(signals(), request=TrainRequest(**settings)))[0]

    assert first("collapse", batch=4).changes == {"batch": 64}
    assert first("collapse", batch=4, rate_d=0.01).changes == {"batch": 64, "rate_g": 0.0004, "rate_d": 0.0004}
    bare = first("collapse", norm_g="none", norm_d="none", rate_g=0.001, rate_d=0.001)
    assert (bare.changes, bare.step) == (
        {"norm_g": "batch", "norm_d": "spectral", "rate_g": 0.0004, "rate_d": 0.0004},
        None,
    )
    assert first("d_wins", norm_d="none").changes == {"norm_d": "spectral"}
    assert first("d_wins", norm_d="none", beta1=0.9).changes == {"norm_d": "spectral", "beta1": 0.5}
    apart = first("d_wins", norm_d="none", rate_g=0.00002)
    assert apart.changes == {"norm_d": "spectral", "rate_g": 0.0004, "rate_d": 0.0004}
    assert first("d_wins", norm_d="none", loss="relativistic").changes == {"rate_d": 0.0002}
    assert first("diverging", rate_g=0.05, rate_d=0.05).changes == {"rate_g": 0.0004, "rate_d": 0.0004}
    assert first("diverging").changes == {"rate_g": 0.0002, "rate_d": 0.0002}
    apart = first("d_wins", rate_d=0.002, rate_g=0.00002)
    assert (apart.changes, apart.step) == ({"rate_g": 0.0004, "rate_d": 0.0004}, None)
    lost = dataclasses.replace(signals(kid=curve(40_000, 39_000)))
    assert cures.of("diverging", lost)[0].step is None, "nothing worth keeping"


# ---------------------------------------------------------------- a run's folder


@pytest.fixture
def run() -> Run:
    return prepared()


def prepared() -> Run:
    """A paused run with pictures and checkpoints, as far as a doctor looks at one."""
    made = lifecycle.create(TrainRequest(steps=3000), {"kind": "drawn", "name": "portraits", "count": 600}, "Faces")
    for name in ("data/images.u8", "data/report.json", "data/preview.png", "data/prepared_for.json"):
        files.write_text(files.make_folder(made.path / "data").parent / name, "{}")
    for step in (250, 500, 950):
        files.write_text(files.make_folder(made.path / "checkpoints") / f"step-{step:08d}.pt", "")
    run_folder.write_state(made, status=states.PAUSED, step=950)
    return made


def written(run: Run, **more) -> None:
    """These curves, as the worker writes them."""
    found = {**HEALTHY, **more}
    losses = ("loss_d", "loss_g", "real", "fake")
    metrics = [json.dumps({"step": step, **{name: found[name][step] for name in losses}}) for step in STEPS]
    scores = [
        json.dumps({"step": step, "name": name, "value": value})
        for name, values in found.items() if name not in losses for step, value in values.items()
    ]  # fmt: skip
    (run.path / "metrics.jsonl").write_text("\n".join(metrics) + "\n")
    (run.path / "scores.jsonl").write_text("\n".join(scores) + "\n")


def test_a_run_is_read_from_its_folder_and_its_cure_is_a_branch(run):
    written(run, **SICK["d_wins"])
    found = doctor.diagnose(run)
    assert (found.name, found.sick, found.label) == ("d_wins", True, "The discriminator wins")
    branch = cures.apply(run, found.cures[0])
    assert branch.request == dataclasses.replace(run.request, **found.cures[0].changes)
    assert branch.config["branch_of"] == run.id
    again = cures.apply(run, found.cures[0])
    assert branch.name != again.name
    from_best = dataclasses.replace(found.cures[0], step=950)
    assert list(cures.apply(run, from_best).checkpoints()) == [950]
    with pytest.raises(UserError, match="no checkpoint at step 7"):
        cures.apply(run, dataclasses.replace(from_best, step=7))


def test_begun_anew_it_has_the_same_pictures_and_holds_out_the_same(run):
    new = lifecycle.begin_anew(run, {"norm_d": "none", "latent": 16}, "Other faces")
    assert (new.request.norm_d, new.request.latent) == ("none", 16)
    assert (new.path / "data" / "images.u8").samefile(run.path / "data" / "images.u8")
    assert new.holds_out
    lifecycle._write_config(run, {name: value for name, value in run.config.items() if name != "held_out"})
    assert not lifecycle.begin_anew(run, {}, "Old faces").holds_out
    assert not lifecycle.branch(run, 950, {}, "Old branch").holds_out


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400"])
@pytest.mark.parametrize("where", ["metrics", "scores"])
def test_what_is_no_number_is_a_diagnosis(run, where, value):
    written(run)
    line = '{"step": 1050, "loss_d": %s}' if where == "metrics" else '{"step": 1050, "name": "kid", "value": %s}'
    with open(run.path / f"{where}.jsonl", "a") as file:
        file.write(line % value + "\n" + '{"step": 1060, "name": [], "value": NaN}\n{"step": "x", "loss_g": NaN}\n')
    found = doctor.diagnose(run)
    assert found.name == "not_a_number"
    assert found.evidence[0].curve == ("loss_d" if where == "metrics" else "kid")
    assert found.evidence[0].first == 1050
    assert found.cures[0].step == 950


def test_healing_goes_on_with_a_branch_and_tells_its_diary(run):
    written(run, **SICK["d_wins"])
    assert heal.treated(run) is None, "it was not asked for"
    lifecycle.set_healing(run, True)
    first = heal.treated(run)
    assert first.heals
    assert first.status in (states.NEW, states.READY, states.PAUSED)
    (entry,) = run.diary()
    assert (entry["run"], entry["diagnosis"], entry["branch"]) == (run.name, "d_wins", first.id)
    assert entry["said"].startswith("The discriminator wins. ")
    assert entry["cure"].startswith(doctor.diagnose(run).cures[0].label)
    assert first.diary() == run.diary()
    written(first, **SICK["d_wins"])
    second = heal.treated(first)
    assert [line["name"] for line in second.diary()] == [cure.name for cure in doctor.diagnose(run).cures[:2]]
    written(second)
    assert heal.treated(second) is None, "it is well"


def test_a_visitors_run_is_healed_among_their_own_though_nobody_asks(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    with identity.asking("a" * 64):
        theirs = prepared()
        lifecycle.set_healing(theirs, True)
    written(theirs, **SICK["d_wins"])
    branch = heal.treated(theirs)
    assert branch.path.parent == theirs.path.parent
    assert branch.request.rate_d == theirs.request.rate_d / 2


def test_no_cure_is_tried_twice_and_at_last_it_goes_on_as_it_is(run):
    lifecycle.set_healing(run, True)
    tried = []
    while run:
        written(run, **SICK["collapse"])
        last, run = run, heal.treated(run)
        tried = [line["name"] for line in last.diary()]
    assert len(tried) == len(set(tried)) > 2


def test_where_there_is_no_room_for_a_branch_the_diary_says_so(run, monkeypatch):
    written(run, **SICK["collapse"])
    lifecycle.set_healing(run, True)

    def full(*_):
        raise UserError("There are 5 runs of yours, as many as can be kept here; delete one first.")

    monkeypatch.setattr(cures, "apply", full)
    assert heal.treated(run) is None
    assert not run.heals, "it is not asked again and again"
    assert run.diary()[0]["said"].endswith("delete one first.")


# ---------------------------------------------------------------- on the card, and before publishing


def test_the_card_tells_how_it_went_and_publishing_warns_of_copies(run, tmp_path):
    from PIL import Image

    from core.gan.networks import generator

    written(run, **SICK["by_heart"])
    net = generator({"method": "dcgan", "size": 16, "channels": 3, "latent": 8, "width": 4})
    about = {"name": "Faces", "steps_made": 950, "seconds": 60, "data": {"count": 10, "source": "x", "licence": "y"}}
    for step, warned in ((950, True), (50, False)):
        recipe = run.request.recipe(**about, doctor=report.of(run, step))
        model_folder.save(net, files.make_folder(tmp_path / str(step)), [Image.new("RGB", (16, 16))], recipe)
        card = Path(tmp_path, str(step), "README.md").read_text()
        assert "**How the training went:** Learned by heart. " in card
        assert ("they are nearly copies" in card) == warned
        assert ("so they are no copies" in card) != warned
        assert ("they are nearly copies" in publish.warning(tmp_path / str(step))) == warned
    assert report.heart({}) == report.warning(None) == report.warning({"doctor": {"by_heart": "x"}}) == ""
    assert publish.warning(tmp_path / "nowhere") == ""
