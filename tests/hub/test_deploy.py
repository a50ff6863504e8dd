"""Deploying to Spaces: what is sent and what never is, what changes the second time, and what the Hub may answer."""

import shutil
import subprocess

import pytest
from huggingface_hub import SpaceHardware

from core import __main__ as cli
from core.errors import UserError
from core.hub import client, deploy

TOKEN = "hf_local"
SPACE = "spaces/me/ganvas"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """What either kind of Space is made of, in a checkout of its own. Of large files only the beginning: what is sent
    goes by their names, and twenty megabytes are read, hashed and sent again by almost every test."""
    folder = tmp_path_factory.mktemp("unpacked") / "ganvas"
    for kind in deploy.KINDS:
        for name in deploy.space_files(kind)[0]:
            data = (deploy.ROOT / name).read_bytes()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data if len(data) < 20_000 else data[:1000])
    subprocess.run(["git", "init", "-q", folder], check=True)
    kept(folder)
    return folder


@pytest.fixture
def project(unpacked, tmp_path):
    return shutil.copytree(unpacked, tmp_path / "ganvas")


def kept(folder):
    """Git knows all that is in the folder now."""
    subprocess.run(["git", "-C", folder, "add", "--intent-to-add", "."], check=True)


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def deployed(root, kind="docker", **how):
    return deploy.send(deploy.plan("me/ganvas", kind, root=root, **how), root=root)


def held(local_hub):
    repo = local_hub.repos[SPACE]
    return repo.commits[repo.head]


# ---------------------------------------------------------------- what a Space is made of


def test_a_space_holds_what_the_studio_needs_and_nothing_else():
    files, _ = deploy.space_files("docker")
    rooms = {path.split("/")[0] for path in files}
    assert rooms == {
        "core", "ui", "pages", "learn", "weights", "examples", "app.py", "style_app.py", "LICENSE", "requirements.txt",
        "README.md", ".streamlit", "Dockerfile", ".dockerignore", "requirements-cpu.txt",
    }  # fmt: skip
    assert {path for path in files if path.endswith(".py") and path.startswith(("weights", "examples"))} == set()
    assert {"weights/registry.toml", "weights/perceptual.safetensors", "examples/index.toml"} <= files.keys()
    assert files["requirements.txt"] == (deploy.ROOT / "requirements.txt").read_bytes()


@pytest.mark.parametrize("kind", deploy.KINDS)
def test_every_file_that_git_keeps_is_sent_or_named_as_staying(kind):
    files, left_out = deploy.space_files(kind)
    tracked = subprocess.run(["git", "ls-files"], cwd=deploy.ROOT, capture_output=True, text=True).stdout.split()
    for path in tracked:
        named = [head for head in left_out if path == head or path.startswith(head + "/")]
        assert (path in files and path != "README.md") != bool(named), path


def test_a_new_file_is_sent_wherever_it_lies(project):
    new = ["learn/sr/gan.toml", "core/style/feedforward/paint.py", "weights/styles/ink.safetensors", "sounds/bell.ogg"]
    for name in new:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("new")
    kept(project)
    assert set(new) <= deploy.space_files("docker", project)[0].keys()


def test_what_lies_around_in_the_folder_stays_here(project):
    clean = deploy.space_files("docker", project)[0].keys()
    secrets = [".env", ".streamlit/secrets.toml", "core/.hidden.py", "core/__pycache__/x.pyc", "photo.jpg", "token.txt",
               "examples/photos/.cache/me.jpg", "weights/train.py", "runs/cats/config.json", "bench/x.py"]  # fmt: skip
    for name in secrets:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("mine")
    files, left_out = deploy.space_files("docker", project)
    assert files.keys() == clean
    named = {name for name, why in left_out.items() if why.startswith("not in git; `git add` it")}
    assert named == {"photo.jpg", "token.txt", "runs"}  # the others would stay here in any case
    (project / "ui" / "linked.py").symlink_to("/etc/passwd")
    kept(project)
    files, left_out = deploy.space_files("docker", project)
    assert left_out["ui/linked.py"] == "a link"
    assert files.keys() == {*clean, "photo.jpg", "token.txt", "runs/cats/config.json"}


def test_without_git_nothing_is_sent(project):
    (project / ".git" / "HEAD").unlink()
    with pytest.raises(UserError, match="git cannot tell which files"):
        deploy.space_files("docker", project)
    shutil.rmtree(project / ".git")
    with pytest.raises(UserError, match=r"no git checkout.*`git clone`"):
        deploy.space_files("docker", project)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("tests/hub/test_deploy.py", "tests"), ("core/tests/x.py", ""), ("README.md", "README.md"), (".env", ".env"),
        ("learn/README.md", ""), ("examples/x.py", "examples/x.py"), ("examples/a/x.py", ""), ("a/b/.c/d", "a/b/.c"),
        (".streamlit/config.toml", ""), (".streamlit/secrets.toml", ".streamlit"), ("a/__pycache__/b", "a/__pycache__"),
        ("testsuite", ""), ("xREADME.mdx", ""), ("a/x.pyc", "a/x.pyc"), ("Dockerfile", "Dockerfile"),
    ],
)  # fmt: skip
def test_exclusions_are_read_as_docker_reads_them(name, head):
    patterns = deploy._exclusions((deploy.ROOT / ".dockerignore").read_text())
    assert deploy._excluded(name, patterns) == head


