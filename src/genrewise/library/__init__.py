"""A music library: what its files are, which genre each was found to be, what was written and how
to take it back.

Along the data's way: :mod:`scan` finds files and knows them again, :mod:`catalogue` keeps what
was found, :mod:`tagging` decides what is to be written, :mod:`journal` writes it so that it can
be undone.
"""
