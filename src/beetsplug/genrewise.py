"""genrewise as a source of genres for beets: heard here, without asking any service.

``plugins: genrewise`` in beets' configuration turns it on.  ``beetsplug`` is beets' own package;
this file is a portion of it, as beets documents for plugins, so there is no ``__init__.py``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from beets import ui
from beets.plugins import BeetsPlugin

from genrewise.cli.library_options import limits, opened
from genrewise.errors import GenrewiseError, LibraryError
from genrewise.library.policies import EXISTING, Policy, Proposal

__all__ = ["GenrewisePlugin"]

#: What stands in beets' configuration below ``genrewise:`` where the user says nothing.
DEFAULTS: dict[str, Any] = {
    "auto": True,
    "model": "",
    "min_confidence": 0.75,
    "existing": "keep",
    "genres": 1,
    "vocabulary": "display",
    "map": "",
    "album": "each",
    "db": "",
    "workers": 0,
    "pretend": False,
}

#: Songs that are heard before any of them is changed.
PAGE = 100

#: What separated genres in the one text that beets had for them up to version 2.6.
SEPARATOR = "; "

#: What this calls the states that are other things to beets' library than to ours.
_SAID = {"proposed": "recognised", "review": "unsure", "written": "kept"}


def genre_field(thing: Any) -> str:
    """The field in which this version of beets keeps the genres of a song or an album."""
    return "genres" if "genres" in thing._fields else "genre"


def genres_of(thing: Any) -> tuple[str, ...]:
    """The genres of a song or an album; blank ones are none."""
    value = thing.get(genre_field(thing)) or ()
    parts = value.split(SEPARATOR) if isinstance(value, str) else value
    return tuple(part for part in parts if part.strip())


def set_genres(thing: Any, genres: Sequence[str]) -> None:
    """Set the genres of a song or an album; nothing is stored yet."""
    name = genre_field(thing)
    thing[name] = list(genres) if name == "genres" else SEPARATOR.join(genres)


def pages(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Songs by the page, those of an album on one."""
    albums: dict[object, list[Any]] = {}
    for item in items:
        albums.setdefault(item.album_id or ("alone", item.id), []).append(item)
    page: list[Any] = []
    for album in albums.values():
        page += album
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page


