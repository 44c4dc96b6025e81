"""What stands in ``bundle.json``: its fields, and the check of every one of them.

A model file may come from anywhere, so nothing in it is believed: each value has its
type and range before anybody uses it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from genrewise.cache import own_network
from genrewise.errors import BundleError, nearest

__all__ = [
    "CARD",
    "FORMAT",
    "BundleInfo",
    "Calibration",
    "Member",
    "Tag",
    "Unknown",
    "is_name",
    "parse",
]

#: Version of the format; a file with a higher one is refused.
FORMAT = 1

#: The one file of a bundle that is no network.
CARD = "card.md"

#: Keys that a file may lack: models that give one genre have no tags.
_OPTIONAL = ("tags",)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "get or train the model again"


@dataclass(frozen=True)
class Member:
    """One classifier of a model.

    Parameters
    ----------
    file : str
        Its ONNX file inside the bundle: input ``x``, output ``probabilities`` (n, C).
    inputs : tuple of str
        Names of the inputs whose arrays are joined into ``x``.
    weights : tuple of float
        Weight of its probability, label by label; the weighted sum over the
        members is normalised.
    """

    file: str
    inputs: tuple[str, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Calibration:
    """How the voted probabilities become calibrated ones.

    Parameters
    ----------
    temperature : float
        See :func:`genrewise.votes.temper`.
    fitted_on : str
        Where it was fitted.
    """

    temperature: float = 1.0
    fitted_on: str = ""


@dataclass(frozen=True)
class Unknown:
    """When a model says "unknown".

    Parameters
    ----------
    min_confidence : float
        Calibrated probability below which it does.
    max_distance : float
        Distance of the embedding to the nearest label's centre above which it does;
        0 means no such limit.
    """

    min_confidence: float = 0.0
    max_distance: float = 0.0


@dataclass(frozen=True)
class Tag:
    """One label of a model that gives several at once.

    Parameters
    ----------
    threshold : float
        Probability from which a track bears it, above 0 and up to 1.
    calibrated : bool
        Whether its probability was fitted to labelled music; else it is the pretrained
        network's own.
    parent : str
        Label that it is a kind of; empty where the model has none.
    """

    threshold: float
    calibrated: bool
    parent: str = ""


@dataclass(frozen=True)
class BundleInfo:
    """Contents of ``bundle.json``.

    Attributes
    ----------
    name, labels, label_set, licence : str, tuple of str, str, str
    inputs : mapping of str to mapping
        Name to the plain values of :func:`genrewise.inputs.make_input`.
    fingerprints : mapping of str to str
        Name to the fingerprint of the input when the model was trained.
    windows : mapping
        Plain values of :class:`genrewise.windows.WindowRule`.
    members : tuple of Member
    vote : str
        A rule of :mod:`genrewise.votes`.
    calibration : Calibration
    unknown : Unknown
    embedding : mapping
        ``file``, ``inputs``, ``size`` and ``centres`` (a row a label); or empty.
    multi_label : bool
    training : mapping
        Data, split checksum, recipe, seed.
    metrics : mapping
        Protocol and figures.
    versions : mapping
        Of the packages that made it.
    files : mapping of str to str
        File name to SHA-256; filled on writing.
    format : int
    tags : mapping of str to Tag
        Of a model that gives several labels at once: by label, each of them; else empty.
    """

    name: str
    labels: tuple[str, ...]
    label_set: str
    licence: str
    inputs: Mapping[str, Mapping[str, Any]]
    fingerprints: Mapping[str, str]
    windows: Mapping[str, Any]
    members: tuple[Member, ...]
    vote: str = "mean"
    calibration: Calibration = field(default_factory=Calibration)
    unknown: Unknown = field(default_factory=Unknown)
    embedding: Mapping[str, Any] = field(default_factory=dict)
    multi_label: bool = False
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT
    tags: Mapping[str, Tag] = field(default_factory=dict)

    def backbones(self) -> tuple[str, ...]:
        """Names of the pretrained networks of others that the model needs."""
        found = [spec["backbone"] for spec in self.inputs.values() if spec["kind"] == "backbone"]
        return tuple(name for name in dict.fromkeys(found) if own_network(name) is None)


#: JSON type of each key.
_TYPES: dict[str, type] = {
    "name": str,
    "labels": list,
    "label_set": str,
    "licence": str,
    "inputs": dict,
    "fingerprints": dict,
    "windows": dict,
    "members": list,
    "vote": str,
    "calibration": dict,
    "unknown": dict,
    "embedding": dict,
    "multi_label": bool,
    "training": dict,
    "metrics": dict,
    "versions": dict,
    "files": dict,
    "format": int,
    "tags": dict,
}
_WORDS = {str: "text", list: "a list", dict: "an object", bool: "true or false", int: "a number"}


class _Wrong(Exception):
    """What is wrong and what was expected."""


def is_name(value: object) -> bool:
    """Whether a value is fit for the name of a file or model: no path, nothing hidden."""
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _need(ok: bool, what: str, expected: str) -> None:
    if not ok:
        raise _Wrong(what, expected)


def _is_number(value: object) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return is_one and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:  # an integer beyond any float
        return False


def _are_texts(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _keys(
    values: Mapping[str, Any],
    known: Iterable[str],
    where: str,
    *,
    all_: bool,
    but: tuple[str, ...] = (),
) -> None:
    """Refuse keys that nobody knows, with the nearest, and those that are missing, but for some."""
    names = list(known)
    for key in values:
        near = nearest(key, names)
        hint = f"one of its keys; did you mean {near[0]}?" if near else f"format {FORMAT}"
        _need(key in names, f"unknown key {key!r} in {where}", hint)
    for key in names if all_ else ():
        _need(key in values or key in but, f"{where} without {key!r}", f"format {FORMAT}")


def _check_types(values: Mapping[str, Any]) -> None:
    names = (item.name for item in fields(BundleInfo))
    _keys(values, names, "bundle.json", all_=True, but=_OPTIONAL)
    for key in values:
        kind = _TYPES[key]
        right = isinstance(values[key], kind) and (kind is bool) == isinstance(values[key], bool)
        _need(right, f"{key} in bundle.json is {values[key]!r:.60}", _WORDS[kind])


def _check_names(values: Mapping[str, Any]) -> None:
    labels = values["labels"]
    _need(is_name(values["name"]), f"the name {values['name']!r:.60}", "letters, digits, . _ -")
    _need(_are_texts(labels), "labels in bundle.json", "names")
    distinct = len(set(labels)) == len(labels)
    _need(distinct and len(labels) > 1, f"{len(labels)} labels", "two different ones or more")
    for name, digest in values["files"].items():
        _need(is_name(name), f"a file named {name!r:.60}", "a name without a path")
        right = isinstance(digest, str) and _SHA256.fullmatch(digest)
        _need(bool(right), f"the checksum of {name}", "64 hexadecimal digits")
    _need(_are_texts(values["versions"].values()), "versions in bundle.json", "texts")


def _check_inputs(values: Mapping[str, Any]) -> None:
    inputs, prints = values["inputs"], values["fingerprints"]
    for name, spec in inputs.items():
        right = isinstance(spec, dict) and _are_texts([spec.get("kind")])
        _need(right, f"the input {name!r:.60}", "an object with its kind")
        if spec["kind"] == "backbone":
            _need(is_name(spec.get("backbone")), f"the backbone of {name!r:.60}", "its name")
    _need(set(prints) == set(inputs), "fingerprints in bundle.json", "one an input")
    _need(_are_texts(prints.values()), "fingerprints in bundle.json", "texts")


def _holds(values: Mapping[str, Any], file: object) -> bool:
    """Whether a name is that of a file beside the card and ``bundle.json``."""
    return isinstance(file, str) and file in values["files"] and file != CARD


def _check_network(values: Mapping[str, Any], spec: Mapping[str, Any], where: str) -> None:
    """The file and the inputs of a member or of the embedding."""
    file, inputs = spec["file"], spec["inputs"]
    _need(_holds(values, file), f"{where}: no network {file!r:.60}", "one that is in the file")
    _need(isinstance(inputs, list) and bool(inputs), f"inputs of {where}", "a list of names")
    for name in inputs:
        known = isinstance(name, str) and name in values["inputs"]
        _need(known, f"{where} takes {name!r:.60}", "inputs that bundle.json lists")


def _check_members(values: Mapping[str, Any]) -> None:
    n = len(values["labels"])
    total = [0.0] * n
    for member in values["members"]:
        _need(isinstance(member, dict), "a member in bundle.json", "an object")
        _keys(member, ("file", "inputs", "weights"), "a member", all_=True)
        _check_network(values, member, "a member")
        weights = member["weights"]
        _need(isinstance(weights, list) and len(weights) == n, "weights of a member", f"{n}")
        right = all(_is_number(w) and 0 <= w <= 1e6 for w in weights)
        _need(right, "weights of a member", "numbers from 0 to a million")
        total = [a + b for a, b in zip(total, weights, strict=True)]
    _need(min(total) > 0, "a label without a weight above 0", "members that give every label")


def _check_rules(values: Mapping[str, Any]) -> None:
    calibration, unknown = values["calibration"], values["unknown"]
    _keys(calibration, (f.name for f in fields(Calibration)), "calibration", all_=False)
    temperature = calibration.get("temperature", 1.0)
    right = _is_number(temperature) and 1e-3 <= temperature <= 1e3
    _need(right, f"a temperature of {temperature!r:.60}", "a number from 0.001 to 1000")
    _need(isinstance(calibration.get("fitted_on", ""), str), "fitted_on of calibration", "text")
    _keys(unknown, (f.name for f in fields(Unknown)), "unknown", all_=False)
    for key, value in unknown.items():
        _need(_is_number(value) and value >= 0, f"{key} of {value!r:.60}", "a number from 0 on")


def _check_tags(values: Mapping[str, Any]) -> None:
    """What a model of several labels at once says of each; a model of one has nothing here."""
    tags, labels = values.get("tags", {}), values["labels"]
    if not values["multi_label"]:
        _need(not tags, "tags in bundle.json", "multi_label where there are some")
        return
    temperature = values["calibration"].get("temperature", 1.0)
    _need(temperature == 1, f"a temperature of {temperature!r:.60}", "1 with multi_label")
    _need(set(tags) == set(labels), "tags in bundle.json", "each label once")
    for label, tag in tags.items():
        where = f"the tag {label!r:.60}"
        _need(isinstance(tag, dict), where, "an object")
        _keys(tag, (f.name for f in fields(Tag)), where, all_=True)
        threshold, parent = tag["threshold"], tag["parent"]
        right = _is_number(threshold) and 0 < threshold <= 1
        _need(right, f"a threshold of {threshold!r:.60}", "a number above 0 and up to 1")
        _need(isinstance(tag["calibrated"], bool), f"calibrated of {where}", "true or false")
        right = isinstance(parent, str) and (not parent or parent in labels)
        _need(right, f"the parent {parent!r:.60}", "a label of the model, or nothing")
    _check_tree({label: tag["parent"] for label, tag in tags.items()})


def _check_tree(parents: Mapping[str, str]) -> None:
    """No label may be above itself."""
    for label in parents:
        above, steps = parents[label], 0
        while above and steps <= len(parents):
            above, steps = parents[above], steps + 1
        _need(not above, f"the parents of {label!r:.60}", "a tree")


def _check_embedding(values: Mapping[str, Any]) -> None:
    spec, n = values["embedding"], len(values["labels"])
    if not spec:
        return
    keys = ("file", "inputs", "size", "centres", "tracks")
    _keys(spec, keys, "embedding", all_=True, but=("tracks",))
    _check_network(values, spec, "the embedding")
    size, centres = spec["size"], spec["centres"]
    _need(isinstance(size, int) and size > 0, f"an embedding of {size!r:.60} values", "1 or more")
    shaped = isinstance(centres, list) and len(centres) == n
    shaped = shaped and all(isinstance(row, list) and len(row) == size for row in centres)
    _need(shaped, "centres of the embedding", f"{n} rows of {size} numbers")
    right = all(_is_number(value) for row in centres for value in row)
    _need(right, "centres of the embedding", "numbers")
    if "tracks" in spec:
        _check_tracks(values, spec["tracks"])


def _check_tracks(values: Mapping[str, Any], tracks: Any) -> None:
    """The tracks that the model learned from."""
    _need(isinstance(tracks, dict), "tracks of the embedding", "an object")
    _keys(tracks, ("file", "names", "labels"), "tracks of the embedding", all_=True)
    file, names, labels = tracks["file"], tracks["names"], tracks["labels"]
    what = f"tracks of the embedding: no file {file!r:.60}"
    _need(_holds(values, file), what, "one that is in the model file")
    right = isinstance(names, list) and all(isinstance(name, str) for name in names)
    _need(right, "names of tracks", "texts")
    right = isinstance(labels, list) and len(labels) == len(names)
    right = right and all(type(c) is int and 0 <= c < len(values["labels"]) for c in labels)
    _need(right, "labels of tracks", f"{len(names)} places among the model's labels")


def parse(values: Any, source: str) -> BundleInfo:
    """Check the contents of ``bundle.json``.

    Parameters
    ----------
    values : object
        As JSON gave it.
    source : str
        What messages call the file.

    Returns
    -------
    BundleInfo

    Raises
    ------
    BundleError
        The format is newer, or a key or value is not what it should be.
    """
    try:
        _need(isinstance(values, dict), "bundle.json holds no object", f"format {FORMAT}")
        version = values.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise BundleError(
                f"{source}: format {version!r:.40}",
                f"at most {FORMAT}",
                "install a newer genrewise",
            )
        _need(version == FORMAT, f"format {version!r:.60}", str(FORMAT))
        checks = (_check_types, _check_names, _check_inputs, _check_members, _check_rules)
        for check in (*checks, _check_tags, _check_embedding):
            check(values)
    except _Wrong as error:
        what, expected = error.args
        raise BundleError(f"{source}: {what}", expected, _AGAIN) from None
    members = tuple(
        Member(m["file"], tuple(m["inputs"]), tuple(map(float, m["weights"])))
        for m in values["members"]
    )
    return BundleInfo(
        **values
        | {
            "labels": tuple(values["labels"]),
            "members": members,
            "calibration": Calibration(**values["calibration"]),
            "unknown": Unknown(**values["unknown"]),
            "tags": {label: Tag(**tag) for label, tag in values.get("tags", {}).items()},
        }
    )
