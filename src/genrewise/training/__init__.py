"""Learning from labelled music: data sets, splits, models, metrics, reports, bundles."""
