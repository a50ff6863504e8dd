"""Painting by optimisation (Gatys et al. 2016): the picture itself descends. Knows no UI, and no other
way of painting.
"""
