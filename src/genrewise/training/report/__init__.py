"""Reports on data and on training runs."""
