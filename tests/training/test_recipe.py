"""Recipes: what is read, what is refused and how it is said."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.models import make, parameters
from genrewise.training.recipe import Recipe, load, names, override, parse
from genrewise.windows import WindowRule

LEAST: dict[str, Any] = {
    "name": "mine",
    "features": {"x": {"kind": "statistics"}},
    "model": {"members": {"a": {"model": "lda", "inputs": ["x"]}}},
}


def changed(*settings: str) -> Recipe:
    values: Any = LEAST
    for setting in settings:
        values = override(values, setting)
    return parse(values, "here")


def refused(*settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        changed(*settings)
    return str(caught.value)


def test_the_recipes_of_the_shipped_models_are_there() -> None:
    wanted = {"models/small-gtzan-v1", "models/musicnn-gtzan-v1", "models/hard-techno-v1"}
    assert wanted <= set(names())
    assert names() == sorted(names())


def protocols_of(name: str) -> list[str]:
    return ["honest", *load(name).protocols]


@pytest.mark.parametrize("name", names())
def test_every_recipe_reads_and_names_things_that_exist(name: str) -> None:
    for protocol in protocols_of(name):
        recipe = load(name, protocol=protocol)
        assert recipe.protocol == protocol
        assert recipe.name in (name.replace("/", "-"), name.removeprefix("models/"))
        assert recipe.licence
        assert recipe.title
        for member in recipe.model.members.values():
            assert set(member.params) <= set(parameters(member.model))
            make(member.model, 3, 0, **member.params)
            assert not member.start or set(load(member.start).model.members)
        used = {key for mix in recipe.candidates() for key in mix}
        used |= {base for key in used for base in recipe.model.members[key].stack}
        assert used == set(recipe.model.members)
        seen = {i for member in recipe.model.members.values() for i in member.inputs}
        assert seen == set(recipe.features)


@pytest.mark.parametrize("name", [n for n in names() if n.startswith("00")])
def test_every_recipe_of_a_system_tells_what_was_published_and_what_is_not_as_there(
    name: str,
) -> None:
    recipe = load(name)
    assert recipe.system == name[:3]
    assert recipe.published.protocol
    if recipe.published.value is not None:
        assert 0 < recipe.published.value < 1
        assert recipe.published.source
        assert recipe.published.unit
    assert recipe.choices or recipe.reductions
    assert recipe.minutes > 0
    assert "published" in recipe.protocols


def test_defaults() -> None:
    recipe = changed()
    assert recipe.windows.rule() == WindowRule(10.0, 5.0, "shift", -60.0)
    assert recipe.candidates() == (("a",),)
    assert (recipe.fit.folds, recipe.fit.refit) == (5, "train")
    assert (recipe.split.test, recipe.vote.rule) == (0.2, "log-mean")
    assert recipe.unknown.target_risk == 0.15
    assert recipe.expect == {}
    assert recipe.data.rows.file == ""


def test_a_recipe_cannot_be_changed_after_it_was_read() -> None:
    with pytest.raises(ValidationError):
        changed().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("setting", "place", "close"),
    [
        ("fitt.folds=3", "unknown key fitt", "Did you mean fit"),
        ("fit.fold=3", "unknown key fit.fold", "Did you mean folds?"),
        ("windows.lenght=3", "unknown key windows.lenght", "Did you mean length?"),
        ("data.group-by='artist'", "unknown key data.group-by", "Did you mean group_by?"),
        ("data.rows.fil='x'", "unknown key data.rows.fil", "Did you mean file?"),
        ("model.members.a.modle='svc'", "unknown key model.members.a.modle", "mean model?"),
        ("model.candidate=[]", "unknown key model.candidate", "Did you mean candidates?"),
        ("zzzz=1", "unknown key zzzz; expected one of name, title", "report"),
    ],
)
def test_unknown_keys_are_refused_with_the_nearest(setting: str, place: str, close: str) -> None:
    if close == "report":
        close = ""
    text = refused(setting)
    assert text.startswith("here: ")
    assert place in text
    assert close in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("fit.folds=1", "fit.folds"),
        ("fit.folds=many", "fit.folds"),
        ("split.test=1.0", "split.test"),
        ("split.seed=-1", "split.seed"),
        ("windows.length=0", "windows.length"),
        ("windows.tail=cut", "windows.tail"),
        ("vote.rule=loudest", "vote.rule"),
        ("fit.refit=some", "fit.refit"),
        ("name=../up", "name"),
        ("name=two words", "name"),
        ("model.members={}", "model.members"),
        ("features=3", "features"),
        ("unknown.target_risk=1.5", "unknown.target_risk"),
        ("split.rule=songs", "split.rule"),
        ("split.valid=-0.1", "split.valid"),
        ("windows.count=-1", "windows.count"),
        ("augment.mode=twice", "augment.mode"),
        ("augment.copies=0", "augment.copies"),
        ("augment.probability=1.1", "augment.probability"),
        ("fit.choose=test", "fit.choose"),
        ("fit.pick=best", "fit.pick"),
        ("published.figure=loss", "published.figure"),
        ("published.unit=song", "published.unit"),
        ("protocol=by-ear", "protocol"),
        ("protocols.official={}", "protocols.official.[key]"),
        ("protocols=3", "protocols"),
    ],
)
def test_values_out_of_range_are_refused_with_their_place(setting: str, place: str) -> None:
    text = refused(setting)
    assert text.startswith(f"here: {place}: ")
    assert "\n" not in text


def test_members_and_mixes_name_what_exists() -> None:
    assert "member a takes 'y'; expected one of x" in refused('model.members.a.inputs=["y"]')
    with pytest.raises(UnknownName, match="no member named 'b'"):
        changed('model.candidates=[["a", "b"]]')
    assert "a mix of nothing" in refused("model.candidates=[[]]")
    assert "here: model.members.a: sees nothing; expected inputs, or a stack" in refused(
        "model.members.a.inputs=[]"
    )


def test_stacks_are_two_levels_of_members_that_exist() -> None:
    upper = 'model.members.b={model="lda", stack=["a"]}'
    assert changed(upper).model.members["b"].stack == ("a",)
    with pytest.raises(UnknownName, match="no member named 'c'"):
        changed('model.members.b={model="lda", stack=["c"]}')
    third = 'model.members.c={model="lda", stack=["b"]}'
    assert "c is stacked on b, itself a stack; expected two levels" in refused(upper, third)
    assert "b is stacked on b" in refused('model.members.b={model="lda", stack=["b"]}')


@pytest.mark.parametrize(
    "key", ["test/clip/accurracy", "training/clip/accuracy", "test/song/ece", "accuracy", "a/b"]
)
def test_expectations_name_a_figure(key: str) -> None:
    assert f"expect.{key}" in refused(f'expect={{"{key}"=[0, 1]}}')


def test_expectations_are_intervals() -> None:
    good = changed('expect={"test/clip/accuracy"=[0.5, 0.75]}')
    assert good.expect == {"test/clip/accuracy": (0.5, 0.75)}
    assert "the lower one first" in refused('expect={"test/clip/accuracy"=[0.75, 0.5]}')


@pytest.mark.parametrize("setting", ["fit.folds", "=3", "fit..folds=3", ".=1", ""])
def test_settings_are_key_equals_value(setting: str) -> None:
    with pytest.raises(RecipeError, match=r"expected key=value"):
        override(LEAST, setting)


def test_a_value_has_no_keys_below() -> None:
    with pytest.raises(RecipeError, match="name is no section, it has no first"):
        override(LEAST, "name.first=x")


def test_an_override_leaves_the_original_alone() -> None:
    override(LEAST, "model.members.a.model=svc")
    assert LEAST["model"]["members"]["a"]["model"] == "lda"


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ('"3"', "3"), ("[1, 2]", [1, 2]), ("a=b c", "a=b c")],
)
def test_values_are_toml_or_else_text(text: str, value: Any) -> None:
    assert override({}, f"k={text}") == {"k": value}


keys = st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=4)


@given(keys, st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_the_last_override_holds(path: list[str], first: int, second: int) -> None:
    dotted = ".".join(path)
    values: Any = override(override({}, f"{dotted}={first}"), f"{dotted} = {second}")
    for part in path:
        values = values[part]
    assert values == second


def test_load_takes_names_files_and_settings(tmp_path: Path) -> None:
    file = tmp_path / "mein rezept é.toml"
    file.write_text(
        'name = "mine"\n[features]\nx = {kind = "statistics"}\n'
        '[model.members.a]\nmodel = "svc"\ninputs = ["x"]\n[fit]\nfolds = 3\n',
        encoding="utf-8",
    )
    assert load(file).fit.folds == 3
    assert load(str(file), ["fit.folds=4"]).fit.folds == 4
    assert load("models/small-gtzan-v1", ["fit.folds=2", "split.seed=7"]).split.seed == 7


def test_load_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"models/small-gtzan-v1"):
        load("models/smal-gtzan-v1")
    with pytest.raises(RecipeError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = \n")
    with pytest.raises(RecipeError, match=r"bad\.toml: .*expected TOML"):
        load(tmp_path / "bad.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="expected TOML"):
        load(tmp_path / "bytes.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(RecipeError, match=r"empty\.toml: name: Field required"):
        load(tmp_path / "empty.toml")


# -- laid over another


MINE = """
name = "mine"
[features]
x = { kind = "log-mel", n_frames = 9 }
y = { kind = "statistics" }
[model]
candidates = [["a"], ["a", "b"]]
[model.members.a]
model = "mlp"
inputs = ["x"]
params = { max_epochs = 3, patience = 2 }
[model.members.b]
model = "lda"
inputs = ["y"]
[fit]
folds = 3
seed = 9
"""


def write(folder: Path, **files: str) -> Path:
    """TOML files of a folder, by name; the path of the last."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / f"{name}.toml"


