"""Genres that the authors of free music gave it themselves, reviewed file by file.

A file is in here where its own genre tag, or the package's documentation, names a genre.
"Game", "Soundtrack", "Instrumental" and "Other" name none.  Left out although a tag is there:

* ``starfighter-data`` frozen_jam, "Blues": the first genre of the old MP3 list, which programs
  write where nobody chose one; the piece is a synthesiser loop.
* ``renpy-demo`` sunflower-slow-drag, "Classical": a rag by Scott Joplin, tagged with its album.
* ``supertuxkart-data`` SkyVibe, "Psychedelic": rock or trance, the word does not say.
* ``openclonk-data`` UrbanBolero, "Orchestral": who plays, not what.
* ``krank`` and ``flare-game``, "Ambient": machines and wind, not music.
* ``marsshooter-data``, six songs of the album Angelic Asylum: no tag, though the band's
  other album has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["REVIEWED", "Reviewed", "label_of"]


@dataclass(frozen=True)
class Reviewed:
    """Files of one package that one word of their authors describes.

    Parameters
    ----------
    package : str
    words : str
        The authors', as they wrote them.
    label : str
        Ours: one of the ten genres of GTZAN, or what lies outside them, ``"electronic"``,
        ``"ambient"`` or ``"folk"``.
    sums : str
        A line a file, as ``sha256sum`` writes it: SHA-256 of the bytes, two blanks, the path
        from the package's music folder.  A song that comes in parts has one checksum over the
        bytes of its parts in order.
    basis : str
        Where the words stand.
    """

    package: str
    words: str
    label: str
    sums: str
    basis: str = "genre tag"

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 by path."""
        pairs = (line.split("  ", 1) for line in self.sums.splitlines())
        return {name: digest for digest, name in pairs}


