"""First looks: what a page shows at once; only its newest question counts, and no painting is covered."""

import asyncio
import types
from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from core import jobs
from core.errors import UserError
from core.hub import registry
from core.pictures import images
from core.settings import Result
from core.style.request import ClipRequest, StyleRequest
from core.visitors import paintings, policy
from core.visitors.paintings import Clip, Painting
from support.pictures import scene, texture
from ui.style import clips, events, looks, painting, view

PAGE = types.SimpleNamespace(query_params={}, session_hash="tab")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    monkeypatch.setattr(paintings, "_kept", [])
    monkeypatch.setattr(looks, "_pages", looks.OrderedDict())
    scene(80, 60).save(tmp_path / "photo.png")
    texture(64, 64).save(tmp_path / "style.png")
    settings = {name: about.default for name, about in painting.SETTINGS.items()} | {"size": 64}
    yield {"photo": str(tmp_path / "photo.png"), "styles": [(str(tmp_path / "style.png"), None)], "style_weights": "",
           **settings}  # fmt: skip
    paintings.close()


def first(asked, **changed):
    return asyncio.run(looks.first(PAGE, **asked | changed))


def shown(asked, state=jobs.DONE) -> Painting:
    """A painting of this page."""
    job = jobs.Job(StyleRequest(size=64), (), next(jobs._numbers), state=state)
    recipe = {name: asked[name] for name in ("strength", "keep_colour")}
    job.result = Result((scene(), scene()), recipe, 0.0) if state == jobs.DONE else None
    made = Painting(job, PAGE.session_hash, asked, photo=scene())
    paintings.keep(made)
    return made


@pytest.mark.slow
def test_a_first_look_is_the_instant_painting(asked):
    _, result = first(asked, strength=0.5, keep_colour=True)
    assert result.recipe["kind"] == "instant"
    assert (result.recipe["strength"], result.recipe["keep_colour"]) == (0.5, True)
    assert result.images[0].size == (64, 48)


def test_there_is_none_of_half_a_question(asked):
    assert first(asked, photo=None) is None
    assert first(asked, styles=None) is None
    assert first(asked, styles=[]) is None


def test_a_painting_that_was_thrown_away_on_another_page_is_told(asked):
    picked = gr.EventData(None, {"value": {"caption": "Painting 7"}})
    answer = events.chosen(PAGE, picked)[1 + len(painting.HOW) :]
    assert "That painting is no longer there." in answer[events.Easel.names().index("status")]


def test_what_cannot_be_painted_is_told(asked):
    with pytest.raises(UserError, match="There are 2 style weights for 1 style picture"):
        first(asked, style_weights="1, 2")
    with pytest.raises(UserError, match="Size is 'large'"):
        first(asked, size="large")


def test_it_is_as_large_as_is_looked_at(asked, monkeypatch):
    monkeypatch.setattr(policy, "PRIVATE", policy.Limits(look_size=96))
    assert first(asked, size=2048)[1].images[0].size == (96, 72)


def test_only_the_newest_counts(asked):
    async def both():
        return await asyncio.gather(
            looks.first(PAGE, **asked), looks.first(PAGE, **asked | {"stroke_size": 0.5}), return_exceptions=True
        )

    older, newer = asyncio.run(both())
    assert older is None
    assert newer[1].recipe["stroke_size"] == 0.5


def test_one_that_waits_is_given_up_when_a_newer_is_asked_for(asked, monkeypatch):
    waiting = jobs.Job(StyleRequest(), (), 0)
    monkeypatch.setattr(jobs, "submit", lambda *_: waiting)

    async def then_pressed():
        look = asyncio.ensure_future(looks.first(PAGE, **asked))
        while looks._page(PAGE).job is not waiting:
            await asyncio.sleep(0.01)
        looks.end(PAGE)
        return await look

    assert asyncio.run(then_pressed()) is None
    assert waiting.cancelled


def test_one_that_waits_too_long_is_given_up(asked, monkeypatch):
    waiting = jobs.Job(StyleRequest(), (), 0)
    monkeypatch.setattr(jobs, "submit", lambda *_: waiting)
    monkeypatch.setattr(policy, "PRIVATE", policy.Limits(look_wait=0))
    with pytest.raises(UserError, match="Many first looks"):
        first(asked)
    assert waiting.cancelled