def test_a_recipe_may_be_laid_over_one_of_the_package(tmp_path: Path) -> None:
    file = write(tmp_path, my='base = "000/cnn"\nname = "my"\n[windows]\ncount = 3\n')
    mine, theirs = load(file), load("000/cnn")
    assert (mine.name, mine.windows.count) == ("my", 3)
    same = {"name": "my", "windows": theirs.windows.model_copy(update={"count": 3})}
    assert mine == theirs.model_copy(update=same)
    assert load(file, protocol="published").split.rule == "windows"


def test_a_base_is_looked_for_beside_the_recipe_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine é"
    write(
        folder,
        first=MINE,
        second='base = "first.toml"\n[fit]\nfolds = 4\n',
        third='base = "../mine é/second.toml"\n[model.members.a.params]\npatience = 5\n',
    )
    monkeypatch.chdir(tmp_path)
    recipe = load("mine é/third.toml", ["split.seed=2"])
    assert (recipe.fit.folds, recipe.fit.seed, recipe.split.seed) == (4, 9, 2)
    assert recipe.model.members["a"].params == {"max_epochs": 3, "patience": 5}
    far = write(tmp_path, far=f'base = "{folder / "first.toml"}"\n')
    assert load(far) == load(folder / "first.toml")


def test_what_no_candidate_names_is_dropped_and_what_only_it_looked_at(tmp_path: Path) -> None:
    alone = write(tmp_path, first=MINE, alone='base="first.toml"\nmodel.candidates=[["b"]]\n')
    recipe = load(alone)
    assert list(recipe.model.members) == ["b"]
    assert list(recipe.features) == ["y"]
    more = """
    base = "first.toml"
    features.z = { kind = "statistics" }
    model.candidates = [["top"]]
    model.members.top = { model = "lda", stack = ["a"] }
    """
    stacked = load(write(tmp_path, more=more))
    assert list(stacked.model.members) == ["a", "top"]
    assert list(stacked.features) == ["x", "z"]


