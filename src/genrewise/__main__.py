"""``genrewise`` and ``python -m genrewise``."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from genrewise import engine

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


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """Raise as Python does, but end at once while modules are loaded.

    An exception out of the blue in the middle of an import can come out as another
    one, or get lost in a destructor, and there is nothing to be kept yet.
    """
    engine.ctrl_c.seen = True
    if engine.ctrl_c.loading:
        engine.dismiss()
        os.write(2, b"interrupted\n")
        os._exit(130)
    raise KeyboardInterrupt


def _heed_signals() -> None:
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores it
            signal.signal(number, _stop)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def main() -> int:
    """Run the command line.

    Returns
    -------
    int
        The exit code.
    """
    try:
        engine.ctrl_c.loading = True
        _heed_signals()
        if sys.argv[1:2] == ["classify"] and not {"-h", "--help"} & set(sys.argv):
            engine.prefork(PRELOAD)
        from genrewise.cli import main as run

        code = run()
    except KeyboardInterrupt:
        os.write(2, b"interrupted\n")
        code = 130
    finally:
        engine.dismiss()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late to change anything
    if code == 130:
        # The interpreter, too, takes note of some interrupts and would end by the signal.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
