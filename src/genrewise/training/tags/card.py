"""The card of the vocabulary, and the tables that card and pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from genrewise.training.tags.data import FREE

__all__ = ["TABLES", "card_text"]

Report = Mapping[str, Any]


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [list(titles), ["---"] * len(titles), *map(list, rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _with(row: Mapping[str, Any], key: str) -> str:
    """A figure with its interval."""
    low, high = row[f"{key}_interval"]
    return f"{row[key]:.3f} ({low:.2f}–{high:.2f})"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def labelled_table(report: Report) -> list[str]:
    """A row a tag that has labels: what it learnt from and how good it is."""
    rows = [
        (
            tag["label"],
            f"{tag['positive']} by {tag['groups']}",
            str(tag["negative"]),
            str(tag["unsure"]),
            _with(tag, "auc"),
            _with(tag, "average_precision"),
            f"{tag['average_precision_unsure_as_negative']:.2f}",
            f"{tag['threshold']:.2f}",
            f"{tag['f1']:.2f}",
            _percent(tag["unsure_given"]),
            f"{tag['ece']:.3f}",
        )
        for tag in report["tags"]
        if tag["calibrated"]
    ]
    titles = (
        *("tag", "examples, by artists", "counter-examples", "unsure", "AUC (95 %)"),
        *("average precision (95 %)", "with unsure as counter-examples", "threshold", "F1"),
        *("unsure given it", "ECE"),
    )
    return _table(titles, rows)


def own_table(report: Report) -> list[str]:
    """A row a tag without labels: the network's own, and where it is heard."""
    rows = [
        (
            tag["label"],
            ", ".join(tag["own"]),
            f"{tag['threshold']:.2f}",
            f"{tag['tracks']} by {tag['artists']}",
            _percent(tag["given"]),
            _percent(tag["others_given"]),
        )
        for tag in report["tags"]
        if not tag["calibrated"]
    ]
    titles = (
        *("tag", "the network's tag", "threshold", "tracks known for it, by artists"),
        *("of these given it", "of all others given it"),
    )
    return _table(titles, rows)


def elsewhere_table(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Figures of tags on a collection that nothing was learnt from."""
    rows = [
        (
            label,
            f"{row['positive']} by {row['groups']}",
            str(row["negative"]),
            _with(row, "auc"),
            _with(row, "average_precision"),
            _percent(row["recall"]),
            _percent(row["false"]),
            f"{row['ece']:.3f}",
        )
        for label, row in found.items()
    ]
    titles = (
        *("tag", "examples, by artists", "counter-examples", "AUC (95 %)"),
        *("average precision (95 %)", "examples given it", "counter-examples given it", "ECE"),
    )
    return _table(titles, rows)


def heard_table(report: Report) -> list[str]:
    """Which tags the tracks of each genre are given: those that one in ten is."""
    rows = []
    for kind, shares in report["heard_in"].items():
        often = sorted(shares.items(), key=lambda pair: -pair[1])
        named = ", ".join(f"{label} {share:.0%}" for label, share in often if share >= 0.1)
        rows.append((kind, named or "none"))
    return _table(("tracks called", "are given"), rows)


def names_table(report: Report) -> list[str]:
    """A row a tag: its names elsewhere, what it is a kind of, what it rests on."""
    rows = [
        (
            tag["label"],
            tag["display"],
            tag["parent"],
            tag["id3v1"],
            tag["musicbrainz"],
            tag["discogs"],
            "yes" if tag["calibrated"] else "no",
        )
        for tag in report["tags"]
    ]
    titles = ("tag", "name", "a kind of", "ID3v1", "MusicBrainz", "Discogs", "calibrated")
    return _table(titles, rows)


def words_table(report: Report) -> list[str]:
    """A row a tag with labels: what is an example of it, and what may be."""
    rows = [
        (
            tag["label"],
            ", ".join(tag["own"]) or "–",
            ", ".join(tag["positive_words"]),
            ", ".join(tag["unsure_words"]) or "–",
        )
        for tag in report["tags"]
        if tag["calibrated"]
    ]
    titles = ("tag", "held near the network's", "examples: tracks called", "unsure: tracks called")
    return _table(titles, rows)


def trials_table(report: Report) -> list[str]:
    """A row a way to learn: means over the tags with labels."""
    rows = [
        (
            one["what"],
            *(f"{one[key]:.3f}" for key in ("average_precision", "worst", "f1")),
            f"{one['unsure_given']:.0%}",
            f"{one['reggae']:.2f}",
            f"{one['loops']:.3f}",
        )
        for one in report["trials"]
    ]
    titles = (
        *("heads", "average precision", "with unsure as counter-examples", "F1"),
        *("unsure given it", "reggae, average precision", "loops, average precision"),
    )
    return _table(titles, rows)


def left_out_table(report: Report) -> list[str]:
    """A row some tags of the network that are none here."""
    return _table(("the network's tags", "why they are none here"), report["left_out"].items())


def tree(report: Report) -> list[str]:
    """Lines of the families: a parent and its kinds."""
    rows = report["tags"]
    labels = {row["label"] for row in rows}
    kinds: dict[str, list[str]] = {}
    for row in rows:
        if row["parent"] in labels:
            kinds.setdefault(row["parent"], []).append(row["label"])
    return [f"* {parent}: {', '.join(below)}" for parent, below in kinds.items()]


#: Tables of the pages, by what they show.
TABLES: Mapping[str, Callable[[Report], list[str]]] = {
    "names": names_table,
    "words": words_table,
    "labelled": labelled_table,
    "own": own_table,
    "loops": lambda report: elsewhere_table(report["elsewhere"]["loops"]),
    "free": lambda report: elsewhere_table(report["elsewhere"][FREE]),
    "heard": heard_table,
    "trials": trials_table,
    "left-out": left_out_table,
}


def _data(report: Report) -> list[str]:
    """What it was learnt from."""
    data = report["data"]
    lines = [
        "",
        "## Data",
        "",
        f"{data['tracks']} tracks in {data['groups']} groups (artists, composers, songs),"
        f" {data['audio']} of them as audio, the rest as tag vectors:",
        "",
    ]
    for name, kinds in data["sets"].items():
        counts = ", ".join(f"{kind} {n}" for kind, n in kinds.items())
        lines.append(f"* {name}: {counts}")
    if FREE not in data["sets"]:
        lines += ["", "The free music of Debian's packages was not used."]
    return lines


_WHAT = """
A track is given every tag whose probability reaches the tag's threshold. The probability is the
mean over windows of 10 s.

* A tag with labels is a linear head on the network's last layer but one, held near the network's
  own tag where there is one, calibrated (Platt) on answers out of fold by artist. Its threshold is
  the one with the best F1 there.
* A tag without labels is the network's own and **not calibrated**: its number ranks tracks and
  is no probability to rely on.
* A kind whose probability is calibrated brings its parent with it (metal is rock); one that is not
  calibrated brings nobody.

The network is musicnn (Pons & Serra 2019), which learnt from Last.fm's tags of commercial
recordings in the Million Song Dataset: artists of GTZAN may be among them. It is fetched from
the package `musicnn`, it is not part of this file.
"""

_LIMITS = """
## Limits

* Counter-examples are assumed: a collection gives each track one word, and a track of another
  genre is taken to bear no tag but its own, unless the table calls it unsure.
* The probabilities hold for music with about as many tracks of each genre. In a library of jazz
  alone, disco is less likely than they say.
* Disco is learnt from tag vectors more than from audio, reggae from one artist more than from all
  others. Techno is hard techno of the 2020s: no trance and no house were counter-examples.
* Soul misses more than it finds: none of the tracks known for it, though pop and reggae get it.
* Folk and ambient have next to no labelled tracks, house one. Quiet orchestral music is ambient to
  the network, which has no tag for classical music.
* Recordings of GTZAN are of 2002 and before. What is younger than the network's tags (trap,
  dubstep, drill) has none.
