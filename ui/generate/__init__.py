"""The pieces of the Generate page, and sampling over the API. Knows no engine."""