@pytest.mark.parametrize("state", [jobs.WAITING, jobs.RUNNING])
def test_a_painting_at_work_is_never_covered(asked, state):
    at_work = shown(asked, state)
    assert first(asked, photo=asked["styles"][0][0]) is None
    assert paintings.of("", "tab", Painting) is at_work


def test_a_painting_that_begins_meanwhile_is_not_covered(asked, monkeypatch):
    submitted = looks._submitted
    monkeypatch.setattr(looks, "_submitted", lambda *given: (submitted(*given), shown(asked, jobs.RUNNING))[0])
    assert first(asked) is None


def test_a_finished_painting_gives_way_to_other_pictures_only(asked):
    finished = shown(asked)
    assert first(asked, stroke_size=0.5) is None
    assert first(asked, photo=asked["styles"][0][0], covering=False) is None  # as where only a setting was moved
    assert paintings.of("", "tab", Painting) is finished
    assert first(asked, photo=asked["styles"][0][0]) is not None
    assert paintings.of("", "tab", Painting) is None
    assert paintings.theirs("", Painting) == [finished]  # and is found there


def test_a_finished_painting_says_when_the_page_has_other_settings(asked):
    def told(**changed) -> str:
        answer = asyncio.run(events.look_again(PAGE, **asked | changed))
        assert all(
            shows == gr.skip() for name, shows in zip(events.Easel.names(), answer, strict=True) if name != "status"
        )
        return answer[events.Easel.names().index("status")]

    shown(asked)
    assert looks.CHANGED in told(freedom=0.9)
    assert looks.CHANGED in told(steps=7)
    assert looks.CHANGED in told(style_weights="2")
    assert looks.MOVED_ON in told(photo=asked["styles"][0][0], strength=0.4)
    assert looks.CHANGED not in told()
    assert looks.CHANGED not in told(strength=0.4, keep_colour=True)
    assert looks.CHANGED not in told(style_weights=None)  # which no page sends
    assert "write a number for each picture" in told(style_weights="2,x")
    assert "2 style weights for 1 style picture" in told(style_weights="2, 1")


def easel(answer) -> dict:
    return dict(zip(events.Easel.names(), answer, strict=True))


def started(**asked) -> list[dict]:
    async def all_of_it():
        return [easel(answer) async for answer in events.start(PAGE, **asked)]

    return asyncio.run(all_of_it())


def test_a_painting_of_which_nothing_comes_leaves_the_page_the_one_before(asked, tmp_path):
    finished = shown(asked)
    Image.new("RGBA", (32, 32)).save(tmp_path / "glass.png")
    *_, last = started(**asked | {"styles": [(str(tmp_path / "glass.png"), None)]})
    assert "see-through" in last["status"]
    assert (last["compare"]["visible"], last["preview"]["visible"], last["finished"]["visible"]) == (True, False, True)
    assert paintings.of("", PAGE.session_hash, Painting) is finished


def test_where_nothing_comes_of_a_painting_there_is_a_first_look_again(asked, monkeypatch):
    def fails(*_, **__):
        raise UserError("There are no paints left.")
        yield

    monkeypatch.setattr("core.style.optimise.engine.paint", fails)
    *_, told = started(**asked)
    assert "There are no paints left." in told["status"]
    last = easel(asyncio.run(events.look_anew(PAGE, **asked)))
    assert last["status"] == gr.skip()
    assert (last["compare"]["visible"], last["preview"]["visible"], last["adjust"]["visible"]) == (True, False, True)


def test_a_page_is_opened_with_the_newest_painting_that_is_one(asked):
    finished, failed = shown(asked), shown(asked)
    failed.job.error = UserError("There are no paints left.")
    assert easel(events.found(PAGE)[1 + len(painting.HOW) : -1])["compare"]["visible"]
    assert paintings.of("", PAGE.session_hash, Painting) is finished
    paintings.throw_away(finished)
    assert "no paints" in easel(events.found(PAGE)[1 + len(painting.HOW) : -1])["status"]


