"""Networks that others have trained, obtained by package name and kept in the user's cache."""
