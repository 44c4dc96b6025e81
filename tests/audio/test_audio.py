"""Decoding: formats, channels, rates, parts of files, blocks, resampling, and what is loaded."""

from __future__ import annotations

import io
import math
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.audio import AudioInfo, Stream, load, probe, resample
from genrewise.errors import AudioError

F32 = NDArray[np.float32]

#: Suffix, libsndfile's format and subtype, codec and container in our words, greatest error.
LOSSLESS = [
    (".wav", "WAV", "PCM_U8", "pcm_u8", "wav", 1 / 128),
    (".wav", "WAV", "PCM_16", "pcm_s16", "wav", 1 / 32768),
    (".wav", "WAV", "PCM_24", "pcm_s24", "wav", 1e-6),
    (".wav", "WAV", "PCM_32", "pcm_s32", "wav", 1e-6),
    (".wav", "WAV", "FLOAT", "pcm_f32", "wav", 0),
    (".wav", "WAV", "DOUBLE", "pcm_f64", "wav", 0),
    (".wav", "WAVEX", "PCM_16", "pcm_s16", "wav", 1 / 32768),
    (".wav", "WAV", "ULAW", "pcm_mulaw", "wav", 1 / 32),
    (".wav", "WAV", "ALAW", "pcm_alaw", "wav", 1 / 32),
    (".wav", "RF64", "PCM_16", "pcm_s16", "rf64", 1 / 32768),
    (".w64", "W64", "PCM_16", "pcm_s16", "w64", 1 / 32768),
    (".aiff", "AIFF", "PCM_16", "pcm_s16", "aiff", 1 / 32768),
    (".aifc", "AIFF", "FLOAT", "pcm_f32", "aiff", 0),
    (".au", "AU", "PCM_16", "pcm_s16", "au", 1 / 32768),
    (".caf", "CAF", "PCM_24", "pcm_s24", "caf", 1e-6),
    (".flac", "FLAC", "PCM_16", "flac", "flac", 1 / 32768),
    (".flac", "FLAC", "PCM_24", "flac", "flac", 1e-6),
]
LOSSY = [
    (".mp3", "MP3", "MPEG_LAYER_III", "mp3", "mp3"),
    (".ogg", "OGG", "VORBIS", "vorbis", "ogg"),
    (".opus", "OGG", "OPUS", "opus", "ogg"),
]
#: Name, FFmpeg's encoder, container to force, codec and container in our words, likeness.
BY_FFMPEG = [
    ("a.m4a", "aac", None, "aac", "mp4", 0.99),
    ("a.m4b", "aac", "ipod", "aac", "mp4", 0.99),
    ("alac.m4a", "alac", None, "alac", "mp4", 0.9999),
    ("a.wma", "wmav2", None, "wmav2", "asf", 0.98),
    ("a.wv", "wavpack", None, "wavpack", "wv", 0.99),
    ("a.tta", "tta", None, "tta", "tta", 0.99),
    ("a.ac3", "ac3", None, "ac3", "ac3", 0.99),
    ("a.mka", "libopus", None, "opus", "matroska", 0.99),
    ("a.webm", "libopus", None, "opus", "matroska", 0.99),
    ("a.aac", "aac", "adts", "aac", "aac", 0.99),
    ("a.ts", "aac", "mpegts", "aac", "mpegts", 0.99),
    ("adpcm.wav", "adpcm_ms", None, "ms_adpcm", "wav", 0.99),
    ("in.avi", "mp2", None, "mp2", "avi", 0.99),
]


def written(path: Path, y: F32, sr: int, form: str, subtype: str) -> Path:
    soundfile.write(path, y, sr, format=form, subtype=subtype)
    return path


@pytest.fixture(scope="module")
def stereo(chirp: Callable[..., F32]) -> F32:
    return chirp(3.0, 48_000, 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, stereo: F32, encode: Any) -> dict[str, Path]:
    """One chirp of 3 s in several formats, by suffix."""
    folder = tmp_path_factory.mktemp("formats")
    made = {
        suffix: written(folder / f"a{suffix}", stereo, 48_000, form, subtype)
        for suffix, form, subtype, *_ in [LOSSLESS[1], LOSSLESS[15], *LOSSY]
    }
    made[".m4a"] = encode(folder / "a.m4a", stereo, 48_000, "aac")
    return made


