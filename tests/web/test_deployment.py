"""What puts the server up: the image's files, and a server that may write to /tmp alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import click
import pytest
from tests.web.conftest import MODEL, Server, music, wav

from genrewise.cli.serve import serve
from genrewise.web.routes import BASE, ROUTES

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
NGINX = (ROOT / "docs" / "serve.md").read_text("utf-8")
OPTIONS = {name for p in serve.params if isinstance(p, click.Option) for name in p.opts}


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert {"pyproject.toml", "src", "results"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored


def test_the_image_is_nobodys_and_tells_its_health() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert int(user[1]) >= 10_000
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\S+?)'", DOCKERFILE)
    assert asked
    assert f"EXPOSE {asked[1]}" in DOCKERFILE
    assert asked[2] in {BASE + route.path for route in ROUTES}
    for setting in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "/tmp:size="):
        assert setting in COMPOSE


def test_options_that_are_told_of_are_there() -> None:
    text = DOCKERFILE.partition("ENTRYPOINT")[2] + COMPOSE.partition("command:")[2].split("\n")[0]
    told = set(re.findall(r"--[a-z-]+", text)) | {
        option
        for line in re.findall(r"^.*genrewise serve.*$|^\| .*`--.*$", NGINX, re.MULTILINE)
        for option in re.findall(r"--[a-z-]+", line)
    }
    assert {"--host", "--no-browser", "--log", "--proxy", "--db"} <= told
    assert told - {"--write", "--jsonl"} <= OPTIONS


#: A mount of its own in which nothing but one folder can be written, whoever tries.
CONTAINER = """
mount --make-rprivate / && mount -o remount,ro,bind / &&
mount -t tmpfs -o mode=1777 tmpfs "$1" && shift &&
user=$1 && shift &&
exec setpriv --reuid "$user" --regid "$user" --clear-groups \\
    --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


def can_be_boxed() -> bool:
    tools = all(shutil.which(tool) for tool in ("unshare", "setpriv", "mount"))
    if not tools or os.geteuid() != 0:
        return False
    trial = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        "mount --make-rprivate / && mount -o remount,ro,bind /",
    ]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def everybody_can_read(path: Path) -> bool:
    return all(p.stat().st_mode & 0o005 == 0o005 for p in (path, *path.parents))


@pytest.mark.skipif(not can_be_boxed(), reason="needs root and mount namespaces")
def test_a_read_only_system_without_any_power_suffices(tmp_path: Path) -> None:
    """By a user who owns nothing where that one can read the checkout and its Python."""
    places = (Path(sys.executable).resolve().parent, Path(sys.prefix), ROOT / "src")
    user = "10001" if all(map(everybody_can_read, places)) else "0"
    command = [sys.executable, "-m", "genrewise", "serve", "--no-browser", "--port", "0"]
    box = ["unshare", "--mount", "sh", "-c", CONTAINER, "sh", "/mnt", user]
    process = subprocess.Popen(
        [*box, *command, "--model", MODEL],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "HOME": "/nonexistent", "TMPDIR": "/mnt"},
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            assert process.stderr is not None
            raise AssertionError(process.stderr.read())
        server = Server(process, url, tmp_path)  # type: ignore[arg-type]
        assert server.classify(wav(music(3.0)))["status"] == "ok"
        with urllib.request.urlopen(f"{url}api/v1/health", timeout=10) as reply:
            assert reply.status == 200
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
