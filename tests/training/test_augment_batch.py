"""Augmented batches: what changes, what must not, and what the numbers are."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.stats import beta, kstest
from torch import Tensor

from genrewise.errors import RecipeError, UnknownName
from genrewise.training.augment import (
    KINDS,
    PICTURE_KINDS,
    SPECTROGRAM_KINDS,
    WAVEFORM_KINDS,
    batch_transform,
    check,
    saved_copies,
)
from genrewise.training.augment.batch import ALPHA, BatchTransform
from genrewise.training.augment.cells import CHANGES, WIDEST, blur, spec_augment, time_shift
from genrewise.training.augment.geometry import ANGLE, MOVES, STRETCH, ZOOM, moved

LABEL_KEEPING = tuple(kind for kind in KINDS if kind != "mixup")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 6, shape: tuple[int, int, int] = (1, 16, 24), seed: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=generator(seed)) - 4.0


def labels(n: int) -> Tensor:
    return torch.arange(n) % 3


def blob(height: int = 61, width: int = 81, at: tuple[int, int] = (20, 55)) -> Tensor:
    """A smooth hill in an empty picture."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    hill = torch.exp(-((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / 18.0)
    return hill[None, None].float()


def centre(x: Tensor) -> tuple[float, float]:
    """Centre of mass of one picture: row, column."""
    row, column = ndimage.center_of_mass(x[0, 0].numpy())
    return float(row), float(column)


def test_every_name_has_one_place() -> None:
    assert {*MOVES, *CHANGES, "mixup"} == set(KINDS)
    assert set(PICTURE_KINDS).isdisjoint(SPECTROGRAM_KINDS)
    assert set(WAVEFORM_KINDS).isdisjoint(KINDS)