# ---------------------------------------------------------------- formats


@pytest.mark.parametrize(("suffix", "form", "subtype", "codec", "container", "error"), LOSSLESS)
def test_lossless_formats_give_the_mean_of_the_channels(
    *,
    tmp_path: Path,
    stereo: F32,
    suffix: str,
    form: str,
    subtype: str,
    codec: str,
    container: str,
    error: float,
) -> None:
    audio = load(written(tmp_path / f"a{suffix}", stereo, 48_000, form, subtype))
    np.testing.assert_allclose(audio.y, stereo.mean(axis=1), atol=error + 1e-7)
    assert audio.y.dtype == np.float32
    assert audio.info == AudioInfo(codec, container, 48_000, 2, 3.0)
    assert (audio.sr, audio.seconds, audio.stated) == (48_000, 3.0, 3.0)
    assert (audio.lost, audio.partial) == (0.0, False)


@pytest.mark.parametrize(("suffix", "form", "subtype", "codec", "container"), LOSSY)
def test_lossy_formats_sound_the_same(
    *,
    files: dict[str, Path],
    stereo: F32,
    alike: Any,
    suffix: str,
    form: str,  # noqa: ARG001
    subtype: str,  # noqa: ARG001
    codec: str,
    container: str,
) -> None:
    audio = load(files[suffix])
    assert (audio.info.codec, audio.info.container, audio.info.channels) == (codec, container, 2)
    assert audio.sr == 48_000
    assert audio.seconds == pytest.approx(3.0, abs=0.03)
    assert alike(audio.y, stereo.mean(axis=1)) > 0.99
    assert not audio.partial


@pytest.mark.parametrize(("name", "encoder", "form", "codec", "container", "least"), BY_FFMPEG)
def test_what_libsndfile_cannot_read_comes_from_ffmpeg(
    *,
    tmp_path: Path,
    chirp: Any,
    encode: Any,
    alike: Any,
    name: str,
    encoder: str,
    form: str | None,
    codec: str,
    container: str,
    least: float,
) -> None:
    y = chirp(2.0, 44_100, 2) if encoder != "libopus" else chirp(2.0, 48_000, 2)
    sr = 48_000 if encoder == "libopus" else 44_100
    audio = load(encode(tmp_path / name, y, sr, encoder, form))
    assert (audio.info.codec, audio.info.container) == (codec, container)
    assert (audio.sr, audio.info.channels) == (sr, 2)
    assert audio.seconds == pytest.approx(2.0, abs=0.06)
    assert alike(audio.y, y.mean(axis=1)) > least
    level = np.std(audio.y[sr // 2 : sr]) / np.std(y.mean(axis=1)[sr // 2 : sr])
    assert level == pytest.approx(1.0, abs=0.03)
    assert not audio.partial


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.avi", "film.mov"])
def test_the_sound_of_a_film(
    tmp_path: Path, chirp: Any, encode: Any, alike: Any, name: str
) -> None:
    y = chirp(2.0, 44_100, 2)
    codec = "mp2" if name.endswith("avi") else "aac"
    audio = load(encode(tmp_path / name, y, 44_100, codec, picture=True))
    assert audio.info.codec == codec
    assert alike(audio.y, y.mean(axis=1)) > 0.99
    assert not audio.partial


def test_a_film_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        image = np.zeros((48, 64, 3), dtype=np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"mute\.mp4: no sound track in it"):
        load(tmp_path / "mute.mp4")


@pytest.mark.parametrize("name", ["song.wav", "song.txt", "song.raw", "song", "song.m4a"])
def test_the_content_decides_not_the_suffix(
    tmp_path: Path, files: dict[str, Path], name: str
) -> None:
    (tmp_path / name).write_bytes(files[".mp3"].read_bytes())
    audio = load(tmp_path / name)
    assert audio.info.codec == "mp3"
    np.testing.assert_array_equal(audio.y, load(files[".mp3"]).y)


# ------------------------------------------------------- channels and rates


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 6, 8, 24])
def test_any_number_of_channels(tmp_path: Path, chirp: Any, channels: int) -> None:
    y = chirp(0.5, 16_000, channels)
    audio = load(written(tmp_path / "a.wav", y, 16_000, "WAV", "FLOAT"))
    np.testing.assert_allclose(audio.y, y.mean(axis=1), atol=1e-6)
    assert audio.info.channels == channels


