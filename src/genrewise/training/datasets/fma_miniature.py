"""A miniature of FMA: its true layout and tables, with synthetic music as mp3 files.

Eight genres under FMA's names and ids, artists that stay on one side of the official
split, some tracks with a genre below Rock, some of the large subset without audio or top
genre, one mp3 that cannot be decoded, ``checksums`` as in the archives.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genrewise.errors import DatasetError
from genrewise.features.summary import fma518
from genrewise.training.datasets.settings import numbers
from genrewise.training.datasets.synthesis import SR
from genrewise.training.datasets.synthetic import F32, STYLES, artist, render

__all__ = ["generate", "prepare"]

#: FMA's top genres: their id there, and the synthetic genre that stands for them.
_GENRES: dict[str, tuple[int, str]] = {
    "Electronic": (15, "techno"),
    "Experimental": (38, "ambient"),
    "Folk": (17, "waltz"),
    "Hip-Hop": (21, "hiphop"),
    "Instrumental": (1235, "chorale"),
    "International": (2, "bossa"),
    "Pop": (10, "disco"),
    "Rock": (12, "blues"),
}
#: Genres below Rock.
_BELOW_ROCK = {25: "Punk", 26: "Post-Rock", 27: "Lo-Fi"}
#: Names of the columns of tracks.csv, both rows.
_COLUMNS = tuple(
    (above, name)
    for above, names in (
        ("album", "comments date_created date_released engineer favorites id information listens"
         " producer tags title tracks type"),
        ("artist", "active_year_begin active_year_end associated_labels bio comments date_created"
         " favorites id latitude location longitude members name related_projects tags website"
         " wikipedia_page"),
        ("set", "split subset"),
        ("track", "bit_rate comments composer date_created date_recorded duration favorites"
         " genre_top genres genres_all information interest language_code license listens"
         " lyricist number publisher tags title"),
    )
    for name in names.split()
)  # fmt: skip
#: From one track id to the next; several share a folder, as there.
_STEP = 173
#: Tracks of the large subset that have no audio here.
_LARGE = 3


@dataclass(frozen=True)
class _Track:
    """One row."""

    id: int
    genre: str
    number: int
    who: int
    split: str
    subset: str = "small"

    @property
    def path(self) -> str:
        """Below the folder of audio."""
        return f"{self.id:06d}"[:3] + f"/{self.id:06d}.mp3"

    @property
    def genres(self) -> list[int]:
        """Ids of its genres; half of Rock names one below it."""
        if not self.genre:
            return [10, 12]
        top = _GENRES[self.genre][0]
        return [top, list(_BELOW_ROCK)[self.number // 2 % 3]] if (
            self.genre == "Rock" and self.number % 2
        ) else [top]  # fmt: skip


def _split(who: int, artists: int) -> str:
    """A tenth of the artists each for validation and test, one at least."""
    held = max(1, round(artists / 10))
    if who >= artists - held:
        return "test"
    return "validation" if who >= artists - 2 * held else "training"


def _tracks(tracks_per_genre: int, tracks_per_artist: int) -> list[_Track]:
    artists = -(-tracks_per_genre // tracks_per_artist)
    found: list[_Track] = []
    for number in range(tracks_per_genre):
        who = number // tracks_per_artist
        for genre in _GENRES:
            where = _split(who, artists)
            found.append(_Track(2 + _STEP * len(found), genre, number, who, where))
    for number in range(_LARGE):
        genre = "" if number else "Pop"
        found.append(_Track(2 + _STEP * len(found), genre, number, 0, "training", "large"))
    return found


def _music(track: _Track, seconds: float, seed: int) -> F32:
    """Samples of a track; an artist's instruments stay the same."""
    style = _GENRES[track.genre][1]
    place = list(STYLES).index(style)
    who = artist(STYLES[style], np.random.default_rng([seed, place, track.who]))
    rng = np.random.default_rng([seed, place, track.who, track.number])
    return render(who, seconds, rng)


def _cells(track: _Track, seconds: float) -> list[str]:
    """The row of a track in tracks.csv."""
    who = f"{list(_GENRES).index(track.genre or 'Pop') + 1}{track.who:03d}"
    given = {
        ("album", "id"): who,
        ("album", "title"): f"Album of {who}",
        ("album", "tags"): "[]",
        ("artist", "bio"): f'<p>"{who}", a band;\nthey play, and play.</p>',
        ("artist", "id"): who,
        ("artist", "name"): f"Großes Orchester № {who}",
        ("artist", "tags"): "[]",
        ("set", "split"): track.split,
        ("set", "subset"): track.subset,
        ("track", "bit_rate"): "256000",
        ("track", "duration"): f"{seconds:.0f}",
        ("track", "genre_top"): track.genre,
        ("track", "genres"): str(track.genres),
        ("track", "genres_all"): str(sorted(track.genres)),
        ("track", "license"): "made up: nobody's",
        ("track", "listens"): str(track.number),
        ("track", "tags"): "[]",
        ("track", "title"): f"Piece {track.number}",
    }
    return [str(track.id), *(given.get(name, "") for name in _COLUMNS)]


