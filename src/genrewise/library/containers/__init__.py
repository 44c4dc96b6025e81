"""The kinds of files that hold music: where their tags and their sound lie.

One module a kind.  Each says what has to change in a file for another genre, as splices, and
where its audio lies; none of them writes, and none reads more than it needs.  What they are not
sure of they refuse (:class:`~genrewise.library.containers.base.Unsafe`).
"""
