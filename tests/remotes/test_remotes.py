"""Results pushed to a remote by SSH or S3 are there for a fresh clone, which then has nothing to do.

Against a real sshd and an S3 server on the loopback address; skipped where these are not installed.
"""

from __future__ import annotations

import getpass
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.test_sharing import tokenized

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
INSTALL = "pip install -c constraints.txt -e '.[remotes]'"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "the server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


@pytest.fixture
def ssh(tmp_path) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """The address of a folder behind an sshd of our own, DVC's settings for it, and the environment."""
    if importlib.util.find_spec("dvc_ssh") is None:
        pytest.skip(f"dvc-ssh is not installed: {INSTALL}")
    if SSHD is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
    shutil.copy(keys / "user.pub", keys / "authorized_keys")
    Path("/run/sshd").mkdir(exist_ok=True) if os.geteuid() == 0 else None
    port = free_port()
    options = {"Port": port, "ListenAddress": "127.0.0.1", "HostKey": keys / "host", "PidFile": "none",
               "AuthorizedKeysFile": keys / "authorized_keys", "StrictModes": "no", "UsePAM": "no",
               "Subsystem": "sftp internal-sftp", "PermitRootLogin": "prohibit-password"}  # fmt: skip
    words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", "/dev/null", *words], stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        settings = {"user": getpass.getuser(), "keyfile": str(keys / "user"), "port": str(port)}
        yield f"ssh://127.0.0.1{tmp_path / 'remote'}", settings, {}
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def s3() -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """The same for a bucket of a local S3 server."""
    for module, package in (("dvc_s3", "dvc-s3"), ("moto", "moto")):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{package} is not installed: {INSTALL}")
    import boto3

    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(port, server)
        secret = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        url = f"http://127.0.0.1:{port}"
        boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
                     aws_secret_access_key="test").create_bucket(Bucket="regmix")  # fmt: skip
        yield "s3://regmix/cache", {"endpointurl": url}, secret
    finally:
        server.kill()
        server.wait()


def shared(folder: Path, remote: tuple[str, dict[str, str], dict[str, str]]) -> None:
    """Run two stages, push, clone, pull, and see that there is nothing to do."""
    address, settings, more = remote
    environment = {**os.environ, **more}

    def run(checkout: Path, *words: str) -> str:
        completed = subprocess.run(words, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        assert completed.returncode == 0, f"{words}: {completed.stdout}{completed.stderr}"
        return completed.stdout

    def connect(checkout: Path) -> None:
        run(checkout, "dvc", "remote", "add", "--local", "-d", "shared", address)
        for key, value in settings.items():
            run(checkout, "dvc", "remote", "modify", "--local", "shared", key, value)

    first, second = folder / "first", folder / "second"
    tokenized(first)
    stages = ("code_digest", "swarm_sample", "swarm_train@anchors")
    run(first, "dvc", "repro", "-s", *stages)
    connect(first)
    run(first, "dvc", "push", *stages)
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    run(first, "git", "add", "-A")
    run(first, "git", *name, "commit", "-qm", "results")
    run(folder, "git", "clone", "-q", str(first), str(second))
    connect(second)
    run(second, "dvc", "pull", *stages)
    for path in ("data/swarm_sample/mixtures.csv", "data/swarm_train/anchors/losses.csv"):
        assert (second / path).read_bytes() == (first / path).read_bytes()
    for path in ("data/corpus_tokenize", "data/tokenizer_train", "data/tasks_build"):  # which no stage made here
        shutil.copytree(first / path, second / path, dirs_exist_ok=True)
    output = run(second, "dvc", "repro", "-s", *stages)
    assert "Running stage" not in output
    assert output.count("didn't change, skipping") == len(stages)


@pytest.mark.slow
def test_a_clone_pulls_by_ssh_what_another_pushed(tmp_path, ssh):
    shared(tmp_path, ssh)


@pytest.mark.slow
def test_a_clone_pulls_from_s3_what_another_pushed(tmp_path, s3):
    shared(tmp_path, s3)