def test_names_cost_nothing_to_list() -> None:
    script = (
        "import sys, genrewise.training.augment as a; a.check(['mixup'])"
        "; print({'torch', 'scipy', 'soundfile'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_kinds_are_put_in_order_once() -> None:
    assert check(["mixup", "blur", "mirror", "blur"]) == ("mirror", "blur", "mixup")
    assert check([]) == ()
    with pytest.raises(UnknownName, match="Did you mean mirror"):
        check(["miror"])
    with pytest.raises(UnknownName, match="no augmentation named 'gain'"):
        batch_transform(["gain"], 0.5, 3)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_a_probability_is_one(probability: float) -> None:
    with pytest.raises(RecipeError, match="expected 0 to 1"):
        batch_transform(["mirror"], probability, 3)


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(1, 9), seed=st.integers(0, 99), probability=st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_every_kind_keeps_shape_range_and_input(
    kind: str, n: int, seed: int, probability: float
) -> None:
    x, y = pictures(n, seed=seed), labels(n)
    before = x.clone()
    transform = batch_transform([kind], probability, 3)
    out, targets = transform(x, y, generator(seed))
    assert torch.equal(x, before)
    assert (out.shape, out.dtype) == (x.shape, torch.float32)
    assert bool(torch.isfinite(out).all())
    # Every cell is a mean of cells of this or, under mixup, another row.
    axes = (0, 1, 2, 3) if kind == "mixup" else (1, 2, 3)
    assert bool((out.amax(axes) <= x.amax(axes) + 1e-4).all())
    assert bool((out.amin(axes) >= x.amin(axes) - 1e-4).all())
    again, same = transform(x, y, generator(seed))
    assert torch.equal(out, again)
    assert torch.equal(targets, same)
    assert (targets is y) == (kind != "mixup")


def test_probability_nought_changes_nothing() -> None:
    x, y = pictures(), labels(6)
    out, same = batch_transform(LABEL_KEEPING, 0.0, 3)(x, y, generator())
    assert torch.equal(out, x)
    assert same is y
    out, targets = batch_transform(KINDS, 0.0, 3)(x, y, generator())
    assert torch.equal(out, x)
    assert torch.equal(targets, torch.eye(3)[y])


def test_no_kinds_change_nothing() -> None:
    x, y = pictures(), labels(6)
    out, same = batch_transform([], 1.0, 3)(x, y, generator())
    assert out is x
    assert same is y


def test_every_row_has_its_own_throw() -> None:
    n = 4000
    x = torch.arange(6.0).expand(n, 1, 2, 6)
    out, _ = batch_transform(["mirror"], 0.3, 3)(x, labels(n), generator())
    turned = (out[:, 0, 0, 0] == 5).numpy()
    assert abs(turned.mean() - 0.3) < 4 * math.sqrt(0.21 / n)
    assert torch.equal(out[~turned], x[~turned])
    # Neighbours do not share their throw.
    assert abs(np.corrcoef(turned[1:], turned[:-1])[0, 1]) < 0.07


def test_two_kinds_have_two_throws() -> None:
    n = 4000
    x = torch.zeros(n, 1, 3, 5)
    x[:, :, :, 4] = 1.0
    out, _ = batch_transform(["mirror", "blur"], 0.5, 3)(x, labels(n), generator())
    turned, blurred = out[:, 0, 0, 0] > 0.5, out[:, 0, 0].amax(1) < 1
    assert abs(float(blurred.float().mean()) - 0.5) < 0.03
    assert abs(float((turned & blurred).float().mean()) - 0.25) < 0.03


def test_the_order_of_the_names_does_not_matter() -> None:
    x, y = pictures(), labels(6)
    one = batch_transform(KINDS, 0.7, 3)(x, y, generator(5))
    other = batch_transform(KINDS[::-1], 0.7, 3)(x, y, generator(5))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_a_mirror_image_is_exact_and_its_own_inverse() -> None:
    x, y = pictures(), labels(6)
    mirror = batch_transform(["mirror"], 1.0, 3)
    once, _ = mirror(x, y, generator())
    assert torch.equal(once, x.flip(3))
    assert torch.equal(mirror(once, y, generator())[0], x)


def test_a_mirror_image_of_a_mirror_image_in_one_product() -> None:
    both = MOVES["mirror"](1, 1.5, generator()) @ MOVES["mirror"](1, 1.5, generator())
    x = pictures(1)
    assert torch.equal(moved(x, both), x)


def test_rotation_is_a_flip_half_a_turn_or_a_small_angle() -> None:
    n = 300
    x = blob().expand(n, 1, 61, 81)
    out, _ = batch_transform(["rotate"], 1.0, 3)(x, labels(n), generator())
    counts = {"flip": 0, "half": 0, "angle": 0}
    for row in out:
        at = centre(row[None])
        if torch.equal(row, x[0].flip(1)):
            counts["flip"] += 1
        elif torch.equal(row, x[0].flip((1, 2))):
            counts["half"] += 1
        else:
            counts["angle"] += 1
            # The hill stands 10 rows above and 15 columns right of the middle, (30, 40).
            angle = math.atan2(30 - at[0], at[1] - 40) - math.atan2(10, 15)
            assert abs(math.degrees(angle)) <= ANGLE + 0.1
            assert abs(math.hypot(30 - at[0], at[1] - 40) - math.hypot(10, 15)) < 0.1
    assert all(70 < count < 130 for count in counts.values())


def test_stretching_moves_by_up_to_a_tenth() -> None:
    n = 200
    out, _ = batch_transform(["stretch"], 1.0, 3)(
        blob().expand(n, 1, 61, 81), labels(n), generator()
    )
    at = np.array([centre(row[None]) for row in out])
    high, wide = (30 - at[:, 0]) / 10, (at[:, 1] - 40) / 15
    for factor in (high, wide):
        assert 1 - STRETCH - 0.01 < factor.min() < 1 - STRETCH + 0.03
        assert 1 + STRETCH - 0.03 < factor.max() < 1 + STRETCH + 0.01
    assert abs(np.corrcoef(high, wide)[0, 1]) < 0.2


def test_zooming_shows_a_part_of_the_picture_larger() -> None:
    ramp = torch.linspace(0.0, 1.0, 81).expand(200, 1, 61, 81).clone()
    out, _ = batch_transform(["zoom"], 1.0, 3)(ramp, labels(200), generator())
    shown = (out[:, 0, 30, -1] - out[:, 0, 30, 0]).numpy()
    assert shown.min() >= 1 / ZOOM - 0.02
    assert shown.min() < 1 / ZOOM + 0.03
    assert shown.max() <= 1.0 + 1e-5
    # Nothing from outside: still a ramp, with equal steps everywhere.
    steps = torch.diff(out[:, 0, 30, 1:-1])
    assert float((steps - steps.mean(1, keepdim=True)).abs().max()) < 1e-4


def test_what_comes_from_outside_is_the_least_of_the_row() -> None:
    x = torch.full((40, 1, 30, 40), 7.0)
    x[:, :, 14:17] = torch.arange(40.0)[:, None, None, None] / 40 - 3.0
    small = torch.eye(3).repeat(40, 1, 1)
    small[:, 0, 0] = small[:, 1, 1] = 2.0
    out = moved(x, small)
    assert torch.allclose(out[:, 0, 0, 0], x.amin(dim=(1, 2, 3)), atol=1e-6)
    assert torch.allclose(out[:, 0, -1, -1], x.amin(dim=(1, 2, 3)), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 12, 31), (3, 8, 8), (2, 3, 2)])