def test_an_input_of_another_kind_takes_the_place_of_the_first(tmp_path: Path) -> None:
    over = 'base = "first.toml"\nfeatures.x = { kind = "centroid" }\nfeatures.y = { a = 1 }\n'
    recipe = load(write(tmp_path, first=MINE, over=over))
    assert recipe.features == {"x": {"kind": "centroid"}, "y": {"kind": "statistics", "a": 1}}
    same = 'base = "first.toml"\n[features.x]\nkind = "log-mel"\nn_mels = 4\n'
    mel = load(write(tmp_path, same=same)).features["x"]
    assert mel == {"kind": "log-mel", "n_frames": 9, "n_mels": 4}


def test_bases_that_are_not_there_or_go_round_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml: No such file or directory"):
        load(write(tmp_path, lost='base = "none.toml"\n'))
    with pytest.raises(UnknownName, match=r"no recipe named '000/cn'.*Did you mean 000/cnn"):
        load(write(tmp_path, near='base = "000/cn"\n'))
    with pytest.raises(UnknownName, match="no recipe named '3'"):
        load(write(tmp_path, number="base = 3\n"))
    round_ = write(tmp_path, one='base = "two.toml"\n', two='base = "one.toml"\n')
    with pytest.raises(RecipeError, match=r"base = two\.toml, which is laid over this one"):
        load(round_)
    with pytest.raises(RecipeError, match=r"base = self\.toml, which is laid over this one"):
        load(write(tmp_path, self='base = "self.toml"\n'))