@pytest.mark.parametrize("suffix", [".wav", ".m4a"])
def test_one_channel_in_place_of_the_mean(files: dict[str, Path], suffix: str) -> None:
    """The second channel of the chirp is half as loud as the first, their mean three quarters."""
    mean = load(files[suffix]).y[24_000:120_000]
    for channel, gain in ((0, 4 / 3), (1, 2 / 3), (5, 2 / 3)):
        y = load(files[suffix], channel=channel).y[24_000:120_000]
        assert float(np.dot(y, mean) / np.dot(mean, mean)) == pytest.approx(gain, abs=0.02)
    with pytest.raises(AudioError, match=r"channel -1; expected 0 or more"):
        load(files[suffix], channel=-1)


def test_surround_through_ffmpeg(tmp_path: Path, chirp: Any, encode: Any) -> None:
    audio = load(encode(tmp_path / "a.wv", chirp(1.0, 44_100, 6), 44_100, "wavpack"))
    assert audio.info.channels == 6
    expected = chirp(1.0, 44_100, 6).mean(axis=1)
    np.testing.assert_allclose(audio.y, expected, atol=1 / 64)


@pytest.mark.parametrize("sr", [1_000, 8_000, 11_025, 22_050, 44_100, 96_000, 192_000, 768_000])
def test_any_rate(tmp_path: Path, chirp: Any, sr: int) -> None:
    y = chirp(0.2, sr)
    audio = load(written(tmp_path / "a.wav", y, sr, "WAV", "FLOAT"))
    assert (audio.sr, audio.seconds) == (sr, pytest.approx(0.2))
    np.testing.assert_array_equal(audio.y, y[:, 0])
    assert len(load(tmp_path / "a.wav", 22_050).y) == pytest.approx(0.2 * 22_050, abs=1)


@pytest.mark.parametrize("sr", [100, 999, 768_001])
def test_a_rate_that_no_music_has_is_refused(tmp_path: Path, sr: int) -> None:
    written(tmp_path / "a.wav", np.zeros((999, 1), np.float32), sr, "WAV", "PCM_16")
    with pytest.raises(AudioError, match=f"{sr} Hz; expected 1000 to 768000 Hz"):
        load(tmp_path / "a.wav")


def test_one_sample_is_audio(tmp_path: Path) -> None:
    audio = load(
        written(tmp_path / "a.wav", np.full((1, 1), 0.5, np.float32), 8_000, "WAV", "FLOAT")
    )
    assert audio.y.tolist() == [0.5]
    assert audio.seconds == 1 / 8_000


def test_silence_and_loud_samples_stay_as_they_are(tmp_path: Path) -> None:
    y = np.concatenate((np.zeros(500), np.full(500, 3.0), np.full(500, -1.5)))[:, None]
    audio = load(written(tmp_path / "a.wav", y.astype(np.float32), 8_000, "WAV", "FLOAT"))
    np.testing.assert_array_equal(audio.y, y[:, 0])
    assert not audio.partial


def test_the_rate_may_change_within_a_file(
    tmp_path: Path, chirp: Any, encode: Any, alike: Any
) -> None:
    joined = b"".join(
        encode(tmp_path / f"{sr}.aac", chirp(2.0, sr), sr, "aac", "adts").read_bytes()
        for sr in (44_100, 22_050)
    )
    audio = load(joined)
    assert (audio.sr, audio.seconds) == (44_100, pytest.approx(4.0, abs=0.2))
    assert alike(audio.y[-2 * 44_100 :], chirp(2.0, 44_100)[:, 0], most=9000) > 0.9


# ----------------------------------------------------------- parts of a file


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"])
@pytest.mark.parametrize("start", [0.01, 1.234, 2.5])
def test_a_part_equals_that_part_of_the_whole(
    files: dict[str, Path], suffix: str, start: float
) -> None:
    whole, part = load(files[suffix]), load(files[suffix], start=start, duration=0.4)
    at = round(start * whole.sr)
    assert part.seconds == pytest.approx(0.4)
    np.testing.assert_allclose(part.y, whole.y[at : at + len(part.y)], atol=1e-4)
    assert not part.partial


