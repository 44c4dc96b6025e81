"""Debian's packages with free music: where in each it lies, and what it may be used for."""

from __future__ import annotations

from dataclasses import dataclass

from genrewise.training.datasets.free_music_labels import label_of

__all__ = ["PACKAGES", "Package"]


@dataclass(frozen=True)
class Package:
    """A package and the music in it.

    Parameters
    ----------
    name : str
    version : str
        The one that was looked through.
    megabytes : int
        Of that version's file, 10^6 bytes.
    root : str
        The folder that holds the music, from the root of a file system.
    licence : str
        Of the music, as the package's copyright file says; "and others" where single pieces
        have their own.
    artist : str
        Who made all of it, where the tags do not say.
    only : str
        Pattern of the paths below `root` that are music; ``*`` takes a ``/`` as well.
    archive : str
        A zip file below `root` that holds the music; `only` is of the paths in it.
    parts : tuple of str
        Files of one folder that sound together: their sum is the song.
    """

    name: str
    version: str
    megabytes: int
    root: str
    licence: str
    artist: str = ""
    only: str = "*"
    archive: str = ""
    parts: tuple[str, ...] = ()

    @property
    def labelled(self) -> bool:
        """Whether a genre of some of it was reviewed."""
        return bool(label_of(self.name))


_P = Package
_FRETS = "usr/share/games/fretsonfire/data/songs"
_STEMS = ("song.ogg", "guitar.ogg")

