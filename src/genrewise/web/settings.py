"""What a server is told when it starts; nothing of it changes afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genrewise.engine import CAN_LIMIT_MEMORY, usable_cpus
from genrewise.errors import RecipeError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """How a server serves.

    Parameters
    ----------
    host : str
        Address to bind to.
    port : int
        0 picks one.
    model : str
        Model of an answer where the question names none; empty for the best that is here.
    db : Path, optional
        Catalogue of a music library.
    label : Path, optional
        Folder of songs to be labelled by ear.
    label_out : Path, optional
        Where what was labelled is kept; by default beside that folder.
    reports : Path, optional
        Folder of ``NAME/PROTOCOL/report.json``.
    token : str
        Who does not know it is refused; empty for none.
    hosts : tuple of str
        Further names under which the server may be called.
    origins : tuple of str
        Pages of other servers that may ask: ``"https://example.org"``.
    proxy : str
        Address of a proxy whose ``X-Forwarded-…`` headers are believed; empty for none.
    urls : bool
        Whether addresses of the web may be given in place of a file.
    workers : int
        Processes that listen.
    queue : int
        Files that may wait.
    max_bytes : int
        Of one upload.
    max_seconds : float
        Of audio that is decoded of one file.
    time_limit : float
        Seconds that a file may take at the most; short files get less.
    memory_limit : int or None
        Bytes that one worker may hold.
    client_jobs : int
        Files of one client that may wait or be under way.
    client_requests : int
        Requests of one client in a minute.
    keep_seconds : float
        How long an answer is kept.
    keep_results : int
        How many answers are kept.
    threads : int
        Requests that are served at the same time.
    streams : int
        How many of them may be streams of events.
    log : {"quiet", "text", "json"}
        What is said of each request on standard error.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    model: str = ""
    db: Path | None = None
    label: Path | None = None
    label_out: Path | None = None
    reports: Path | None = None
    token: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxy: str = ""
    urls: bool = False
    workers: int = usable_cpus()
    queue: int = 64
    max_bytes: int = 300_000_000
    max_seconds: float = 4 * 3600.0
    time_limit: float = 900.0
    memory_limit: int | None = 2 * 2**30 if CAN_LIMIT_MEMORY else None
    client_jobs: int = 32
    client_requests: int = 3000
    keep_seconds: float = 3600.0
    keep_results: int = 1000
    threads: int = 48
    streams: int = 32
    log: Literal["quiet", "text", "json"] = "quiet"

    def __post_init__(self) -> None:
        for name in ("workers", "queue", "max_bytes", "client_jobs", "client_requests"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} of {getattr(self, name)}", "1 or more")
        if not 0 <= self.port < 65536:
            raise RecipeError(f"port {self.port}", "0 to 65535")
        if self.memory_limit is not None and not CAN_LIMIT_MEMORY:
            raise RecipeError("a memory limit", "a system with /proc", "set it to 0")
        if self.streams >= self.threads:
            raise RecipeError(f"{self.streams} streams in {self.threads} threads", "fewer streams")