REVIEWED: tuple[Reviewed, ...] = (
    Reviewed(
        "wesnoth-1.16-music",
        "Romantic Classical",
        "classical",
        """\
1bb2806a9f93f04b188eefa09ee224c10a69117a1efcc1a5eac2208026dd741a  battle-epic.ogg
2f944dc8c1caed80595e51c39733cac39d2ba6ddd28a19d689b79a50d55c77f7  battle.ogg
1a28ac968dbf7a375f14e6ef975be8f5b8b75f2bc192a1ec0ff06259718b166d  breaking_the_chains.ogg
c2d43e3e49c5e083c3a3aa1637ce421db417066b9c4ed85fab4180d17922c364  casualties_of_war.ogg
2242cc00fb6bbc08cee5f0adc9b3366a6e8fad478ff873ccda8bde3b48010639  elvish-theme.ogg
1f3fd358c1f980a87919a32715b045cfee6cfa0313ff9c031512bfac7314e20d  frantic.ogg
e35cc04e15528a0b9f1619048f72a06567374d87f51122db82e4417a2bf08f4a  heroes_rite.ogg
bc311e66730a5724e29f2a04539e65f419e1f9e51104b8af0238e88f7f853202  into_the_shadows.ogg
3b6050f8fa1878285578b7d93b8230c037150761ad907f0c00cad3a987a855a1  journeys_end.ogg
62344c629fb8c4c45b6d717ba02126ee1211780a13697721bb7fbedc151ba394  knalgan_theme.ogg
f717fbf4ce4e883c927d991f5626649ac7e1be52b8b02dc79241980b646df1cc  knolls.ogg
2537f55c654a6e52a7e25247a87e71077b6cba22aa92ab120b3eb9eeffdaf58f  legends_of_the_north.ogg
d0045ec07380869c1924f48b95b255fd209eabee9b64933848ad7a05eebd6fe5  love_theme.ogg
7dbe4e710e8a6ca0295da77c1b9de97f3534f004c172cbc7dd3ac50edf103bd1  loyalists.ogg
d15fd44129b358363639da1e95a56da3d8477ee3c15bd4de9580d611717f8aa9  main_menu.ogg
824d987de1531ca06202a3e03ad6983d5e06c5ebba02748471da108363e550c2  northern_mountains.ogg
9876813fd0fe8e394604d52a3c9831f16564d0c237317b3094f078a4d934b7d3  northerners.ogg
e74c5dbb7f9499f00d7e4afc1570d1999f40f5784d0a96189751da540f053a48  nunc_dimittis.ogg
be35e1d36b63cb884a796801e4c8d33426a403918a5b4737843ea9926c641ebc  revelation.ogg
761bcde3cf5afe5cdff8dde680891219c32588f3d800b210ed55b49bf83d2a86  siege_of_laurelmor.ogg
fb5573dc8a56ba3c2d12934d4cd48dacce41b8a061cea144f5391ffb7e3547fa  silvan_sanctuary.ogg
f167cae251c2906408219e0166883ccdabe41d672918bc0791cb321076e32385  suspense.ogg
f590080f05f59c5cf11016f038340fd199df5925a9ba189ba91011059999450b  the_city_falls.ogg
d85a3cdceadb9f05bdca597cd9631e84ed77be7f65994fe8cc99708bedb925bf  the_dangerous_symphony.ogg
afaf83459ba52ddfb0294e4ce8ddb7dc1cf9c3d3630c6c74a24322526119c00a  the_deep_path.ogg
a558ef845d9a5845973eced9825041426f0e376b63d05a5b84fe85ba85433cd1  the_king_is_dead.ogg
6de11179f01374b305ca891000423cf7a7e980efee8a635a88f9dc97288df4ad  transience.ogg
3599c51b74373ec1f5fa04f8b20dcb90ef55360851cbbff4c23f06c87e0c1167  traveling_minstrels.ogg
f8182c1ec0470b633c4638eff32d2e9bb06b85c8c31747292f270161e0aeb716  underground.ogg
8d87dc46a5731c7c25ec894193f012938fe054f67d70cb8f1f2984b6ad1cf762  vengeful.ogg
4e73e26738f34e1ffd19ae4e56e29e86f0c2af0daa876302d9aba1a55f8c92f4  wanderer.ogg
94154cb345f46f876d40d08779cf4be717304460f0ba77e278e3fec3b4ab3a84  weight_of_revenge.ogg
""",
    ),
    Reviewed(
        "megaglest-data",
        "Classical",
        "classical",
        """\
5692660c5877c3458797177cee191acf7053ac9e3f5e29695ab34eaf59e5e57a  romans/music/romans.ogg
""",
    ),
    Reviewed(
        "unknown-horizons",
        "Classical",
        "classical",
        """\
3684e150fb04621a19f21e8b69fae097cced83a90511fbece999948878171796  Peer Gynt Suite No. 1, Op. 46 - I. Morning.ogg
""",  # noqa: E501
    ),
    Reviewed(
        "warmux-data",
        "Classique",
        "classical",
        """\
6e25ad699abf5d9a7bfd6a988ebb9b30dce5aabc7f56b66739b6563b5be38718  menu/Divertissement_pour_flute.ogg
""",
    ),
    Reviewed(
        "freedink-data",
        "Classical",
        "classical",
        """\
457438b931a7120a6d52379ca186652973b13cd26666a870fa5ecd4fc73520e8  1.ogg
""",
    ),
    Reviewed(
        "freedink-data",
        "Violinkonzert e-moll, op. 64 by Felix Mendelssohn",
        "classical",
        """\
0b57bd0a2336dcecd5c5e9b7f43aaaa958daf3ee7bf493bca2fb59fdca0d1cfb  106.ogg
""",
        "README-REPLACEMENTS.txt",
    ),
    Reviewed(
        "marsshooter-data",
        "Female Fronted Metal",
        "metal",
        """\
f62ac3358ac34114839b665a0c8a8013a6298f2e4734758bfa3722bb753c803d  menu.ogg
a59964f98cfaed11698bf9fa4c60522d52cfe60fdf2565c2bc868c89f0dd38c0  music/01_-_Ezer_Ev.ogg
a60b11af35e030d9cc6227f0a79d346c7117a523b3d209f9bd1198f1f68a5ea5  music/06_-_Elveszett_Lelkek.ogg
4ae94548ba412a430aa21472ac3289ec409e3b5f94baa2bf2e59d163c8df1df2  music/07_-_Vermocsar.ogg
eb1adef09d0c62f3a042d6e85b9994e0c8fc9827c81049192563d6e4f169d3c3  music/12_-_Misanthropia.ogg
e4f4d58830b136c705daa1f0893bb2bfa2f8a041c70c8f75f319b76ac6590c7b  tutorial.ogg
""",
    ),
    Reviewed(
        "fretsonfire-songs-muldjord",
        "Death Metal",
        "metal",
        """\
ff661487e715b8d8718a8b9cfffcfdea8691072ab4a5e4e8ebb0d42604dddae4  armygeddon.flac
32f0108fb796e9d41f0a82a7b0b5dd070ab3b78c2c4194f979f68ba9ae0cd63b  chaos_god.flac
550a94a4b2c25e6d919a0f3fc6b39b57a973af097dfb01ce97fc0f8260ff44ae  internal_degeneration.flac
abec27bf45f799f42a6a9fcf46f2a0c0eb9c9d358bb8036a4badbf57cfbab491  mutilated_mime.flac
""",
    ),
    Reviewed(
        "widelands-data",
        "Trash Metal",
        "metal",
        """\
71fbab6703b561a051585455c3448891bd56e82bf8bdf84328abc219e0ed01e9  ingame_15.ogg
8a5c0bad6165c4c9dffaa8dc4fafe239c8ad3d271c209813aa12d0dce1b08ca1  ingame_17.ogg
""",
    ),
    Reviewed(
        "widelands-data",
        "Thrash Metal",
        "metal",
        """\
1ebef9afc173d206c2c4daa5291b77d52edf4b2377b8a205aeb682af7829e9ff  ingame_16.ogg
""",
    ),
    Reviewed(
        "wordwarvi-sound",
        "Instrumental Rock",
        "rock",
        """\
26c98cbf1328063c192fcb344c89fd66add1e1633e41adb777accadb401605b5  lucky13-steve-mono-mix.ogg
980d91e0c29e022433002decc58eb577fe81dfe3634aac987ce143d68397a6c7  lucky-holiday-cornbread-stuffing-mono.ogg
""",  # noqa: E501
    ),
    Reviewed(
        "openclonk-data",
        "Rock",
        "rock",
        """\
8f534e2b810522d10b2d6cfd9b367feffcfe9a7821ea0bcfb4f4fe09c0756938  Motorway.ogg
36639531fe7a04e6c3b36071d84cab9862eb66cad16ffa7230263ab81c9d2ba3  TheSkylands.ogg
""",
    ),
    Reviewed(
        "openclonk-data",
        "Reggae",
        "reggae",
        """\
fdfb528615fbd17b857473cfba721808c2627131014fc5d18ec124a36953a1c8  IslandDreams.ogg
""",
    ),
    Reviewed(
        "openclonk-data",
        "House",
        "electronic",
        """\
d30b9647ba2c35ab8ca8c106f0801790377f2a49774e2690577f604d70bb0244  @CrushedIceCocktail.ogg
""",
    ),
    Reviewed(
        "openclonk-data",
        "Ambient",
        "ambient",
        """\
7ff7af360774feed22b65ad8ca17f90055817d6b4a1ddd0680a112255d165902  LucidDream.ogg
""",
    ),
    Reviewed(
        "wizznic-data",
        "Electronica",
        "electronic",
        """\
19d72b1fbbe65591bba334f9241cf89465279b46b79dfac8369707d5c2340881  data/menu-music.ogg
a3fa98c34ab80602a567403400d1a2d08a2c6bfcc3bb40b89b032c83934fee78  packs/000_wizznic/music/Sean Hawk - 7 Nights.ogg
854d0dc59f78b85ff3e432ceced549a887f859f5e4311ef3b8a1974050ba9555  packs/000_wizznic/music/Sean Hawk - Imperia.ogg
f22333dfb3caf7b0cb6f7cfd4e3cf56b18c6e235063506d31c6b876d9bb9bc61  packs/000_wizznic/music/Sean Hawk - In Rome.ogg
66a6805541f2c193fc1f523a9c0cbba6b0572aeb984c9ecb36c843afb8cb800f  packs/000_wizznic/music/Sean Hawk - Mysteria.ogg
417e33ce77af52b3a5fa211489e70f7dbc4f36b5f9650108d000fefea8c7c0fd  packs/000_wizznic/music/Sean Hawk - Sexaine.ogg
2ec600d45348b836b684dfdb5f3f7ff6e2b566c6c6ed0902218e513f64962006  packs/000_wizznic/music/Sean Hawk - Smash It.ogg
d8af90fc5e4ae2d4aa580da8ecc3393fe4a1cb8a5e4602e3b1e49e1d2c2f55d7  packs/000_wizznic/music/Sean Hawk - Wizz 2.ogg
b42b47efde357970faa70df3bc0e3427cd5d58b4eebf012f708505174f7253f1  packs/000_wizznic/music/Sean Hawk - Wizz 3.ogg
""",  # noqa: E501
    ),
    Reviewed(
        "naev-data",
        "Electronic",
        "electronic",
        """\
75aeb0fa563b484fa16adedf91d581b95ed9e4dd8f8769873825462c3e0e179a  eureka.ogg
ac7ebea1054d0e2ab4b4f6a8f5fbd51c07d338176c516cf32ffff50a5173937d  terminal.ogg
""",
    ),
    Reviewed(
        "nexuiz-music",
        "Electronic",
        "electronic",
        """\
b33102bc0984c351a9ed7680658ca3dcbd351bee74345f596bbadadde10eacc0  sound/cdtracks/digital-pursuit.ogg
""",
    ),
    Reviewed(
        "freedroidrpg-data",
        "ambient",
        "ambient",
        """\
fb07b31bc3dc01dfd948b4d00a156bed9867523f90fe48c8c7350c74790b9a2d  TheBeginning.ogg
""",
    ),
    Reviewed(
        "freedroidrpg-data",
        "dnb",
        "electronic",
        """\
7f050e0a76fbedb0df3dcb999dba81dff06095222124a977792b5181d570ac37  temple.ogg
""",
    ),
    Reviewed(
        "widelands-data",
        "folk",
        "folk",
        """\
19af8e3e4d251030812e800f1f2c958f98e053d8349cb594dab6e6d9e7a7056a  ingame_28.ogg
""",
    ),
)

_BY_PACKAGE: Mapping[str, dict[str, tuple[str, Reviewed]]] = {
    name: {
        file: (digest, one)
        for one in REVIEWED
        if one.package == name
        for file, digest in one.files.items()
    }
    for name in dict.fromkeys(one.package for one in REVIEWED)
}


def label_of(package: str) -> Mapping[str, tuple[str, Reviewed]]:
    """What was reviewed of a package.

    Parameters
    ----------
    package : str

    Returns
    -------
    mapping of str to (str, Reviewed)
        SHA-256 and verdict by path from the package's music folder; empty where nothing was.
    """
    return _BY_PACKAGE.get(package, {})