#: Those with labels come first, the small ones before the large.
PACKAGES: tuple[Package, ...] = (
    _P("wordwarvi-sound", "1.0.4-2", 9, "usr/share/wordwarvi/sounds", "CC-BY-SA-3.0",
       "Stephen M. Cameron"),
    _P("wizznic-data", "0.9.9+dfsg-1", 17, "usr/share/games/wizznic", "GPL-3"),
    _P("freedink-data", "1.08.20190120-2", 29, "usr/share/games/dink/dink/Sound",
       "CC-BY-SA-3.0 and others"),
    _P("fretsonfire-songs-muldjord", "2.dfsg-2.1", 29, f"{_FRETS}/muldjord", "CC-BY-SA-3.0",
       "Muldjord", parts=_STEMS),
    _P("marsshooter-data", "0.7.6-7", 68, "usr/share/games/marsshooter/audio", "CC-BY-SA-3.0"),
    _P("nexuiz-music", "2.5.2-12", 84, "usr/share/games/nexuiz/data", "GPL-2+",
       only="sound/cdtracks/*", archive="music.pk3"),
    _P("warmux-data", "1:11.04.1+repack2-4", 98, "usr/share/games/warmux/music", "GPL-2+"),
    _P("openclonk-data", "8.1-3", 112, "usr/share/games/openclonk/Music.ocg",
       "CC-BY-3.0 or CC0-1.0"),
    _P("wesnoth-1.16-music", "1:1.16.9-1", 153, "usr/share/games/wesnoth/1.16/data/core/music",
       "GPL-2+"),
    _P("freedroidrpg-data", "1.0-1", 228, "usr/share/freedroidrpg/data/sound/music",
       "GPL-2+ and others"),
    _P("megaglest-data", "3.13.0-3", 242,
       "usr/share/games/megaglest/techs/megapack/factions", "CC-BY-SA-3.0", only="*/music/*"),
    _P("unknown-horizons", "2019.1-6", 248, "usr/share/unknown-horizons/content/audio/music",
       "GPL-2+ and others"),
    _P("naev-data", "0.8.2-1", 350, "usr/share/naev/dat/snd/music",
       "GPL-2+, GPL-3, CC-BY-3.0 and CC-BY-SA-3.0"),
    _P("widelands-data", "2:1.1-3", 381, "usr/share/games/widelands/data/music",
       "GPL-2+ and CC-BY-SA-3.0"),
    # From here on nobody says a genre.
    _P("amoebax-data", "0.2.1+dfsg-6", 9, "usr/share/games/amoebax/music",
       "Free Art License 1.2", "Àlex Almarza"),
    _P("asc-music", "1.3-6", 10, "usr/share/games/asc/music", "GPL-2+", "Michael Kievernagel"),
    _P("ardentryst", "1.71-9", 24, "usr/share/games/ardentryst/Music", "CC-BY-SA-3.0",
       "Jordan Trudgett"),
    _P("berusky2-data", "0.12-2", 560, "usr/share/games/berusky2/music", "GPL-2+",
       "Martin Linda"),
    _P("colobot-common-sounds", "0.2.0-2", 61, "usr/share/games/colobot/music", "GPL-3+"),
    _P("davegnukem-data", "1.0.3-4", 20, "usr/share/games/davegnukem/music",
       "Expat or GPL-2 or GPL-3"),
    _P("drascula-music", "1.0+ds4-2", 36, "usr/share/scummvm/drascula/audio",
       "Drascula licence"),
    _P("enigma-data", "1.20-dfsg.1-2.2", 30, "usr/share/games/enigma/music", "GPL-2+",
       "Clifford J. Tasner"),
    _P("extremetuxracer-data", "0.8.2-1", 41, "usr/share/games/etr/music", "GPL-2+"),
    _P("fillets-ng-data", "1.0.1-1.1", 71, "usr/share/games/fillets-ng/music", "GPL-2+"),
    _P("flare-game", "1.14-1", 123, "usr/share/games/flare/mods/fantasycore/music",
       "CC-BY-SA-3.0+"),
    _P("freecol", "1.0.0-1", 142, "usr/share/games/freecol/default/resources/music",
       "CC-BY-4.0"),
    _P("fretsonfire-songs-sectoid", "1.dfsg-3.1", 29, f"{_FRETS}/sectoid", "Expat", "Sectoid",
       parts=_STEMS),
    _P("frozen-bubble-data", "2.212-11", 22, "usr/share/games/frozen-bubble/snd", "GPL-2"),
    _P("hedgewars-data", "1.0.2-6", 145, "usr/share/games/hedgewars/Data/Music",
       "GPL-2 and others"),
    _P("hyperrogue-music", "12.0q-1", 64, "usr/share/hyperrogue/music",
       "CC-BY-SA-3.0 and CC-BY-SA-4.0"),
    _P("lincity-ng-data", "2.9~git20150314-5", 45, "usr/share/games/lincity-ng/music", "GPL-2+"),
    _P("lordsawar-data", "0.3.2+frogknows-1", 22, "usr/share/games/lordsawar/music",
       "GPL-3+ and others"),
    _P("neverball-common", "1.6.0+git20180603-3", 17, "usr/share/games/neverball/bgm", "GPL-2+"),
    _P("noiz2sa-data", "0.51a-13", 8, "usr/share/games/noiz2sa/sounds", "BSD-2-Clause",
       "Kenta Cho"),
    _P("planetblupi-music-ogg", "1.14.2-3", 60, "usr/share/planetblupi/music", "GPL-3+"),
    _P("powermanga-data", "0.93.1-5", 10, "usr/share/games/powermanga/sound", "GPL-3+"),
    _P("pushover-data", "0.0.5+git20180909-4", 32, "usr/share/pushover/themes", "GPL-3+"),
    _P("scorched3d-data", "44+dfsg-8", 32, "usr/share/games/scorched3d/data", "GPL-2+",
       only="*music/*"),
    _P("singularity-music", "007-2", 52, "usr/share/games/singularity", "CC-BY-SA-3.0",
       "Maxstack"),
    _P("starfighter-data", "2.4-1", 46, "usr/share/starfighter/music",
       "GPL-2+ and others"),
    _P("supertux-data", "0.6.3-2", 162, "usr/share/games/supertux2/music", "GPL-2+ and others"),
    _P("supertuxkart-data", "1.4+dfsg-2", 628, "usr/share/games/supertuxkart/data/music",
       "CC-BY-SA-3.0 and others"),
    _P("trackballs-data", "1.3.4-1", 31, "usr/share/games/trackballs/music",
       "GPL-2+ and Ethymonics Free Music License"),
    _P("ufoai-music", "2.5-2", 210, "usr/share/games/ufoai/base",
       "GPL-2+, CC-BY-3.0 and CC-BY-SA-3.0", archive="0music.pk3"),
    _P("warzone2100-music", "4.3.3-3", 86, "usr/share/games/warzone2100/music",
       "GPL-2+ and others"),
    _P("xmoto-data", "0.6.1+repack-9", 32, "usr/share/games/xmoto/Textures/Musics", "GPL-2+"),
    _P("zaz-data", "1.0.1-1", 20, "usr/share/games/zaz", "CC-BY-SA-3.0", "paniq"),
)  # fmt: skip
