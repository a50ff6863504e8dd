"""The Train page: driven by AppTest for what it says, and in a real browser from a zip to a generator."""

import io
import json
import re
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.gan.data import drawn, prepare
from core.gan.doctor import Diagnosis
from core.gan.measures import FLATTERED, MEASURES
from core.gan.request import TRAIN_PRESETS, TrainRequest
from core.pictures import images
from core.runs import lifecycle, run_folder, states, watching
from core.runs.run_folder import Run
from core.runs.watching import Seen, Wish
from core.settings import settings_of
from support.chromium import redrawn, settled
from support.finished import finished_run
from support.pages import asked_of_runs, press
from support.studio import for_training, serving
from support.waiting import PATIENCE
from ui.telling import plain
from ui.train import tell, view

PAGES = Path(__file__).parents[2] / "pages"
DRAWN = {"kind": "drawn", "name": "portraits", "count": 500}


def opened(run: Run | None = None) -> AppTest:
    app = AppTest.from_file(str(PAGES / "train.py"), default_timeout=PATIENCE)
    if run is not None:
        app.query_params["run"] = run.id
    app.run()
    assert not app.exception
    return app


def labels(app: AppTest) -> set[str]:
    return {button.label for button in app.button}


@pytest.fixture
def asked(monkeypatch):
    return asked_of_runs(monkeypatch)


def typed(path: str) -> AppTest:
    app = opened()
    (kind,) = (group for group in app.button_group if group.label == "Where from")
    kind.set_value("path").run()
    (field,) = (field for field in app.text_input if field.label == "Path")
    field.set_value(path).run()
    return app


@pytest.mark.slow
@pytest.mark.parametrize("path", ["~nobody-here/pics", "/no/such folder", "a\0b"])
def test_a_folder_that_is_not_there_is_said_before_a_run_is_made(path, asked):
    app = press(typed(path), "Start")
    assert any("There is no folder" in plain_error.value for plain_error in app.error)
    assert (lifecycle.all_runs(), asked) == ([], [])


def test_a_pasted_path_is_understood(asked, tmp_path):
    press(typed(f' "file://{tmp_path}" '), "Start")
    (run,) = lifecycle.all_runs()
    assert run.config["source"] == {"kind": "folder", "path": str(tmp_path)}


@pytest.mark.slow
def test_every_setting_has_a_widget_with_its_bounds():
    app = opened()
    for name, about in settings_of(TrainRequest).items():
        if not about.applies(TrainRequest().method):
            continue
        widgets = [*app.number_input, *app.selectbox, *app.toggle]
        (widget,) = (w for w in widgets if w.key in (f"small-{name}", f"best-{name}"))
        assert widget.label == about.label
        assert widget.value == about.default
        if not about.choices and about.type is not bool:
            widget.set_value(about.type(about.hi + 1)).run()
            assert plain(f"choose a value {about.allowed()}.") in app.error[0].value
            assert len(app.error) == 1
            widget.set_value(about.default).run()
            assert not app.error


@pytest.mark.slow
def test_only_settings_that_say_something_to_the_method_are_shown(monkeypatch):
    """Those of the form and those behind "Advanced"; in the settings of a run, too."""
    every = settings_of(TrainRequest)
    for name in ("flip", "smoothing"):
        every[name] = replace(every[name], only_for=("connected",))
    monkeypatch.setattr(view.policy, "settings_of", lambda _: every)
    app = opened()
    app.selectbox(key="preset").set_value("small").run()

    def shown(prefix: str) -> set[str]:
        keys = [w.key for w in [*app.number_input, *app.selectbox, *app.toggle] if w.key]
        return {key.removeprefix(prefix) for key in keys if key.startswith(prefix)}

    def applying(method: str) -> set[str]:
        return {name for name, about in every.items() if about.applies(method)}

    assert shown("small-") == applying("dcgan")
    assert {"flip", "smoothing"} <= applying("connected") - applying("dcgan")
    for method in ("connected", "vae", "progressive", "msg", "projected"):
        app.selectbox(key="small-method").set_value(method).run()
        assert shown("small-") == applying(method)
    run = lifecycle.create(TrainRequest(), DRAWN, "mine")
    app = opened(run)
    assert shown("change-mine-") == applying("dcgan")


