"""Settings of a data set that a name stands for: ``NAME:KEY=VALUE,KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Mapping

from genrewise.errors import RecipeError, nearest

__all__ = ["numbers"]


def numbers(name: str, text: str, defaults: Mapping[str, float]) -> dict[str, float]:
    """The defaults with what `text` sets.

    Parameters
    ----------
    name : str
        Of the data set, for messages.
    text : str
        ``"tracks_per_genre=6,seconds=5"``
    defaults : mapping of str to float
        Every key that there is.

    Raises
    ------
    RecipeError
        An unknown key, with the nearest; a value that is no number.
    """
    chosen = dict(defaults)
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        key = key.strip()
        if key not in chosen:
            close = nearest(key, chosen)
            raise RecipeError(
                f"{name}: no setting {key!r}",
                "one of " + ", ".join(chosen),
                f"did you mean {close[0]}?" if close else "",
            )
        try:
            chosen[key] = float(value)
        except ValueError:
            raise RecipeError(f"{name}: {key}={value!r}", "a number") from None
    return chosen
