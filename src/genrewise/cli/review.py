"""``genrewise review``: what the model is not sure of, decided by a person, one key a song."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genrewise.cli.keys import Answers, answers
from genrewise.cli.library_options import (
    db_option,
    opened,
    policy,
    policy_options,
    shown_path,
    typed,
)
from genrewise.cli.options import no_colour_option
from genrewise.cli.output import JsonArray, clean, clock, ready_stdout, say, style
from genrewise.cli.player import Player, show_folder
from genrewise.cli.tag import Rows, Session, record

if TYPE_CHECKING:
    import sqlite3

    from genrewise.library.catalogue import Model
    from genrewise.library.policies import Policy
    from genrewise.library.review import Review
    from genrewise.library.tagging import Suggestion

__all__ = ["Desk", "review"]

#: Keys and what they do; a line of a pipe begins with one of them.
KEYS = {
    "a": "accept",
    "r": "the runner-up",
    "c": "change",
    "s": "skip",
    "p": "play",
    "o": "open folder",
    "A": "accept all above",
    "u": "undo last",
    "q": "quit",
}
_MENU = "  ".join(f"[{key}] {what}" for key, what in KEYS.items())


class Desk:
    """Shows songs and does what the keys say.

    Parameters
    ----------
    queue : Review
    said : Answers
        Where keys and texts come from.
    player : Player
    """

    def __init__(self, queue: Review, said: Answers, player: Player) -> None:
        self.queue, self.answers, self.player = queue, said, player
        self.out = ready_stdout()
        self._done: dict[str, Callable[[Suggestion, str], None]] = {
            "a": self._accept,
            "r": self._runner_up,
            "c": self._change,
            "s": lambda _found, _text: self.queue.answer("skipped"),
            "p": self._play,
            "o": lambda found, _text: self._tell(show_folder(found.entry.file.path)),
            "A": self._accept_above,
            "u": self._undo,
        }

    def run(self) -> None:
        """Go through the queue until its end, or until it is left."""
        shown: Suggestion | None = None
        while True:
            found = self.queue.current()
            if found is None:
                shown = None
                if not self._goes_back():
                    break
                continue
            if shown is None or shown.entry.file.id != found.entry.file.id:
                self.player.stop()
                self._show(found)
                shown = found
            key, text = self.answers.key()
            if key == "q":
                break
            if key not in self._done:
                self._tell(f"{key!r}: no such key. {_MENU}")
                continue
            self._done[key](found, text)
        self.player.stop()

    def _goes_back(self) -> bool:
        """At the end: whether the last answer is taken back."""
        if not self.queue.answered:
            return False
        self._line("that was the last.  [u] undo last  [q] quit", dim=True)
        return self.answers.key()[0] == "u" and self._take_back()

    def _line(self, text: str, **how: Any) -> None:
        self.out.write(style(clean(text), self.out, **how) + "\n")
        self.out.flush()

    def _tell(self, text: str) -> None:
        if text:
            say(text, fg="yellow")

    def _show(self, found: Suggestion) -> None:
        """A song, what stands in its tags and what was heard."""
        file, proposal = found.entry.file, found.proposal
        self._line("")
        number = f"{self.queue.place + 1} of {len(self.queue.rows)}"
        self._line(f"{number}  {shown_path(file.path)}", bold=True)
        parts = [file.artist, file.title, file.album, clock(found.entry.seconds)]
        self._line("  " + " – ".join(part for part in parts if part))
        self._line("  now    " + ("; ".join(file.genres) or "–"))
        heard = f"{'; '.join(proposal.genres)} {proposal.confidence:.2f}"
        then = f", then {proposal.runner_up}" if proposal.runner_up else ""
        why = f" ({proposal.reason})" if proposal.reason else ""
        self._line(f"  heard  {heard}{then}{why}", fg="green")
        if found.disagreement is not None:
            told = ", ".join(f"{n} {genre}" for genre, n in found.disagreement.genres)
            self._line(f"  album  {told}; together {found.disagreement.together}")
        self._line(_MENU, dim=True)

    # -- what the keys do

    def _accept(self, found: Suggestion, _text: str) -> None:
        self.queue.answer("accepted", found.proposal.genres)

    def _runner_up(self, found: Suggestion, _text: str) -> None:
        genres = _split(found.proposal.runner_up)
        if genres:
            self.queue.answer("changed", genres)
        else:
            self._tell("there is no runner-up")

    def _change(self, _found: Suggestion, text: str) -> None:
        genres = _split(self.answers.text("  genre (several with ; between them): ", text))
        if genres:
            self.queue.answer("changed", genres)
        else:
            self._tell("nothing was changed")

    def _play(self, found: Suggestion, _text: str) -> None:
        answer = found.entry.answer
        deciding = answer.more.get("deciding") if answer else None
        start = float(deciding[0]["start"]) if deciding else 0.0
        self._tell(self.player.play(found.entry.file.path, start))

    def _accept_above(self, _found: Suggestion, text: str) -> None:
        given = self.answers.text("  accept all from this confidence on: ", text)
        try:
            bound = float(given.replace(",", "."))
            if not 0 <= bound <= 1:
                raise ValueError
        except ValueError:
            self._tell(f"{given!r}; expected a confidence from 0 to 1")
            return
        self._tell(f"{_files(self.queue.accept_above(bound))} accepted")

    def _undo(self, _found: Suggestion, _text: str) -> None:
        self._take_back()

    def _take_back(self) -> bool:
        taken = self.queue.undo()
        self._tell(f"{_files(taken)} taken back" if taken else "nothing to take back")
        return taken > 0


def _split(text: str) -> tuple[str, ...]:
    """Genres with semicolons between them, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))


