"""The registry, the cache, and fetching from a Hub that behaves, and from one that does not."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from core.errors import UserError
from core.hub import cache, client, download, registry, safetensors_header
from core.hub.registry import Entry
from core.visitors import policy
from support.local_hub import LocalHub, lfs_digest
from support.waiting import PATIENCE

REPO = "someone/net"
RNG = np.random.default_rng(0)


def a_net(scale: int = 1) -> dict[str, np.ndarray]:
    """Two feature layers, and a head that is large and not needed."""
    return {
        "features.0.weight": RNG.standard_normal((8 * scale, 3, 3, 3)).astype(np.float32),
        "features.0.bias": RNG.standard_normal(8 * scale).astype(np.float16),
        "features.2.weight": RNG.standard_normal((16 * scale, 8 * scale, 3, 3)).astype(np.float32),
        "head.fc.weight": RNG.standard_normal((1000, 600)).astype(np.float32),
    }


def an_entry(revision: str, **other) -> Entry:
    about = {"name": "net", "title": "Net", "kind": "features", "file": "model.safetensors", "repo": REPO}
    about |= {"tensors": ("features.*",), "architecture": "a test", "licence": "none", "size": "small"}
    return Entry(revision=revision, **(about | other))


@pytest.fixture
def net(local_hub):
    """(tensors, entry) of a repository on the local Hub."""
    tensors = a_net()
    return tensors, an_entry(local_hub.add(REPO, {"model.safetensors": save(tensors), "config.json": b"{}"}))


def refusal(call, *args, **kwargs) -> str:
    """The one sentence a visitor reads; nothing may be left in the cache by what went wrong."""
    before = sorted(cache.folder().rglob("*.*"))
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    assert sorted(cache.folder().rglob("*.*")) == before
    sentence = str(caught.value)
    assert len(sentence) < 300
    assert "\n" not in sentence
    return sentence


# ---------------------------------------------------------------- the registry


def test_registry_is_pinned_and_complete():
    entries = registry.entries()
    assert {"perceptual", "vgg19", "cryptopunks"} <= set(entries)
    for item in entries.values():
        assert item.title
        assert item.architecture
        assert item.licence
        assert bool(item.repo) == bool(item.revision)
    assert entries["vgg19"].revision == "128d4708565b3a414bcbb9bbad440b2fe37b9f18"


def test_nearest_name_is_suggested():
    assert "'vgg19'" in refusal(registry.entry, "vgg-19")
    assert "cryptopunks" in refusal(registry.entry, "zzz")


@pytest.mark.parametrize(
    "wrong", [{"revision": "main"}, {"revision": "abc123"}, {"file": "../x"}, {"file": "/etc/passwd"}, {"kind": "code"}]
)
def test_an_entry_must_be_pinned_and_stay_in_its_folder(wrong):
    with pytest.raises(ValueError, match="net: "):
        an_entry(**({"revision": "0" * 40} | wrong))


def test_bundled_points_into_the_bundle(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "BUNDLE", tmp_path)
    monkeypatch.setattr(registry, "entries", lambda: {"own": an_entry("", name="own", repo="", file="own.safetensors")})
    assert "missing" in refusal(registry.bundled, "own")
    (tmp_path / "own.safetensors").write_bytes(save(a_net()))
    assert registry.bundled("own") == tmp_path / "own.safetensors"
    assert len(download.fetch_tensors("own")) == 3


def test_importing_does_nothing():
    code = "import sys, core.hub; print(sorted({'torch', 'numpy', 'huggingface_hub'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not cache.folder().exists()


# ---------------------------------------------------------------- fetching tensors


def test_only_the_needed_bytes_are_read(net, local_hub):
    tensors, item = net
    said = []
    got = download.fetch_tensors(item, progress=lambda done, total: said.append((done, total)))
    assert set(got) == {"features.0.weight", "features.0.bias", "features.2.weight"}
    for name, values in got.items():
        assert values.dtype == tensors[name].dtype
        np.testing.assert_array_equal(values, tensors[name])

    needed = sum(values.nbytes for values in got.values())
    assert said[-1] == (needed, needed)
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    spans = [tuple(int(n) for n in seen.range.removeprefix("bytes=").split("-")) for seen in local_hub.reads()]
    read = sum(end - start + 1 for start, end in spans)
    whole = len(save(tensors))
    assert read <= safetensors_header.FIRST_READ + needed + 1000 < whole / 10
    assert [seen.method for seen in local_hub.log].count("HEAD") == 1


def test_names_or_a_function_pick_tensors(net):
    _, item = net
    assert list(download.fetch_tensors(item, ["features.0.bias"])) == ["features.0.bias"]
    assert list(download.fetch_tensors(item, lambda name: name.startswith("head"))) == ["head.fc.weight"]
    assert "features.9.weight" in refusal(download.fetch_tensors, item, ["features.9.weight"])
    assert "none of the tensors" in refusal(download.fetch_tensors, item, lambda _: False)


def test_distant_tensors_are_read_apart_and_near_ones_together(local_hub):
    tensors = {"a": np.ones(1000, "f4"), "b": np.zeros(600_000, "f4"), "c": np.ones(7, "f4"), "d": np.ones(9, "f4")}
    item = an_entry(local_hub.add(REPO, {"model.safetensors": save(tensors)}), tensors=("[acd]",))
    got = download.fetch_tensors(item)
    assert {name: float(values.sum()) for name, values in got.items()} == {"a": 1000, "c": 7, "d": 9}
    assert len(local_hub.reads()) == 3  # the header, a, then c and d in one


def test_bfloat16_and_a_long_header(local_hub):
    # A header longer than the first reading, and numbers numpy does not know: 1, -2.5 and 2**100 in bfloat16.
    values = np.array([1, -2.5, 2.0**100], np.float32)
    data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    table = {"x": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}, "__metadata__": {"pad": "p" * 100_000}}
    header = json.dumps(table).encode()
    raw = len(header).to_bytes(8, "little") + header + data
    item = an_entry(local_hub.add(REPO, {"model.safetensors": raw}), tensors=())
    got = download.fetch_tensors(item)["x"]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, values)


def test_a_server_that_cannot_start_in_the_middle(net, local_hub, monkeypatch):
    tensors, item = net
    local_hub.fail(REPO, item.file, "unranged")
    got = download.fetch_tensors(item, ["features.0.bias", "features.2.weight"])
    np.testing.assert_array_equal(got["features.2.weight"], tensors["features.2.weight"])
    assert len(local_hub.reads()) == 2  # once for the header, then once for all that is needed
    monkeypatch.setattr(client, "MAX_UNRANGED", 1000)
    assert "from its beginning" in refusal(download.fetch_tensors, item)


def test_a_broken_connection_is_taken_up_where_it_broke(local_hub):
    tensors = a_net(scale=16)  # 1.2 MB of features
    item = an_entry(local_hub.add(REPO, {"model.safetensors": save(tensors)}))
    local_hub.fail(REPO, item.file, "cut", after=60_000, times=2)
    got = download.fetch_tensors(item, ["features.2.weight"])
    np.testing.assert_array_equal(got["features.2.weight"], tensors["features.2.weight"])
    starts = [int(seen.range.split("=")[1].split("-")[0]) for seen in local_hub.reads()]
    assert starts[:2] == [0, 60_000]  # the header's reading went on, it did not start again


def test_the_token_stays_with_the_hub(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with LocalHub(token="hf_secret", cdn=True) as local_hub:
        monkeypatch.setenv("HF_ENDPOINT", local_hub.url)
        tensors = a_net()
        item = an_entry(local_hub.add(REPO, {"model.safetensors": save(tensors)}, private=False))
        got = download.fetch_tensors(item)
        np.testing.assert_array_equal(got["features.0.weight"], tensors["features.0.weight"])
        assert {seen.token for seen in local_hub.log if seen.host == "hub"} == {"hf_secret"}
        assert {seen.token for seen in local_hub.log if seen.host == "cdn"} == {None}


def test_an_exception_in_progress_stops_the_reading(net):
    _, item = net

    class Cancelled(Exception):
        pass

    def cancel(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        download.fetch_file(item, progress=cancel)
    assert not list(cache.folder().rglob("*.*"))
    assert download.fetch_file(item).is_file()


# ---------------------------------------------------------------- fetching files


def test_a_file_is_fetched_once(net, local_hub):
    tensors, item = net
    said = []
    path = download.fetch_file(item, progress=lambda done, total: said.append((done, total)))
    assert path.read_bytes() == save(tensors)
    assert said[-1] == (path.stat().st_size,) * 2
    local_hub.log.clear()
    assert download.fetch_file(item) == path
    np.testing.assert_array_equal(download.fetch_tensors(item)["features.0.weight"], tensors["features.0.weight"])
    assert local_hub.log == []


def test_two_visitors_may_fetch_the_same_file(net):
    tensors, item = net
    for _ in range(5):  # often enough that one is over while another looks what is there
        with ThreadPoolExecutor(4) as pool:
            paths = set(pool.map(download.fetch_file, [item] * 4))
        path = paths.pop()
        assert path.read_bytes() == save(tensors)
        assert not paths
        path.unlink()


def test_what_another_program_downloaded_is_used(net, local_hub, monkeypatch, tmp_path):
    from huggingface_hub import hf_hub_download

    tensors, item = net
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    hf_hub_download(REPO, item.file, revision=item.revision, cache_dir=tmp_path, endpoint=local_hub.url)
    local_hub.log.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    got = download.fetch_tensors(item)
    np.testing.assert_array_equal(got["features.0.weight"], tensors["features.0.weight"])
    assert local_hub.log == []


def test_small_files_are_checked_too(net, local_hub):
    _, item = net
    config = dataclasses.replace(item, file="config.json")
    local_hub.fail(REPO, "config.json", "flip")
    assert "damaged" in refusal(download.fetch_file, config)
    local_hub.heal()
    assert download.fetch_file(config).read_bytes() == b"{}"


def test_listing_a_repository(net):
    tensors, item = net
    listing = client.list_repo(REPO)
    assert listing.revision == item.revision
    assert {file.path: file.size for file in listing.files} == {
        "model.safetensors": len(save(tensors)),
        "config.json": 2,
    }
    assert client.list_repo(REPO, item.revision) == listing


# ---------------------------------------------------------------- faults

STATUS_SENTENCES = [(429, "fewer requests"), (500, "fault of its own"), (503, "fault of its own"), (418, "refused")]


@pytest.mark.parametrize(("status", "expected"), STATUS_SENTENCES)
def test_statuses(net, local_hub, status, expected):
    _, item = net
    local_hub.fail(REPO, item.file, "status", status=status)
    sentence = refusal(download.fetch_tensors, item)
    assert expected in sentence
    assert str(status) in sentence
    local_hub.fail(REPO, "", "status", status=status)
    assert expected in refusal(client.list_repo, REPO)


def test_unknown_private_gated(net, local_hub, monkeypatch):
    _, item = net
    local_hub.add("someone/secret", {"model.safetensors": b"x"}, private=True)
    local_hub.add("someone/gated", {"model.safetensors": b"x"}, gated=True)
    for token in ("", "hf_local"):
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        assert "no repository someone/nothing" in refusal(client.list_repo, "someone/nothing")
        assert "someone/gated is gated" in refusal(client.list_repo, "someone/gated")
        gated = dataclasses.replace(item, repo="someone/gated")
        assert "someone/gated is gated" in refusal(download.fetch_file, gated)
        unknown = dataclasses.replace(item, repo="someone/nothing")
        assert "no repository someone/nothing" in refusal(download.fetch_tensors, unknown)
    assert client.list_repo("someone/secret").files  # the token opens it
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "HF_TOKEN" in refusal(client.list_repo, "someone/secret")
    local_hub.fail("someone/secret", "", "status", status=401)
    assert "no longer valid" in refusal(client.list_repo, "someone/secret")


def test_missing_file_and_revision(net):
    _, item = net
    other = dataclasses.replace(item, file="other.safetensors")
    assert "no file other.safetensors" in refusal(download.fetch_tensors, other)
    assert "no revision" in refusal(download.fetch_tensors, dataclasses.replace(item, revision="1" * 40))
    assert "no revision v2" in refusal(client.list_repo, REPO, "v2")


@pytest.mark.parametrize("name", ["two words/net", "a/b/c", "../../etc", "owner/", "x" * 200, "owner/na\nme"])
def test_names_that_cannot_be(local_hub, name):
    assert "owner/name" in refusal(client.list_repo, name)
    assert "owner/name" in refusal(download.fetch_file, an_entry("0" * 40, repo=name))
    assert local_hub.log == []


def test_unreachable_is_said_at_once_and_remembered_for_a_minute(monkeypatch, local_hub, net):
    _, item = net
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "127.0.0.1:9) could not be reached" in refusal(download.fetch_tensors, item)
    assert "seconds ago; trying again is possible in" in refusal(download.fetch_tensors, item)
    # After a minute it is tried again, and another endpoint was never in question.
    monkeypatch.setattr(client, "REMEMBER_SECONDS", 0.0)
    assert "seconds ago" not in refusal(download.fetch_tensors, item)
    monkeypatch.undo()
    monkeypatch.setenv("HF_ENDPOINT", local_hub.url)
    assert download.fetch_tensors(item)


def test_a_name_server_that_is_silent(monkeypatch):
    over = threading.Event()

    def silent(*_, **__):
        over.wait(PATIENCE)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.2)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    start = time.monotonic()
    assert "could not be reached" in refusal(client.list_repo, REPO)
    assert time.monotonic() - start < PATIENCE / 2
    over.set()


def test_a_hub_that_picks_up_and_says_nothing(net, local_hub, monkeypatch):
    _, item = net
    monkeypatch.setattr(client, "SILENCE_SECONDS", 0.3)
    local_hub.fail(REPO, item.file, "hang", seconds=PATIENCE)
    start = time.monotonic()
    assert "stopped answering" in refusal(download.fetch_tensors, item)
    assert "seconds ago" in refusal(download.fetch_tensors, item)
    assert time.monotonic() - start < PATIENCE / 2
    local_hub.fail(REPO, "", "hang", seconds=PATIENCE)
    assert "stopped answering" in refusal(client.list_repo, REPO)


def test_silence_in_the_middle(net, local_hub, monkeypatch):
    _, item = net
    monkeypatch.setattr(client, "SILENCE_SECONDS", 0.3)
    local_hub.fail(REPO, item.file, "stall", after=5000, seconds=5)
    assert "stopped answering" in refusal(download.fetch_file, item)


def test_offline_is_respected(net, local_hub, monkeypatch):
    _, item = net
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in refusal(download.fetch_tensors, item)
    assert "HF_HUB_OFFLINE" in refusal(client.list_repo, REPO)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # as it was when that was imported
    assert "HF_HUB_OFFLINE" in refusal(download.fetch_tensors, item)
    assert local_hub.log == []


@pytest.mark.parametrize("address", ["nonsense", "http://", "http://127.0.0.1:99999", "http://[oops"])
def test_an_endpoint_that_is_none(monkeypatch, address):
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert "HF_ENDPOINT" in refusal(client.list_repo, REPO)
    assert "HF_ENDPOINT" in refusal(download.fetch_file, an_entry("0" * 40))


@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        ("cut", {"after": 10, "times": 99}, "broke off"),
        ("length", {"by": 5}, "two lengths"),
        ("flip", {}, "damaged"),
        ("other part", {}, "another part"),
        ("login page", {}, "log in first"),
        ("huge", {"size": 20e9}, "20.0 GB"),
    ],
)
def test_broken_files_are_not_kept(net, local_hub, fault, how, expected):
    tensors, item = net
    before = cache.store_tensors("net", {"x": tensors["features.0.bias"]})
    config = dataclasses.replace(item, file="config.json")
    kept = download.fetch_file(config)
    local_hub.fail(REPO, item.file, fault, **how)
    if fault == "other part":  # the first part is the right one for whoever starts at the beginning
        local_hub.add(REPO, {})
        call = download.fetch_tensors, item, ["head.fc.weight"]
    else:
        call = download.fetch_file, item
    assert expected in refusal(*call)
    assert kept.read_bytes() == b"{}"
    assert cache.load_stored("net") is not None
    assert before.is_file()
    local_hub.heal()
    assert download.fetch_file(item).read_bytes() == save(tensors)


@pytest.mark.parametrize(
    ("fault", "how", "expected"),
    [
        ("cut", {"after": 10, "times": 99}, "broke off"),
        ("login page", {}, "log in first"),
        ("huge", {"size": 20e9}, "should be"),
        ("length", {"by": 5}, "two lengths"),
    ],
)
def test_broken_parts_are_refused(local_hub, fault, how, expected):
    tensors = {"features.x": np.ones(30_000, "f4")}  # needs all of the file, header and tensors
    item = an_entry(local_hub.add(REPO, {"model.safetensors": save(tensors)}))
    local_hub.fail(REPO, item.file, fault, **how)
    assert expected in refusal(download.fetch_tensors, item)


def test_a_wrong_registry_digest_is_refused(net, local_hub):
    tensors, item = net
    right = lfs_digest("model.safetensors", save(tensors))
    local_hub.log.clear()
    wrong = dataclasses.replace(item, sha256="0" * 64)
    assert "not the file Ganvas knows" in refusal(download.fetch_file, wrong)
    assert "not the file Ganvas knows" in refusal(download.fetch_tensors, wrong)
    assert local_hub.reads() == []
    assert "damaged" in refusal(download.fetch_file, dataclasses.replace(wrong, file="config.json"))
    assert download.fetch_file(dataclasses.replace(item, sha256=right)).is_file()


def test_too_many_tensors_for_this_computer(net, monkeypatch):
    _, item = net
    monkeypatch.setattr(policy, "PRIVATE", policy.Limits(download_bytes=2000))
    assert "at most" in refusal(download.fetch_tensors, item)
    assert "at most" in refusal(download.fetch_file, item)


# ---------------------------------------------------------------- headers that lie


def slot(start: object, end: object, shape: object = (1,), dtype: object = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


LIES = {
    "overlap": {"features.a": slot(0, 4), "features.b": slot(0, 4)},
    "partly overlap": {"features.a": slot(0, 8, [2]), "features.b": slot(4, 8)},
    "hole": {"features.a": slot(4, 8)},
    "beyond the end": {"features.a": slot(0, 4), "features.b": slot(4, 2**40, [2**38])},
    "too short": {"features.a": slot(0, 4)},
    "negative": {"features.a": slot(-4, 0), "features.b": slot(0, 8, [2])},
    "shape": {"features.a": slot(0, 8, [3])},
    "huge shape": {"features.a": slot(0, 8, [2**62, 2**62])},
    "shape of truth": {"features.a": slot(0, 8, [True, 2])},
    "text": {"features.a": slot("0", "8", [2])},
    "dtype": {"features.a": slot(0, 8, [2], "Q4")},
    "dtype list": {"features.a": slot(0, 8, [2], ["F32"])},
    "fields": {"features.a": {"dtype": "F32"}},
    "list": ["features.a"],
    "number": 7,
    "null": {"features.a": None},
    "dimensions": {"features.a": slot(0, 8, [2] + [1] * 40)},
}


def safetensors_with(header: bytes, data: bytes = b"\0" * 8) -> bytes:
    return len(header).to_bytes(8, "little") + header + data


RAW_LIES = {
    "no json": safetensors_with(b"{oops"),
    "no text": safetensors_with(b"\xff\xfe\x00"),
    "nested": safetensors_with(b"[" * 200_000),
    "twice": safetensors_with(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"shape":[2]}}'),
    "long header": (2**63).to_bytes(8, "little") + b"{}",
    "large header": (5 * 2**20).to_bytes(8, "little") + b" " * (6 * 2**20),
    "empty": b"",
    "three bytes": b"abc",
    "a pickle": b"\x80\x02}q\x00." * 10,
}


@pytest.mark.parametrize("raw", [safetensors_with(json.dumps(x).encode()) for x in LIES.values()], ids=list(LIES))
def test_lying_headers(local_hub, raw):
    item = an_entry(local_hub.add(REPO, {"model.safetensors": raw}))
    assert "not a sound safetensors file" in refusal(download.fetch_tensors, item)


@pytest.mark.parametrize("raw", RAW_LIES.values(), ids=list(RAW_LIES))
def test_files_that_are_no_safetensors(local_hub, raw):
    item = an_entry(local_hub.add(REPO, {"model.safetensors": raw}))
    assert "not a sound safetensors file" in refusal(download.fetch_tensors, item)
    assert all(int(seen.range.split("-")[1]) < safetensors_header.MAX_HEADER for seen in local_hub.reads())


# ---------------------------------------------------------------- the cache


def test_store_and_load():
    tensors = a_net()
    assert cache.find("vgg19") is None
    assert cache.load_stored("vgg19") is None
    path = cache.store_tensors("vgg19", tensors, {"source": "a test"})
    assert cache.find("vgg19") == path
    got, metadata = cache.load_stored("vgg19")
    assert metadata == {"source": "a test"}
    for name, values in tensors.items():
        np.testing.assert_array_equal(got[name], values)
    assert set(load_file(path)) == set(tensors)  # an ordinary safetensors file to anyone else


def test_torch_tensors_can_be_stored():
    torch = pytest.importorskip("torch")
    cache.store_tensors("t", {"x": torch.arange(6).view(2, 3).half().t()})
    np.testing.assert_array_equal(cache.load_stored("t")[0]["x"], np.array([[0, 3], [1, 4], [2, 5]], np.float16))


@pytest.mark.parametrize("where", ["middle", "metadata", "end", "cut", "empty"])
def test_a_damaged_copy_is_not_used(where):
    path = cache.store_tensors("vgg19", a_net(), {"source": "a test"})
    data = bytearray(path.read_bytes())
    if where in ("cut", "empty"):
        data = data[: len(data) // 2 if where == "cut" else 0]
    else:
        at = {"middle": len(data) // 2, "metadata": data.index(b"a test"), "end": len(data) - 1}[where]
        data[at] ^= 1
    path.write_bytes(data)
    assert cache.load_stored("vgg19") is None
    assert cache.find("vgg19") is None


def test_entries_and_deleting(net):
    _, item = net
    assert cache.entries() == []
    stored = cache.store_tensors("vgg19", {"x": np.ones(5, "f4")})
    fetched = download.fetch_file(item)
    entries = {entry.name: entry for entry in cache.entries()}
    name = f"someone/net/model.safetensors@{item.revision[:8]}"
    assert set(entries) == {"vgg19", name}
    assert entries["vgg19"].title == "VGG-19"
    assert entries["vgg19"].size == stored.stat().st_size
    assert abs(entries[name].used - time.time()) < 60
    assert "nothing called 'vgg16'" in refusal(cache.delete, "vgg16")
    cache.delete("vgg19")
    assert cache.find("vgg19") is None
    assert fetched.is_file()
    cache.delete(name)
    assert cache.entries() == []


@pytest.mark.parametrize("name", ["../x", "", "a/b", ".hidden"])
def test_cache_names_stay_in_the_cache(name):
    with pytest.raises(ValueError, match="cannot name"):
        cache.store_tensors(name, {"x": np.ones(1)})


def test_no_room(net, monkeypatch):
    _, item = net
    old = cache.store_tensors("net", {"x": np.ones(3)})
    free = cache.shutil.disk_usage(cache.folder())._replace(free=1000)
    with monkeypatch.context() as patch:
        patch.setattr(cache.shutil, "disk_usage", lambda _: free)
        assert "no room" in refusal(download.fetch_file, item)
        assert "no room" in refusal(cache.store_tensors, "net", a_net())
    # A disk that fills while it is written to: the system refuses files of more than 100 kB.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert "could not be written" in refusal(download.fetch_file, item)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert old.is_file()
    assert cache.load_stored("net") is not None


def test_what_a_killed_process_left_is_swept_up():
    folder = cache.store_tensors("net", {"x": np.ones(3)}).parent
    old, new = folder / "abc.part", folder / "def.part"
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.store_tensors("net", {"x": np.ones(3)})
    assert [left.exists() for left in (old, new)] == [False, True]
    assert [entry.name for entry in cache.entries()] == ["net"]


def test_a_cache_that_is_no_folder(net, monkeypatch, tmp_path):
    _, item = net
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "file"))
    assert "GANVAS_CACHE" in refusal(download.fetch_file, item)
    assert len(download.fetch_tensors(item)) == 3  # reading needs no cache


# ---------------------------------------------------------------- the local Hub itself


def test_publishing_to_the_local_hub(local_hub, tmp_path):
    """huggingface_hub's own client creates, commits and reads back: the local Hub speaks its language."""
    from huggingface_hub import HfApi

    api = HfApi(local_hub.url, token="hf_local")
    api.create_repo("local/mine", private=True)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\nHello")
    (tmp_path / "model.safetensors").write_bytes(save(a_net()))
    commit = api.upload_folder(repo_id="local/mine", folder_path=tmp_path)
    info = api.model_info("local/mine")
    assert info.sha == commit.oid
    assert info.private
    assert {file.rfilename for file in info.siblings} == {".gitattributes", "README.md", "model.safetensors"}
    assert {file.path: file.size for file in api.list_repo_tree("local/mine")}["README.md"] == 26
    assert "model.safetensors" in os.listdir(api.snapshot_download("local/mine", local_dir=tmp_path / "back"))
    with pytest.raises(OSError, match="401"):
        HfApi(local_hub.url, token="hf_other").create_repo("local/theirs")