"""


def _own(report: Report) -> list[str]:
    rule = report["rule"]
    return [
        "",
        "## Tags without labels",
        "",
        f"The threshold is stated, not measured: {1 - rule['quantile']:.0%} of the tracks above"
        f" reach it, and it is {rule['least']:g} at the least. Some artists are commonly called by"
        " the tag; what became of them is a look, not a test.",
        "",
        *own_table(report),
    ]


def _others(report: Report) -> list[str]:
    words = {
        "loops": "Loops of a program of 1992, one to twenty seconds: another world.",
        FREE: "Free music of games, by heads that learnt from none of it.",
    }
    lines = ["", "## On other collections"]
    for name, found in report["elsewhere"].items():
        if found:
            lines += ["", words.get(name, name), "", *elsewhere_table(found)]
    return lines if len(lines) > 2 else []


def card_text(report: Report) -> str:
    """Markdown of the card.

    Parameters
    ----------
    report : mapping
        As of :func:`.build.run`.
    """
    mean = report["mean"]
    lines = [
        f"# {report['name']}",
        "",
        f"{len(report['tags'])} genres of which a track may bear several, on top of the pretrained"
        " musicnn network.",
        "",
        "Licence: Apache-2.0; the backbone musicnn: ISC.",
        _WHAT.rstrip(),
        "",
        "Families:",
        "",
        *tree(report),
        *_data(report),
        "",
        "## Tags with labels",
        "",
        f"Out of fold: no artist, composer or song on both sides. Mean over {mean['tags']} tags:"
        f" AUC {mean['auc']:.3f}, average precision {mean['average_precision']:.3f}, F1"
        f" {mean['f1']:.3f}, ECE {mean['ece']:.3f}; ECE over all answers {mean['pooled_ece']:.3f}."
        " A range of 0.00–1.00 means one group.",
        "",
        *labelled_table(report),
        *_own(report),
        *_others(report),
        "",
        "## What is given to what",
        "",
        "Tags that one track in ten of a genre is given, out of fold where there are labels:",
        "",
        *heard_table(report),
        _LIMITS.rstrip(),
        "",
    ]
    return "\n".join(lines)