def test_a_preset_sets_the_widgets():
    """Each that there is, and those of a method show what only it has."""
    app = opened()
    for preset, settings in TRAIN_PRESETS.items():
        next(box for box in app.selectbox if box.label == "Preset").set_value(preset).run()
        widgets = {w.key: w.value for w in [*app.number_input, *app.selectbox, *app.toggle] if w.key}
        assert {name: widgets[f"{preset}-{name}"] for name in settings} == settings
        assert (f"{preset}-grown_at" in widgets) == (preset == "progressive")


def test_the_best_preset_goes_by_the_size(asked):
    app = opened()
    app.selectbox(key="best-size").set_value(64).run()
    assert app.selectbox(key="projected-method").value == "projected"
    app.selectbox(key="best-size").set_value(32).run()
    assert app.selectbox(key="small-method").value == "dcgan"
    app.selectbox(key="best-size").set_value(128).run()
    press(app, "Start")
    (run,) = lifecycle.all_runs()
    assert run.request == TrainRequest(**{**TRAIN_PRESETS["projected"], "size": 128})


@pytest.mark.parametrize(("button", "action"), [("Check the images", "start_check"), ("Start", "start")])
def test_a_new_run_is_what_the_widgets_say(asked, button, action):
    app = opened()
    app.selectbox(key="best-size").set_value(16)
    next(box for box in app.number_input if box.key == "small-rate_d").set_value(0.0001)
    app.run()
    press(app, button)
    (run,) = lifecycle.all_runs()
    assert run.request == TrainRequest(size=16, rate_d=0.0001)
    assert run.config["source"] == {"kind": "drawn", "name": "portraits", "count": 3000}
    assert asked == [(action, run.id)]
    assert app.query_params["run"] == run.id


def test_images_have_to_be_there_first(asked):
    app = opened()
    app.segmented_control[0].set_value("upload").run()
    press(app, "Start")
    assert "no images yet" in app.error[0].value
    assert not asked
    assert not lifecycle.all_runs()


@pytest.mark.parametrize(
    ("status", "begun", "expected"),
    [
        (states.NEW, False, {"Start"}), (states.READY, False, {"Start"}), (states.QUEUED, False, {"Pause"}),
        (states.PAUSED, True, {"Resume", "Finish here"}), (states.FAILED, True, {"Resume", "Finish here"}),
        (states.RUNNING, True, {"Resume", "Finish here"}),  # its process is gone: interrupted
        (states.FINISHED, True, {"Resume"}),
    ],
)  # fmt: skip
def test_what_can_be_done_depends_on_the_status(asked, status, begun, expected):
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    run_folder.write_state(run, status=status, step=5, message="")
    if begun:
        (run.path / "checkpoints").mkdir()
        (run.path / "checkpoints" / "step-00000005.pt").write_bytes(b"")
    app = opened(run)
    assert labels(app) & {"Start", "Resume", "Pause", "Finish here", "Cancel"} == expected
    assert labels(app) & {"Delete for ever", "Rename"} == {"Delete for ever", "Rename"}
    if "Resume" in expected:
        press(app, "Resume")
        assert asked == [("start", run.id)]


def test_a_failure_is_told_in_its_own_words():
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    run_folder.write_state(run, status=states.FAILED, message="At least 32 different pictures are needed.")
    assert opened(run).error[0].value == "At least 32 different pictures are needed."