def test_a_jump_in_a_long_mp4_is_exact(tmp_path: Path, chirp: Any, encode: Any) -> None:
    path = encode(tmp_path / "a.m4a", chirp(20.0, 22_050), 22_050, "aac")
    whole, part = load(path), load(path, start=15.0, duration=2.0)
    np.testing.assert_allclose(part.y, whole.y[15 * 22_050 : 17 * 22_050], atol=1e-4)


def test_a_jump_in_matroska_lands_within_a_millisecond(
    tmp_path: Path, chirp: Any, encode: Any, alike: Any
) -> None:
    path = encode(tmp_path / "a.mka", chirp(20.0, 48_000), 48_000, "libopus")
    whole, part = load(path), load(path, start=15.0, duration=2.0)
    assert alike(part.y, whole.y[15 * 48_000 : 17 * 48_000], most=48) > 0.999


def test_a_part_is_not_damaged_because_the_rest_was_not_read(files: dict[str, Path]) -> None:
    audio = load(files[".mp3"], duration=1.0)
    assert (audio.stated, audio.lost, audio.partial) == (3.0, 0.0, False)
    assert len(audio.y) == 48_000


def test_a_part_may_reach_beyond_the_end(files: dict[str, Path]) -> None:
    audio = load(files[".wav"], start=2.5, duration=60.0)
    assert audio.seconds == pytest.approx(0.5)
    assert not audio.partial


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".opus", ".m4a"])
def test_a_start_beyond_the_end_says_how_long_the_file_is(
    files: dict[str, Path], suffix: str
) -> None:
    with pytest.raises(AudioError, match=r"no audio from second 9 on; expected a start within its"):
        load(files[suffix], start=9.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"start": -1.0}, "start at -1 s"),
        ({"start": math.nan}, "start at nan s"),
        ({"start": math.inf}, "start at inf s"),
        ({"duration": 0.0}, "a duration of 0 s"),
        ({"duration": -2.0}, "a duration of -2 s"),
        ({"block_seconds": 0.0}, "blocks of 0 s"),
    ],
)
def test_impossible_numbers_are_refused(
    files: dict[str, Path], wrong: dict[str, float], said: str
) -> None:
    with pytest.raises(AudioError, match=said):
        Stream(files[".wav"], **wrong)


@given(start=st.floats(0, 2.9), duration=st.floats(0.001, 4))
@settings(max_examples=60, deadline=None)
def test_any_part_of_a_wav(start: float, duration: float) -> None:
    sr, n = 8_000, 24_000
    data = io.BytesIO()
    y = np.arange(n, dtype=np.float32) / n
    soundfile.write(data, y, sr, format="WAV", subtype="FLOAT")
    audio = load(data.getvalue(), start=start, duration=duration)
    first = round(start * sr)
    count = min(max(1, round(duration * sr)), n - first)
    np.testing.assert_array_equal(audio.y, y[first : first + count])


# -------------------------------------------------------------------- blocks


@given(block=st.floats(0.0001, 5))
@settings(max_examples=25, deadline=None)
def test_blocks_do_not_change_the_samples(files: dict[str, Path], block: float) -> None:
    for suffix in (".wav", ".mp3"):
        with Stream(files[suffix], block_seconds=max(block, 0.001)) as stream:
            parts = list(stream)
        np.testing.assert_array_equal(np.concatenate(parts), load(files[suffix]).y)
        assert max(map(len, parts)) <= max(1, round(max(block, 0.001) * 48_000))


def test_blocks_stay_valid_after_the_next_one(files: dict[str, Path]) -> None:
    for suffix, path in files.items():
        with Stream(path, block_seconds=0.5) as stream:
            first = next(stream)
            copy = first.copy()
            for _ in stream:
                pass
        np.testing.assert_array_equal(first, copy, err_msg=suffix)


def test_a_stream_may_be_left_early_and_closed_twice(files: dict[str, Path]) -> None:
    for path in files.values():
        stream = Stream(path, block_seconds=0.5)
        next(stream)
        stream.close()
        stream.close()


