"""A small network that learns from a large one what music sounds like.

:mod:`.lessons` asks the teacher about audio, :mod:`.student` is the network that learns,
:mod:`.teach` teaches it and :mod:`.leave` writes it as a file.  No label is looked at.
"""