def _write(path: Path, rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


def _genre_rows(tracks: Sequence[_Track]) -> Iterator[tuple[object, ...]]:
    yield "genre_id", "#tracks", "parent", "title", "top_level"
    below = {n: (title, 12) for n, title in _BELOW_ROCK.items()}
    tops = {n: (title, 0) for title, (n, _) in _GENRES.items()}
    for n, (title, parent) in sorted((tops | below).items()):
        yield n, sum(n in t.genres for t in tracks), parent, title, parent or n


def _feature_head(names: Sequence[str]) -> list[list[str]]:
    """The three rows of names and the one that names the index."""
    parts = [name.rsplit("_", 2) for name in names]
    titles = ("feature", "statistics", "number")
    rows = [[title, *row] for title, row in zip(titles, zip(*parts, strict=True), strict=True)]
    return [*rows, ["track_id", *[""] * len(names)]]


def generate(
    folder: str | os.PathLike[str],
    tracks_per_genre: int = 12,
    seconds: float = 6.0,
    seed: int = 0,
    *,
    tracks_per_artist: int = 2,
) -> Path:
    """Write a miniature of FMA.

    Parameters
    ----------
    folder : path
        Made where it is not there; gets ``fma_metadata`` and ``fma_small``.
    tracks_per_genre : int
        Of each of the eight genres; those of three artists or more.
    seconds : float
        Length of a track, at least 1.
    seed : int
        The same arguments write the same bytes.
    tracks_per_artist : int

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DatasetError
        Counts or lengths that give no training, validation and test music.
    """
    import soundfile

    if tracks_per_artist < 1 or tracks_per_genre <= 2 * tracks_per_artist or seconds < 1:
        raise DatasetError(
            f"an FMA miniature of {tracks_per_genre} tracks a genre, {tracks_per_artist} an"
            f" artist, {seconds:g} s",
            "three artists a genre and 1 s, or more",
        )
    root = Path(folder)
    tracks = _tracks(tracks_per_genre, tracks_per_artist)
    sums, rows, names = [], [], tuple[str, ...]()
    for track in (t for t in tracks if t.subset == "small"):
        y = _music(track, seconds, seed)
        found = fma518(y, SR)
        names = found.names
        rows.append([track.id, *map(str, found.values.tolist())])
        file = root / "fma_small" / track.path
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, y, SR, format="MP3")
        if track == tracks[0]:
            # Nothing but an empty tag, as some clips there.
            file.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x00")
        sums.append(f"{hashlib.sha1(file.read_bytes()).hexdigest()}  {track.path}\n")
    (root / "fma_small" / "checksums").write_text("".join(sums), encoding="utf-8")
    tables = root / "fma_metadata"
    _write(tables / "genres.csv", _genre_rows(tracks))
    _write(tables / "features.csv", [*_feature_head(names), *rows])
    above, below = zip(*_COLUMNS, strict=True)
    head = [["", *above], ["", *below], ["track_id", *[""] * len(_COLUMNS)]]
    # Written last: a copy with this table is complete.
    _write(tables / "tracks.csv", [*head, *(_cells(t, seconds) for t in tracks)])
    return root


#: Settings of the data set named ``fma-miniature`` and their defaults.
SETTINGS: dict[str, float] = {
    "tracks_per_genre": 12,
    "seconds": 6.0,
    "seed": 0,
    "tracks_per_artist": 2,
}


def prepare(settings: str, cache: Path) -> Path:
    """The folder of ``fma-miniature:KEY=VALUE,…``, made in the cache where it is not there.

    Parameters
    ----------
    settings : str
        ``"tracks_per_genre=12,seconds=6"``; keys of :data:`SETTINGS`.
    cache : Path

    Raises
    ------
    RecipeError
        An unknown key, with the nearest; a value that is no number.
    DatasetError
        As :func:`generate`.
    """
    chosen = numbers("fma-miniature", settings, SETTINGS)
    folder = cache / "fma-miniature" / ("v1-" + "-".join(f"{chosen[key]:g}" for key in SETTINGS))
    if not (folder / "fma_metadata" / "tracks.csv").is_file():
        generate(
            folder,
            int(chosen["tracks_per_genre"]),
            chosen["seconds"],
            int(chosen["seed"]),
            tracks_per_artist=int(chosen["tracks_per_artist"]),
        )
    return folder