@pytest.mark.slow
def test_renaming_branching_and_deleting(asked):
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    run_folder.write_state(run, status=states.PAUSED, step=5)
    for folder, name in (("checkpoints", "step-00000005.pt"), ("data", "images.u8"), ("data", "report.json"),
                         ("data", "preview.png")):  # fmt: skip
        (run.path / folder).mkdir(exist_ok=True)
        (run.path / folder / name).write_bytes(b"")
    app = opened(run)
    next(box for box in app.text_input if box.label == "New name").set_value("Heads").run()
    press(app, "Rename")
    assert run.name == "Heads"
    next(box for box in app.number_input if box.key == f"branch-{run.id}-5-rate_g").set_value(0.001).run()
    press(app, "Make the branch")
    (twig,) = (r for r in lifecycle.all_runs() if r.id != run.id)
    assert twig.request.rate_g == 0.001
    assert twig.config["branch_of"] == run.id
    press(opened(run), "Delete for ever")
    assert lifecycle.all_runs() == [twig]
    assert not asked


def test_settings_can_be_changed_until_training_begins(asked):
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    run_folder.write_state(run, status=states.READY)
    app = opened(run)
    next(box for box in app.selectbox if box.key == f"change-{run.id}-shape").set_value("fit").run()
    press(app, "Check again")
    assert run.request == TrainRequest(shape="fit")
    assert asked == [("start_check", run.id)]


@pytest.mark.parametrize("poison", ["", "[]", '{"request": {}}'])
def test_a_damaged_run_can_only_be_deleted(poison):
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    (run.path / "config.json").write_text(poison)
    app = opened(run)
    assert "cannot be read" in app.error[0].value
    assert labels(app) == {"Delete for ever"}
    press(app, "Delete for ever")
    assert not lifecycle.all_runs()


def test_half_written_metrics_do_not_break_the_page():
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    run_folder.write_state(run, status=states.PAUSED, step=5, seconds=3.0)
    (run.path / "samples").mkdir()
    drawn.draw("portraits", 0, 64).save(run.path / "samples" / "step-00000005.png")
    (run.path / "metrics.jsonl").write_text(json.dumps({"step": 3}) + '\n{"step": 4, "loss_d": 1')
    assert opened(run)


def finished(method: str = "dcgan") -> Run:
    """With checkpoints and sheets at steps 10, 20 and 30, and the generator of step 20."""
    run = lifecycle.create(TrainRequest(steps=30, method=method), DRAWN, "Faces")
    for folder in ("checkpoints", "samples", "result"):
        (run.path / folder).mkdir()
    for step in (10, 20, 30):
        (run.path / "checkpoints" / f"step-{step:08d}.pt").write_bytes(b"")
        drawn.draw("portraits", step, 64).save(run.path / "samples" / f"step-{step:08d}.png")
    (run.path / "result" / "model.safetensors").write_bytes(b"")
    recipe = run.request.recipe(steps_made=20, kept="Step 20 was kept: it *is* the best.")
    images.write_png(drawn.draw("portraits", 0, 64), run.path / "result" / "samples.png", recipe)
    run_folder.write_state(run, status=states.FINISHED, step=30, seconds=3.0)
    return run


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


@pytest.mark.slow
def test_which_step_was_kept_is_said_and_another_can_be_chosen(asked):
    run = finished()
    (run.path / "scores.jsonl").write_text('{"step": 10, "name": "kid", "value": 5.5}\n')
    app = opened(run)
    assert plain("Step 20 was kept: it *is* the best.") in captions(app)
    told = next(caption for caption in captions(app).splitlines() if "Step 10**" in caption)
    assert told.strip() == "**Step 10**"
    assert {"KID 5.5", "**Step 20** · kept"} <= {line.strip() for line in captions(app).splitlines()}
    box = next(box for box in app.selectbox if box.label == "Checkpoint")
    assert (box.options, box.value) == (["Step 30", "Step 20", "Step 10"], 20)
    assert "Keep this step" not in labels(app), "it is kept already"
    box.set_value(10).run()
    press(app, "Keep this step")
    assert asked == [("keep", run.id, 10)]