def test_a_start_is_looked_for_beside_the_recipe_that_names_it(tmp_path: Path) -> None:
    start = '[model.members.a]\nstart = "{}"\n'
    text = MINE.replace("[model.members.a]\n", start.format("../other.toml"))
    file = write(tmp_path / "mine", first=text)
    beside = load(file).model.members["a"].start
    assert Path(beside).resolve() == tmp_path / "other.toml"
    over = write(tmp_path, over='base = "mine/first.toml"\n')
    assert Path(load(over).model.members["a"].start).resolve() == tmp_path / "other.toml"
    packaged = MINE.replace("[model.members.a]\n", start.format("000/cnn"))
    assert load(write(tmp_path, plain=packaged)).model.members["a"].start == "000/cnn"


def test_what_is_published_is_not_inherited_where_nothing_was(tmp_path: Path) -> None:
    silent = 'base = "000/cnn"\nname = "x"\n[published]\nfigure = ""\nprotocol = "none"\n'
    found = load(write(tmp_path, silent=silent)).published
    assert (found.value, found.n, found.protocol) == (None, None, "none")
    other = write(tmp_path, other='base = "000/cnn"\nname = "x"\n[published]\nvalue = 0.5\n')
    assert (load(other).published.value, load(other).published.n) == (0.5, 2000)


anything = st.recursive(
    st.sampled_from([3, True, "", "a", "x", "statistics"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["a", "x", "kind", "inputs", "stack", "start", "members"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


@given(
    st.dictionaries(
        st.sampled_from(["features", "model", "protocols", "published", "split", "data"]),
        anything | st.fixed_dictionaries({"candidates": anything, "members": anything}),
        min_size=1,
    ),
    st.sampled_from(["honest", "published"]),
)
def test_whatever_is_laid_over_is_a_recipe_or_refused_in_a_line(
    values: dict[str, Any], protocol: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"{key} = {toml(value)}\n" for key, value in values.items()]
        file = write(Path(folder), first=MINE, over='base = "first.toml"\n' + "".join(lines))
        try:
            said = load(file, protocol=protocol).name
        except (RecipeError, UnknownName) as error:
            said = str(error)
    assert said
    assert "\n" not in said


def test_a_published_protocol_that_is_no_section_is_none(tmp_path: Path) -> None:
    text = MINE.replace("[fit]", "[protocols]\npublished = 3\n[fit]")
    file = write(tmp_path, odd=text)
    with pytest.raises(RecipeError, match="has no published protocol"):
        load(file, protocol="published")
    with pytest.raises(RecipeError, match=r"odd\.toml: protocols\.published: "):
        load(file)
