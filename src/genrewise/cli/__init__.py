"""The command line: a table of commands, each imported when it is called.

Only click is imported here, so that ``--help``, ``--version`` and completion answer at
once.  A command parses, calls one function and shows; what all of them share is here:
errors as one line with their exit code, Ctrl-C, a reader that went away.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import click

from genrewise import engine
from genrewise.cli.options import no_colour_option
from genrewise.errors import GenrewiseError, MissingExtra, UnknownName

__all__ = ["COMMANDS", "CommandTable", "main"]

#: Name of a command, where it lives, the extra it needs and what it does.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "classify": ("genrewise.cli.classify:classify", "", "Say which genre music is."),
    "demo": ("genrewise.cli.demo:demo", "", "Classify a few pieces that come along."),
    "models": ("genrewise.cli.models:models", "", "List the models, get one, show its card."),
    "serve": ("genrewise.cli.serve:serve", "web", "Open the page: drop a song, see and hear why."),
    "cut": ("genrewise.cli.cut:cut", "", "Cut tracks into clips of one length."),
    "train": ("genrewise.cli.train:train", "train", "Learn your own genres from folders of music."),
    "evaluate": ("genrewise.cli.evaluate:evaluate", "train", "Score a model on labelled music."),
    "run": ("genrewise.cli.run:run", "train", "Run a recipe, from its data to its report."),
    "report": ("genrewise.cli.report:report", "train", "Put runs side by side in one report."),
    "sweep": ("genrewise.cli.sweep:sweep", "train", "Try settings of a recipe side by side."),
    "recipes": ("genrewise.cli.recipes:recipes", "train", "List the recipes and sweeps; show one."),
    "features": ("genrewise.cli.features:features", "", "Make a table of features of tracks."),
    "spectrograms": (
        "genrewise.cli.spectrograms:spectrograms",
        "",
        "Draw spectrograms of tracks as pictures.",
    ),
    "tag": ("genrewise.cli.tag:tag", "tags", "Tag a music library with genres."),
    "library": ("genrewise.cli.library:library", "tags", "List, export, prune the music library."),
    "review": ("genrewise.cli.review:review", "tags", "Decide what the model is not sure of."),
    "watch": ("genrewise.cli.watch:watch", "tags", "Tag what arrives in a folder."),
    "similar": ("genrewise.cli.similar:similar", "tags", "Find songs that sound alike."),
    "duplicates": (
        "genrewise.cli.duplicates:duplicates",
        "tags",
        "List songs that are there more than once.",
    ),
    "undo": ("genrewise.cli.undo:undo", "tags", "Give music its old tags back."),
    "datasets": ("genrewise.cli.datasets:datasets", "train", "Report on data; split it."),
}

EPILOG = """\
Tab completion, once a shell: put  eval "$(_GENREWISE_COMPLETE=bash_source genrewise)"  into
~/.bashrc; for zsh and fish zsh_source and fish_source.

Exit codes: 0 all done, 1 some items failed, 2 wrong use, 3 an extra is missing."""


def _version(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from genrewise import __version__

        click.echo(f"genrewise {__version__}")
        ctx.exit()


class CommandTable(click.Group):
    """A group whose commands are names in a table until one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command behind a name; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        from genrewise.registry import Registry

        target, extra, _ = COMMANDS[cmd_name]
        found: click.Command = Registry("command", {cmd_name: target}, extra).get(cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse unknown names with the nearest ones."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            if os.path.exists(name):  # noqa: PTH110
                raise click.UsageError(f"no command named {name!r}. Try: genrewise classify {name}")
            raise click.UsageError(str(UnknownName("command", name, COMMANDS)))
        found = super().resolve_command(ctx, args)
        engine.ctrl_c.loading = False  # from here on there is work to be ended properly
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the options; Ctrl-C as anywhere else, where click would add an empty line."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(_complain("interrupted", 130)) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run; whatever ends it early becomes a line and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(_complain("interrupted", 130)) from None
        except BrokenPipeError:  # | head: nobody reads on, as for any tool that gets SIGPIPE
            _drop_stdout()
            raise click.exceptions.Exit(141) from None
        except GenrewiseError as error:
            raise click.exceptions.Exit(_complain(f"Error: {error}", error.exit_code)) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except OSError as error:
            _drop_stdout()  # a full disk would be complained about once more at the end
            where = f"{error.filename}: " if error.filename else ""
            raise click.exceptions.Exit(_complain(f"Error: {where}{error.strerror}", 1)) from None
        except Exception as error:
            from genrewise.worker import describe

            if engine.ctrl_c.seen:  # an interrupt that came out as something else
                raise click.exceptions.Exit(_complain("interrupted", 130)) from None
            if missing := _missing_extra(ctx, error):
                raise click.exceptions.Exit(_complain(f"Error: {missing}", 3)) from None

            text = str(GenrewiseError(*describe(error)[1]))
            raise click.exceptions.Exit(_complain(text, 1)) from None


def _missing_extra(ctx: click.Context, error: Exception) -> MissingExtra | None:
    """What a command that needs an extra says where one of its libraries is not there."""
    name = ctx.invoked_subcommand or ""
    extra = COMMANDS[name][1] if name in COMMANDS else ""
    if not extra or not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    if error.name.partition(".")[0] == "genrewise":  # a fault of ours, not the user's
        return None
    return MissingExtra(f"genrewise {name}", extra, error.name)


def _drop_stdout() -> None:
    """Forget what could not be written, so that the interpreter's end does not try again."""
    with suppress(OSError, ValueError):  # a stream of a test is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str, code: int) -> int:
    """Say why the program ends; returns the exit code."""
    from genrewise.cli.output import say

    say(text, fg="red")
    return code


@click.group(
    cls=CommandTable,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@no_colour_option
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version.",
)
def group() -> None:
    """Which genre a piece of music is, and how sure one can be."""


def main(args: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    args : list of str, optional
        Arguments; by default those of this process.

    Returns
    -------
    int
        The exit code.
    """
    try:
        code = group.main(args, prog_name="genrewise", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    return code if isinstance(code, int) else 0