@pytest.mark.parametrize("missing", ["app.py", "requirements.txt", "core/__main__.py", "Dockerfile"])
def test_a_folder_without_the_project_is_refused(project, missing):
    (project / missing).unlink()
    with pytest.raises(UserError, match=f"not the whole project .*{missing} is missing"):
        deploy.space_files("docker", project)


def test_the_front_matter_is_what_spaces_read(project):
    import yaml

    pinned = (project / "requirements.txt").read_text()
    fronts = {}
    for kind in deploy.KINDS:
        text = deploy.readme(kind, pinned)
        assert text.startswith("---\n")
        fronts[kind] = front = yaml.safe_load(text.split("---\n")[1])
        assert front == deploy.front_matter(kind, pinned)
        assert len(front["short_description"]) <= 60
        assert front["suggested_hardware"] in {hardware.value for hardware in SpaceHardware}
        assert front["license"] == "apache-2.0"
    docker, zero = fronts["docker"], fronts["zerogpu"]
    assert (docker["sdk"], docker["app_port"]) == ("docker", 7860)
    assert (zero["sdk"], zero["python_version"], zero["app_file"]) == ("gradio", "3.12", "zerogpu.py")
    assert f"gradio=={zero['sdk_version']}" in pinned


def test_zerogpu_gets_the_versions_it_supports(project):
    lines = deploy.space_files("zerogpu", project)[0]["requirements.txt"].decode().splitlines()
    pins = {line.split("#")[0].strip() for line in lines}
    assert {"torch==2.11.0", "torchvision==0.26.0"} <= pins
    assert sum(pin.startswith(("torch=", "torchvision=")) for pin in pins) == 2
    assert any(pin.startswith("spaces==") for pin in pins)


def test_the_image_takes_in_all_that_is_sent_and_nothing_that_git_ignores():
    lines = (deploy.ROOT / "Dockerfile").read_text().splitlines()
    assert "COPY . ." in lines
    assert lines.index("USER user") > lines.index("COPY . .")  # the code is root's
    patterns = deploy._exclusions((deploy.ROOT / ".dockerignore").read_text())
    ignored = (deploy.ROOT / ".gitignore").read_text().split()
    assert [name for name in ignored if not deploy._excluded(name.strip("/").replace("*", "x"), patterns)] == []


def test_the_projects_own_readme_has_no_front_matter():
    assert not (deploy.ROOT / "README.md").read_text().startswith("---")


# ---------------------------------------------------------------- made, and made again


def test_a_space_is_made_with_all_files_in_one_commit(local_hub, project, token):
    done = deployed(project)
    assert done.address == f"{local_hub.url}/spaces/me/ganvas"
    repo = local_hub.repos[SPACE]
    assert (repo.sdk, repo.hardware, repo.private) == ("docker", "", False)
    assert held(local_hub).keys() == {*deploy.space_files("docker", project)[0], ".gitattributes"}
    assert held(local_hub)["app.py"] == (project / "app.py").read_bytes()
    assert held(local_hub)["README.md"].startswith(b"---\ntitle: Ganvas\n")
    assert len(repo.commits) == 2  # the Hub's own, and ours
    assert not [seen for seen in local_hub.log if "secrets" in seen.path or "variables" in seen.path]


def test_again_only_what_changed_is_sent_and_what_is_gone_is_deleted(local_hub, project, token):
    deployed(project)
    writes = len([seen for seen in local_hub.log if seen.method != "GET"])
    again = deployed(project)
    assert "nothing changed, so nothing is sent" in again.summary()
    assert len([seen for seen in local_hub.log if seen.method != "GET"]) == writes

    (project / "core" / "jobs.py").write_text("changed = 1\n")
    (project / "core" / "extra.py").write_text("added = 1\n")
    kept(project)
    (project / "weights" / "perceptual.safetensors").write_bytes(b"other weights")
    (project / "pages" / "models.py").unlink()
    done = deployed(project)
    assert done.added == ("core/extra.py",)
    assert done.changed == ("core/jobs.py", "weights/perceptual.safetensors")
    assert done.deleted == ("pages/models.py",)
    assert held(local_hub).keys() == {*deploy.space_files("docker", project)[0], ".gitattributes"}
    assert held(local_hub)["weights/perceptual.safetensors"] == b"other weights"
    assert "core/extra.py" in "\n".join(done.changes())


