"""Training runs as folders and processes. Knows nothing of how training works; no torch, no UI."""