@pytest.mark.slow
def test_every_checkpoint_has_a_picture_and_one_can_be_gone_on_from(asked):
    run = finished()
    for name in ("images.u8", "report.json", "preview.png"):
        (run.path / "data").mkdir(exist_ok=True)
        (run.path / "data" / name).write_bytes(b"")
    (run.path / "scores.jsonl").write_text(
        "".join(f'{{"step": {step}, "name": "kid", "value": {kid}}}\n' for step, kid in ((10, 2.0), (20, 3.0)))
    )
    app = opened(run)
    shown = "".join(str(picture.proto) for picture in app.get("image"))
    assert all(f"Samples at step {step}" in shown for step in (10, 20, 30))
    assert "**Step 10** · best" in captions(app)
    next(box for box in app.selectbox if box.label == "Checkpoint").set_value(10).run()
    press(app, "Go on from here")
    (twig,) = (other for other in lifecycle.all_runs() if other.id != run.id)
    assert (twig.config["branched_at"], twig.request) == (10, run.request)
    (run.path / "samples" / "step-00000010.png").write_bytes(b"torn")
    assert opened(run)


def test_two_runs_are_compared(asked):
    run = finished()
    request = TrainRequest(steps=30, method="projected", batch=32, loss="hinge")
    other = lifecycle.create(request, {**DRAWN, "count": 40}, "Others")
    for each, loss in ((run, 0.5), (other, 0.25)):
        lines = [json.dumps({"step": step, "loss_d": loss}) for step in (5, 10)]
        (each.path / "metrics.jsonl").write_text("\n".join(lines))
        (each.path / "scores.jsonl").write_text('{"step": 5, "name": "kid", "value": 5.5}\n')
    app = opened(run)
    charts = len(app.get("vega_lite_chart"))
    assert FLATTERED not in captions(app)
    next(box for box in app.selectbox if box.label == "Compare with another run").set_value(other.id).run()
    assert not app.exception
    assert app.dataframe[0].value.values.tolist() == [
        ["Method", "DCGAN", "Projected GAN"],
        ["Batch", "64", "32"],
        ["Loss", "Original (2014)", "Hinge"],
        ["Pictures", "drawn portraits 500", "drawn portraits 40"],
    ]
    assert {"KID", FLATTERED, "Losses: Discriminator"} <= set(captions(app).splitlines())
    assert len(app.get("vega_lite_chart")) == charts + 2
    assert "Samples of both" not in {switch.label for switch in app.toggle}, "the other has none yet"


@pytest.mark.slow
def test_a_finished_run_of_the_version_before_says_its_step():
    run = finished()
    sheet = run.path / "result" / "samples.png"
    images.write_png(drawn.draw("portraits", 0, 64), sheet, run.request.recipe(steps_made=20))
    assert "The generator is that of step 20." in captions(opened(run))
    sheet.write_bytes(b"")
    assert "was kept" not in captions(opened(run))


def test_whatever_was_measured_is_drawn():
    """Known or not, with one value or several; and losses of whatever name. Where KID flatters, it is said."""
    run = finished("projected")
    known = [("kid", 10, 5.5), ("kid", 20, 1.5), ("kid", 30, 2.5)]
    scores = [*known, ("*new*", 10, 1.0), ("*new*", 20, 2.0), ("one", 30, 7.0)]
    lines = [json.dumps({"step": step, "name": name, "value": value}) for name, step, value in scores]
    (run.path / "scores.jsonl").write_text("\n".join([*lines, '{"step": 5, "value": 1}', '{"step": 5, "na']))
    (run.path / "metrics.jsonl").write_text(
        '{"step": 5, "kl": 1.5, "reconstruction": 0.2}\n{"step": 9, "kl": 1, "loss_g": 2, "reconstruction": 0.1}\n'
    )
    run.checkpoints()[20].unlink()  # thinned out
    app = opened(run)
    said = captions(app)
    assert "KID: 2.5 at step 30; the lowest is best, 1.5 at step 20. The best checkpoint by it: step 30." in said
    assert f"{MEASURES['kid'].meaning} {FLATTERED}" in said
    assert f"{plain('*new*')}: 2 at step 20." in said
    assert "one: 7 at step 30." in said
    assert {"Losses", "Mean squared error", "Other losses"} <= set(said.splitlines())
    assert "The discriminator believes" not in said
    assert len(app.get("vega_lite_chart")) == 6, "three of losses, two of what was measured often, one of the doctor"