def _files(n: int) -> str:
    return f"{n} file{'s' if n != 1 else ''}"


def _write(db: sqlite3.Connection, queue: Review, model: Model, wishes: Policy) -> Session:
    """Write what was accepted, as one run."""
    from genrewise.library.journal import writing
    from genrewise.library.tagging import Writer, suggest

    with writing(db, typed(), model.id) as number, Writer(db, number, wishes) as writer:
        session = Session(Rows(everything=False, writes=True), writer)
        for suggestions in suggest(db, list(queue.answered), model, wishes):
            session.take(suggestions)
    return session


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(readable=False))
@click.option("--write", is_flag=True, help="At the end write what was accepted.")
@click.option("--proposed", is_flag=True, help="Also what would be written without a look.")
@click.option("--player", default="", metavar="COMMAND", help="What plays a song.")
@click.option("--json", "as_json", is_flag=True, help="Only print the queue, as a JSON array.")
@policy_options
@click.option("--model", default="", metavar="NAME", help="Whose answers.")
@db_option
@no_colour_option
@click.pass_context
def review(
    ctx: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    write: bool,
    proposed: bool,
    player: str,
    as_json: bool,
    model: str,
    db: Path | None,
    **options: Any,
) -> None:
    """Go through the songs that the model is not sure of.

    PATHS keep to some files or folders. Every answer is kept at once; genrewise tag --write, or
    --write here, writes what was accepted. In a pipe each line is an answer: a, r, s, c GENRE,
    A .8, u, q.
    """
    from genrewise.library.catalogue import model_in_use
    from genrewise.library.review import Review, names_to_choose, queue

    with opened(db) as library:
        heard_by = model_in_use(library, model)
        wishes = policy(heard_by.labels, options)
        waiting = Review(library, heard_by, wishes, queue(library, paths, proposed=proposed))
        if as_json:
            _print(waiting)
            return
        names = names_to_choose(library, heard_by, wishes)
        with answers(names) as said:
            Desk(waiting, said, Player(player)).run()
        say(_closing(waiting, write))
        if write and waiting.answered:
            session = _write(library, waiting, heard_by, wishes)
            say(f"{_files(session.written)} written. genrewise undo takes it back")
            ctx.exit(int(session.counts["failed"] > 0))


def _print(waiting: Review) -> None:
    """The queue as JSON."""
    array = JsonArray(ready_stdout())
    while (found := waiting.current()) is not None:
        array.write(record(found))
        waiting.place += 1
    array.close()


def _closing(waiting: Review, write: bool) -> str:
    """What was done and what is left."""
    left = len(waiting.rows) - waiting.place
    text = f"{_files(len(waiting.answered))} decided, {left} left"
    if waiting.answered and not write:
        text += ". genrewise tag --write writes what was accepted"
    return text
