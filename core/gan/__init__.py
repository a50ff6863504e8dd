"""Generative adversarial networks: their images, networks, training and what comes out of it.

`request`, `points`, `data`, the tables of `methods` and `measures`, and `zoo.catalogue` are plain (no torch), so that a
page may use them; `train` and `sample` are the engines, and `worker` is the process that trains.
`tests/test_imports.py` has the list of what brings torch.
"""
