"""Neural style transfer.

`objective` says what a good painting is, `descent` how the picture is changed, `schedule` how large and how long,
`networks` whose features are compared, `budget` and `measure` what it will take; `paint` is the engine. `schedule` and
`budget` are plain, the others need torch.
"""