def checked(usable: int, **settings) -> Run:
    """A run whose images were looked at."""
    run = lifecycle.create(TrainRequest(**settings), DRAWN, "Faces")
    run_folder.write_state(run, status=states.READY)
    (run.path / "data").mkdir()
    report = prepare.Report("own", "not stated", usable, usable, 32, 3)
    (run.path / "data" / "report.json").write_text(json.dumps(asdict(report)))
    drawn.draw("portraits", 0, 64).save(run.path / "data" / "preview.png")
    return run


@pytest.mark.slow
def test_what_cannot_be_measured_of_so_few_pictures_is_said():
    for usable, said in (60, True), (600, False):
        run = checked(usable)
        (run.path / "samples").mkdir()
        drawn.draw("portraits", 0, 64).save(run.path / "samples" / "step-00000005.png")
        assert "Not measured" not in captions(opened(run)), "of the version before"
        (run.path / "scores.jsonl").write_text('{"step": 5, "name": "kid", "value": 5.5}\n')
        assert (f"Not measured with {usable} pictures" in captions(opened(run))) == said


def test_advice_has_a_button_and_is_not_given_where_it_is_taken(asked):
    run = checked(3000, translate=False)
    app = press(opened(run), "Turn on Shift")
    assert run.request == TrainRequest(translate=True)
    assert not {label for label in labels(app) if label.startswith("Turn on")}
    assert next(switch for switch in app.toggle if switch.key == f"change-{run.id}-translate").value


def test_advice_for_a_run_that_has_begun_makes_a_branch(asked):
    run = checked(50, steps=20)
    (run.path / "checkpoints").mkdir()
    (run.path / "checkpoints" / "step-00000020.pt").write_bytes(b"")
    (run.path / "data" / "images.u8").write_bytes(b"")
    run_folder.write_state(run, status=states.FINISHED, step=20)
    press(opened(run), "Branch with Vary colours and Cut holes")
    (twig,) = (other for other in lifecycle.all_runs() if other.id != run.id)
    assert twig.request == TrainRequest(steps=40, vary_colour=True, cut_out=True)
    assert run.request == TrainRequest(steps=20)


@pytest.mark.slow
def test_a_finished_run_offers_to_play_with_it_first():
    run = finished_run()
    app = AppTest.from_file(str(PAGES / "studio.py"), default_timeout=PATIENCE).run()
    app.query_params["run"] = run.id
    app.switch_page("train.py").run()
    first = next(button for button in app.button if button.label in ("Play with it", "Resume", "Rename"))
    assert first.label == "Play with it"
    first.click().run()
    assert not app.exception
    assert app.title[0].value == "Generate"
    assert app.selectbox(key="generator").value == f"run:{run.id}"


@pytest.mark.slow
def test_looking_at_the_images_has_a_bar(monkeypatch):
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    monkeypatch.setattr(run_folder, "lives", lambda state: True)
    for share, shown in ((0.4, 40), ("x", 0), (float("nan"), 0)):
        run_folder.write_state(run, status=states.CHECKING, message="Preparing pictures: 60 of 150", share=share, pid=1)
        (bar,) = opened(run).get("progress")
        assert (bar.proto.value, bar.proto.text) == (shown, plain("Preparing pictures: 60 of 150"))