def test_blur_is_that_of_scipy(shape: tuple[int, int, int]) -> None:
    x = pictures(5, shape)
    ours = blur(x, generator(2))
    widths = 0.5 + torch.rand(5, generator=generator(2))
    for row, mine, width in zip(x.numpy(), ours.numpy(), widths.tolist(), strict=True):
        for picture, blurred in zip(row, mine, strict=True):
            theirs = ndimage.gaussian_filter(picture, width, mode="nearest", radius=4)
            np.testing.assert_allclose(blurred, theirs, atol=2e-5)


def test_time_shift_turns_every_row_round_by_its_own() -> None:
    x = torch.arange(24.0).expand(50, 2, 4, 24)
    out = time_shift(x, generator())
    by = []
    for row in out:
        by.append(int((row[0, 0] == 0).nonzero()))
        assert torch.equal(row, x[0].roll(by[-1], 2))
    assert len(set(by)) > 10


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_masks_are_bands_at_the_mean_and_the_rest_is_untouched(
    height: int, width: int, seed: int
) -> None:
    x = torch.randn(4, 2, height, width, generator=generator(seed)).double()
    out = spec_augment(x, generator(seed))
    changed = out != x
    mean = x.mean(dim=(1, 2, 3), keepdim=True).expand(x.shape)
    assert torch.equal(out[changed], mean[changed])
    for row in changed[:, 0]:
        bands = row.all(1)
        times = row.all(0)
        # A cell is masked by its band or its time and by nothing else.
        assert torch.equal(row, bands[:, None] | times[None, :])
        if not row.all():
            assert int(bands.sum()) <= 2 * math.floor(WIDEST * height + 1)
            assert int(times.sum()) <= 2 * math.floor(WIDEST * width + 1)
    assert torch.equal(changed[:, 0], changed[:, 1])


def test_masks_are_as_wide_as_the_paper_draws_them() -> None:
    x = torch.randn(3000, 1, 64, 160, generator=generator(1))
    masked = spec_augment(x, generator()) != x
    bands = masked.all(3)[:, 0].sum(1).float()
    # Two masks of a width uniform on 0..8 of 64 bands, which seldom overlap.
    assert abs(float(bands.mean()) - 8.0) < 0.5
    assert int(bands.max()) <= 16
    assert int(bands.min()) == 0
    hit = masked.all(3)[:, 0].float().mean(0)
    assert float(hit[20:44].min()) > 0.09


