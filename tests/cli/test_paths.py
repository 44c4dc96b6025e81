"""What the user names, as a stream of files."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genrewise.cli.paths import Tally, expand, is_url, looks_like_audio, read_list
from genrewise.engine import Refused, Waiting
from genrewise.errors import GenrewiseError

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(*paths: str) -> tuple[list[str], int]:
    tally = Tally()
    found = []
    for item in expand(paths, tally):
        if isinstance(item, Refused):
            found.append(f"{item.item}: {item.error}")
        else:
            assert isinstance(item, str)
            found.append(item)
    return found, tally.passed_over


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ------------------------------------------------------------------ files and folders


def test_files_come_as_given_and_twice_where_named_twice(inside: Path) -> None:
    touch(inside, "b.mp3", "a.txt")
    given = ["./b.mp3", "b.mp3", "a.txt", "b.mp3", str(inside / "b.mp3"), ".//b.mp3"]
    assert names(*given) == (given, 0)


def test_a_folder_gives_its_audio_sorted_below_its_own_name(inside: Path) -> None:
    touch(inside, "m/b/2.mp3", "m/b/10.flac", "m/a.ogg", "m/c.opus", "m/B.wav", "m/a/x.m4a")
    found, passed = names("m")
    assert found == ["m/B.wav", "m/a.ogg", "m/a/x.m4a", "m/b/10.flac", "m/b/2.mp3", "m/c.opus"]
    assert found == sorted(found)
    assert passed == 0


@pytest.mark.parametrize("given", ["m", "m/", "./m", "../{name}/m", "{full}/m", "m//", "."])
def test_the_folder_stands_as_given(inside: Path, given: str) -> None:
    touch(inside, "m/1.mp3")
    given = given.format(name=inside.name, full=inside)
    rest = "m/1.mp3" if given == "." else "1.mp3"
    assert names(given)[0] == [given + ("" if given.endswith("/") else "/") + rest]


@settings(max_examples=20, deadline=None)
@given(
    tree=st.sets(
        st.lists(
            st.sampled_from(["a", "a b", "a.b", "a-", "Z", "é", "_"]), min_size=1, max_size=3
        ).map(tuple),
        min_size=1,
        max_size=8,
    )
)
def test_folders_expand_as_their_paths_sort(
    tree: set[tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    for parts in tree:
        touch(folder, "/".join(parts) + ".mp3")
    found, passed = names(str(folder))
    assert found == sorted(str(folder / ("/".join(p) + ".mp3")) for p in tree)
    assert passed == 0


def test_what_is_no_audio_is_passed_over_and_counted(inside: Path) -> None:
    touch(inside, "m/1.mp3", "m/cover.jpg", "m/a.cue", "m/notes", "m/.hidden.mp3", "m/._1.mp3")
    (inside / "m/unnamed").write_bytes(WAV)
    assert names("m") == (["m/1.mp3", "m/unnamed"], 5)


def test_hidden_folders_are_not_entered(inside: Path) -> None:
    touch(inside, "m/.trash/1.mp3", "m/2.mp3", ".music/3.mp3")
    assert names("m") == (["m/2.mp3"], 0)
    assert names(".music") == ([".music/3.mp3"], 0)  # named, so meant


def test_a_folder_without_audio_is_a_failure(inside: Path) -> None:
    touch(inside, "pictures/a.jpg", "pictures/below/b.png")
    (inside / "empty").mkdir()
    found, passed = names("pictures", "empty")
    assert found == [
        "pictures: no audio in this folder; 2 other files in it. Give a folder with music",
        "empty: empty folder. Give a folder with music",
    ]
    assert passed == 2


def test_links_are_followed_but_not_in_circles(inside: Path) -> None:
    touch(inside, "else/1.mp3", "m/2.mp3")
    (inside / "m/link").symlink_to("../else")
    (inside / "m/up").symlink_to("..")
    (inside / "m/self").symlink_to(".")
    (inside / "m/broken.mp3").symlink_to("nowhere.mp3")
    (inside / "m/broken.txt").symlink_to("nowhere.txt")
    found, passed = names("m")
    # "up" leads out of m, to its neighbours, but not back into it.
    assert found == [
        "m/2.mp3",
        "m/broken.mp3",
        "m/link/1.mp3",
        "m/up/else/1.mp3",
    ]
    assert passed == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_pipes_in_a_folder_are_passed_over_named_ones_given_on(inside: Path) -> None:
    touch(inside, "m/1.mp3")
    os.mkfifo(inside / "m/endless.mp3")
    assert names("m") == (["m/1.mp3"], 1)
    assert names("m/endless.mp3") == (["m/endless.mp3"], 0)  # the decoder refuses it


def test_what_is_not_there_keeps_its_place(inside: Path) -> None:
    touch(inside, "1.mp3")
    found, _ = names("gone.mp3", "1.mp3", "1.mp3/below", "x" * 300, "")
    assert found[:2] == ["gone.mp3: no such file or folder", "1.mp3"]
    assert found[2:] == [
        "1.mp3/below: not a directory",
        f"{'x' * 300}: file name too long",
        ": no such file or folder",
    ]


def test_a_folder_that_fails_to_open_is_said(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(inside, "m/1.mp3", "m/closed/2.mp3", "m/z.mp3")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert names("m")[0] == ["m/1.mp3", "m/closed: permission denied", "m/z.mp3"]
    assert names("m/closed")[0] == ["m/closed: permission denied"]


def test_names_in_any_bytes(inside: Path) -> None:
    odd = [
        b"\xff\xfe.mp3",
        "日本 – Ü.mp3".encode(),
        b"a\nb.mp3",
        b"\x1b[31m.mp3",
        b"n" * 246 + b".mp3",
    ]
    (inside / "m").mkdir()
    for name in odd:
        (Path(os.fsdecode(b"m/" + name))).write_bytes(b"x")
    found, _ = names("m")
    assert sorted(os.fsencode(f) for f in found) == sorted(b"m/" + n for n in odd)
    assert found == sorted(found)


def test_a_large_folder_is_walked_as_it_is_asked_for(inside: Path) -> None:
    for i in range(50):
        touch(inside, f"m/{i:02d}/1.mp3")
    walk = expand(["m"], Tally())
    assert next(walk) == "m/00/1.mp3"
    (inside / "m/49/1.mp3").rename(inside / "m/49/2.mp3")
    assert list(walk)[-1] == "m/49/2.mp3"


# ------------------------------------------------------------------ patterns and URLs


def test_patterns_are_expanded_where_no_file_has_that_name(inside: Path) -> None:
    touch(inside, "m/a1.mp3", "m/a2.mp3", "m/b.mp3", "m/below/c.mp3", "m/[x].mp3", "m/t.txt")
    assert names("m/a?.mp3")[0] == ["m/a1.mp3", "m/a2.mp3"]
    assert names("m/**/*.mp3")[0] == sorted(
        ["m/[x].mp3", "m/a1.mp3", "m/a2.mp3", "m/b.mp3", "m/below/c.mp3"]
    )
    assert names("m/[x].mp3")[0] == ["m/[x].mp3"]
    assert names("m/[ab]*")[0] == ["m/a1.mp3", "m/a2.mp3", "m/b.mp3", "m/below/c.mp3"]
    assert names("m/*.flac")[0] == ["m/*.flac: no file matches this pattern"]


@pytest.mark.parametrize(
    "url",
    ["https://host/a.mp3", "s3://bucket/*.mp3", "git+ssh://h/x?y=1", "simplecache::s3://b/a.mp3"],
)
def test_urls_are_given_on(url: str) -> None:
    assert is_url(url)
    assert names(url) == ([url], 0)


@pytest.mark.parametrize(
    "path", ["a.mp3", "C:/x.mp3", "a b://c", "://x", "dir/x:y", "http:/x", "::://x"]
)
def test_what_is_no_url(path: str) -> None:
    assert not is_url(path)


# ------------------------------------------------------------------ first bytes


@pytest.mark.parametrize(
    ("head", "audio"),
    [
        (WAV, True),
        (b"RF64\xff\xff\xff\xffWAVEds64", True),
        (b"RIFF\x24\x00\x00\x00AVI LIST", False),
        (b"FORM\x00\x00\x00\x00AIFFCOMM", True),
        (b"FORM\x00\x00\x00\x00ILBMBMHD", False),
        (b"fLaC\x00\x00\x00\x22", True),
        (b"OggS\x00\x02", True),
        (b"ID3\x04\x00", True),
        (b".snd\x00\x00\x00\x18", True),
        (b"wvPk", True),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", True),
        (b"\x00\x00\x00\x20ftypheic\x00\x00\x00\x00", False),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", True),
        (b"\xff\xfb\x90\x64", True),  # MPEG 1 layer III, 128 kbit/s
        (b"\xff\xf3\x18\xc4", True),  # MPEG 2 layer III
        (b"\xff\xfd\x84\x04", True),  # MPEG 1 layer II
        (b"\xff\xf1\x50\x80", True),  # AAC in ADTS
        (b"\xff\xd8\xff\xe0", False),  # JPEG
        (b"\xff\xfeA\x00b\x00", False),  # text in UTF-16
        (b"\xff\xfb\xf0\x00", False),  # no such bit rate
        (b"\xff\xfb\x9c\x00", False),  # no such sample rate
        (b"\x89PNG\r\n\x1a\n", False),
        (b"MThd\x00\x00\x00\x06", False),
        (b"\xff", False),
        (b"", False),
        (b"hello world, this is text", False),
    ],
)
def test_audio_is_known_by_its_first_bytes(tmp_path: Path, head: bytes, audio: bool) -> None:
    path = tmp_path / "name"
    path.write_bytes(head)
    assert looks_like_audio(str(path)) is audio


def test_a_suffix_is_taken_at_its_word(tmp_path: Path) -> None:
    (tmp_path / "text.MP3").write_text("no music")
    assert looks_like_audio(str(tmp_path / "text.MP3"))
    assert not looks_like_audio(str(tmp_path / "gone"))


# ------------------------------------------------------------------ lists


def test_a_list_is_one_path_a_line() -> None:
    text = "a.mp3\n\nb c.mp3\r\n#x.mp3\n  d.mp3\né.mp3".encode()
    found = list(read_list(io.BytesIO(text), "list"))
    assert found == ["a.mp3", "b c.mp3", "#x.mp3", "  d.mp3", "é.mp3"]


def test_a_name_that_ends_in_a_return_keeps_it(inside: Path) -> None:
    touch(inside, "odd\r")
    assert list(read_list(io.BytesIO(b"odd\r\neven\r\n"), "list")) == ["odd\r", "even"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbfone\r\ntwo\r\n", ["one", "two"]),
        (b"\xef\xbb\xbfone", ["one"]),
        (b"\xef\xbb\xbf\r\ntwo\n\xef\xbb\xbfthree", ["two", "\ufeffthree"]),
        (b"\xef\xbb\xbf", []),
    ],
)
def test_a_byte_order_mark_is_no_part_of_the_first_path(data: bytes, expected: list[str]) -> None:
    assert list(read_list(io.BytesIO(data), "list")) == expected


def test_a_list_may_be_separated_by_nul() -> None:
    text = b"a\nb.mp3\0c.mp3\0\0\xff.mp3"
    found = list(read_list(io.BytesIO(text), "list", b"\0"))
    assert found == ["a\nb.mp3", "c.mp3", "\udcff.mp3"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"ID3\x00\x00\nabc", "standard input: binary data; expected paths, one a line. Add -0"),
        (b"x" * 200_000, "standard input: a line of over 65536 bytes; expected paths"),
        (b"a\n" + b"x" * 70_000 + b"\nb\n", "a line of over 65536 bytes"),
    ],
)
def test_what_is_no_list_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(GenrewiseError) as error:
        list(read_list(io.BytesIO(data), "standard input"))
    assert text in str(error.value)
    assert error.value.exit_code == 2


@pytest.mark.skipif(os.name == "nt", reason="pipes cannot be waited for there")
def test_a_list_gives_lines_as_they_come_and_says_when_there_are_none() -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as stream:
        lines = read_list(stream, "list")
        assert next(lines) == Waiting(reads)
        os.write(writes, b"a.mp3\nb.m")
        assert next(lines) == "a.mp3"
        assert next(lines) == Waiting(reads)
        os.write(writes, b"p3\n")
        assert next(lines) == "b.mp3"
        os.write(writes, b"c.mp3")
        os.close(writes)
        assert list(lines) == ["c.mp3"]


@pytest.mark.skipif(os.name == "nt", reason="pipes cannot be waited for there")
def test_an_endless_list_is_not_read_ahead() -> None:
    reads, writes = os.pipe()

    def write() -> None:
        try:
            while True:
                os.write(writes, b"a.mp3\n" * 1000)
        except BrokenPipeError:
            os.close(writes)

    writer = threading.Thread(target=write)
    writer.start()
    stream = os.fdopen(reads, "rb")
    lines: Iterator[object] = (x for x in read_list(stream, "l") if not isinstance(x, Waiting))
    assert all(next(lines) == "a.mp3" for _ in range(100_000))
    stream.close()
    writer.join(10)
    assert not writer.is_alive()


def test_waiting_goes_through_the_expansion() -> None:
    assert list(expand([Waiting(3)], Tally())) == [Waiting(3)]
