"""Synthetic music: seeded, quick, and genres that can be told apart."""

from __future__ import annotations

import csv
import hashlib
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from genrewise.audio import load
from genrewise.errors import DatasetError, UnknownName
from genrewise.features.frontend import FrontEnd, log_mel
from genrewise.labels import label_set
from genrewise.training.datasets import read
from genrewise.training.datasets.synthesis import SR, Mixer, Voice, drum_kit, hertz, reverberate
from genrewise.training.datasets.synthetic import STYLES, artist, generate, render
from genrewise.training.splits import folds

F32 = NDArray[np.float32]


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve genres, four artists of three tracks each, 5 s."""
    return generate(tmp_path_factory.mktemp("music"), 12, 5.0, 3)


def test_layout(music: Path) -> None:
    dataset = read(music)
    assert dataset.labels == label_set("synthetic-12").labels == tuple(STYLES)
    assert len(dataset) == 144
    assert len({i.group for i in dataset.items}) == 48
    assert len({i.track for i in dataset.items}) == 144
    assert dataset.warnings == ()
    with (music / "manifest.csv").open(newline="") as stream:
        first = next(csv.DictReader(stream))
    assert first == {
        "path": "ambient/ambient.00000.wav",
        "label": "ambient",
        "group": "ambient artist 1",
        "track": "ambient/ambient.00000",
    }
    info = soundfile.info(music / first["path"])
    assert (info.samplerate, info.channels, info.frames) == (SR, 1, 5 * SR)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    first = generate(tmp_path / "a", 2, 1.0, 5, genres=["techno", "waltz"])
    again = generate(tmp_path / "b", 2, 1.0, 5, genres=["techno", "waltz"])
    other = generate(tmp_path / "c", 2, 1.0, 6, genres=["techno", "waltz"])
    assert digest(first) == digest(again)
    assert digest(first) != digest(other)


def test_more_tracks_leave_the_first_as_they_are(tmp_path: Path) -> None:
    few = generate(tmp_path / "few", 1, 1.0, 0, genres=["blues"])
    many = generate(tmp_path / "many", 4, 1.0, 0, genres=["disco", "blues"])
    name = "blues/blues.00000.wav"
    assert (few / name).read_bytes() == (many / name).read_bytes()


def test_faster_than_music_by_far(tmp_path: Path) -> None:
    start = time.process_time()
    generate(tmp_path, 1, 20.0, 0)
    # 12 tracks of 20 s; measured 190 to 400 times real time on one core.
    assert 12 * 20 / (time.process_time() - start) > 50


@pytest.mark.parametrize("style", list(STYLES))
def test_every_genre_sounds(style: str) -> None:
    rng = np.random.default_rng(1)
    y = render(artist(STYLES[style], rng), 6.0, rng)
    assert y.dtype == np.float32
    assert y.shape == (6 * SR,)
    assert np.isfinite(y).all()
    assert 0.45 < float(np.abs(y).max()) < 0.95
    assert float(np.sqrt(np.square(y).mean())) > 0.01
    assert abs(float(y.mean())) < 0.02
    # Sound from the first second to the last.
    assert all(np.abs(part).max() > 0.01 for part in y.reshape(6, SR))


def test_genres_can_be_told_apart_and_artists_matter(music: Path) -> None:
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    dataset = read(music)
    frontend = FrontEnd(n_mels=40)
    rows = []
    for i in range(len(dataset)):
        S = log_mel(load(dataset.file(i)).y, frontend)
        rows.append(np.concatenate([S.mean(0), S.std(0), np.abs(np.diff(S, axis=0)).mean(0)]))
    X, truth = np.array(rows), dataset.targets()
    model = make_pipeline(StandardScaler(), SVC(C=5.0))
    right = 0
    for train, held in folds(dataset, range(len(dataset)), 4):
        guess = model.fit(X[list(train)], truth[list(train)]).predict(X[list(held)])
        right += int((guess == truth[list(held)]).sum())
    assert right / len(dataset) > 0.85
    # Knowing the artist helps: artists sound like themselves.
    artists = np.unique([i.group for i in dataset.items], return_inverse=True)[1]
    own = cross_val_score(model, X, artists, cv=KFold(4, shuffle=True, random_state=0)).mean()
    assert own > 20 / 48


def test_genres_asked_for(tmp_path: Path) -> None:
    assert read(generate(tmp_path, 1, 0.5, genres=["metal", "swing"])).labels == ("metal", "swing")
    with pytest.raises(UnknownName, match=r"'teckno'.*[Dd]id you mean techno"):
        generate(tmp_path, 1, 0.5, genres=["teckno"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"tracks_per_genre": 0},
        {"seconds": 0.01},
        {"seed": -1},
        {"tracks_per_artist": 0},
    ],
)
def test_impossible_settings(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(DatasetError, match="synthetic music with"):
        generate(tmp_path / "x", **wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_styles_are_well_formed() -> None:
    for name, style in STYLES.items():
        size = len(style.bass)
        assert size % style.steps == 0, name
        for pattern in (*style.drums.values(), style.chord, style.lead):
            assert len(pattern) in {0, size}, name
            assert set(pattern) <= set(".xo58"), name
        assert style.tempo[0] < style.tempo[1]
        assert all(0 <= root < 12 for root, _ in style.chords), name
    fingerprints = {(s.bass, s.chord, tuple(s.drums.items())) for s in STYLES.values()}
    assert len(fingerprints) == len(STYLES)


# -- the synthesiser


def test_pitch() -> None:
    assert hertz(69) == 440.0
    assert hertz(57) == pytest.approx(220.0)
    y = Voice(decay=100.0).note(69, 1.0, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    assert np.argmax(spectrum) * SR / len(y) == pytest.approx(440.0, abs=1.1)


def test_no_alias() -> None:
    y = Voice(tilt=0.5, decay=100.0).note(96, 1.0, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    frequency = hertz(96)
    bins = np.arange(len(spectrum)) * SR / len(y)
    harmonic = np.abs(bins / frequency - np.round(bins / frequency)) * frequency < 12
    # Beside the harmonics there is only the rounding of the table.
    assert spectrum[~harmonic].max() < spectrum.max() * 10 ** (-45 / 20)


def test_hollow_voices_have_no_even_harmonics() -> None:
    table = Voice(even=0.0).table(200.0)
    spectrum = np.abs(np.fft.rfft(table))
    assert spectrum[2] < 1e-3 * spectrum[1]
    assert spectrum[3] > 0.2 * spectrum[1]
    assert np.abs(table).max() == pytest.approx(1.0)


def test_envelope_begins_and_ends_in_silence() -> None:
    for attack in (0.0, 0.5):
        y = Voice(attack=attack).note(60, 0.4, np.random.default_rng(0))
        assert abs(y[0]) < 0.01
        assert abs(y[-1]) < 0.01


def test_mixer_cuts_off_at_the_end() -> None:
    mixer = Mixer(1.0, np.random.default_rng(0))
    sound = np.ones(SR, dtype=np.float32)
    mixer.add(sound, 0.5, 0.25)
    mixer.add(sound, 1.5)
    mixer.add(sound, -1.0)
    assert mixer.y[: SR // 2].max() == 0.0
    assert mixer.y[SR // 2 :].tolist() == [0.25] * (SR - SR // 2)


def test_equal_notes_are_rendered_once() -> None:
    voice = Voice(breath=0.1)
    mixer = Mixer(2.0, np.random.default_rng(0))
    mixer.play(voice, 60, 0.0, 0.5, 1.0)
    mixer.play(voice, 60, 1.0, 0.5, 0.5)
    n = SR // 2
    np.testing.assert_allclose(mixer.y[SR : SR + n], 0.5 * mixer.y[:n], atol=1e-7)


def test_kits_differ_and_sound() -> None:
    first, second = (drum_kit(np.random.default_rng(seed)) for seed in (1, 2))
    assert set(first) == {"kick", "snare", "hat", "ride", "rim"}
    for name, hit in first.items():
        assert hit.dtype == np.float32
        assert 0.05 < np.abs(hit).max() < 3.0, name
        assert not np.array_equal(hit, second[name])
    spectrum = np.abs(np.fft.rfft(first["kick"]))
    assert np.argmax(spectrum) * SR / len(first["kick"]) < 150


def test_room_adds_a_tail() -> None:
    y = np.zeros(SR, dtype=np.float32)
    y[0] = 1.0
    wet = reverberate(y, 0.2, 0.5, np.random.default_rng(0))
    assert wet.shape == y.shape
    assert wet[0] == pytest.approx(1.0, abs=0.1)
    early, late = np.square(wet[100 : SR // 4]).sum(), np.square(wet[SR // 2 :]).sum()
    assert early > 10 * late > 0
    np.testing.assert_allclose(reverberate(y, 0.2, 0.0, np.random.default_rng(0)), y, atol=1e-6)


# -- genres differ in rhythm, timbre and harmony


def measured(style: str, seconds: float = 8.0) -> tuple[float, float, float]:
    """Onsets a second, centre of the spectrum in Hz, share of the low band."""
    values = []
    for who in range(3):
        rng = np.random.default_rng([9, who])
        y = render(artist(STYLES[style], rng), seconds, rng)
        S = log_mel(y, FrontEnd(n_mels=0, power=1.0, log="none"))
        frequencies = np.arange(S.shape[1]) * SR / 2048
        centre = float((S * frequencies).sum() / S.sum())
        low = float(np.square(S[:, frequencies < 150]).sum() / np.square(S).sum())
        rise = np.maximum(0, np.diff(log_mel(y, FrontEnd(n_mels=40)), axis=0)).mean(axis=1)
        peaks = (rise[1:-1] > rise[:-2]) & (rise[1:-1] >= rise[2:]) & (rise[1:-1] > 2.0)
        values.append((float(peaks.sum()) / seconds, centre, low))
    onsets, centres, lows = zip(*values, strict=True)
    return float(np.mean(onsets)), float(np.mean(centres)), float(np.mean(lows))


def test_rhythm_and_timbre_are_of_their_kind() -> None:
    found = {style: measured(style) for style in STYLES}
    onsets = {style: values[0] for style, values in found.items()}
    centres = {style: values[1] for style, values in found.items()}
    lows = {style: values[2] for style, values in found.items()}
    assert onsets["ambient"] < onsets["waltz"]
    assert onsets["chorale"] < onsets["swing"]
    assert centres["metal"] > centres["ambient"]
    assert centres["metal"] > centres["chorale"]
    # Sub-bass genres against those without any.
    assert min(lows["hiphop"], lows["techno"]) > max(lows["waltz"], lows["chorale"])


@pytest.mark.parametrize(
    ("style", "lowest", "highest"),
    [("techno", 126, 142), ("march", 108, 122)],
)
def test_tempo_is_in_the_range_of_the_genre(style: str, lowest: float, highest: float) -> None:
    rng = np.random.default_rng(2)
    y = render(artist(STYLES[style], rng), 20.0, rng)
    frontend = FrontEnd(n_mels=40, hop_length=256)
    rise = np.maximum(0, np.diff(log_mel(y, frontend), axis=0)).mean(axis=1)
    rise = rise - rise.mean()
    power = np.abs(np.fft.rfft(rise, 1 << 15)) ** 2
    echo = np.fft.irfft(power)[: len(rise)]
    lags = np.arange(1, len(echo)) / frontend.frame_rate
    # The strongest echo among one beat of any tempo from half to double the range.
    window = (lags >= 60 / highest * 0.97) & (lags <= 60 / lowest * 1.03)
    around = (lags >= 60 / highest * 0.8) & (lags <= 60 / lowest * 1.2)
    best = lags[window][np.argmax(echo[1:][window])]
    assert echo[1:][window].max() >= 0.9 * echo[1:][around].max()
    assert lowest * 0.97 <= 60 / best <= highest * 1.03


def test_harmony_differs() -> None:
    walks = {name: style.chords for name, style in STYLES.items()}
    assert len(set(walks.values())) == len(STYLES)
    assert len(set(walks["techno"])) == 1
    assert len(set(walks["chorale"])) >= 5
    # Sevenths for blues and swing, fifths for metal, plain triads for march and chorale.
    sizes = {name: {len(i) for _, i in chords} for name, chords in walks.items()}
    assert sizes["blues"] == sizes["swing"] == {4}
    assert sizes["march"] == sizes["chorale"] == {3}
    assert {i for _, i in walks["metal"]} == {(0, 7, 12)}


@pytest.mark.parametrize("style", ["chorale", "waltz", "ambient"])
def test_chords_sound_as_written(style: str) -> None:
    """The strongest pitch classes of the first bar are those of its chord."""
    plain = replace(STYLES[style], lead="", room=0.0, drums={}, levels=(0, 0.5, 0.5, 0))
    who = replace(artist(plain, np.random.default_rng(0)), style=plain, tone=0.0)
    rng = np.random.default_rng(5)
    y = render(who, 1.0, rng)
    again = np.random.default_rng(5)
    again.normal(0, 0.2)
    key, first = int(again.integers(12)), int(again.integers(len(plain.chords)))
    root, intervals = plain.chords[first]
    S = log_mel(y, FrontEnd(n_fft=8192, n_mels=0, log="none")).mean(axis=0)
    frequencies = np.arange(1, len(S)) * SR / 8192
    kept = (frequencies > 60) & (frequencies < 500)
    pitch = np.round(69 + 12 * np.log2(frequencies[kept] / 440)).astype(int) % 12
    profile = np.bincount(pitch, S[1:][kept], 12)
    # MIDI 0 is a C; the chords lie a fixed distance from it.
    wanted = {(plain.octave + (key + root) % 12 - 6 + i) % 12 for i in intervals}
    wanted |= {(plain.octave - 21 + (key + root) % 12) % 12}
    strongest = set(np.argsort(-profile)[:2].tolist())
    assert strongest <= wanted


def test_songs_of_one_artist_differ() -> None:
    who = artist(STYLES["disco"], np.random.default_rng(0))
    first = render(who, 3.0, np.random.default_rng(1))
    second = render(who, 3.0, np.random.default_rng(2))
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.3
