"""Label sets: which genres, in which order, and what the rest of the world calls them.

A label is spelled as in the folders of its data set (``hiphop``); how people write it
(``Hip-Hop``) is its display name.  Repairs are spellings seen in circulating copies of
a known data set.  They apply to known sets only: a user's own folders are never renamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from genrewise.errors import UnknownName

__all__ = [
    "LABEL_SETS",
    "Genre",
    "LabelSet",
    "ancestors",
    "display",
    "genre",
    "label_set",
    "recognise",
]


@dataclass(frozen=True)
class Genre:
    """One label and its names elsewhere.

    Parameters
    ----------
    label : str
        As in the folders of the data set.
    display : str
        As people write it.
    id3v1 : str
        Nearest name in the ID3v1 list (with Winamp's extensions).
    code : int
        Number of that name in the list, 0 to 191.
    discogs : str
        ``"Genre---Style"`` as Discogs files it; the genre alone where no style fits.
    musicbrainz : str
        As MusicBrainz spells it, and with it Picard and the whitelists of taggers: small
        letters, ``"hip hop"``; empty where it has no such genre.
    parent : str
        Label of the genre that it is a kind of; empty where it stands by itself.
    """

    label: str
    display: str
    id3v1: str
    code: int
    discogs: str
    musicbrainz: str = ""
    parent: str = ""


@dataclass(frozen=True)
class LabelSet:
    """Labels of a known data set.

    Parameters
    ----------
    name : str
    labels : tuple of str
        In the order of the class indices.
    repairs : mapping of str to str
        Odd spelling, folded as by :func:`fold`, to the label meant.
    """

    name: str
    labels: tuple[str, ...]
    repairs: Mapping[str, str] = field(default_factory=dict)

    def repair(self, name: str) -> str | None:
        """The label meant by a spelling; None where it is none of this set.

        Parameters
        ----------
        name : str
            ``"Hip-Hop"``, ``"hip_hop"``; case, blanks and punctuation do not matter.
        """
        if name in self.labels:
            return name
        folded = fold(name)
        plain = {fold(label): label for label in self.labels}
        return plain.get(folded) or self.repairs.get(folded)


def fold(name: str) -> str:
    """A spelling without case, blanks and punctuation: ``"R&B / Soul"`` → ``"rbsoul"``."""
    return "".join(c for c in name.casefold() if c.isalnum())


_TECHNO_5 = ("bouncy", "tekno", "warzone", "industrial", "non-techno-drop")

#: The known sets by name.
LABEL_SETS: Mapping[str, LabelSet] = {
    s.name: s
    for s in (
        LabelSet(
            "gtzan-10",
            (
                "blues",
                "classical",
                "country",
                "disco",
                "hiphop",
                "jazz",
                "metal",
                "pop",
                "reggae",
                "rock",
            ),
            {
                "rap": "hiphop",
                "raphiphop": "hiphop",
                "hiphoprap": "hiphop",
                "classic": "classical",
                "reggea": "reggae",
                "heavymetal": "metal",
            },
        ),
        LabelSet(
            "fma-8",
            (
                "Electronic",
                "Experimental",
                "Folk",
                "Hip-Hop",
                "Instrumental",
                "International",
                "Pop",
                "Rock",
            ),
            {"electronica": "Electronic", "world": "International"},
        ),
        LabelSet(
            "fma-16",
            (
                "Blues",
                "Classical",
                "Country",
                "Easy Listening",
                "Electronic",
                "Experimental",
                "Folk",
                "Hip-Hop",
                "Instrumental",
                "International",
                "Jazz",
                "Old-Time / Historic",
                "Pop",
                "Rock",
                "Soul-RnB",
                "Spoken",
            ),
            {"electronica": "Electronic", "oldtime": "Old-Time / Historic"},
        ),
        LabelSet("techno-5", _TECHNO_5, {"nontechno": "non-techno-drop"}),
        LabelSet(
            "techno-7",
            (
                "bouncy",
                "industrial",
                "non-techno-drop",
                "oldschool-hardstyle",
                "psytech",
                "tekno",
                "warzone",
            ),
            {"nontechno": "non-techno-drop", "hardstyle": "oldschool-hardstyle"},
        ),
        LabelSet(
            "synthetic-12",
            (
                "ambient",
                "blues",
                "bossa",
                "chorale",
                "disco",
                "hiphop",
                "march",
                "metal",
                "reggae",
                "swing",
                "techno",
                "waltz",
            ),
        ),
    )
}

_GENRES = (
    Genre("alternative", "Alternative Rock", "Alternative", 20, "Rock---Alternative Rock",
          "alternative rock", "rock"),
    Genre("ambient", "Ambient", "Ambient", 26, "Electronic---Ambient", "ambient", "electronic"),
    Genre("blues", "Blues", "Blues", 0, "Blues", "blues"),
    Genre("bossa", "Bossa Nova", "Latin", 86, "Latin---Bossanova", "bossa nova"),
    Genre("bouncy", "Bouncy Techno", "Techno", 18, "Electronic---Hard Techno",
          "bouncy techno", "techno"),
    Genre("chorale", "Chorale", "Chorus", 97, "Classical---Choral", "", "classical"),
    Genre("classical", "Classical", "Classical", 32, "Classical", "classical"),
    Genre("country", "Country", "Country", 2, "Folk, World, & Country---Country", "country"),
    Genre("disco", "Disco", "Disco", 4, "Funk / Soul---Disco", "disco"),
    Genre("easylistening", "Easy Listening", "Easy Listening", 98, "Pop---Easy Listening",
          "easy listening"),
    Genre("electronic", "Electronic", "Electronic", 52, "Electronic", "electronic"),
    Genre("experimental", "Experimental", "Experimental", 162, "Electronic---Experimental",
          "experimental"),
    Genre("folk", "Folk", "Folk", 80, "Folk, World, & Country---Folk", "folk"),
    Genre("funk", "Funk", "Funk", 5, "Funk / Soul---Funk", "funk"),
    Genre("hardrock", "Hard Rock", "Hard Rock", 79, "Rock---Hard Rock", "hard rock", "rock"),
    Genre("hiphop", "Hip-Hop", "Hip-Hop", 7, "Hip Hop", "hip hop"),
    Genre("house", "House", "House", 35, "Electronic---House", "house", "electronic"),
    Genre("indie", "Indie Rock", "Indie Rock", 187, "Rock---Indie Rock", "indie rock", "rock"),
    Genre("industrial", "Industrial", "Industrial", 19, "Electronic---Hard Techno",
          "industrial techno", "techno"),
    Genre("instrumental", "Instrumental", "Instrumental", 33, "Pop---Instrumental"),
    Genre("international", "International", "World Music", 181, "Folk, World, & Country"),
    Genre("jazz", "Jazz", "Jazz", 8, "Jazz", "jazz"),
    Genre("march", "March", "Symphony", 106, "Brass & Military---Marches", "march"),
    Genre("metal", "Metal", "Metal", 9, "Rock---Heavy Metal", "metal", "rock"),
    Genre("nontechnodrop", "Non-Techno Drop", "Electronic", 52, "Electronic",
          "electronic", "electronic"),
    Genre("oldschoolhardstyle", "Oldschool Hardstyle", "Techno", 18, "Electronic---Hardstyle",
          "hardstyle", "electronic"),
    Genre("oldtimehistoric", "Old-Time / Historic", "Oldies", 11, "Folk, World, & Country",
          "old-time"),
    Genre("pop", "Pop", "Pop", 13, "Pop", "pop"),
    Genre("psytech", "Psytech", "Psytrance", 177, "Electronic---Psy-Trance",
          "psytrance", "electronic"),
    Genre("punk", "Punk", "Punk", 43, "Rock---Punk", "punk", "rock"),
    Genre("reggae", "Reggae", "Reggae", 16, "Reggae", "reggae"),
    Genre("rnb", "R&B", "R&B", 14, "Funk / Soul---Contemporary R&B", "r&b"),
    Genre("rock", "Rock", "Rock", 17, "Rock", "rock"),
    Genre("soul", "Soul", "Soul", 42, "Funk / Soul---Soul", "soul"),
    Genre("soulrnb", "Soul / R&B", "R&B", 14, "Funk / Soul", "r&b"),
    Genre("spoken", "Spoken", "Speech", 101, "Non-Music---Spoken Word", "spoken word"),
    Genre("swing", "Swing", "Swing", 83, "Jazz---Swing", "swing", "jazz"),
    Genre("techno", "Techno", "Techno", 18, "Electronic---Techno", "techno", "electronic"),
    Genre("tekno", "Tekno", "Techno", 18, "Electronic---Free Tekno", "tekno", "techno"),
    Genre("waltz", "Waltz", "Classical", 32, "Classical---Waltz", "waltz", "classical"),
    Genre("warzone", "Warzone", "Techno", 18, "Electronic---Hard Techno",
          "hard techno", "techno"),
)  # fmt: skip
_BY_NAME = {g.label: g for g in _GENRES}


def label_set(name: str) -> LabelSet:
    """A known label set.

    Raises
    ------
    UnknownName
        With the nearest names.
    """
    if name not in LABEL_SETS:
        raise UnknownName("label set", name, LABEL_SETS)
    return LABEL_SETS[name]


def recognise(labels: Iterable[str]) -> LabelSet | None:
    """The smallest known set that holds all of these labels, spelled exactly.

    Parameters
    ----------
    labels : iterable of str
        At least two, otherwise nothing is recognised: one common word is no evidence.
    """
    wanted = set(labels)
    if len(wanted) < 2:
        return None
    fitting = [s for s in LABEL_SETS.values() if wanted <= set(s.labels)]
    return min(fitting, key=lambda s: len(s.labels)) if fitting else None


def genre(label: str) -> Genre | None:
    """What is known of a label, whichever set it is of; None where nothing is.

    Parameters
    ----------
    label : str
        Case, blanks and punctuation do not matter.
    """
    return _BY_NAME.get(fold(label))


def ancestors(label: str) -> tuple[str, ...]:
    """The genres that a label is a kind of, the nearest first: ``techno`` → ``("electronic",)``.

    Parameters
    ----------
    label : str
        Case, blanks and punctuation do not matter; one that is not known has none.
    """
    found: list[str] = []
    known = genre(label)
    while known and known.parent:
        found.append(known.parent)
        known = genre(known.parent)
    return tuple(found)


def display(label: str) -> str:
    """The label as people write it; a label that is not known is its own display name."""
    known = genre(label)
    return known.display if known else label
