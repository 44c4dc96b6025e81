"""What the server writes to standard error: a line a request, and a line a fault."""

from __future__ import annotations

import json
import sys
import threading
import time
import traceback
from typing import Any, Literal

__all__ = ["Log"]

Form = Literal["quiet", "text", "json"]

#: Events that are written even where nobody wants to hear of requests.
_LOUD = ("fault", "workers", "lost", "failed")


class Log:
    """Lines on standard error, whole ones from any thread.

    No names of files and no addresses of clients are written: they are nobody's business.

    Parameters
    ----------
    form : {"quiet", "text", "json"}
        Faults alone; every request as text or as an object of JSON.
    """

    def __init__(self, form: Form = "quiet") -> None:
        self._form = form
        self._lock = threading.Lock()

    def __call__(self, event: str, **fields: Any) -> None:
        """Write an event.

        Parameters
        ----------
        event : str
            ``"request"``, ``"fault"``, …
        **fields
            Plain values; an `exception` is written with its traceback.
        """
        if self._form == "quiet" and event not in _LOUD:
            return
        exception = fields.pop("exception", None)
        if exception is not None:
            fields["traceback"] = "".join(traceback.format_exception(exception))
        line = self._json(event, fields) if self._form == "json" else _text(event, fields)
        with self._lock:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _json(self, event: str, fields: dict[str, Any]) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return json.dumps({"time": moment, "event": event, **fields}, default=str)


def _text(event: str, fields: dict[str, Any]) -> str:
    long = str(fields.pop("traceback", ""))
    said = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
    moment = time.strftime("%H:%M:%S")
    return f"{moment} {event} {said}".rstrip() + ("\n" + long.rstrip() if long else "")


def _word(value: Any) -> str:
    text = str(value)
    plain = text.isprintable() and " " not in text
    return text if plain and text else json.dumps(text)
