"""Data sets by URI: files, and S3 through Arrow's file systems, from the command line."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("click")
import pyarrow.parquet as pq
from pyarrow import fs
from s3_server import serving
from test_streaming import M, made

import chainrule as cr
from chainrule.tables.parquet_dataset import open_data_set, without_secrets

if not hasattr(fs, "S3FileSystem"):
    pytest.skip("Arrow was built without S3", allow_module_level=True)
SOURCES = str(Path(cr.__path__[0]).parent)
# No proxy and no other server is to be asked.
OWN = {"AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "bucket" / "the table"
    found.mkdir(parents=True)
    whole = made()
    for number, start in enumerate(range(0, M, 1000)):
        path = found / f"part-{number}.parquet"
        pq.write_table(whole.slice(start, 1000), path, row_group_size=400)
    (found / "_SUCCESS").touch()
    return found


@pytest.fixture
def bucket(folder: Path) -> Iterator[tuple[str, list[str]]]:
    with serving(folder.parent, "bucket") as (address, seen):
        yield f"s3://key:s3cr3t@bucket/%s?endpoint_override={address}&{QUERY}", seen


QUERY = "scheme=http&region=eu-central-1"


def train(folder: Path, data: str, *more: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "chainrule", "train", data, "-t", "y", "--epochs", "5", "--json",
         "--batch-size", "32", *more],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **OWN, "PYTHONPATH": SOURCES},
    )  # fmt: skip


def test_s3_is_what_the_files_are(
    folder: Path, tmp_path: Path, bucket: tuple[str, list[str]]
) -> None:
    uri, seen = bucket
    local = train(tmp_path, str(folder), "-o", "local")
    far = train(tmp_path, uri % "the%20table", "-o", "far")
    assert local.returncode == far.returncode == 0, far.stderr
    a, b = (json.loads(done.stdout) for done in (local, far))
    assert a["scores"] == b["scores"]
    assert a["rows"] == b["rows"]
    thetas = [cr.load(tmp_path / name).theta.tobytes() for name in ("local", "far")]
    assert thetas[0] == thetas[1]
    assert any("list-type=2" in line for line in seen)
    # Neither what is said nor what is written holds the key to the bucket.
    assert "s3cr3t" not in far.stdout + far.stderr
    assert b"s3cr3t" not in (tmp_path / "far").read_bytes()


def test_one_object_of_s3(tmp_path: Path, bucket: tuple[str, list[str]]) -> None:
    done = train(tmp_path, bucket[0] % "the%20table/part-1.parquet", "-o", "one")
    assert done.returncode == 0, done.stderr
    assert sum(json.loads(done.stdout)["rows"].values()) == 1000


@pytest.mark.parametrize("name", ["no%20such", "the%20table/part-9.parquet"])
def test_what_is_not_there_is_one_sentence(
    tmp_path: Path, bucket: tuple[str, list[str]], name: str
) -> None:
    done = train(tmp_path, bucket[0] % name, "-o", "none")
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "s3cr3t" not in done.stderr
    assert not (tmp_path / "none").exists()


def test_other_uris(folder: Path) -> None:
    assert open_data_set(folder.as_uri()).m == M
    with pytest.raises(ValueError, match="cannot be reached"):
        open_data_set("nonsense://here/table")
    with pytest.raises(ValueError, match=r"^s3://b\?no=such cannot be reached") as told:
        open_data_set("s3://key:s3cr3t@b?no=such")
    assert "s3cr3t" not in str(told.value)
    assert without_secrets("/a/folder@home") == "/a/folder@home"
    assert without_secrets("s3://u:p@b") == "s3://b"


def test_moto_agrees(folder: Path, tmp_path: Path) -> None:
    """The same against moto's server, which knows more of S3, where it is installed."""
    moto = shutil.which("moto_server")
    if moto is None:
        pytest.skip("moto_server is not installed")
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = subprocess.Popen([moto, "-p", str(port)], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        while "Running on" not in server.stderr.readline():
            assert server.poll() is None
        query = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        system, _ = fs.FileSystem.from_uri(
            f"s3://key:s3cr3t@bucket?{query}&allow_bucket_creation=1"
        )
        system.create_dir("bucket")
        fs.copy_files(str(folder), "bucket/table", destination_filesystem=system)
        done = train(tmp_path, f"s3://key:s3cr3t@bucket/table?{query}", "-o", "moto")
        assert done.returncode == 0, done.stderr
        assert sum(json.loads(done.stdout)["rows"].values()) == M
    finally:
        server.kill()
        server.communicate()
