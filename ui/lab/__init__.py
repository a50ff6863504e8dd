"""The pieces of the Lab page. Knows run folders, nothing of training."""
