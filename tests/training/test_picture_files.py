"""Pictures read from files: what is cut off, what is kept, what is refused."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from genrewise.cli import main
from genrewise.errors import DatasetError, MissingExtra, UnknownName
from genrewise.features.pictures import Kind, _resized, picture, png
from genrewise.training.datasets import Dataset, Item, read
from genrewise.training.datasets.synthetic import generate
from genrewise.training.picture_files import _look, _Looked, frames, picture_rows, unreadable

W = 255


def framed(inner: np.ndarray, left: int = 5, top: int = 3, right: int = 2, bottom: int = 4) -> Any:
    """Grey levels in a white frame, as three channels."""
    wide = np.pad(inner, ((top, bottom), (left, right)), constant_values=W)
    return np.repeat(wide[:, :, None], 3, axis=2).astype(np.uint8)


def save(folder: Path, name: str, pixels: np.ndarray, **options: Any) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name, **options)
    return name


def pictures(folder: Path, *names: str) -> Dataset:
    items = tuple(Item(name, "a", "", name) for name in names)
    return Dataset("toy", str(folder), items, ("a",), kind="pictures")


def rows(folder: Path, *names: str, crop: Literal["auto", "none"] = "auto", **more: Any) -> Any:
    return picture_rows(pictures(folder, *names), crop=crop, **more).arrays["picture"]


def levels(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.integers(0, 200, (height, width)).astype(np.uint8)


def test_pixels_are_shares_of_white(tmp_path: Path) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    x = rows(tmp_path, save(tmp_path, "a.png", grey), size=(6, 4))
    assert x.shape == (1, 1, 4, 6)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x[0, 0], grey.astype(np.float32) / np.float32(255))


def test_colours_keep_their_channels(tmp_path: Path) -> None:
    colour = np.zeros((2, 3, 3), dtype=np.uint8)
    colour[..., 0], colour[0, :, 1], colour[:, 2, 2] = 255, 51, 102
    x = rows(tmp_path, save(tmp_path, "a.png", colour), size=(3, 2), grey=False)
    np.testing.assert_allclose(x[0], np.moveaxis(colour, -1, 0) / 255, atol=1e-7)
    # ITU-R BT.601.
    grey = rows(tmp_path, "a.png", size=(3, 2))
    np.testing.assert_allclose(grey[0, 0], colour @ [0.299, 0.587, 0.114] / 255, atol=0.003)


def test_the_white_frame_goes(tmp_path: Path) -> None:
    inner = levels(np.random.default_rng(0), 8, 10)
    save(tmp_path, "a.png", framed(inner))
    cut = rows(tmp_path, "a.png", size=(10, 8))
    np.testing.assert_array_equal(cut[0, 0] * 255, inner)
    whole = rows(tmp_path, "a.png", size=(17, 15), crop="none")
    np.testing.assert_array_equal(whole[0, 0] * 255, framed(inner)[:, :, 0])


def test_all_of_one_size_are_cut_alike(tmp_path: Path) -> None:
    """Silence drawn white at the edge of one picture must not move it."""
    rng = np.random.default_rng(1)
    first, second = levels(rng, 8, 10), levels(rng, 8, 10)
    second[:, :4], second[:2] = W, W
    save(tmp_path, "a.png", framed(first))
    save(tmp_path, "b.png", framed(second))
    x = rows(tmp_path, "a.png", "b.png", size=(10, 8))
    np.testing.assert_array_equal(x[1, 0] * 255, second)


def test_sizes_have_frames_of_their_own_and_unframed_stay_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    small, large, bare = levels(rng, 6, 6), levels(rng, 9, 12), levels(rng, 7, 9)
    save(tmp_path, "a.png", framed(small, 1, 1, 1, 1))
    save(tmp_path, "b.png", framed(large, 4, 4, 4, 4))
    # White on three sides only: that is the picture's own white.
    bare[0], bare[:, 0], bare[:, -1] = W, W, W
    save(tmp_path, "c.png", bare)
    save(tmp_path, "d.png", np.full((5, 5), W, dtype=np.uint8))
    for name, inner in (("a.png", small), ("b.png", large), ("c.png", bare)):
        x = rows(tmp_path, "a.png", "b.png", "c.png", size=inner.shape[::-1])
        row = "abc".index(name[0])
        np.testing.assert_array_equal(x[row, 0] * 255, inner)
    assert (rows(tmp_path, "d.png", size=(4, 4)) == 1).all()


def test_jpeg_frames_waver_a_little(tmp_path: Path) -> None:
    inner = np.full((32, 32), 60, dtype=np.uint8)
    save(tmp_path, "a.jpg", framed(inner, 16, 16, 16, 16), quality=95)
    x = rows(tmp_path, "a.jpg", size=(16, 16))
    assert abs(x * 255 - 60).max() < 6


def test_shrinking_is_as_in_our_own_pictures(tmp_path: Path) -> None:
    grey = levels(np.random.default_rng(3), 40, 60)
    x = rows(tmp_path, save(tmp_path, "a.png", grey), size=(20, 10))
    expected = _resized(grey.astype(np.float32), (20, 10))
    assert abs(x[0, 0] * 255 - expected).max() < 1.0


def test_the_frame_does_not_shine_into_what_shrinks(tmp_path: Path) -> None:
    inner = levels(np.random.default_rng(6), 40, 60)
    save(tmp_path, "a.png", framed(inner))
    save(tmp_path, "b.png", inner)
    framed_one, bare = rows(tmp_path, "a.png", "b.png", size=(20, 10))
    np.testing.assert_array_equal(framed_one, bare)


def test_palettes_transparency_and_sixteen_bits(tmp_path: Path) -> None:
    grey = np.array([[0, 100], [200, 50]], dtype=np.uint8)
    picture = Image.fromarray(np.repeat(grey[:, :, None], 3, axis=2))
    picture.quantize(4).save(tmp_path / "palette.png")
    alpha = picture.convert("RGBA")
    alpha.putpixel((0, 0), (0, 0, 0, 0))
    alpha.save(tmp_path / "alpha.png")
    save(tmp_path, "deep.png", grey.astype(np.uint16) * 257)
    x = rows(tmp_path, "palette.png", "alpha.png", "deep.png", size=(2, 2))[:, 0] * 255
    np.testing.assert_array_equal(x[0], grey)
    np.testing.assert_array_equal(x[1], [[255, 100], [200, 50]])
    np.testing.assert_array_equal(x[2], grey)


def test_broken_pictures_are_listed(tmp_path: Path) -> None:
    grey = levels(np.random.default_rng(4), 30, 30)
    save(tmp_path, "good.png", grey)
    save(tmp_path, "torn.png", grey)
    torn = tmp_path / "torn.png"
    torn.write_bytes(torn.read_bytes()[:200])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    save(tmp_path, "float.tiff", grey.astype(np.float32))
    names = ("torn.png", "good.png", "empty.png", "text.jpg", "gone.png", "float.tiff")
    seen: list[int] = []
    table = picture_rows(pictures(tmp_path, *names), size=(4, 4), progress=seen.append)
    assert table.item.tolist() == [1]
    assert len(table.arrays["picture"]) == 1
    assert np.isnan(table.stop).all()
    reasons = dict(table.failed)
    assert "truncated" in reasons[0]
    assert reasons[2] == reasons[3] == "no picture that Pillow reads"
    assert reasons[4] == "No such file or directory"
    assert reasons[5] == "pixels of 32 bits (mode F); 8 or 16 are read"
    assert seen == [6]
    named = [(names[i], why) for i, why in table.failed]
    assert list(unreadable(pictures(tmp_path, *names), progress=seen.append)) == named
    assert seen == [6, 1, 2, 3, 4, 5, 6]


def test_a_picture_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "good.png", np.zeros((9, 9), dtype=np.uint8))
    save(tmp_path, "bomb.png", np.zeros((11, 11), dtype=np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    table = picture_rows(pictures(tmp_path, "good.png", "bomb.png"), size=(4, 4))
    assert table.item.tolist() == [0]
    assert "exceeds limit of 100 pixels" in table.failed[0][1]


def test_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(DatasetError, match="no picture could be read: no picture that"):
        rows(tmp_path, "a.png")
    with pytest.raises(DatasetError, match="pictures of 0x4; expected a width"):
        rows(tmp_path, "a.png", size=(0, 4))
    with pytest.raises(UnknownName, match=r"no crop named 'atuo'.*Did you mean auto"):
        rows(tmp_path, "a.png", crop="atuo")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="toy: a data set of audio; expected one of pic"):
        picture_rows(Dataset("toy", ".", (Item("x.wav", "a", "", "x"),), ("a",)))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"extra \[train\]"):
        rows(tmp_path, "a.png")


def test_threads_do_not_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    names = [save(tmp_path, f"{i}.png", framed(levels(rng, 9, 9))) for i in range(20)]
    one = rows(tmp_path, *names, size=(9, 9), workers=1)
    np.testing.assert_array_equal(one, rows(tmp_path, *names, size=(9, 9), workers=4))


def test_the_pictures_that_go_round_with_gtzan(shared_data: Path) -> None:
    folder = shared_data / "gtzan-pictures"
    dataset = read(folder, group_by=str(shared_data / "gtzan" / "index.csv"))
    assert Counter(item.split for item in dataset.items) == {"train": 442, "valid": 197, "": 70}
    few = dataset.subset(range(0, 709, 59))
    x = picture_rows(few, size=(336, 218), grey=False).arrays["picture"]
    assert x.shape == (13, 3, 218, 336)
    # The frame is the same in all of them, and nothing white is left at the edge.
    with Image.open(few.file(5)) as found:
        inner = np.asarray(found.convert("RGB"))[35:253, 54:390]
    np.testing.assert_array_equal(np.rint(x[5] * 255), np.moveaxis(inner, -1, 0))
    assert x[:, :, :, 0].min(axis=1).max() < 0.9


@pytest.mark.parametrize(
    ("mode", "name", "slack"),
    [
        ("1", "a.png", 0),
        ("LA", "a.png", 0),
        ("CMYK", "a.jpg", 6),
        ("L", "a.webp", 8),
        ("RGB", "a.bmp", 0),
    ],
)
def test_modes_and_formats(tmp_path: Path, mode: str, name: str, slack: float) -> None:
    grey = np.zeros((16, 16), dtype=np.uint8)
    grey[:, 8:] = W
    Image.fromarray(grey).convert(mode).save(tmp_path / name)
    x = rows(tmp_path, name, size=(16, 16), crop="none")[0, 0] * 255
    assert abs(x - grey).max() <= slack


@pytest.mark.parametrize("cmap", ["magma", "gray", "viridis"])
def test_a_plot_saved_with_its_frame(tmp_path: Path, cmap: str) -> None:
    """A spectrogram as people save it: matplotlib, no axes, white around it."""
    S = np.cumsum(np.random.default_rng(7).normal(size=(64, 96)), axis=1)
    figure = Figure(figsize=(4.32, 2.88), dpi=100)
    axes = figure.add_subplot()
    axes.imshow(S, aspect="auto", cmap=cmap)
    axes.axis("off")
    figure.savefig(tmp_path / "a.png")
    left, bottom, right, top = axes.get_position().extents * [432, 288, 432, 288]
    inner = _look(str(tmp_path / "a.png")).inner
    assert inner is not None
    np.testing.assert_allclose(inner, [left, 288 - top, right, 288 - bottom], atol=1.1)
    # Brightness follows the spectrogram, place by place.
    x = rows(tmp_path, "a.png", size=(96, 64))[0, 0]
    whole = rows(tmp_path, "a.png", size=(96, 64), crop="none")[0, 0]
    assert np.corrcoef(x.ravel(), S.ravel())[0, 1] > 0.9
    assert np.corrcoef(whole.ravel(), S.ravel())[0, 1] < 0.5


@pytest.mark.parametrize("kind", ["grey", "mel", "colour"])
def test_pictures_that_we_drew(tmp_path: Path, kind: Kind) -> None:
    """What `genrewise spectrograms` writes is read back to the bit, with nothing cut off."""
    rng = np.random.default_rng(8)
    y = (rng.normal(size=22050) * np.linspace(0, 0.3, 22050)).astype(np.float32)
    drawn = picture(y, 22050, kind, (40, 24))
    (tmp_path / "a.png").write_bytes(png(drawn))
    x = rows(tmp_path, "a.png", size=(40, 24), grey=kind != "colour")[0]
    expected = np.moveaxis(drawn, -1, 0) if kind == "colour" else drawn[None]
    np.testing.assert_array_equal(np.rint(x * 255), expected)


def test_from_the_command_to_the_windows(tmp_path: Path) -> None:
    """Music, `genrewise spectrograms`, a data set with its groups, windows."""
    root = generate(tmp_path / "music", 2, 1.0, genres=["techno", "waltz"], tracks_per_artist=1)
    target = tmp_path / "pictures"
    command = ["spectrograms", str(root), "-o", str(target), "--size", "32x24", "--workers", "1"]
    assert main(command) == 0
    dataset = read(target)
    assert dataset.kind == "pictures"
    assert dataset.labels == ("techno", "waltz")
    assert {i.group for i in dataset.items} == {i.group for i in read(root).items}
    table = picture_rows(dataset, size=(32, 24))
    assert table.arrays["picture"].shape == (4, 1, 24, 32)
    assert table.item.tolist() == [0, 1, 2, 3]
    assert table.failed == ()
    assert table.heard.all()


@given(
    st.lists(
        st.tuples(*[st.integers(1, 9)] * 2, *[st.integers(11, 19)] * 2), min_size=1, max_size=5
    )
)
def test_the_common_frame_holds_every_inside(boxes: list[tuple[int, int, int, int]]) -> None:
    looked = [_Looked((20, 20), box) for box in boxes] + [_Looked((20, 20)), _Looked((7, 7))]
    (found,) = frames(looked).values()
    for box in boxes:
        assert found[0] <= box[0]
        assert found[1] <= box[1]
        assert found[2] >= box[2]
        assert found[3] >= box[3]
    assert all(found[i] in {box[i] for box in boxes} for i in range(4))
    assert frames(reversed(looked)) == frames(looked)
