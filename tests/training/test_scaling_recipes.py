"""The launch recipes of docs/scaling.md: parsed, and run as far as one machine can."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr

pytest.importorskip("click")
PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
SOURCES = str(Path(cr.__path__[0]).parent)


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def known_options() -> set[str]:
    from chainrule.cli.train import train

    return {name for parameter in train.params for name in parameter.opts}


def check_command(words: list[str]) -> None:
    """The words after ``chainrule train``: data, then options that there are."""
    assert words[0] == "s3://bucket/table"
    options = [word for word in words if word.startswith("-")]
    assert {"--target", "--checkpoint", "--resume"} <= set(options) <= known_options()


def test_slurm_script_is_bash_and_its_command_exists() -> None:
    script = block("bash")
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert script.startswith("#!/bin/bash\n#SBATCH --ntasks=")
    check_command(script.replace("\\\n", " ").partition("chainrule train ")[2].split())


def test_slurm_script_runs_and_resumes(tmp_path: Path) -> None:
    """With an srun that starts MPICH's ranks here, and a folder in place of the bucket."""
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    test = pytest.importorskip("test_distributed")
    table = pa.table({"x": list(range(400)), "y": [i % 7 < 3 for i in range(400)]})
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=100)
    here = tmp_path / "bin"
    here.mkdir()
    programs = {
        "srun": f'test "$1" = --kill-on-bad-exit=1 && shift && exec {test.MPIEXEC} -n 2 "$@"',
        "chainrule": f'exec {sys.executable} -m chainrule "$@"',
    }
    for name, text in programs.items():
        (here / name).write_text(f"#!/bin/sh\n{text}\n")
        (here / name).chmod(0o755)
    script = block("bash").replace("s3://bucket/table", str(tmp_path / "table.parquet"))
    environment = {
        **os.environ,
        **test.POLITE,
        "PATH": f"{here}:{os.environ['PATH']}",
        "PYTHONPATH": SOURCES,
        "SCRATCH": str(tmp_path),
    }
    models = []
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "2 ranks" in done.stderr
        models.append(cr.load(tmp_path / "model.safetensors").theta.tobytes())
    assert models[0] == models[1]


def test_kubernetes_job() -> None:
    yaml = pytest.importorskip("yaml")
    job: dict[str, Any] = yaml.safe_load(block("yaml"))
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v2beta1", "MPIJob")
    spec = job["spec"]
    roles = spec["mpiReplicaSpecs"]
    assert set(roles) == {"Launcher", "Worker"}
    assert spec["mpiImplementation"] in ("OpenMPI", "Intel", "MPICH")
    (launcher,) = roles["Launcher"]["template"]["spec"]["containers"]
    command = launcher["command"]
    assert all(isinstance(word, str) for word in command)
    assert command[:2] == ["mpirun", "-n"]
    assert int(command[2]) == roles["Worker"]["replicas"] * spec["slotsPerWorker"]
    assert command[3:5] == ["chainrule", "train"]
    check_command(command[5:])
    worker = roles["Worker"]["template"]["spec"]
    mounted = {mount["name"] for c in worker["containers"] for mount in c["volumeMounts"]}
    assert mounted == {volume["name"] for volume in worker["volumes"]}


def test_commands_that_measure_exist() -> None:
    """Every program that the page names for its figures."""
    bench = Path(__file__).parents[2] / "bench"
    named = set(re.findall(r"bench/(\w+)\.py", PAGE))
    assert {"scaling", "overlap", "fuzz", "soak"} <= named
    assert all((bench / f"{name}.py").exists() for name in named)