def test_the_duel_is_shown_held_and_stepped(asked, monkeypatch):
    """What is seen stands there, what is pressed is wished for; of a run that has ended, how it ended."""
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    monkeypatch.setattr(run_folder, "lives", lambda state: True)
    run_folder.write_state(run, status=states.RUNNING, step=2, pid=1)
    scores = (0.9, None, *[0.7] * 6), (0.2,) * 8
    seen = Seen(5, "d", *scores, {"loss_d": 0.25, "pull": 0.125}, (0.5, 0.4), b"png")
    watching.show(run, seen)
    app = opened(run)
    assert not app.get("html"), "who does not look is shown nothing, and asks for nothing"
    assert watching.wished(run) is None

    def switch(app: AppTest) -> None:
        next(switch for switch in app.toggle if switch.label == "Watch the duel").set_value(True).run()
        assert not app.exception

    def enabled(app: AppTest) -> set[str]:
        return {button.label for button in app.button if button.label.startswith("One step") and not button.disabled}

    switch(app)
    shown = app.get("html")[0].proto.body
    assert "has learned in step 3" in shown
    assert "is frozen" in shown
    assert ">90 %<" in shown
    assert ">–<" in shown
    assert "D(fake) 20 % (← from 40 %)" in shown
    assert "pulled by 0.125 a picture" in shown
    assert (watching.wished(run), enabled(app)) == (Wish("full"), set())
    app.segmented_control(key=f"pace-{run.id}").set_value("held").run()
    assert (watching.wished(run), enabled(app)) == (Wish("held"), {"One step of G"})
    press(app, "One step of G")
    assert watching.wished(run) == Wish("held", 6)
    watching.show(run, replace(seen, turn=6, learned="g"))
    assert enabled(app.run()) == {"One step of D"}
    assert watching.wished(run) == Wish("held", 6), "as long as somebody looks"

    monkeypatch.setattr(run_folder, "lives", lambda state: False)
    (run.path / "samples").mkdir()
    drawn.draw("portraits", 0, 64).save(run.path / "samples" / "step-00000003.png")
    watching.forget(run)
    switch(app := opened(run))
    assert "has learned in step 3" in app.get("html")[0].proto.body
    assert watching.wished(run) is None
    press(app, "Resume, held")
    assert (asked, watching.wished(run)) == ([("start", run.id)], Wish("held"))


def test_a_sick_run_says_so_and_is_healed_with_one_press(asked):
    run = checked(3000, rate_g=0.05)
    (run.path / "data" / "images.u8").write_bytes(b"")
    (run.path / "metrics.jsonl").write_text('{"step": 5, "loss_d": 1.0}\n{"step": 9, "loss_d": NaN}\n')
    run_folder.write_state(run, status=states.PAUSED, step=9, message="")
    app = opened(run)
    assert any("Ran away" in line.value and "From step 9" in line.value for line in app.markdown)
    assert any("loss_d is not a number" in caption.value.replace("\\", "") for caption in app.caption)
    next(switch for switch in app.toggle if switch.label == "Heal by itself").set_value(True).run()
    assert run.heals
    press(app, "Lower both rates")
    (new,) = (other for other in lifecycle.all_runs() if other != run)
    assert new.request.rate_g == TrainRequest().rate_g
    assert asked == [("start", new.id)]
    assert app.query_params["run"] == new.id


def test_the_diary_is_shown(asked):
    run = lifecycle.create(TrainRequest(), DRAWN, "Faces")
    run_folder.write_state(run, status=states.PAUSED, step=9)
    (run.path / "diary.jsonl").write_text('{"step": 7, "said": "It *fell* sick.", "cure": "R1."}\n{"step": 9}\n{"st')
    app = opened(run)
    assert any(line.value == f"**Step 7** {plain('It *fell* sick. R1.')}" for line in app.markdown)


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (states.RUNNING, None, "45 % · Faces"), (states.RUNNING, "collapse", "Mode collapse! · Faces"),
        (states.FINISHED, "collapse", "done · Faces"), (states.PAUSED, "learning", "paused · Faces"),
        (states.QUEUED, None, "queued · Faces"),
    ],
)  # fmt: skip
def test_the_tab_tells_how_it_stands(monkeypatch, status, name, expected):
    run = lifecycle.create(TrainRequest(steps=1000), DRAWN, "Faces")
    monkeypatch.setattr(run_folder, "lives", lambda state: True)
    run_folder.write_state(run, status=status, step=450)
    assert tell.title(run, name and Diagnosis(name, "So it is.")) == expected


