"""Generators that exist: found, recognised, loaded, kept as folders, also foreign ones. Knows no training."""