def test_another_kind_takes_its_place(local_hub, project, token):
    deployed(project, "zerogpu")
    repo = local_hub.repos[SPACE]
    assert (repo.sdk, repo.hardware) == ("gradio", "zero-a10g")
    assert "Dockerfile" not in held(local_hub)
    done = deployed(project, "docker")
    assert (done.added, done.deleted) == ((".dockerignore", "Dockerfile"), ("zerogpu.py",))
    assert set(done.changed) == {"README.md", "requirements.txt"}
    assert done.changes()[-1].startswith("It was another kind of Space; choose its hardware at")


def test_who_may_see_it_changes_only_when_that_is_said(local_hub, project, token):
    deployed(project, private=True)
    assert local_hub.repos[SPACE].private
    deployed(project)
    assert local_hub.repos[SPACE].private
    deployed(project, private=False)
    assert not local_hub.repos[SPACE].private


def test_somebody_elses_space_is_left_alone(local_hub, project, token):
    local_hub.add(SPACE, {"README.md": b"", "chatbot.py": b"precious"})
    with pytest.raises(UserError, match=r"holds something else \(chatbot\.py\)"):
        deployed(project)
    assert held(local_hub) == {"README.md": b"", "chatbot.py": b"precious"}


def test_a_change_by_somebody_else_in_between_is_not_written_over(local_hub, project, token):
    deployed(project)
    (project / "app.py").write_text("mine = 1\n")
    planned = deploy.plan("me/ganvas", "docker", root=project)
    local_hub.add(SPACE, {**held(local_hub), "app.py": b"theirs = 1\n"})
    with pytest.raises(UserError, match="crossed another change; run it again"):
        deploy.send(planned, root=project)
    assert held(local_hub)["app.py"] == b"theirs = 1\n"


# ---------------------------------------------------------------- the command


def test_a_dry_run_sends_nothing_and_needs_no_token(local_hub, capsys):
    assert cli.main(["deploy", "me/ganvas", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "    sdk: docker\n" in said
    assert "The Hub shows no such Space to this computer" in said
    assert "  added        4.7 MB  weights/perceptual.safetensors\n" in said
    assert "  left out             tests (.dockerignore)\n" in said
    assert {seen.method for seen in local_hub.log} == {"GET"}
    assert not local_hub.repos


def test_a_dry_run_without_a_hub_says_that_nothing_was_compared(capsys):
    assert cli.main(["deploy", "me/ganvas", "--kind", "zerogpu", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "Nothing to compare with, so everything counts as added: The Hub (127.0.0.1:9) could not be reached." in said
    assert "    app_file: zerogpu.py\n" in said


@pytest.mark.slow
def test_a_dry_run_shows_what_would_change(local_hub, token, capsys):
    assert cli.main(["deploy", "me/ganvas", "--private"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{local_hub.url}/spaces/me/ganvas"
    repo = local_hub.repos[SPACE]
    local_hub.add(SPACE, {**repo.commits[repo.head], "core/old.py": b"x" * 1234, "app.py": b"other"})
    assert cli.main(["deploy", "me/ganvas", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "  deleted     1.23 kB  core/old.py\n" in said
    assert "  changed" in said
    assert "0 added, 1 changed, 1 deleted" in said
    assert said.startswith("The Space me/ganvas (docker, private) at ")


# ---------------------------------------------------------------- refusals, in words and without the token


def test_without_a_token_nothing_is_made(local_hub, project):
    with pytest.raises(UserError, match="needs a token that may write"):
        deployed(project)
    assert not local_hub.repos


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((402, "Docker Spaces require a PRO subscription"), "paid plan.*--kind zerogpu.*says: Docker Spaces require"),
        ((403, "You don't have the rights"), "not allowed with this token.*says: You don't have the rights"),
        ((422, "Bad name"), "was refused.*says: Bad name"),
        ((500, "oops"), "fault of its own"),
    ],
)
def test_refusals_are_passed_on_in_plain_words(local_hub, project, token, refusal, words):
    local_hub.refusal = refusal
    with pytest.raises(UserError, match=words) as refused:
        deployed(project)
    assert TOKEN not in str(refused.value)


def test_a_wrong_token_is_told_apart_from_a_missing_space(local_hub, project, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UserError, match="not allowed with this token") as refused:
        deployed(project)
    assert "hf_wrong" not in str(refused.value)


def test_a_space_that_is_closed_to_this_token(local_hub, project, token):
    local_hub.add(SPACE, {"app.py": b""}, gated=True)
    with pytest.raises(UserError, match="me/ganvas is gated"):
        deployed(project)


@pytest.mark.parametrize("name", ["ganvas", "me/../x", "me/a b", "a/b/c", "", "me/.x", "-me/x", "me/x--y", "me/ü"])
def test_a_name_that_is_none(name):
    with pytest.raises(UserError, match="owner/name"):
        deploy.plan(name, "docker")


def test_no_hub_at_all(project, token):
    with pytest.raises(UserError, match="could not be reached"):
        deployed(project)
    assert client.endpoint().startswith("http://127.0.0.1")
