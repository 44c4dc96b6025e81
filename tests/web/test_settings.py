"""What a server may be told."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from genrewise.engine import CAN_LIMIT_MEMORY
from genrewise.errors import RecipeError
from genrewise.web.settings import Settings


def test_it_is_for_this_machine_alone_unless_told() -> None:
    found = Settings()
    assert found.host == "127.0.0.1"
    assert (found.token, found.hosts, found.origins, found.proxy) == ("", (), (), "")
    assert not found.urls
    assert found.memory_limit is None or CAN_LIMIT_MEMORY


def test_nothing_changes_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        Settings().urls = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"workers": 0}, "workers of 0; expected 1 or more"),
        ({"queue": 0}, "queue of 0; expected 1 or more"),
        ({"max_bytes": 0}, "max_bytes of 0; expected 1 or more"),
        ({"client_jobs": -1}, "client_jobs of -1; expected 1 or more"),
        ({"client_requests": 0}, "client_requests of 0; expected 1 or more"),
        ({"port": 65536}, "port 65536; expected 0 to 65535"),
        ({"port": -1}, "port -1; expected 0 to 65535"),
        ({"streams": 9, "threads": 9}, "9 streams in 9 threads; expected fewer streams"),
    ],
)
def test_what_makes_no_server(how: dict[str, Any], text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Settings(**how)
    assert str(caught.value) == text


def test_a_limit_that_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genrewise.web.settings.CAN_LIMIT_MEMORY", False)
    with pytest.raises(RecipeError, match="a memory limit; expected a system with /proc"):
        Settings(memory_limit=10**9)
    assert Settings(memory_limit=None).memory_limit is None
