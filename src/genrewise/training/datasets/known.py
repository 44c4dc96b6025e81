"""Well-known data sets: what they are, what a copy looks like, where copies come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genrewise.errors import DatasetError, GenrewiseError, UnknownName

__all__ = ["ARCHIVES", "KNOWN", "Known", "refuse_to_fetch"]


@dataclass(frozen=True)
class Known:
    """A data set that people have.

    Parameters
    ----------
    what : str
        What it holds, and the source.
    form : str
        What of a copy is looked for.
    get : str
        How to come by one; what to give to a command.
    """

    what: str
    form: str
    get: str


KNOWN: Mapping[str, Known] = {
    "gtzan": Known(
        "1,000 tracks of 30 s, ten genres, known faults and copies (Tzanetakis & Cook 2002;"
        " Sturm 2013)",
        "blues.00000.au, .wav or .png in any folders; index.csv (track, group, split,"
        " replica_set) beside them names artists, copies and the fault-filtered split",
        "the publisher's page is gone; copies: Hugging Face marsyas/gtzan, Kaggle"
        " andradaolteanu/gtzan-dataset-music-genre-classification",
    ),
    "fma": Known(
        "106,574 tracks of free music by 16,341 artists, 8 to 16 top genres, official split"
        " (Defferrard et al. 2017)",
        "fma_metadata/tracks.csv beside fma_small/000/000002.mp3, or medium, large, full;"
        " give fma:FOLDER, fma:FOLDER?small, fma:FOLDER?features, fma:FOLDER?audio,features",
        "https://os.unil.cloud.switch.ch/fma/fma_metadata.zip (342 MiB) and fma_small.zip"
        " (7.2 GiB) beside it; medium 22 GiB, large 93 GiB, full 879 GiB",
    ),
    "fma-miniature": Known(
        "FMA's layout and tables with synthetic music as mp3, to try things on",
        "fma-miniature:tracks_per_genre=12,seconds=6,tracks_per_artist=2,seed=0, then ?features"
        " as for fma",
        "made in the cache by its name",
    ),
    "free-music": Known(
        "free music of games from Debian's packages, some 70 tracks with their authors' own"
        " genres, most classical and metal, and hundreds without; other recordings than GTZAN",
        "manifest.csv with label (one of GTZAN's ten; electronic, ambient or folk, which are none"
        " of them; or empty), group, package, licence",
        "genrewise datasets get free-music -o FOLDER, on Debian and systems made of it; --all for"
        " the music without labels; --from FOLDER for packages at hand",
    ),
    "synthetic": Known(
        "twelve made-up genres, rendered by numpy",
        "synthetic:tracks_per_genre=6,seconds=5,seed=0,genres=12,tracks_per_artist=3",
        "made in the cache by its name, or by: genrewise datasets synthetic -o FOLDER",
    ),
    "your own": Known(
        "clips of songs, such as the sub-genres of hard techno of system 002",
        "one sub-folder a genre; or manifest.csv with path, label, group (the song or its"
        " artist), track, start",
        "genrewise cut SONGS -o FOLDER --length 8 writes clips and manifest",
    ),
}

#: SHA-1 of archives, as their publishers print them: FMA's README of 2017-05-09.
ARCHIVES: Mapping[str, str] = {
    "fma_metadata.zip": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    "fma_small.zip": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "fma_medium.zip": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "fma_large.zip": "497109f4dd721066b5ce5e5f250ec604dc78939e",
    "fma_full.zip": "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab",
}


def refuse_to_fetch(name: str, known: Mapping[str, Known]) -> GenrewiseError:
    """The error for a data set that cannot be fetched, with how to come by it.

    Parameters
    ----------
    name : str
    known : mapping of str to Known
    """
    if name not in known:
        return UnknownName("data set to get", name, known)
    return DatasetError(
        f"{name} is not one that can be fetched",
        "free-music",
        f"how to come by it: {known[name].get}",
    )
