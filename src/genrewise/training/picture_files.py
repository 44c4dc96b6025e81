"""Pictures of a data set, read from their files: one window an item.

Decoding takes a millisecond or two a picture and Pillow gives up the interpreter's lock
meanwhile, so threads do it and nothing is kept.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from genrewise import engine
from genrewise.errors import DatasetError, MissingExtra, UnknownName
from genrewise.training.datasets import Dataset
from genrewise.training.store import Table
from genrewise.training.table_rows import single_windows

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["picture_rows", "unreadable"]

F32 = NDArray[np.float32]
#: Left, top, right, bottom in pixels; right and bottom are the first ones outside.
Box = tuple[int, int, int, int]
Progress = Callable[[int], None]

#: Channels from here on are white: JPEG files waver a little.
_WHITE = 250


@dataclass(frozen=True)
class _Looked:
    """What a first look at a file tells.

    Parameters
    ----------
    size : (int, int)
        Width and height; (0, 0) where the file cannot be read.
    inner : tuple of int, optional
        Box of what is not white, where all four edges are white.
    error : str
    """

    size: tuple[int, int] = (0, 0)
    inner: Box | None = None
    error: str = ""


@contextmanager
def _guarded() -> Iterator[None]:
    """Pictures of a hundred million pixels become an error instead of a warning."""
    from PIL.Image import DecompressionBombWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", DecompressionBombWarning)
        yield


def _open(file: str) -> Image:
    """A picture in red, green and blue, what is transparent on white.

    Raises
    ------
    OSError, ValueError, SyntaxError, Warning
        Damaged, too large, or no picture.
    """
    from PIL import Image

    with Image.open(file) as found:
        if found.mode.startswith("I;16"):
            wide = np.asarray(found, dtype=np.float32)
            return Image.fromarray(np.rint(wide / 257).astype(np.uint8)).convert("RGB")
        if found.mode in {"I", "F"}:
            raise ValueError(f"pixels of 32 bits (mode {found.mode}); 8 or 16 are read")
        if not found.has_transparency_data:
            return found.convert("RGB")
        clear = found.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def _inner(picture: Image) -> Box | None:
    """Box of what is not white; None where the edges are not white all around."""
    from PIL import ImageChops

    red, green, blue = picture.split()
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    box = darkest.point([255] * _WHITE + [0] * (256 - _WHITE)).getbbox()
    framed = box and box[0] > 0 and box[1] > 0 and box[2] < picture.width
    return box if framed and box and box[3] < picture.height else None


def _reason(error: Exception) -> str:
    """One line on a picture that could not be read."""
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "no picture that Pillow reads"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def _look(file: str) -> _Looked:
    try:
        picture = _open(file)
    # Damaged files raise what the decoder happened to trip over.
    except Exception as error:
        return _Looked(error=_reason(error))
    return _Looked(picture.size, _inner(picture))


def frames(looked: Iterable[_Looked]) -> dict[tuple[int, int], Box]:
    """Box within the white frame, for each size of picture.

    It holds whatever is not white in any framed picture of that size: all are cut alike, so
    that a place in one picture means the same frequency and time in another, also where a
    picture is white at its edge because there was silence.
    """
    boxes: dict[tuple[int, int], Box] = {}
    for one in looked:
        if one.inner:
            a, b = boxes.get(one.size, one.inner), one.inner
            boxes[one.size] = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
    return boxes


def _pixels(file: str, box: Box | None, size: tuple[int, int], grey: bool) -> F32:
    """One picture, shape (1 or 3, height, width), 0 to 1."""
    from PIL.Image import Resampling

    picture = _open(file)
    # Cut out first: with its own `box`, resize mixes the frame into the edge.
    inner = picture.crop(box) if box else picture
    # Smoothed where it shrinks: each new pixel is a triangle about its place.
    cut = inner.resize(size, Resampling.BILINEAR)
    x = np.asarray(cut.convert("L") if grey else cut, dtype=np.float32)
    return np.asarray((x[None] if grey else np.moveaxis(x, -1, 0)) / 255, dtype=np.float32)


def unreadable(
    dataset: Dataset, *, workers: int = 0, progress: Progress | None = None
) -> tuple[tuple[str, str], ...]:
    """Pictures that cannot be read: path and reason of each.

    Parameters
    ----------
    dataset : Dataset
        Of kind ``"pictures"``.
    workers : int
        Threads; 0 means one a usable CPU.
    progress : callable, optional
        Called with the number of items done.

    Raises
    ------
    DatasetError, MissingExtra
        As :func:`picture_rows`.
    """
    _check(dataset)
    files, found = [dataset.file(i) for i in range(len(dataset))], []
    with _guarded(), ThreadPoolExecutor(workers or engine.usable_cpus()) as pool:
        for i, one in enumerate(pool.map(_look, files)):
            if one.error:
                found.append((dataset.items[i].path, one.error))
            if progress:
                progress(i + 1)
    return tuple(found)


def _check(dataset: Dataset) -> None:
    """Refuse what no picture can be had of, before the work."""
    if dataset.kind != "pictures":
        raise DatasetError(f"{dataset.name}: a data set of {dataset.kind}", "one of pictures")
    try:
        import PIL  # noqa: F401 - needed in the threads
    except ModuleNotFoundError as error:
        raise MissingExtra("pictures", "train", error.name or "") from error


def picture_rows(
    dataset: Dataset,
    *,
    size: tuple[int, int] = (128, 128),
    grey: bool = True,
    crop: Literal["auto", "none"] = "auto",
    workers: int = 0,
    progress: Progress | None = None,
) -> Table:
    """The windows of a data set of pictures.

    Parameters
    ----------
    dataset : Dataset
        Of kind ``"pictures"``.
    size : (int, int)
        Width and height in pixels that each picture is brought to.
    grey : bool
        One channel of brightness (ITU-R BT.601) instead of red, green and blue.
    crop : {"auto", "none"}
        "auto" removes the white frame that plots come in; see :func:`frames`.
    workers : int
        Threads; 0 means one a usable CPU.
    progress : callable, optional
        Called with the number of items done.

    Returns
    -------
    Table
        The input ``"picture"``, shape (n, 1 or 3, height, width), float32, 0 to 1.  A file
        that cannot be read is in `failed` and has no row.

    Raises
    ------
    DatasetError
        The data set is none of pictures; no picture could be read; a size below 1.
    UnknownName
        Another word for `crop`.
    MissingExtra
        Without Pillow.
    """
    _check(dataset)
    if crop not in {"auto", "none"}:
        raise UnknownName("crop", crop, ("auto", "none"))
    if min(size) < 1:
        raise DatasetError(f"pictures of {size[0]}x{size[1]}", "a width and height of 1 or more")
    files = [dataset.file(i) for i in range(len(dataset))]
    with _guarded(), ThreadPoolExecutor(workers or engine.usable_cpus()) as pool:
        looked = list(pool.map(_look, files))
        items = [i for i, one in enumerate(looked) if not one.error]
        failed = [(i, one.error) for i, one in enumerate(looked) if one.error]
        if not items:
            why = failed[0][1] if failed else "the data set is empty"
            raise DatasetError(f"no picture could be read: {why}", "PNG or JPEG files")
        boxes = frames(looked) if crop == "auto" else {}

        def pixels(i: int) -> F32:
            return _pixels(files[i], boxes.get(looked[i].size), size, grey)

        x = np.empty((len(items), 1 if grey else 3, size[1], size[0]), dtype=np.float32)
        for row, one in enumerate(pool.map(pixels, items)):
            x[row] = one
            if progress:
                progress(len(failed) + row + 1)
    return single_windows(dataset, {"picture": x}, items, failed)
