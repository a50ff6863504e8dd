"""What is written down is true: paths, commands, variables and limits in the README, the version in CITATION.cff."""

import ast
import contextlib
import io
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from core import __version__
from core.__main__ import main
from core.visitors.policy import PUBLIC, megabytes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CODE = [p for room in (".", "core", "ui", "pages") for p in (ROOT / room).glob("**/*.py" if room != "." else "*.py")]
ROOMS = "core|ui|pages|weights|examples|bench|tests"


def test_every_path_exists():
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    named = re.findall(rf"(?<![\w/])(?:(?:{ROOMS})/[\w./-]*\w|\w+_?app\.py|\.ci/run)", README)
    assert {"examples/timelapse.webp", "core/visitors/policy.py", "bench/load.py", ".ci/run"} <= {*linked, *named}
    assert [path for path in [*linked, *named] if not (ROOT / path).exists()] == []


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|&& )make ([a-z]+)", README, re.MULTILINE))
    assert {"run", "test", "format"} <= named <= targets


def test_every_command_and_its_options_exist():
    table = README.split("## On the command line")[1].split("##")[0]
    lines = re.findall(r"^\| `([a-z]+ [^`]*)` \|", table, re.MULTILINE)
    lines += re.findall(r"python -m core ([a-z]+ [^\n#`\"]*)", README)
    assert {line.split()[0] for line in lines} == {"style", "sample", "train", "publish", "deploy"}
    for line in lines:
        command, options = line.split()[0], re.findall(r"(?<!\S)--[a-z-]+", line)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert [option for option in options if option not in said.getvalue()] == [], line


def test_every_variable_is_read():
    table = README.split("| variable |")[1].split("\n\n")[0]
    named = set(re.findall(r"`([A-Z_]{4,})`", table))
    read = set()
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv", "_place"):
                read |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    assert named >= {"GANVAS_HOME", "GANVAS_CACHE", "GANVAS_PUBLIC", "PORT", "HOST"}
    assert named <= read


def test_the_limits_are_those_of_the_code():
    said = [row.split(" | ") for row in README.split("| in public mode |")[1].split("\n\n")[0].splitlines()[2:]]
    style, train = PUBLIC.settings["style"], PUBLIC.settings["train"]
    assert [row[1].removesuffix(" |") for row in said] == [
        f"{style['size']} px, {style['steps']} steps",
        f"{PUBLIC.picture_bytes // 10**6} MB, {PUBLIC.picture_pixels // 10**6} megapixels",
        f"{PUBLIC.jobs}",
        f"{train['size']} px, {train['steps']:,} steps, {PUBLIC.train_minutes} minutes, {PUBLIC.images:,} pictures "
        f"in {PUBLIC.upload_bytes // 10**6} MB",
        f"{PUBLIC.runs}, in {PUBLIC.disk // 10**6} MB",
        f"{PUBLIC.hours} hours",
    ]


def test_the_limits_of_visitors_and_addresses_are_those_of_the_code():
    rows = SECURITY.split("| limited |")[1].split("\n\n")[0].splitlines()[2:]
    said = [[cell.strip() for cell in row[1:-1].split("|")[1:]] for row in rows]
    p, size = PUBLIC, megabytes
    numbers = [
        [p.jobs, p.jobs_address, p.jobs_all], [p.asked, p.asked_address, ""], ["", p.busy_address, ""],
        ["", p.sockets_address, ""], [p.messages, p.messages_address, ""],
        ["", p.decoder_line_address, p.decoder_line + p.decoders],
        [size(p.uploads_hourly), size(p.uploads_hourly_address), size(p.uploads_hourly_all)],
        [size(p.uploads_memory), size(p.uploads_memory_address), size(p.uploads_memory_all)],
        ["", "", size(p.uploads_disk)], [size(p.paintings), "", size(p.paintings_all)],
        [p.tray, p.tray_address, p.tray_all], [p.trainings, p.trainings_address, p.trainings_all], [p.runs, "", ""],
        [size(p.disk), "", size(p.disk_all)], [p.fetches, p.fetches_address, p.fetches_all],
        ["", "", size(p.cache_bytes)],
    ]  # fmt: skip
    assert said == [[str(number) for number in row] for row in numbers]
    one = f"One picture gets {size(p.decoder_bytes)} and {p.decoder_seconds} seconds of processor time"
    assert one in SECURITY
    assert f"one fetch {p.fetch_seconds} seconds" in SECURITY
    assert f"request {p.silence} seconds" in SECURITY


def test_the_version_stands_in_one_place():
    """In `core/__init__.py`; what a release is remembered by, the citation and the changelog, agrees with it."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in about["project"]
    assert about["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "core.__version__"}
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["cff-version"], cited["version"], len(cited["references"])) == ("1.2.0", __version__, 3)
    assert f"## [{__version__}] - {cited['date-released']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CITATION.cff"])
def test_nothing_is_left_to_do(name):
    assert not re.search(r"TODO|FIXME|XXX", (ROOT / name).read_text(encoding="utf-8"))


def test_the_hooks_are_what_make_test_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    checks = re.findall(r"-m (ruff \w+)", (ROOT / "Makefile").read_text().split("\ntest:")[1].split("\nformat:")[0])
    assert [re.search(r"-m (ruff \w+)", hook["entry"])[1] for hook in hooks] == checks
