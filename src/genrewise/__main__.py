"""``genrewise`` and ``python -m genrewise``."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

#: What an answer needs, loaded in a worker while this process reads its arguments.
PRELOAD = (
    "genrewise.records",
    "genrewise.inference",
    "genrewise.features.statistics",
    "soundfile",
    "soxr",
    "onnxruntime",
)


def _stop(number: int, _frame: object) -> NoReturn:
    """End as the signal would, but let workers be ended first."""
    raise SystemExit(128 + number)


def main() -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit code.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores it
            signal.signal(number, _stop)
    from genrewise import engine

    try:
        if sys.argv[1:2] == ["classify"] and not {"-h", "--help"} & set(sys.argv):
            engine.prefork(PRELOAD)
        from genrewise.cli import main as run

        return run()
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        return 130
    finally:
        engine.dismiss()


if __name__ == "__main__":
    sys.exit(main())