class GenrewisePlugin(BeetsPlugin):
    """Fills the genres of songs: of those that are imported, and with ``beet genrewise``."""

    def __init__(self) -> None:
        super().__init__()
        self.config.add(DEFAULTS)
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]

    # -- what beets calls

    def commands(self) -> list[ui.Subcommand]:
        """``beet genrewise``."""
        command = ui.Subcommand("genrewise", help="recognise genres by listening, offline")
        add = command.parser.add_option
        add("-p", "--pretend", action="store_true", help="show what would change; change nothing")
        add("-m", "--model", metavar="NAME|FILE", help="a model of genrewise or its file")
        add("-c", "--min-confidence", type="float", metavar="P", help="from this confidence on")
        add("-e", "--existing", choices=EXISTING, help="what becomes of genres that are there")
        add("-n", "--genres", type="int", metavar="N", help="up to N genres a song")
        add("--map", metavar="FILE", help="your own names for the model's labels")
        add("--vocabulary", metavar="NAME", help="whose names: display, id3v1, discogs, label")
        add("-a", "--album", choices=("each", "vote"), help="a genre for each song, or one")
        add("-w", "--write", action="store_true", help="write into the files")
        add("-W", "--nowrite", action="store_false", dest="write", help="only into beets' library")
        command.func = self.command
        return [command]

    def command(self, lib: Any, options: Any, args: list[str]) -> None:
        """Listen to the songs of a query and fill their genres."""
        write = ui.should_write(options.write)
        self.config.set_args(options)
        pretend = self.config["pretend"].get(bool)
        counts: Counter[str] = Counter()
        try:
            for page in pages(lib.items(args)):
                counts += self.fill(page, store=not pretend, write=write, show=True)
        except GenrewiseError as error:
            raise ui.UserError(str(error)) from error
        told = ", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "nothing to do"
        self._log.info("{}", told)

    def imported(self, _session: Any, task: Any) -> None:
        """Fill the genres of what is being imported; beets writes the files afterwards."""
        try:
            self.fill(list(task.imported_items()), store=True, write=False)
        except GenrewiseError as error:  # the import itself goes on
            self._log.warning("{}", error)

    # -- what comes of it

    def fill(
        self, items: Sequence[Any], *, store: bool, write: bool, show: bool = False
    ) -> Counter[str]:
        """Listen to songs and set their genres.

        Parameters
        ----------
        items : sequence of Item
        store : bool
            In beets' library too; without it nothing is changed.
        write : bool
            In the files too.
        show : bool
            Print what changes.

        Returns
        -------
        Counter
            How many songs came to what.

        Raises
        ------
        GenrewiseError
            A setting is wrong, or the library of genrewise cannot be used.
        """
        keeps = self.config["existing"].as_choice(EXISTING) == "keep"
        wanted = [item for item in items if not (keeps and genres_of(item))]
        counts = Counter({"kept": len(items) - len(wanted)})
        for item, proposal in zip(wanted, self.judge(wanted), strict=True):
            counts[self._take(item, proposal)] += 1
            if proposal.state != "proposed":
                continue
            if show:
                ui.show_model_changes(item, fields=[genre_field(item)])
            if store and write:
                item.try_write()
            if store:
                item.store()
        if store:
            for album in _albums(wanted):
                self._sum_up(album, keeps)
        return counts

    def judge(self, items: Sequence[Any]) -> list[Proposal]:
        """What follows for songs; nothing is changed.

        Raises
        ------
        GenrewiseError
        """
        if not items:
            return []
        from genrewise.bundle import find
        from genrewise.library.catalogue import register
        from genrewise.library.elsewhere import Song, judge

        name = self.config["model"].as_str()
        file = find((self._path("model") or "") if name.endswith(".genrewise") else name)
        workers = min(self.config["workers"].get(int) or len(items), len(items), _cpus())
        bounds = limits({"workers": workers, "time_limit": None, "memory_limit": None})
        songs = [Song(os.fsdecode(i.path), genres_of(i), i.album_id or None) for i in items]
        with opened(self._path("db"), create=True) as db:
            model = register(db, file)
            return judge(db, songs, model, file, self._policy(model.labels), **bounds)

    def _policy(self, labels: Sequence[str]) -> Policy:
        from genrewise.library.names import names_of

        sure = self.config["min_confidence"].as_number()
        if not 0 <= sure <= 1:
            raise LibraryError(f"genrewise.min_confidence: {sure:g}", "0 to 1")
        return Policy(
            min_confidence=sure,
            existing=self.config["existing"].as_choice(EXISTING),
            genres=max(1, self.config["genres"].get(int)),
            names=names_of(labels, self.config["vocabulary"].as_str(), self._path("map")),
            album=self.config["album"].as_choice(("each", "vote")) == "vote",
        )

    def _path(self, name: str) -> Path | None:
        """A file that a setting names, from beets' own folder on; None where it is empty."""
        return Path(self.config[name].as_filename()) if self.config[name].get() else None

    def _take(self, item: Any, proposal: Proposal) -> str:
        """Set the genres of one song, where they are sure; says what came of it."""
        guess = "; ".join(proposal.genres)
        if proposal.state == "failed":
            self._log.warning("{}: {}", os.fsdecode(item.path), proposal.reason)
        if proposal.state == "review":
            self._log.info("{}: {}? {:.2f}", item, guess, proposal.confidence)
        if proposal.state == "proposed":
            self._log.debug("{}: {} {:.2f}", item, guess, proposal.confidence)
            set_genres(item, proposal.genres)
        return _SAID.get(proposal.state, proposal.state)

    def _sum_up(self, album: Any, keeps: bool) -> None:
        """Give an album the genres that most of its songs have; the songs keep theirs."""
        counts = Counter(genres for item in album.items() if (genres := genres_of(item)))
        if counts and not (keeps and genres_of(album)):
            set_genres(album, counts.most_common(1)[0][0])
            album.store(inherit=False)


def _albums(items: Iterable[Any]) -> list[Any]:
    """The albums of songs, each once."""
    found = {item.album_id: item for item in items if item.album_id}
    return [album for item in found.values() if (album := item.get_album()) is not None]


def _cpus() -> int:
    from genrewise.engine import usable_cpus

    return usable_cpus()
