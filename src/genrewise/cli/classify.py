"""``genrewise classify``: files, folders, patterns, lists and URLs to genres."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import click

from genrewise import engine
from genrewise.bundle import BundleInfo, find, head, read
from genrewise.cli.engines import chosen, scheduler_option
from genrewise.cli.options import model_option, no_colour_option, seconds, size, windows
from genrewise.cli.output import Progress, ready_stdout, say
from genrewise.cli.parquet import Done, RecordFolder, check_parquet, parquet_options
from genrewise.cli.paths import Tally, expand, is_url, read_list
from genrewise.cli.results import Writer, writer
from genrewise.defaults import LISTEN
from genrewise.engine import Outcome, Waiting
from genrewise.records import ClassifyJob, of_outcome, time_limit

__all__ = ["classify"]

#: Bytes a worker may hold where nothing else is said; classifying hours takes a fifth of it.
MEMORY_LIMIT = 2 * 2**30


def default_limit(path: str) -> float:
    """Seconds that a file may take."""
    if is_url(path):
        return 600.0
    try:
        return time_limit(Path(path).stat().st_size)
    except OSError:
        return time_limit(0)


@dataclass
class _Counts:
    """What became of a batch."""

    ok: int = 0
    partial: int = 0
    failed: int = 0
    missing_extra: bool = False
    before: int = 0
    tally: Tally = field(default_factory=Tally)

    @property
    def files(self) -> int:
        return self.ok + self.partial + self.failed

    def summary(self) -> str:
        """The closing line: ``12 files: 10 ok, 1 partial, 1 failed; passed over 3 …``."""
        parts = [f"{self.ok} ok"]
        parts += [f"{n} {what}" for n, what in self._rest() if n]
        text = f"{self.files} file{'s' if self.files != 1 else ''}: {', '.join(parts)}"
        if self.before:
            text += f"; {self.before} done before"
        if self.tally.passed_over:
            text += f"; passed over {self.tally.passed_over} that are no audio"
        return text

    def _rest(self) -> tuple[tuple[int, str], ...]:
        return (self.partial, "partial"), (self.failed, "failed")

    def exit_code(self) -> int:
        """3 where an extra is missing, 1 where a file failed, else 0."""
        return 3 if self.missing_extra else int(self.failed > 0)


def _count(record: dict[str, Any], exit_code: int, counts: _Counts) -> None:
    """Count a record, and say what is to be said about it."""
    status = record["status"]
    setattr(counts, status, getattr(counts, status) + 1)
    if status == "failed":
        counts.missing_extra |= exit_code == 3
        say(f"{record['path']}: {record['error']}", fg="red")
    elif status == "partial":
        lost = f"{record['lost']:.1f}" if record["lost"] >= 1 else f"{record['lost']:.2g}"
        say(f"{record['path']}: partial, {lost} s could not be decoded", fg="yellow")


def _sources(
    paths: Iterable[str], files_from: BinaryIO | None, null: bool
) -> Iterator[str | Waiting]:
    """Paths as given, and those of lists: ``-`` is the list on standard input."""
    separator = b"\0" if null else b"\n"
    for path in paths:
        if path == "-":
            yield from read_list(sys.stdin.buffer, "standard input", separator)
        else:
            yield path
    if files_from is not None:
        yield from read_list(files_from, files_from.name, separator)


def _total(paths: tuple[str, ...], done: Done, hidden: bool) -> int | None:
    """How many files there are to do, where that can be counted and somebody looks."""
    if hidden or not sys.stderr.isatty() or "-" in paths:
        return None
    found = sum(1 for _ in done.rest(expand(paths, Tally())))
    done.met = 0
    return found


def _threads(paths: tuple[str, ...], files_from: BinaryIO | None) -> int:
    """Threads of the model: several where a single file has the CPUs to itself."""
    if len(paths) != 1 or files_from is not None:
        return 1
    single = is_url(paths[0]) or Path(paths[0]).is_file()
    return min(4, engine.usable_cpus()) if single else 1


def _show(
    outcomes: Iterable[Outcome], shown: Writer, counts: _Counts, progress: Progress, model: str
) -> None:
    """Show outcomes as they come."""
    for outcome in outcomes:
        record = of_outcome(outcome, model)
        _count(record, outcome.exit_code, counts)
        shown.write(record)
        progress.update(counts.files, record["path"])
    shown.close()


def _made_by(about: BundleInfo, digest: str, job: dict[str, Any]) -> str:
    """What records depend on: the model, and what was said of how to listen."""
    said = (f"{key.replace('_', ' ')} {value}" for key, value in job.items() if value)
    return ", ".join([f"{about.name} {digest[:16]}", *said])


def _output(
    model: Path, parquet: Path | None, resume: bool, job: dict[str, Any], **how: Any
) -> tuple[AbstractContextManager[Writer], Done]:
    """Where records go, and what was done before."""
    check_parquet(parquet, resume, f"--{how['form']}" if how["form"] else "")
    if parquet is None:
        return nullcontext(writer(how.pop("form") or "table", ready_stdout(), **how)), Done()
    found = read(model)
    folder = RecordFolder(parquet, _made_by(found.info, found.digest, job), found.info.labels)
    return folder, folder.done(resume)


def _not_zero(_ctx: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value == 0:
        raise click.BadParameter("0; expected more than 0 seconds")
    return value


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(allow_dash=True, readable=False))
@model_option
@click.option("--json", "form", flag_value="json", help="One JSON array.")
@click.option("--jsonl", "form", flag_value="jsonl", help="One JSON object a line, as they come.")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated values.")
@parquet_options
@click.option("--timeline", is_flag=True, help="Also the genre over time.")
@click.option(
    "--top",
    type=click.IntRange(1),
    default=2,
    show_default=True,
    metavar="N",
    help="Labels to show in the table and in CSV; of a model that gives several, N at the most.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Answer 'unknown' below this, besides the model's own rule.",
)
@click.option("--start", type=seconds, default=0.0, help="Begin here: 90 or 1:30.")
@click.option("--duration", type=seconds, callback=_not_zero, help="Use no more than this.")
@click.option(
    "--listen",
    type=windows,
    default=LISTEN,
    show_default=True,
    metavar="N|all",
    help="Windows to listen to, spread over what is longer; --timeline hears all.",
)
@click.option("--files-from", metavar="FILE", type=click.File("rb"), help="Also the paths in FILE.")
@click.option("-0", "--null", is_flag=True, help="Lists are NUL-separated: find … -print0.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Processes at the most; by default one a CPU.",
)
@click.option(
    "--time-limit",
    type=seconds,
    help="Give a file up after this; by default 60 s and 20 s a MB, 0 for never.",
)
@click.option(
    "--memory-limit",
    type=size,
    default=MEMORY_LIMIT if engine.CAN_LIMIT_MEMORY else 0,
    help="Give a file up above this (512M, 2G; needs /proc); by default 2G, 0 for none.",
)
@scheduler_option
@no_colour_option
@click.pass_context
def classify(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    files_from: BinaryIO | None,
    null: bool,
    model: str,
    form: str | None,
    parquet: Path | None,
    resume: bool,
    top: int,
    workers: int,
    scheduler: str,
    time_limit: float | None,
    memory_limit: int | None,
    **job: Any,
) -> None:
    """Say which genre music is.

    PATHS are files, folders (all audio below them), patterns such as 'Music/**/*.mp3',
    URLs, or - for a list of paths on standard input.

    Results come in the order of the paths, on standard output; messages go to standard
    error.  Exit code 1 means that some files failed.
    """
    if not paths and files_from is None:
        raise click.UsageError("nothing to classify. Give files, folders, or - for a list")
    run, found, counts = chosen(scheduler, workers), find(model), _Counts()
    how = {"top": top, "timeline": job["timeline"], "several": head(found).multi_label}
    output, done = _output(found, parquet, resume, job, form=form, **how)
    # The rows themselves show how far it is.
    hidden = parquet is None and sys.stdout.isatty()
    threads = 1 if scheduler else _threads(paths, files_from)
    total = None if files_from else _total(paths, done, hidden)
    outcomes = run(
        ClassifyJob(str(found), threads=threads, **job),
        done.rest(expand(_sources(paths, files_from, null), counts.tally)),
        time_limit=default_limit if time_limit is None else (time_limit or None),
        memory_limit=memory_limit or None,
    )
    with output as shown, closing(outcomes), Progress("files", total, hidden) as progress:
        _show(outcomes, shown, counts, progress, found.stem)
    counts.before = done.met
    if counts.files != 1 or counts.tally.passed_over or counts.before:
        say(counts.summary())
    ctx.exit(counts.exit_code())
