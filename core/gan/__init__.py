"""Generative adversarial networks: their images, networks, training and what comes out of it.

`data` and `dicebear` are plain (no torch), so that a page may use them; everything else is an engine.
"""
