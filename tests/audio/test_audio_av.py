"""FFmpeg's frames."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from genrewise.audio import load

SR = 44_100


def test_a_frame_of_many_channels_is_read_to_its_last_and_no_further(
    tmp_path: Path,
) -> None:
    # Planar and of more than eight channels, as a damaged stream may claim to be: FFmpeg's list
    # of planes has no end mark then, and who reads until one reads other memory.
    path, n, channels = tmp_path / "many.wv", 4096, 16
    y = np.random.default_rng(0).integers(-9000, 9000, (n, channels)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("wavpack", rate=SR, layout="hexadecagonal", format="s16p")
        packed = av.AudioFrame.from_ndarray(y.reshape(1, -1), format="s16", layout="hexadecagonal")
        packed.sample_rate, packed.pts = SR, 0
        planar = av.AudioResampler(format="s16p", layout="hexadecagonal", rate=SR)
        for frame in planar.resample(packed):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = load(path)
    assert found.info.channels == channels
    np.testing.assert_allclose(found.y, y.mean(axis=1) / 32768, atol=1e-6)