@given(st.integers(1, 12), st.integers(0, 100), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_mixed_rows_and_targets_have_the_same_shares(n: int, seed: int, probability: float) -> None:
    x, y = torch.eye(n), torch.arange(n)
    out, targets = batch_transform(["mixup"], probability, n)(x, y, generator(seed))
    # Rows are unit vectors and labels their numbers, so both must come out alike.
    assert torch.allclose(out, targets, atol=1e-6)
    assert torch.allclose(targets.sum(1), torch.ones(n), atol=1e-6)
    assert bool((targets >= 0).all())
    assert targets.dtype == torch.float32
    assert int((targets > 0).sum(1).max()) <= 2


def test_shares_follow_the_beta_distribution() -> None:
    n = 4000
    out, _ = batch_transform(["mixup"], 1.0, n)(torch.eye(n), torch.arange(n), generator(4))
    share = out.diagonal().double().numpy()
    assert kstest(share, beta(ALPHA, ALPHA).cdf).pvalue > 0.001


def test_rows_that_are_no_pictures() -> None:
    x, y = torch.randn(5, 57, generator=generator()), labels(5)
    out, _ = batch_transform(["mixup"], 1.0, 3)(x, y, generator())
    assert out.shape == x.shape
    for kind in LABEL_KEEPING:
        with pytest.raises(RecipeError, match=rf"{kind} on rows of shape \(57,\).*waveform"):
            batch_transform([kind], 1.0, 3)(x, y, generator())


def test_kinds_follow_each_other() -> None:
    x = torch.arange(24.0).expand(8, 1, 4, 24)
    out, _ = batch_transform(["time-shift", "mirror"], 1.0, 3)(x, labels(8), generator())
    # Mirrored and then turned round: every cell is one less than the one before it.
    steps = torch.diff(out, dim=3) % 24
    assert torch.equal(steps, torch.full_like(steps, 23.0))
    assert not torch.equal(out, x.flip(3))


def test_copies_double_the_data() -> None:
    x = pictures(5).numpy()
    y = np.array([2, 0, 1, 1, 2])
    out, truth = saved_copies(x, y, ["mirror"], 1, 7)
    np.testing.assert_array_equal(out[:5], x)
    np.testing.assert_array_equal(out[5:], x[..., ::-1])
    np.testing.assert_array_equal(truth, np.tile(y, 2))
    assert out.dtype == np.float32
    assert truth.dtype == y.dtype


def test_each_row_of_a_copy_is_changed_by_one_kind() -> None:
    n = 600
    x = np.tile(np.arange(48, dtype=np.float32).reshape(1, 1, 4, 12), (n, 1, 1, 1))
    out, _ = saved_copies(x, np.zeros(n, dtype=np.int64), ["mirror", "time-shift"], 2, 0)
    rolled = [np.roll(x[0], k, 2) for k in range(12)]
    for copy in (out[n : 2 * n], out[2 * n :]):
        mirrored = (copy == x[0][..., ::-1]).all(axis=(1, 2, 3))
        shifted = np.any([(copy == r).all(axis=(1, 2, 3)) for r in rolled], axis=0)
        assert (mirrored ^ shifted).all()
        assert 0.4 < mirrored.mean() < 0.6
    assert not np.array_equal(out[n : 2 * n], out[2 * n :])
    # Rows of another block are changed in another way.
    assert not np.array_equal(out[n : n + 256], out[n + 256 : n + 512])


def test_copies_are_the_same_with_the_same_seed() -> None:
    x, y = pictures(9).numpy(), np.arange(9) % 3
    one = saved_copies(x, y, LABEL_KEEPING, 2, 1)[0]
    np.testing.assert_array_equal(one, saved_copies(x, y, LABEL_KEEPING, 2, 1)[0])
    other = saved_copies(x, y, LABEL_KEEPING, 2, 2)[0]
    np.testing.assert_array_equal(one[:9], other[:9])
    assert (one[9:] != other[9:]).any(axis=(1, 2, 3)).mean() > 0.8


def test_copies_are_read_in_blocks() -> None:
    class Rows:
        """Rows that may only be read a part at a time."""

        shape = (700, 1, 4, 4)
        widest = 0

        def __len__(self) -> int:
            return 700

        def __getitem__(self, rows: slice) -> np.ndarray:
            part = np.arange(700, dtype=np.float64)[rows]
            self.widest = max(self.widest, len(part))
            return np.broadcast_to(part[:, None, None, None], (len(part), 1, 4, 4))

    rows = Rows()
    out, _ = saved_copies(rows, np.zeros(700, dtype=np.int64), ["mirror", "blur"], 1, 0)
    np.testing.assert_allclose(out[:, 0, 0, 0], np.tile(np.arange(700), 2), rtol=1e-5)
    assert rows.widest <= 256


@pytest.mark.parametrize(
    ("kinds", "copies", "said"),
    [
        (["mixup", "blur"], 1, "mixup in saved copies.*augment.mode"),
        ([], 1, "1 saved copies by 0 kinds"),
        (["blur"], 0, "0 saved copies by 1 kinds"),
    ],
)
def test_copies_that_cannot_be_saved(kinds: list[str], copies: int, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        saved_copies(pictures().numpy(), np.zeros(6, dtype=np.int64), kinds, copies, 0)


def test_copies_of_rows_that_are_no_pictures() -> None:
    with pytest.raises(RecipeError, match="pictures or spectrograms"):
        saved_copies(np.zeros((3, 57)), np.zeros(3, dtype=np.int64), ["blur"], 1, 0)


def test_a_transform_is_plain_and_can_be_compared() -> None:
    assert batch_transform(["blur", "mirror"], 0.5, 3) == BatchTransform(("mirror", "blur"), 0.5, 3)
