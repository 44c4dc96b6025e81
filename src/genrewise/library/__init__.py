"""A music library: what its files are, which genre each is, what was written and how to undo it.

Along the data's way: :mod:`scan` finds files and knows them again, :mod:`catalogue` keeps what
was found, :mod:`tagging` decides what is to be written, :mod:`journal` writes it so that it can
be undone.
"""
