"""The vocabulary, written by hand: what each tag rests on, and what is an example of it.

The collections at hand give each track one word of fourteen.  That a track of one genre is no
example of another is assumed, not heard; where it is not plain the genre is *unsure* for the
tag and on neither side of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HARD_TECHNO", "KINDS", "KNOWN", "LEFT_OUT", "TABLE", "TagRule"]

#: What the collections call their tracks, all of them together.
KINDS = (
    *("ambient", "blues", "classical", "country", "disco", "electronic", "folk"),
    *("hiphop", "jazz", "metal", "pop", "reggae", "rock", "techno"),
)

#: Labels of the collection of hard techno and what they are here.  A "non-techno drop" is
#: whatever the song turns to for a while: left out.
HARD_TECHNO: Mapping[str, str] = {
    "bouncy": "techno",
    "industrial": "techno",
    "oldschool-hardstyle": "electronic",  # some would call it techno: unsure there
    "psytech": "techno",
    "tekno": "techno",
    "warzone": "techno",
}


@dataclass(frozen=True)
class TagRule:
    """One tag of the vocabulary.

    Parameters
    ----------
    label : str
        As in :mod:`genrewise.labels`.
    own : tuple of str
        The pretrained network's tags that it rests on.
    positive : tuple of str
        Words of :data:`KINDS` whose tracks are examples; without any the tag is the network's
        own and not calibrated.
    unsure : tuple of str
        Words whose tracks may be either; those of all others are counter-examples.
    rows : bool
        Whether it learns from tag vectors of tracks without audio as well; then it sees the
        network's fifty tags and nothing else.
    """

    label: str
    own: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    rows: bool = False

    @property
    def negative(self) -> tuple[str, ...]:
        """Words whose tracks are counter-examples; none where there are no examples."""
        either = {*self.positive, *self.unsure}
        return tuple(kind for kind in KINDS if kind not in either) if self.positive else ()


TABLE: tuple[TagRule, ...] = (
    TagRule("alternative", own=("alternative",)),
    TagRule("ambient", own=("ambient",)),
    # Rock, jazz, country and folk share its forms, and its players.
    TagRule("blues", ("blues",), ("blues",), ("rock", "jazz", "country", "folk")),
    # Quiet synthesiser music and arranged folk tunes are often played by an orchestra.
    TagRule("classical", (), ("classical",), ("ambient", "folk")),
    # Pop is dance and R&B of 2000 here, so no unsure one.
    TagRule("country", ("country",), ("country",), ("rock", "blues", "folk")),
    # Dance pop and house descend from it.
    TagRule("disco", (), ("disco",), ("pop", "electronic"), rows=True),
    # Synthesisers and drum machines are in all five.
    TagRule(
        "electronic",
        ("electronic",),
        ("electronic", "techno"),
        ("ambient", "disco", "hiphop", "pop", "reggae"),
    ),
    TagRule("folk", own=("folk",)),
    TagRule("funk", own=("funk",)),
    TagRule("hardrock", own=("hard rock",)),
    # Pop of 2000 borrows its beats and guests, toasting is near rapping, and breaks are cut.
    TagRule("hiphop", ("Hip-Hop",), ("hiphop",), ("pop", "reggae", "electronic")),
    TagRule("house", own=("House",)),
    TagRule("indie", own=("indie",)),
    TagRule("jazz", ("jazz",), ("jazz",), ("blues",)),
    # The tracks of rock have the same instruments: the hardest counter-examples there are.
    TagRule("metal", ("metal", "heavy metal"), ("metal",)),
    # What sells is pop, whatever else it is; classical music, jazz, blues and metal are not.
    TagRule(
        "pop",
        ("pop",),
        ("pop",),
        ("country", "disco", "electronic", "folk", "hiphop", "reggae", "rock"),
    ),
    TagRule("punk", own=("punk",)),
    TagRule("reggae", (), ("reggae",)),
    TagRule("rnb", own=("rnb",)),
    # Metal is rock.  Half of hip-hop here is by a band that plays guitars.
    TagRule(
        "rock",
        ("rock",),
        ("rock", "metal"),
        ("blues", "country", "folk", "hiphop", "pop"),
    ),
    TagRule("soul", own=("soul",)),
    # The free electronic music has house and drum and bass in it, and pieces between.
    TagRule("techno", (), ("techno",), ("electronic",)),
)

#: Tags of the network that were looked at and are no tags here, and why.
LEFT_OUT: Mapping[str, str] = {
    "Progressive rock": "highest for blues guitar and for Vivaldi, and high for nothing",
    "easy listening": "highest for Bach and ballads, and high for nothing",
    "dance, electro, electronica": "part of electronic; highest for pop of 2000",
    "chillout, oldies, party": "moods and times, not genres",
    "classic rock, indie rock, indie pop, alternative rock": "within rock, indie, alternative",
}

#: Artists of GTZAN whose music is commonly called by a tag that has no labels of its own: no
#: calibration, but a look at whether the tag is where it should be.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "alternative": ("Alanis Morissette", "Creed", "Morphine", "Rage Against The Machine"),
    "folk": ("Kelly Joe Phelps",),
    "funk": ("Earth Wind and Fire", "Heatwave", "KC and The Sunshine Band", "Osibisa"),
    "hardrock": ("Bon Jovi", "Deep Purple", "Def Leppard", "Guns N' Roses"),
    "indie": ("Morphine", "The Stone Roses"),
    "punk": ("New Bomb Turks",),
    "rnb": ("Aaliyah", "Destiny's Child", "Mariah Carey", "Peabo Bryson & Regina Belle"),
    "soul": (
        *("Archie Bell and The Drells", "Ashford & Simpson", "Harold Melvin & The Blue Notes"),
        *("Simply Red", "The Three Degrees", "The Tymes"),
    ),
}
