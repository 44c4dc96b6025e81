"""Damaged, cut, joined, misnamed and hostile files: a line or audio, and the loss accounted for."""

from __future__ import annotations

import io
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from genrewise.audio import Audio, Stream, load, probe
from genrewise.audio_av import AvDecoder
from genrewise.audio_open import open_source
from genrewise.audio_sf import Undecodable, _without_noise
from genrewise.errors import AudioError

F32 = NDArray[np.float32]

SR = 44_100
SECONDS = 10.0

Data = dict[str, bytes]


def by_soundfile(y: F32, form: str, subtype: str, sr: int = SR, **how: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, y, sr, format=form, subtype=subtype, **how)
    return out.getvalue()


@pytest.fixture(scope="module")
def noisy(chirp: Callable[..., F32]) -> F32:
    """A chirp with noise, so that no codec gets away with few bytes."""
    y = chirp(SECONDS, SR, 1)
    return y + np.random.default_rng(1).normal(0, 0.03, y.shape).astype(np.float32)


@pytest.fixture(scope="module")
def whole(noisy: F32, encode: Any, tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Ten seconds in many formats."""
    folder = tmp_path_factory.mktemp("whole")
    made = {
        "wav": by_soundfile(noisy, "WAV", "PCM_16"),
        "rf64": by_soundfile(noisy, "RF64", "PCM_16"),
        "w64": by_soundfile(noisy, "W64", "PCM_16"),
        "aiff": by_soundfile(noisy, "AIFF", "PCM_16"),
        "au": by_soundfile(noisy, "AU", "PCM_16"),
        "flac": by_soundfile(noisy, "FLAC", "PCM_16"),
        "mp3": by_soundfile(noisy, "MP3", "MPEG_LAYER_III", bitrate_mode="CONSTANT"),
        "ogg": by_soundfile(noisy, "OGG", "VORBIS"),
        "opus": by_soundfile(noisy, "OGG", "OPUS", 48_000),
    }
    for name, codec, options in (
        ("m4a", "aac", {"movflags": "+faststart"}),
        ("wma", "wmav2", {}),
        ("wv", "wavpack", {}),
        ("tta", "tta", {}),
    ):
        path = folder / f"a.{name}"
        made[name] = encode(path, noisy, SR, codec, options=options).read_bytes()
    path = encode(folder / "film.mkv", noisy, SR, "aac", picture=True)
    made["mkv"] = path.read_bytes()
    made["aac"] = encode(folder / "a.aac", noisy, SR, "aac", "adts").read_bytes()
    return made


def audio_or_line(source: Any, **how: Any) -> Audio | str:
    """What came of a file; a message that is not one short line is a fault."""
    try:
        audio = load(source, **how)
    except AudioError as error:
        line = str(error)
    else:
        assert np.isfinite(audio.y).all()
        assert len(audio.y) > 0
        return audio
    assert "\n" not in line
    assert len(line) < 300
    return line


def zeroed(data: bytes, n: int = 20_000, at: float = 0.5) -> bytes:
    first = int(len(data) * at)
    return data[:first] + bytes(n) + data[first + n :]


def by_pyav_alone(data: bytes) -> float:
    """Seconds that the simplest loop over PyAV gives."""
    seconds, bad = 0.0, 0
    try:
        container = av.open(io.BytesIO(data), metadata_errors="ignore")
    except (av.FFmpegError, ValueError, IndexError):
        return 0.0
    with container:
        packets = container.demux(audio=0) if container.streams.audio else iter(())
        while bad < 50:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                seconds += sum(f.samples / f.sample_rate for f in packet.decode())
            except EOFError:
                break
            except av.FFmpegError:
                bad += 1
                packets = container.demux(audio=0)
    return seconds


# --------------------------------------------------------------------- cut off

CUT = ["wav", "rf64", "w64", "aiff", "au", "flac", "mp3", "m4a", "wv", "tta", "mkv"]


@pytest.mark.parametrize("name", ["wav", "aiff", "au", "flac", "mp3", "ogg", "opus", "m4a", "mkv"])
def test_whole_files_are_not_partial(whole: Data, name: str) -> None:
    audio = load(whole[name])
    assert (audio.partial, audio.lost) == (False, 0.0)


@pytest.mark.parametrize("name", CUT)
def test_a_cut_file_says_what_it_lost(whole: Data, name: str) -> None:
    full = load(whole[name]).seconds
    audio = load(whole[name][: len(whole[name]) * 6 // 10])
    assert audio.partial
    assert audio.stated == pytest.approx(full, abs=0.1)
    assert 0.4 * full < audio.seconds < 0.7 * full
    assert audio.seconds + audio.lost == pytest.approx(audio.stated, abs=0.01)
    assert len(audio.y) == round(audio.seconds * audio.sr)


@pytest.mark.parametrize("name", ["ogg", "opus"])
def test_a_cut_ogg_states_no_length_but_ends_within_a_page(whole: Data, name: str) -> None:
    audio = load(whole[name][: len(whole[name]) * 6 // 10])
    assert audio.partial
    assert 4.5 < audio.seconds < 7
    assert audio.lost >= 0
    assert load(whole[name]).seconds > audio.seconds + audio.lost


def test_a_part_before_the_cut_is_whole(whole: Data) -> None:
    for name in CUT:
        audio = load(whole[name][: len(whole[name]) * 6 // 10], start=1.0, duration=2.0)
        assert (audio.partial, audio.lost) == (False, 0.0), name
        assert audio.seconds == pytest.approx(2.0, abs=0.001)


def test_a_recorder_that_wrote_into_a_pipe_states_no_length(whole: Data) -> None:
    data = bytearray(whole["wav"])
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    audio = load(bytes(data))
    assert not audio.partial
    assert audio.seconds == SECONDS


def test_an_mp4_without_its_index_says_so(chirp: Any, encode: Any, tmp_path: Path) -> None:
    data = encode(tmp_path / "a.m4a", chirp(3.0), SR, "aac").read_bytes()
    (tmp_path / "a.m4a").write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError) as caught:
        load(tmp_path / "a.m4a")
    assert "a.m4a: an MP4 file without its index, cut off; expected an audio file. Try " in str(
        caught.value
    )


# ------------------------------------------------------------ damage within


def like_at_the_end(audio: Audio, noisy: F32, alike: Any) -> float:
    """Whether the last two seconds are those of the music."""
    last = audio.y[-2 * audio.sr :]
    return float(alike(last, noisy[-2 * audio.sr :, 0], most=9_000))


@pytest.mark.parametrize(
    ("name", "zeros"),
    [("mp3", 20_000), ("flac", 60_000), ("ogg", 8_000), ("m4a", 20_000), ("wma", 12_000)],
)
def test_what_comes_after_a_hole_is_decoded(
    whole: Data, noisy: F32, alike: Any, name: str, zeros: int
) -> None:
    damaged = zeroed(whole[name], zeros)
    audio = load(damaged)
    assert audio.partial
    assert audio.seconds >= by_pyav_alone(damaged) - 0.05
    assert audio.stated is not None
    assert audio.seconds + audio.lost == pytest.approx(audio.stated, abs=0.1)
    share = zeros / len(damaged) * SECONDS
    assert 0.3 * share < audio.lost < 3 * share + 0.3
    assert like_at_the_end(audio, noisy, alike) > 0.8


def test_a_hole_in_opus(whole: Data) -> None:
    damaged = zeroed(whole["opus"], 10_000)
    audio = load(damaged)
    assert audio.partial
    assert audio.seconds >= by_pyav_alone(damaged) - 0.05
    assert audio.lost == pytest.approx(load(whole["opus"]).seconds - audio.seconds, abs=0.05)


def test_a_hole_in_a_bare_stream_is_measured_in_bytes(whole: Data, noisy: F32, alike: Any) -> None:
    audio = load(zeroed(whole["aac"], 20_000))
    assert audio.stated is None
    assert audio.partial
    assert audio.lost > 0
    assert like_at_the_end(audio, noisy, alike) > 0.8


def test_blocks_do_not_invent_sound_in_a_damaged_ogg(whole: Data) -> None:
    """soundfile seeks after each block, which in a damaged file goes elsewhere."""
    damaged = zeroed(whole["ogg"], 8_000)
    lengths = set()
    for block in (0.05, 0.5, 20.0):
        with Stream(damaged, block_seconds=block) as stream:
            lengths.add(sum(map(len, stream)))
    assert len(lengths) == 1


def test_a_damaged_stream_gives_each_moment_once(whole: Data) -> None:
    for name in ("mp3", "flac"):
        damaged = zeroed(whole[name], 30_000)
        with Stream(damaged, block_seconds=0.25) as stream:
            y = np.concatenate(list(stream))
        good = load(whole[name]).y
        head = int(3.0 * SR)
        np.testing.assert_allclose(y[:head], good[:head], atol=1e-6)
        assert len(y) < len(good)


def test_samples_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    y = np.full(8_000, 0.25, dtype=np.float32)
    y[100:300], y[400], y[401] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", y, 8_000, subtype="FLOAT")
    audio = load(tmp_path / "a.wav")
    assert audio.y[[99, 100, 299, 300, 400, 401]].tolist() == [0.25, 0, 0, 0.25, 0, 0]
    assert (audio.partial, audio.lost) == (True, pytest.approx(202 / 8_000))


@pytest.mark.parametrize("name", ["mp3", "flac", "ogg", "m4a", "wav", "wv"])
@given(cut=st.floats(0, 1))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_file_cut_anywhere(whole: Data, name: str, cut: float) -> None:
    data = whole[name][: int(len(whole[name]) * cut)]
    audio = audio_or_line(data)
    if isinstance(audio, str):
        assert by_pyav_alone(data) < 0.05
    else:
        assert audio.seconds <= SECONDS + 0.1
        assert audio.partial or audio.seconds >= by_pyav_alone(data) - 0.05


@pytest.mark.parametrize("name", ["mp3", "flac", "ogg", "m4a", "wav", "mkv"])
@given(seed=st.integers(0, 10_000), holes=st.integers(1, 8))
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_bytes_overwritten_anywhere(whole: Data, name: str, seed: int, holes: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(whole[name])
    for _ in range(holes):
        at, n = int(rng.integers(len(data))), int(rng.integers(1, 3000))
        junk = rng.bytes(n)
        data[at : at + n] = junk[: len(data) - at]
    audio_or_line(bytes(data), max_seconds=600)


@given(data=st.binary(min_size=1, max_size=3000))
@settings(max_examples=60, deadline=None)
def test_any_bytes(data: bytes) -> None:
    for lead in (b"", b"RIFF\x00\x10\x00\x00WAVEfmt ", b"ID3\x03", b"fLaC", b"OggS\0", b"\xff\xfb"):
        audio_or_line(lead + data, max_seconds=600)


# --------------------------------------------------------- lengths that lie


def without_first_frame(mp3: bytes) -> bytes:
    """An mp3 without the frame that states its length."""
    at = mp3.index(b"\xff\xfb")
    second = mp3.index(mp3[at : at + 2], at + 4)
    return mp3[second:]


@pytest.fixture(scope="module")
def uncounted() -> bytes:
    """A variable bit rate that begins loud, so that a guess from the first frame is short."""
    loud = np.random.default_rng(0).normal(0, 0.2, 4 * SR).astype(np.float32)
    y = np.concatenate((loud, np.zeros(26 * SR, dtype=np.float32)))
    return without_first_frame(by_soundfile(y, "MP3", "MPEG_LAYER_III", bitrate_mode="VARIABLE"))


def test_a_guessed_length_does_not_end_an_mp3(uncounted: bytes) -> None:
    with soundfile.SoundFile(io.BytesIO(uncounted)) as file:
        assert file.frames < 20 * SR  # what libsndfile would give
    audio = load(uncounted)
    assert audio.seconds == pytest.approx(30, abs=0.1)
    assert (audio.stated, audio.partial) == (None, False)


def test_a_guessed_length_is_not_held_against_an_mp3() -> None:
    quiet = np.zeros(4 * SR, dtype=np.float32)
    loud = np.random.default_rng(0).normal(0, 0.2, 10 * SR).astype(np.float32)
    y = np.concatenate((quiet, loud))
    data = without_first_frame(by_soundfile(y, "MP3", "MPEG_LAYER_III", bitrate_mode="VARIABLE"))
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.frames > 20 * SR
    audio = load(data)
    assert audio.seconds == pytest.approx(14, abs=0.1)
    assert (audio.stated, audio.lost, audio.partial) == (None, 0.0, False)


@pytest.mark.parametrize("name", ["mp3", "flac", "ogg", "opus"])
def test_joined_files_are_read_to_the_end(whole: Data, name: str) -> None:
    one = load(whole[name]).seconds
    audio = load(whole[name] * 2)
    assert audio.seconds == pytest.approx(2 * one, abs=0.15)
    assert not audio.partial


def test_an_ogg_file_of_two_rates_loses_its_second_part(chirp: Any) -> None:
    """FFmpeg does not change the rate within an Ogg file; the loss must show."""
    first, second = (by_soundfile(chirp(3.0, sr), "OGG", "VORBIS", sr) for sr in (44_100, 22_050))
    audio = load(first + second)
    assert audio.seconds == pytest.approx(3.0, abs=0.01)
    assert audio.partial


def test_junk_and_tags_behind_an_mp3_are_no_damage(whole: Data) -> None:
    for rest in (b"TAG" + bytes(125), b"APETAGEX" + bytes(9_000), bytes(20_000), b"\x00" * 100):
        audio = load(whole["mp3"] + rest)
        assert (audio.partial, audio.lost) == (False, 0.0)
        assert audio.seconds == pytest.approx(SECONDS, abs=0.06)


def test_a_picture_in_a_tag_before_an_mp3(whole: Data) -> None:
    size = 300_000
    seven = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    audio = load(b"ID3\x03\x00\x00" + seven + bytes(size) + whole["mp3"])
    assert (audio.seconds, audio.stated, audio.partial) == (SECONDS, SECONDS, False)


# ------------------------------------------------------------------ no audio


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty, 0 bytes"),
        (b"Dear diary,\n" * 400, "text"),
        ("Liebes Tagebuch: äöü €\n".encode() * 400, "text"),
        (b"#EXTM3U\n/etc/passwd\n", "text"),
        (b"<html><body>404</body></html>", "text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "no sound track in it"),
        (b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10), "a tag without sound"),
        (b"PK\x03\x04" + bytes(range(256)) * 4, "not a sound or video file"),
        (bytes(5_000), "not a sound or video file"),
    ],
)
def test_what_is_no_audio_is_refused_in_a_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    for read in (load, probe):
        with pytest.raises(AudioError) as caught:
            read(path)
        text = str(caught.value)
        assert text.startswith(f"{path}: {said}")
        assert "; expected " in text
        assert "\n" not in text


def test_a_header_without_sound_is_refused(whole: Data) -> None:
    for data in (whole["wav"][:44], by_soundfile(np.zeros((0, 1)), "AIFF", "PCM_16")):
        with pytest.raises(AudioError, match="0 s of audio"):
            load(data)


def test_lists_of_files_open_no_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Data
) -> None:
    (tmp_path / "secret.flac").write_bytes(whole["flac"])
    monkeypatch.chdir(tmp_path)
    hidden = b"ffconcat version 1.0\nfile secret.flac\n"
    with av.open(io.BytesIO(hidden)) as container:  # FFmpeg left to itself follows it
        assert container.format.name == "concat"
    with pytest.raises(Undecodable):
        AvDecoder(open_source(hidden))
    with pytest.raises(AudioError):
        load(hidden)


def test_tags_that_are_no_utf_8_do_not_matter(tmp_path: Path, chirp: Any, encode: Any) -> None:
    path = encode(tmp_path / "a.m4a", chirp(1.0), SR, "aac", title="Xyzzyxyzzy")
    path.write_bytes(
        path.read_bytes().replace(b"Xyzzyxyzzy", b"\xe4\xf6\xfc\xff\xfe\xe9\xe8\xc3\x28\xa0")
    )
    with pytest.raises(UnicodeDecodeError), av.open(str(path)):
        pass  # PyAV left to itself
    audio = load(path)
    assert audio.seconds == pytest.approx(1.0, abs=0.05)
    assert not audio.partial


def test_a_chunk_that_claims_gigabytes(whole: Data) -> None:
    data = bytearray(whole["aiff"])
    at = data.index(b"COMM")
    data[at + 4 : at + 8] = struct.pack(">I", 0x7FFFFFF0)
    started = time.monotonic()
    audio_or_line(bytes(data))
    assert time.monotonic() - started < 5


# ------------------------------------------------------------------- silence


@pytest.mark.parametrize("zeros", [500, 20_000])
def test_a_damaged_mp3_writes_nothing_to_stderr(
    whole: Data, capfd: pytest.CaptureFixture[str], zeros: int
) -> None:
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.read(io.BytesIO(zeroed(whole["mp3"], 20_000)))
    assert "libmpg123" in capfd.readouterr().err  # libsndfile left to itself
    load(zeroed(whole["mp3"], zeros))
    load(whole["mp3"][: len(whole["mp3"]) // 2])
    assert capfd.readouterr() == ("", "")


def test_other_messages_pass_through(capfd: pytest.CaptureFixture[str]) -> None:
    with _without_noise(True):
        os.write(2, b"[src/libmpg123/parse.c:1] error: x\nNote: y\nthe program's own line\n")
        with _without_noise(True):
            os.write(2, b"Warning: Xing stream size off by more than 1%\nanother\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "the program's own line\nanother\nafter\n"


def test_threads_share_the_silence(whole: Data, capfd: pytest.CaptureFixture[str]) -> None:
    damaged, lengths = zeroed(whole["mp3"], 20_000), []
    threads = [
        threading.Thread(target=lambda: lengths.append(len(load(damaged).y))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(lengths)) == 1
    assert len(lengths) == 8
    os.write(2, b"stderr is back\n")
    assert capfd.readouterr().err == "stderr is back\n"


def test_descriptors_are_given_back(whole: Data, tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("needs /proc")
    paths = []
    for name, data in whole.items():
        paths.append(tmp_path / f"a.{name}")
        paths[-1].write_bytes(zeroed(data))
    (tmp_path / "text.mp3").write_bytes(b"text")
    paths.append(tmp_path / "text.mp3")

    def decode_all() -> None:
        for path in paths:
            audio_or_line(path)

    decode_all()
    before = len(list(folder.iterdir()))
    decode_all()
    assert len(list(folder.iterdir())) == before