def test_a_stream_counts_as_it_goes(files: dict[str, Path]) -> None:
    with Stream(files[".flac"], block_seconds=1.0) as stream:
        assert stream.seconds == 0.0
        next(stream)
        assert stream.seconds == 1.0
        assert sum(map(len, stream)) == 2 * 48_000
        assert (stream.seconds, stream.lost, stream.partial) == (3.0, 0.0, False)
        assert list(stream) == []


def test_many_channels_take_smaller_blocks(tmp_path: Path) -> None:
    y = np.zeros((96_000, 64), dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", y, 96_000, subtype="PCM_16")
    with Stream(tmp_path / "a.wav") as stream:
        assert max(len(block) for block in stream) * 64 <= 1 << 22


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_a_long_file_takes_the_memory_of_a_block(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"long{suffix}"
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for _ in range(20):
            file.write(np.zeros(30 * 16_000, dtype=np.float32))
    load(path, duration=1.0)  # what is loaded on first use is not counted
    tracemalloc.start()
    try:
        with Stream(path) as stream:
            total = sum(map(len, stream))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == pytest.approx(600 * 16_000, abs=2000)
    assert peak < 4e6 < total * 4 / 9


def test_a_limit_stops_what_decodes_to_much_more_than_its_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(60):
            file.write(np.zeros(60 * 8_000, dtype=np.float32))
    assert path.stat().st_size < 200_000
    with pytest.raises(AudioError, match=r"too long; expected at the most 600 s of audio"):
        load(path, max_seconds=600)
    assert load(path, max_seconds=3600).seconds == 3600
    assert load(path, duration=300, max_seconds=600).seconds == 300


def test_load_resamples(files: dict[str, Path]) -> None:
    whole, low = load(files[".wav"]), load(files[".wav"], 22_050)
    assert (low.sr, low.info.sr, low.seconds) == (22_050, 48_000, 3.0)
    np.testing.assert_allclose(low.y, resample(whole.y, 48_000, 22_050), atol=1e-6)


# --------------------------------------------------------- sources and loading


def test_every_kind_of_source_gives_the_same(files: dict[str, Path]) -> None:
    for suffix, path in files.items():
        expected = load(path).y
        data = path.read_bytes()
        with path.open("rb") as file:
            for source in (str(path), data, bytearray(data), io.BytesIO(data), file):
                np.testing.assert_array_equal(load(source).y, expected, err_msg=suffix)


def test_probe_says_what_load_says(files: dict[str, Path]) -> None:
    for path in files.values():
        assert probe(path) == load(path).info


def run_python(code: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_importing_loads_numpy_only() -> None:
    code = (
        "import sys, genrewise.audio, genrewise.cut\n"
        "heavy = {'soundfile', 'soxr', 'av', 'scipy', 'fsspec', 'onnxruntime', 'cffi'}\n"
        "print(sorted(heavy & set(sys.modules)), 'numpy' in sys.modules)"
    )
    assert run_python(code) == "[] True"


def test_cutting_imports_nothing_before_a_track_is_cut() -> None:
    code = "import sys, genrewise.cut; print('numpy' in sys.modules)"
    assert run_python(code) == "False"


def test_ffmpeg_is_loaded_for_those_that_need_it_only(files: dict[str, Path]) -> None:
    code = (
        "import sys\nfrom genrewise.audio import load\n"
        "for path in sys.argv[1:]:\n    load(path, 22050)\n    print('av' in sys.modules)"
    )
    names = [".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"]
    told = run_python(code, *(str(files[n]) for n in names)).split()
    assert told == ["False"] * 5 + ["True"]


def test_real_music(shared_data: Path) -> None:
    paths = [*sorted((shared_data / "mp3").glob("*.mp3"))[:4]]
    paths += sorted((shared_data / "gtzan" / "blues").glob("*.opus"))[:2]
    assert len(paths) == 6
    for path in paths:
        audio = load(path, 22_050)
        assert not audio.partial, path.name
        assert audio.stated == pytest.approx(audio.seconds, abs=0.05)
        assert 0.001 < float(np.sqrt(np.mean(audio.y**2))) < 1
        expected, sr = soundfile.read(path, dtype="float32", always_2d=True)
        reference = soxr.resample(expected.mean(axis=1), sr, 22_050)
        np.testing.assert_allclose(audio.y, reference, atol=1e-5)