@pytest.mark.parametrize(("changed", "said"), [
    ({}, ""), ({"strength": 0.4}, ""), ({"freedom": 0.9}, looks.CHANGED), ({"style_weights": "2,x"}, ""),
])  # fmt: skip
def test_what_is_changed_while_it_is_painted_is_told_when_that_is_done(asked, changed, said):
    at_work = shown(asked, jobs.RUNNING)
    assert all(shows == gr.skip() for shows in asyncio.run(events.look_again(PAGE, **asked | changed)))
    at_work.job.state, at_work.job.result = jobs.DONE, Result((scene(), scene()), {"strength": 1, "keep_colour": 0}, 3)

    async def news():
        return [easel(answer) async for answer in events._news(PAGE, at_work)]

    told = asyncio.run(news())[-1]["status"]
    assert "Painted in 3 s" in told
    assert [one for one in (looks.CHANGED, looks.MOVED_ON) if one in told] == [said] * bool(said)


def test_what_cannot_be_painted_is_refused_before_anything_on_the_page_changes(asked):
    finished = shown(asked)
    (only,) = started(**asked | {"style_weights": "2, 1"})
    assert "2 style weights for 1 style picture" in only.pop("status")
    assert all(shows == gr.skip() for shows in only.values())
    assert paintings.of("", PAGE.session_hash, Painting) is finished


def test_one_of_strength_and_colours_is_set_without_the_other(asked):
    """As a page is opened with a painting, one widget has its value while the other has not."""
    finished = shown(asked | {"strength": 0.4, "keep_colour": True})
    assert events.afterwards(PAGE, strength=0.4) == gr.skip()
    assert events.afterwards(PAGE, keep_colour=True) == gr.skip()
    assert events.afterwards(PAGE, strength=0.7) > 0
    _, png = events.as_set(PAGE)
    recipe = images.read_recipe(png["value"])
    assert (recipe["strength"], recipe["keep_colour"]) == (0.7, True)
    assert finished.asked["keep_colour"]


@pytest.fixture(scope="module")
def app():
    import style_app

    return style_app.build()


def test_programs_have_to_send_a_photo_and_styles(app):
    told = app.get_api_info()["named_endpoints"]
    for name in ("/paint", "/instant"):
        required = [one["parameter_name"] for one in told[name]["parameters"] if not one["parameter_has_default"]]
        assert required == ["photo", "styles"]


def test_each_of_them_is_told_by_itself(app):
    told = [one for one in app.fns.values() if one.name == "afterwards"]
    assert sorted(widget.label for one in told for widget in one.inputs) == ["Keep the photo's colours", "Strength"]
    assert [len(one.inputs) for one in told] == [1, 1]


def test_weights_go_where_styles_are_no_longer_mixed_or_are_not_as_many(asked, tmp_path):
    two = [("a.png", None), ("b.png", None)]
    assert events.mixed(two, False) == (two[1:], "")
    assert events.mixed(two, True) == (gr.skip(), gr.skip())
    path = tmp_path / "painting.png"
    images.write_png(scene(), path, StyleRequest(style_shares=(2.0, 1.0)).recipe())
    _, _, weights, *_ = events.restored(str(path), two)
    assert weights == "2, 1"
    said, _, weights, *_ = events.restored(str(path), two[:1])
    assert weights == ""
    assert "weights, 2, 1, were for 2 style pictures" in said


def test_what_was_refused_of_a_clip_is_over_when_another_is_there(asked):
    assert clips.given(PAGE) == ""
    job = jobs.Job(ClipRequest(), (), next(jobs._numbers), state=jobs.RUNNING)
    paintings.keep(Clip(job, PAGE.session_hash, asked, painted=Path(asked["photo"])))
    assert clips.given(PAGE) == gr.skip()  # it is at work
    job.state, job.result = jobs.DONE, Result((scene(),), {}, 3.0)
    assert "Painted in 3 s" in clips.given(PAGE)


def test_a_first_look_is_not_painted_again_where_nothing_counts_for_it(asked):
    assert first(asked) is not None
    assert first(asked, steps=7) is None
    assert first(asked, freedom=0.9) is not None


def test_there_is_none_without_weights(asked, monkeypatch):
    def lacking(name):
        raise UserError(f"{name} is not here.")

    monkeypatch.setattr(registry, "bundled", lacking)
    assert first(asked) is None


