"""Generative adversarial networks: their images, networks, training and what comes out of it.

`data`, `points` and `zoo.catalogue` are plain (no torch), so that a page may use them; the rest are engines.
"""
