"""The model ``tags-v1``: many genres at once, from a pretrained network's tags and our labels.

``python -m genrewise.training.tags -o FOLDER`` makes it from the data.
"""
