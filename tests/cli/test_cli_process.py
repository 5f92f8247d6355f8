"""The command line as a process: streams, exit codes, signals, help and its examples."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")
pytest.importorskip("pyarrow")

ROOT = Path(__file__).parents[2]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, **more}


@pytest.fixture
def process(tmp_path: Path) -> Process:
    shutil.copytree(ROOT / "data", tmp_path / "data")

    def run(*args: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "chainrule", *args],
            cwd=tmp_path,
            env=environment(**more),
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def examples(text: str) -> list[list[str]]:
    return [line.split()[1:] for line in re.findall(r"^ +(chainrule .*)$", text, re.MULTILINE)]


def test_the_example_of_every_verbs_help_runs(process: Process) -> None:
    verbs = re.findall(r"^  ([a-z]+) ", process("--help").stdout.split("Commands:")[1], re.M)
    assert verbs[:3] == ["train", "predict", "evaluate"]
    for verb in [[], ["train"], ["predict"], ["evaluate"]]:
        help_ = process(*verb, "--help")
        assert help_.returncode == 0
        found = examples(help_.stdout)
        assert found, verb
        for args in found:
            result = process(*args)
            assert result.returncode == 0, (args, result.stderr)
            assert result.stdout


def test_results_and_messages_take_their_own_streams_without_colour(process: Process) -> None:
    result = process("train", "data/diabetes.csv", "--target", "progression", "--epochs", "5")
    assert result.returncode == 0, result.stderr
    assert "R²" in result.stdout
    assert "target 'progression': regression" in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    assert "\r" not in result.stderr


def test_every_shipped_table_needs_no_flag_but_the_target(process: Process) -> None:
    targets = {"synthetic_churn": "churn", "digits": "digit"}
    for name, target in targets.items():
        result = process("train", f"data/{name}.csv", "-t", target, "--epochs", "3")
        assert result.returncode == 0, result.stderr


def test_a_fault_has_its_exit_code_and_no_traceback(process: Process) -> None:
    result = process("train", "data/breast_cancer.csv", "--target", "diagnossis")
    assert result.returncode == 2
    assert "did you mean 'diagnosis'?" in result.stderr
    assert "Traceback" not in result.stderr
    diverging = ("train", "data/diabetes.csv", "-t", "progression", "--learning-rate", "1e9")
    assert process(*diverging).returncode == 3


def test_version(process: Process) -> None:
    from chainrule import __version__

    assert process("--version").stdout == f"chainrule {__version__}\n"


def test_a_missing_extra_is_one_sentence(tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util as u\n"
        "found = u.find_spec\n"
        "import chainrule.cli as cli\n"
        "cli.find_spec = lambda name: None if name == 'pyarrow' else found(name)\n"
        "sys.exit(cli.main())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert result.stderr == (
        "error: the command line needs pyarrow: pip install 'chainrule[cli]'\n"
    )


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path, process: Process) -> None:
    assert process("train", "data/digits.csv", "-t", "digit", "--epochs", "1").returncode == 0
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "chainrule",
            "predict",
            "model.safetensors",
            "data/digits.csv",
            "-p",
        ],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.readline()
        started.stdout.close()
        assert b"Traceback" not in started.stderr.read()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_a_fault_in_one_sentence(tmp_path: Path, process: Process) -> None:
    assert (
        process("train", "data/diabetes.csv", "-t", "progression", "--epochs", "1").returncode == 0
    )
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [
                sys.executable,
                "-m",
                "chainrule",
                "predict",
                "model.safetensors",
                "data/diabetes.csv",
                "--quiet",
            ],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert result.returncode == 3
    assert result.stderr == ("error: standard output could not be used: No space left on device\n")


def terminal(
    args: list[str], folder: Path, stop: tuple[str, int] | None = None, **more: str
) -> tuple[int, str]:
    """Run with a terminal as standard error and output; send a signal once some words are seen."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-m", "chainrule", *args],
        cwd=folder,
        env=environment(TERM="xterm", COLUMNS="120", **more),
        stdout=theirs,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    try:
        while chunk := read(ours):
            said += chunk
            if stop is not None and stop[0].encode() in said:
                started.send_signal(stop[1])
                stop = None
        return started.wait(timeout=60), said.decode()
    finally:
        started.kill()
        started.wait()
        os.close(ours)


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


LONG = ["train", "data/digits.csv", "-t", "digit", "--epochs", "100000", "--patience", "100000"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "data", tmp_path / "data")
    return tmp_path


def test_a_terminal_shows_progress_and_ctrl_c_keeps_what_was_learnt(folder: Path) -> None:
    code, said = terminal(LONG, folder, stop=("validation cost", signal.SIGINT))
    assert code == 130, said
    assert re.search(r"cost [\d.]+e?\S*  validation cost [\d.]+\S*  accuracy 0\.\d{3}", said)
    assert "\x1b[" in said
    assert "interrupted: model.safetensors holds what" in said
    assert "Traceback" not in said
    result: Any = subprocess.run(
        [sys.executable, "-m", "chainrule", "evaluate", "model.safetensors", "data/digits.csv"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


def test_no_color_is_heeded_on_a_terminal(folder: Path) -> None:
    args = ["train", "data/diabetes.csv", "-t", "progression", "--epochs", "3"]
    code, said = terminal(args, folder, NO_COLOR="1")
    assert code == 0, said
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", said)


def test_sigterm_leaves_no_file_behind(folder: Path) -> None:
    code, said = terminal(LONG, folder, stop=("validation cost", signal.SIGTERM))
    assert code == 143, said
    assert "Traceback" not in said
    assert sorted(path.name for path in folder.iterdir()) == ["data"]


def shell(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    command = f"{sys.executable} -P -m chainrule"
    return subprocess.run(
        ["bash", "-c", line.replace("chainrule", command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )


TRAIN = "chainrule train data/diabetes.csv -t progression --epochs 2"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (f"{TRAIN} >&-", 3, "error: standard output is closed"),
        (
            f"P=$PWD; mkdir gone; cd gone; rmdir ../gone; {TRAIN}".replace("data/", "$P/data/"),
            3,
            "the current folder is not there",
        ),
        (f"{TRAIN} -o closed/model", 2, "closed/model cannot be written"),
        (f"{TRAIN} --json | head -c 1 > /dev/null; exit ${{PIPESTATUS[0]}}", None, ""),
    ],
)
def test_process_without_a_place_to_write_says_so_in_one_sentence(
    line: str, code: int | None, words: str, folder: Path
) -> None:
    (folder / "closed").mkdir(mode=0o555)
    if "closed/" in line and os.access(folder / "closed", os.W_OK):
        pytest.skip("root may write anywhere")
    done = shell(line, folder)
    assert done.returncode in ({0, 141} if code is None else {code}), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_sighup_ends_training_as_sigterm_does(folder: Path) -> None:
    code, said = terminal(LONG, folder, stop=("validation cost", signal.SIGHUP))
    assert code == 143, said
    assert "Traceback" not in said


def test_terminal_never_sees_control_characters_of_a_table(folder: Path) -> None:
    rows = "".join(f"{i % 9}.5,{'p' if i % 2 else chr(27) + '[31mq'}\n" for i in range(60))
    (folder / "escape.csv").write_text("a,y\n" + rows)
    done = shell("chainrule train escape.csv -t y --epochs 2", folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b[31mq" in done.stderr


@pytest.mark.slow
def test_ctrl_c_at_random_moments_always_ends_with_130() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "bench" / "interrupts.py", "8", "4"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout
