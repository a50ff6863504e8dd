"""The pieces of the Train page. Knows run folders, nothing of training."""