def test_a_time_lapse_is_an_animation(tmp_path):
    sheets = {n: tmp_path / f"{n}.png" for n in range(3)}
    for number, path in sheets.items():
        drawn.draw("portraits", number, 64).save(path)
    sheets[3] = tmp_path / "thinned out.png"
    assert view.time_lapse(sheets)[8:12] == b"WEBP"


# ---------------------------------------------------------------- in a browser


NOTIFICATIONS = """
window.told = [];
window.Notification = class {
  static permission = 'default';
  static async requestPermission() { return this.permission = 'granted'; }
  constructor(title, { body }) { told.push([title, body]); }
};
"""


@pytest.mark.server
def test_from_a_zip_to_a_generator_in_a_browser(browser, tmp_path, monkeypatch):
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as files:
        for number in range(48):
            file = io.BytesIO()
            drawn.draw("portraits", number, 32).save(file, "PNG")
            files.writestr(f"faces/{number}.png", file.getvalue())
        files.writestr("faces/readme.txt", "not a picture")
    with serving(tmp_path, for_training(tmp_path)) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(NOTIFICATIONS)
        button = lambda name: page.get_by_role("button", name=name, exact=True)  # noqa: E731

        page.goto(f"{address}/train")
        settled(page)
        with redrawn(page):
            page.get_by_text("My files").click()
        with redrawn(page):
            page.locator("input[type=file]").set_input_files(archive)
        expect(page.get_by_text("faces.zip")).to_be_visible()
        with redrawn(page):
            page.get_by_role("spinbutton", name="Steps").fill("100000")
            page.get_by_role("spinbutton", name="Steps").press("Enter")
        button("Check the images").click()
        expect(page.get_by_text("48 of 49")).to_be_visible()
        expect(page.get_by_text("seconds per thousand images")).to_be_visible()
        page.get_by_text("1 files cannot be used").click()
        expect(page.get_by_text("readme.txt")).to_be_visible()

        button("Start").click()
        # Checkpoints tell their steps as well, further down.
        caption = page.get_by_role("paragraph").filter(has_text=re.compile(r"^Step [\d,]+$")).first
        expect(caption).to_be_visible()
        step, sheet = caption.inner_text(), page.locator("[data-testid=stImage] img").first
        before = sheet.get_attribute("src")
        expect(caption).not_to_have_text(step)  # by itself
        expect(sheet).not_to_have_attribute("src", before)

        page.reload()
        expect(caption).to_be_visible()
        assert page.evaluate("told") == [], "nobody asked for it"
        button("Notify me when it is finished or sick").click()
        expect(button("Notify me when it is finished or sick")).to_be_hidden()
        button("Pause").click()
        expect(page.get_by_text("paused", exact=True)).to_be_visible()
        button("Finish here").click()
        expect(page.get_by_text("finished", exact=True)).to_be_visible()
        page.wait_for_function("told.length && told.at(-1)[1] == 'Finished.'")
        told = page.evaluate("told")
        with page.expect_download() as download:
            button("Generator").click()
        names = zipfile.ZipFile(download.value.path()).namelist()
        assert {"model.safetensors", "config.json", "README.md", "samples.png"} <= set(names)
        page.close()
    monkeypatch.setenv("GANVAS_HOME", str(tmp_path / "runs"))
    (run,) = lifecycle.all_runs()
    assert run.status == states.FINISHED
    assert {title for title, _ in told} == {run.name}
    assert list(tmp_path.rglob("*.zip")) == [archive], "what was uploaded is gone once it is learned from"