def test_paint_begins_with_what_is_seen(asked):
    first(asked)
    assert looks.end(PAGE) == looks.pictures_of(asked)
    assert looks.end(PAGE) is None  # it is a painting's place now


def test_of_a_photo_that_moves_it_is_told_where_all_of_it_is_painted(tmp_path):
    first, *more = [scene(40, 30).rotate(turn) for turn in (0, 5)]
    first.save(tmp_path / "a.gif", save_all=True, append_images=more)
    first.save(tmp_path / "b.gif")
    assert "A clip in place of the photo" in events.opened(PAGE, str(tmp_path / "a.gif"))[1]
    assert events.opened(PAGE, str(tmp_path / "b.gif"))[1] == ""


def test_a_photo_that_does_not_open_leaves_the_page_the_one_before(asked, tmp_path):
    (tmp_path / "notes.jpg").write_text("not a picture at all")

    def refused():
        photo, said = events.opened(PAGE, str(tmp_path / "notes.jpg"))
        assert "notes.jpg is text" in said
        return photo

    assert refused() == view.first("photo")
    events.opened(PAGE, asked["photo"])
    assert refused() == asked["photo"]
    assert refused() == asked["photo"]
    events.cleared(PAGE)
    assert refused() is None


def test_what_is_found_for_a_page_leaves_alone_what_was_given_to_it_meanwhile(asked):
    shown(asked).tabs.clear()
    events.opened(PAGE, asked["photo"])  # asked for later than what is found, and answered sooner
    photo, *rest = events.found(PAGE)
    assert photo == gr.skip()
    assert all(one == gr.skip() for one in rest[: len(painting.HOW)])
    assert paintings.of("", PAGE.session_hash, Painting) is None


def test_what_is_given_to_a_page_while_something_found_is_on_its_way_is_said_again(asked):
    kept, new = shown(asked), asked["styles"][0][0]
    kept.tabs.clear()
    assert events.found(PAGE)[0] == asked["photo"]
    assert paintings.of("", PAGE.session_hash, Painting) is kept
    upload = gr.EventData(None, [{}])
    assert events.opened(PAGE, new)[0] == new
    assert events.usable_styles(PAGE, [(new, None)], False, upload)[0] == [(new, None)]
    assert events.opened(PAGE, new)[0] == gr.skip()  # it is there, and need not be sent a second time
    assert events.usable_styles(PAGE, [(new, None)], False, upload)[0] == gr.skip()


def test_an_upload_that_is_still_looked_at_covers_nothing_given_to_the_page_after_it(asked, monkeypatch):
    new, pick = asked["styles"][0][0], gr.EventData(None, {"index": 1})
    showable = events._showable
    for path in (new, f"{new}.none"):  # one that opens, one that does not
        monkeypatch.setattr(events, "_showable", lambda path: events.picked(PAGE, pick) and showable(path))
        assert events.opened(PAGE, path) == (gr.skip(), gr.skip())
        monkeypatch.setattr(
            events, "_showable", lambda path: events.picked_style(PAGE, [], False, pick) and showable(path)
        )
        upload = gr.EventData(None, [{}])
        assert events.usable_styles(PAGE, [(new, None), (path, None)], False, upload) == (gr.skip(),) * 3


def test_where_styles_are_mixed_an_upload_looks_at_those_before_it_too(asked):
    """The answer to the upload before it may have been left to it."""
    new, upload = asked["styles"][0], gr.EventData(None, [{}])
    usable, _, said = events.usable_styles(PAGE, [(f"{new[0]}.none", None), new], True, upload)
    assert usable == [new]
    assert "none" in said


def test_pages_that_are_opened_at_once_all_tell_what_a_painting_takes_once_one_of_them_has_measured(asked, monkeypatch):
    monkeypatch.setattr(looks, "_warm", True)
    settings = {name: asked[name] for name in painting.SETTINGS}

    async def opened() -> list[str]:
        return await asyncio.gather(*(events.forecast(asked["photo"], **settings) for _ in range(2)))

    assert all("on this machine" in told for told in asyncio.run(opened()))
