"""The Lab page: a pair is chosen, made, watched and healed; by AppTest, and for real in a browser."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.gan import doctor, lab
from core.gan.data import drawn as sets
from core.gan.data import prepare
from core.gan.request import TrainRequest
from core.pictures import images
from core.runs import lifecycle, processes, run_folder, states, twins
from core.runs.run_folder import Run
from support.chromium import settled
from support.pages import asked_of_runs, press
from support.studio import ROOT, for_training, serving
from support.waiting import PATIENCE, until


def opened(pair: str | None = None) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "studio.py"), default_timeout=PATIENCE)
    if pair:
        app.query_params["pair"] = pair
    app.switch_page("lab.py").run()
    assert not app.exception
    return app


@pytest.fixture
def asked(monkeypatch):
    return asked_of_runs(monkeypatch)


def drawn(run: Run, *steps: int) -> None:
    (run.path / "samples").mkdir(exist_ok=True)
    for step in steps:
        sets.draw("portraits", step, 32).save(run.path / "samples" / f"step-{step:08d}.png")


def prepared(run: Run) -> None:
    """Its pictures are there."""
    (run.path / "data").mkdir()
    report = json.dumps(asdict(prepare.Report("own", "not stated", 40, 40, 32, 3))).encode()
    for name, data in (("images.u8", bytes(40 * 32 * 32 * 3)), ("preview.png", b""), ("report.json", report),
                       ("prepared_for.json", b"{}")):  # fmt: skip
        (run.path / "data" / name).write_bytes(data)


def test_every_sickness_is_offered_and_the_chosen_one_is_begun(asked):
    app = opened()
    assert app.radio[0].options == [about.label for about in lab.SICKNESSES.values()]
    app.radio[0].set_value("small_batch").run()
    press(app, "Break it")
    ((sick, _),) = twins.pairs()
    assert sick.request.batch == 2
    assert asked == [("start", sick.id)]
    assert app.query_params["pair"] == sick.id
    assert {heading.value for heading in app.subheader} == {"As it should not be", "Healthy twin"}


@pytest.mark.slow
def test_any_two_settings_of_ones_own_pictures(asked):
    run = lifecycle.create(TrainRequest(steps=900), {"kind": "drawn", "name": "portraits", "count": 40}, "Mine")
    prepared(run)
    app = opened()
    app.segmented_control[0].set_value("own").run()
    press(app, "Break it")
    assert "change a setting" in app.error[0].value
    next(field for field in app.number_input if field.key == f"lab-{run.id}-rate_d").set_value(0.05).run()
    press(app, "Break it")
    ((first, second),) = twins.pairs()
    assert first.request == TrainRequest(steps=720, rate_d=0.05)
    assert second.request == TrainRequest(steps=720)
    assert (first.path / "data" / "images.u8").stat().st_size == 40 * 32 * 32 * 3
    assert asked == [("start", first.id)]


@pytest.mark.slow
def test_both_are_seen_at_the_same_step_and_the_sick_one_is_healed(asked, monkeypatch):
    sick, healthy = lab.break_it("rate_high", "portraits")
    prepared(sick)
    for run, steps in ((sick, (18, 36, 54)), (healthy, (18, 36))):
        drawn(run, *steps)
        run_folder.write_state(run, status=states.PAUSED, step=max(steps))
    (sick.path / "metrics.jsonl").write_text(
        "".join(f'{{"step": {step}, "loss_d": NaN, "loss_g": 1.0}}\n' for step in (18, 36))
    )
    app = opened(sick.id)
    seen = "".join(str(picture.proto) for picture in app.get("image"))
    assert seen.count("Samples at step 36") == 2
    assert "step 54" not in seen
    assert any("Ran away" in line.value for line in app.markdown)
    press(app, "Lower both rates")
    healed = lab.healed(sick)
    assert healed.request.rate_g < sick.request.rate_g
    assert asked == [("start", healed.id)]
    assert "Healed" in {heading.value for heading in app.subheader}
    press(app, "Go on")
    assert asked[1:] == [("start", sick.id)]
    press(app, "Delete both")
    assert lifecycle.all_runs() == [healed]


@pytest.mark.server
@pytest.mark.slow
def test_a_run_is_broken_named_healed_and_recovers(browser, tmp_path, monkeypatch):
    """Without noise a generator makes one picture; with it, as many as its healthy twin."""
    monkeypatch.setenv("GANVAS_HOME", str(tmp_path / "runs"))
    tiny = {"size": 16, "latent": 8, "width_g": 8, "width_d": 8, "batch": 16, "rate_g": 0.001, "rate_d": 0.001}
    request = TrainRequest(**tiny, ema=0.9, steps=240)
    mine = lifecycle.create(request, {"kind": "drawn", "name": "portraits", "count": 60}, "Mine")
    for _ in prepare.prepare(mine.config["source"], request, mine.path):
        pass
    with serving(tmp_path, for_training(tmp_path)) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/lab")
        page.get_by_text("Two settings of my own").click()
        page.get_by_text("Noise", exact=True).click()
        page.get_by_role("button", name="Break it").click()
        until(twins.pairs)
        ((sick, twin),) = twins.pairs()
        until(lambda: doctor.diagnose(sick).name == "collapse")
        processes.pause(sick)  # if it is not through by now
        until(lambda: not (sick.alive or twin.alive))
        page.reload()  # it is found again, and nothing is drawn anew any more while it is looked at
        settled(page)
        expect(page.get_by_text("Mode collapse")).to_have_count(1)  # its twin has none
        page.get_by_role("button", name="Give it noise").click()
        expect(page.get_by_role("heading", name="Healed")).to_be_visible()
        healed = lab.healed(sick)
        until(lambda: healed.status == states.FINISHED)
        expect(page.get_by_text("finished", exact=True).last).to_be_visible()
        expect(page.get_by_text("Mode collapse")).to_have_count(1)
        page.close()
    assert doctor.diagnose(healed).name != "collapse"
    assert (sick.request.noise, healed.request.noise) == (False, True)
    marks = [[step for step in run.samples() if step % twins.marks(run) == 0] for run in (sick, twin)]
    assert abs(len(marks[0]) - len(marks[1])) <= 1, "in step"
    assert variety(sick) == 0
    assert variety(healed) > variety(twin) / 2 > 0


def variety(run: Run) -> float:
    """How much its newest samples differ from each other."""
    with Image.open(list(run.samples().values())[-1]) as sheet:
        cells = [np.asarray(cell, float) for cell in images.cells(sheet, 6, 2)]
    return float(np.std(cells, axis=0).mean())
