"""The pieces of the Models page: lines of generators, what the Hub has. Knows no engine."""
