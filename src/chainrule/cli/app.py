"""The verbs, and what becomes of every way one can fail: one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from .. import __version__, signals

# Verb -> module of this package that holds a command of the same name; imported when it is called.
VERBS: Mapping[str, str] = {
    "train": "train",
    "predict": "predict",
    "evaluate": "evaluate",
    "check": "check",
    "gradcheck": "gradcheck",
    "explain": "explain",
    "report": "report",
    "export": "export",
}


class Stopped(Exception):
    """The work ended before its plan, but in order: ``code`` is the exit code to give."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class App(click.Group):
    """The group of verbs: imports one only when it is called, and offers the nearest name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which one uses them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f".{VERBS[cmd_name]}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is answered with the nearest."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from ..mathematics.names import nearest

            near = nearest(args[0], VERBS)
            hint = f", did you mean {near!r}?" if near else ""
            ctx.fail(f"no such verb: {args[0]!r}{hint} (verbs: {', '.join(VERBS)})")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *more: Any, **named: Any) -> Any:
        """Run a verb and leave the process with its exit code."""
        args = sys.argv[1:] if args is None else list(args)
        named["standalone_mode"] = False
        if sys.stdout is None:
            sys.exit(_say("error: standard output is closed, so results have no place to go", 3))
        try:
            code = super().main(args, *more, **named)
            if sys.stdout is not None:
                sys.stdout.flush()
        except Exception as error:
            signals.heard()
            if "--debug" in args and not isinstance(error, (click.exceptions.Exit, Stopped)):
                import traceback

                traceback.print_exc()
            code = report(error)
        except KeyboardInterrupt:
            signals.heard()
            code = _say("interrupted: nothing was written", signals.INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


def report(error: Exception) -> int:
    """Say in one sentence what went wrong; return the exit code."""
    from ..tables.recipe import Diverged

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, Stopped):
        return _say(str(error), error.code)
    if isinstance(error, click.Abort):
        return _say("interrupted: nothing was written", 130)
    if isinstance(error, click.ClickException):
        error.show()
        return 2
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone: Python must not try to flush to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    if isinstance(error, Diverged):
        return _say(f"error: {error}", 3)
    if isinstance(error, OSError):
        return _say(f"error: {_system_says(error)}", 3)
    if isinstance(error, MemoryError):
        return _say("error: there is not enough memory for this table and network", 3)
    if isinstance(error, ValueError | TypeError):
        return _say(f"error: {error}", 2)
    kind = type(error).__name__
    return _say(f"error: internal error ({kind}: {error}); rerun with --debug for a traceback", 3)


def _system_says(error: OSError) -> str:
    """Return the system's error as a sentence; one that is a sentence already stays."""
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return "the current folder is not there any more: change to another one"
    if error.errno is None or error.strerror != os.strerror(error.errno):
        return str(error.strerror or error)
    return f"{error.filename or 'standard output'} could not be used: {error.strerror}"


def _say(sentence: str, code: int) -> int:
    from .output import colour, printable

    sentence, red = printable(sentence), sentence.startswith("error:")
    click.echo(click.style(sentence, fg="red") if red else sentence, err=True, color=colour())
    return code


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="chainrule %(version)s")
def app() -> None:
    """Train a neural network on a table by backpropagation, and use it.

    \b
    Example:
      chainrule train data/breast_cancer.csv --target diagnosis
    """
