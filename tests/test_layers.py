"""The shape of the package: who may import whom, and which third party lives where."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "genrewise"

#: Lowest first.  A name is a module or a folder directly below the package.
LAYERS: dict[str, tuple[str, ...]] = {
    "base": ("errors", "registry", "labels", "cache", "defaults", "files", "filetypes", "plain"),
    "signal": (
        "audio",
        "audio_av",
        "audio_header",
        "audio_open",
        "audio_resample",
        "audio_sf",
        "features",
        "windows",
    ),
    "predict": (
        "votes",
        "answering",
        "bundle",
        "bundle_info",
        "evidence",
        "input_base",
        "sample_inputs",
        "input_kinds",
        "inputs",
        "inference",
        "records",
        "worker",
        "exec_process",
        "processes",
        "engine",
        "engine_crew",
        "engine_dask",
        "dask_cluster",
        "cut",
    ),
    "extras": ("backbone", "library", "training", "web"),
    "cli": ("cli", "__main__"),
}

#: Third party: the files and folders that may import it, at the top or inside a function.
#: numpy is everybody's above the base.
THIRD_PARTIES: dict[str, tuple[str, ...]] = {
    "PIL": ("training/",),
    "av": ("audio_av.py", "training/coding.py", "training/datasets/"),
    "click": ("cli/",),
    "distributed": ("engine_dask.py", "dask_cluster.py"),
    "flask": ("web/",),
    "fsspec": ("audio_open.py",),
    "lightgbm": ("training/",),
    "matplotlib": ("training/", "features/pictures.py"),
    "mutagen": ("library/", "training/datasets/"),
    "numpy": (
        *("audio", "windows.py", "votes.py", "input_base.py", "input_kinds.py"),
        *("inputs.py", "sample_inputs.py"),
        *("answering.py", "inference.py", "evidence.py", "cut.py"),
        *("features/", "backbone/", "library/", "training/", "web/"),
    ),
    "onnx": ("backbone/", "training/"),
    "onnxmltools": ("training/",),
    "onnxruntime": ("input_kinds.py", "backbone/", "training/"),
    "optuna": ("training/",),
    "pandas": ("training/",),
    "pyarrow": ("training/", "cli/"),
    "pydantic": ("training/",),
    "rich": ("cli/",),
    "scipy": ("features/", "training/"),
    "skl2onnx": ("training/",),
    "sklearn": ("training/",),
    "skorch": ("training/",),
    "soundfile": ("audio_sf.py", "cut.py", "training/"),
    "soxr": ("audio_resample.py",),
    "threadpoolctl": ("training/",),
    "torch": ("training/",),
    "waitress": ("web/",),
    "werkzeug": ("web/",),
    "xgboost": ("training/",),
}


def source() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Imports that happen when the program runs, and whether at import or later."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, True
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for found, at_top in statements(child):
            yield found, at_top and not later


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Dotted names that a file imports; ``from a import b`` is ``a.b`` where that is a module."""
    known = {module_name(p) for p in source()}
    found = []
    for node, at_top in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, at_top) for alias in node.names]
            continue
        assert node.level == 0, f"{path}: relative import; write the full name"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            found.append((full if full in known else str(node.module), at_top))
    return tuple(found)


def home(module: str) -> str:
    """Name in `LAYERS` of a module of ours; empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def layer(module: str) -> int:
    for height, members in enumerate(LAYERS.values()):
        if home(module) in members:
            return height
    raise AssertionError(f"{module} stands in no layer: add it to LAYERS")


def ours(path: Path) -> set[str]:
    return {name for name, _ in imports(path) if name.split(".")[0] == "genrewise"}


def test_no_module_imports_a_higher_layer() -> None:
    wrong = [
        f"{module_name(path)} imports {name}"
        for path in source()
        if home(module_name(path))
        for name in sorted(ours(path))
        if home(name) and layer(name) > layer(module_name(path))
    ]
    assert wrong == []


#: Files of an extra that are there to bring another one into play.
BRIDGES = {"genrewise.web.shelf": "library"}


def test_an_extra_does_not_need_another_but_the_backbone() -> None:
    extras = LAYERS["extras"]
    wrong = [
        f"{module_name(path)} imports {name}"
        for path in source()
        if home(module_name(path)) in extras
        for name in sorted(ours(path))
        if home(name) in extras
        and home(name) not in {home(module_name(path)), "backbone"}
        and BRIDGES.get(module_name(path)) != home(name)
    ]
    assert wrong == []


def test_the_package_itself_imports_nothing_of_ours() -> None:
    assert ours(PACKAGE / "__init__.py") == set()


def test_there_are_no_import_cycles() -> None:
    graph = {}
    for path in source():
        name = module_name(path)
        graph[name] = {other for other in ours(path) if home(other)} - {name}
    graphlib.TopologicalSorter(graph).prepare()


def test_third_parties_stay_in_their_files() -> None:
    wrong = []
    for path in source():
        place = path.relative_to(PACKAGE).as_posix()
        for name in sorted({name.split(".")[0] for name, _ in imports(path)}):
            if name == "genrewise" or name in sys.stdlib_module_names:
                continue
            if not place.startswith(THIRD_PARTIES.get(name, ())):
                wrong.append(f"{place} imports {name}")
    assert wrong == []


def test_the_plugin_of_beets_stands_above_all_and_brings_nothing() -> None:
    """``beetsplug`` is a namespace of beets: an ``__init__.py`` there would hide its plugins."""
    folder = PACKAGE.parent / "beetsplug"
    assert sorted(p.name for p in folder.iterdir() if p.suffix) == ["genrewise.py"]
    found = {name.split(".")[0] for name, _ in imports(folder / "genrewise.py")}
    assert found - set(sys.stdlib_module_names) == {"beets", "genrewise"}


def test_heavy_third_parties_are_imported_where_used() -> None:
    """What the prediction path and the command table must not pay for."""
    light = {"numpy", "click"}
    wrong = [
        f"{path.relative_to(PACKAGE).as_posix()} imports {name} at the top"
        for path in source()
        if home(module_name(path)) not in LAYERS["extras"]
        for name, at_top in imports(path)
        if at_top and name.split(".")[0] in set(THIRD_PARTIES) - light
    ]
    assert wrong == []


def test_every_name_of_a_layer_exists() -> None:
    """A module that is gone leaves the table; library and web come with later issues."""
    there = {home(module_name(path)) for path in source()}
    named = {name for members in LAYERS.values() for name in members}
    assert named - there <= {"library", "web"}
