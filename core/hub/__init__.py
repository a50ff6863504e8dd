"""Weights and the Hugging Face Hub: fetching, keeping, publishing, deploying. Knows no network, no torch and no UI."""
