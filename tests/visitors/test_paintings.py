"""Which paintings are kept, and which go when there is no room."""

from pathlib import Path

import pytest
from PIL import Image

from core import jobs
from core.settings import Result
from core.style.request import ClipRequest, StyleRequest
from core.visitors import identity, paintings, policy
from core.visitors.paintings import Clip, Painting, reduced

MB = 2_000_000  # bytes of one of these


@pytest.fixture(autouse=True)
def small_budget(monkeypatch):
    monkeypatch.setenv("GANVAS_PUBLIC", "1")
    monkeypatch.setattr(policy, "PUBLIC", policy.Limits(paintings=3 * MB, paintings_all=5 * MB))
    monkeypatch.setattr(paintings, "_kept", [])


def painting(name: str, address: str, tab: str, state: str = jobs.DONE) -> Painting:
    job = jobs.Job(StyleRequest(), (), next(jobs._numbers), identity.Visitor(name, name, address), state=state)
    job.result = Result((Image.new("L", (1000, 1000)),), {}, 0.0)
    made = Painting(job, tab, photo=Image.new("L", (1000, 1000)))
    paintings.keep(made)
    return made


def there(*which: Painting) -> list[bool]:
    return [paintings.of(one.job.asker.name, one.tab, Painting) is one for one in which]


def test_ones_own_go_first_and_running_ones_never():
    anna = painting("anna", "x", "a", jobs.RUNNING)
    old = painting("anna", "x", "b")
    berts = [painting("bert", "y", f"tab {n}") for n in range(20)]
    assert there(anna, old) == [True, True]
    assert not anna.job.cancelled
    assert there(*berts) == [False] * 17 + [True] * 3
    crowd = [painting(f"collected {n}", "z", "t") for n in range(20)]
    assert there(anna, old) == [True, True]
    assert sum(there(*berts, *crowd)) == 3


def test_all_running_ones_stay_however_many():
    running = [painting("anna", "x", f"{n}", jobs.WAITING) for n in range(10)]
    painting("anna", "x", "finished")
    assert all(there(*running))


def test_a_page_has_one_and_nobody_elses():
    first = painting("anna", "x", "tab", jobs.RUNNING)
    folder = first.file("x").rpartition("/")[0]
    stranger = painting("bert", "x", "tab", jobs.RUNNING)
    assert there(first, stranger) == [True, True]
    second = painting("anna", "x", "tab", jobs.RUNNING)
    assert there(first, second, stranger) == [False, True, True]
    assert first.job.cancelled
    assert not Path(folder).exists()
    paintings.leave("bert", "elsewhere")
    paintings.leave("bert", "tab")
    assert there(second, stranger) == [True, False]


def test_all_go_when_the_program_ends():
    places = [Path(painting("anna", "x", tab).file("painting.png")) for tab in ("one", "two")]
    for place in places:
        place.write_bytes(b"a picture")
    paintings.close()
    assert not paintings.theirs("anna", Painting)
    assert not [place for place in places if place.parent.exists()]


def test_a_photo_is_kept_at_the_size_of_its_painting():
    assert reduced(Image.new("RGB", (6000, 4000)), 512).size == (512, 341)
    assert reduced(Image.new("RGBA", (300, 200)), 512).size == (300, 200)


def test_a_painting_is_found_from_any_page_of_its_visitor():
    anna = painting("anna", "x", "one", jobs.RUNNING)
    older = painting("anna", "x", "two")
    painting("bert", "x", "three")
    assert paintings.theirs("anna", Painting) == [older, anna]
    assert [anna.number, older.number] == [1, 2]
    paintings.show(anna, "two")
    assert paintings.of("anna", "two", Painting) is anna
    paintings.leave("anna", "one")
    assert not anna.job.cancelled
    paintings.throw_away(older)
    assert paintings.theirs("anna", Painting) == [anna]
    paintings.forget(anna.made + 1)  # it is at work
    assert paintings.theirs("anna", Painting) == [anna]
    assert paintings.theirs("bert", Painting) == []  # it was finished


def test_nobody_paints_for_nobody(monkeypatch):
    """Who looks at another painting of theirs, or comes back in time, has not gone."""
    monkeypatch.setattr(policy, "PUBLIC", policy.Limits(unwatched=60))
    anna = painting("anna", "x", "one", jobs.RUNNING)
    paintings.leave("anna", "one")
    paintings.show(anna, "two")
    assert paintings._gone == {}
    painting("anna", "x", "three")
    paintings.leave("anna", "two")
    assert paintings._gone == {}
    paintings._end_unwatched("anna")
    assert not anna.job.cancelled
    monkeypatch.setattr(policy, "PUBLIC", policy.Limits(unwatched=0.01))
    paintings.leave("anna", "three")
    anna.job._cancelled.wait(10)
    assert anna.job.cancelled
    assert paintings.theirs("anna", Painting)[-1] is anna  # and keeps what there is of it


def test_the_last_ones_are_kept(monkeypatch):
    monkeypatch.setattr(policy, "PUBLIC", policy.Limits())
    many = [painting("anna", "x", "tab") for _ in range(paintings.MOST + 3)]
    assert paintings.theirs("anna", Painting) == many[:2:-1]


def test_a_page_has_a_clip_beside_its_painting(tmp_path):
    job = jobs.Job(ClipRequest(), (), 1, identity.Visitor("anna", "anna", "x"), state=jobs.RUNNING)
    clip = Clip(job, "tab", painted=tmp_path / "clip.gif")
    paintings.keep(clip)
    painting("anna", "x", "tab", jobs.RUNNING)
    second = painting("anna", "x", "tab", jobs.RUNNING)
    assert (clip.number, second.number) == (1, 2)
    assert not job.cancelled
    assert paintings.of("anna", "tab", Clip) is clip
    paintings.leave("anna", "tab", Painting)
    assert paintings.of("anna", "tab", Painting) is None
    assert paintings.of("anna", "tab", Clip) is clip
    paintings.leave("anna", "tab")
    assert paintings.of("anna", "tab", Clip) is None
    assert paintings.theirs("anna", Clip) == [clip]


def test_a_painted_clip_counts_as_its_file(tmp_path):
    job = jobs.Job(ClipRequest(), (), 1, identity.Visitor("anna", "anna", "x"), state=jobs.DONE)
    clip = Clip(job, "tab", painted=tmp_path / "clip.gif")
    paintings.keep(clip)
    clip.painted.write_bytes(bytes(4 * MB))
    painting("anna", "x", "other")
    assert paintings.theirs("anna", Clip) == []
    assert len(paintings.theirs("anna", Painting)) == 1
