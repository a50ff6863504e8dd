"""The image that the Dockerfile makes: built, started, and a picture painted in it."""

import contextlib
import shutil
import subprocess
import time
import urllib.request

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from core.hub import deploy
from support.pictures import scene, texture
from support.studio import free_port

TAG = "ganvas-test-online"
MINUTES = 20  # for a build that downloads all it needs


def docker(*command: str, minutes: float = 2) -> str:
    done = subprocess.run(["docker", *command], capture_output=True, text=True, timeout=60 * minutes)
    assert done.returncode == 0, f"docker {command[0]}: {done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image(network):
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("there is no Docker here, or it does not run")
    docker("build", "-t", TAG, str(deploy.ROOT), minutes=MINUTES)
    yield TAG
    docker("image", "rm", "-f", TAG)


@pytest.fixture
def container(image):
    """The address of a studio in a container."""
    port = free_port()
    name = docker("run", "-d", "--rm", "-p", f"127.0.0.1:{port}:7860", image)
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            assert time.monotonic() < until, docker("logs", name)
            time.sleep(0.5)
        yield address
    finally:
        docker("stop", name)


@pytest.mark.timeout(60 * (MINUTES + 5))
def test_the_image_holds_what_a_space_is_sent(image):
    there = docker("run", "--rm", image, "find", ".", "-type", "f", "-not", "-name", "*.pyc").splitlines()
    sent = deploy.space_files("docker")[0].keys() - {"Dockerfile", ".dockerignore", "README.md"}
    assert sent <= {path.removeprefix("./") for path in there}
    assert not [path for path in there if path.startswith(("./tests/", "./bench/", "./.git"))]
    assert "cuda" not in docker("run", "--rm", image, "python", "-c", "import torch; print(torch.__version__)")


@pytest.mark.timeout(60 * (MINUTES + 5))
def test_a_picture_is_painted_in_it(container, tmp_path):
    scene().save(tmp_path / "photo.png")
    texture().save(tmp_path / "style.png")
    client = Client(f"{container}/style", verbose=False)
    job = client.submit(
        photo=handle_file(tmp_path / "photo.png"),
        styles=[{"image": handle_file(tmp_path / "style.png"), "caption": None}],
        size=128, steps=10, api_name="/paint",
    )  # fmt: skip
    painting, _ = job.result(timeout=300)
    painted = Image.open(painting).convert("RGB")
    assert max(painted.size) == 128
    assert np.abs(np.float32(painted) - np.float32(scene().convert("RGB").resize(painted.size))).mean() > 5
