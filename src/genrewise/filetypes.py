"""Endings of file names: what to look into when a folder is read.

A hint only: the decoder has the last word on what a file holds.
"""

from __future__ import annotations

__all__ = ["AUDIO_SUFFIXES", "PICTURE_SUFFIXES"]

#: Files that may hold sound, films included; in lower case, as ``str.endswith`` takes them.
AUDIO_SUFFIXES = (
    *(".3gp", ".aac", ".ac3", ".adts", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".asf", ".au"),
    *(".avi", ".bwf", ".caf", ".dff", ".dsf", ".dts", ".eac3", ".flac", ".flv", ".m4a", ".m4b"),
    *(".m4v", ".mka", ".mkv", ".mov", ".mp1", ".mp2", ".mp3", ".mp4", ".mpc", ".mpeg", ".mpg"),
    *(".mpga", ".oga", ".ogg", ".ogv", ".opus", ".ra", ".rf64", ".snd", ".spx", ".tta", ".w64"),
    *(".wav", ".wave", ".weba", ".webm", ".wma", ".wmv", ".wv"),
)
#: Files that may hold a spectrogram picture.
PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
