"""Genrewise: which genre a piece of music is, and how sure one can be."""

__version__ = "0.1.0"
