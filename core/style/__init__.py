"""Neural style transfer.

`objective` says what a good painting is, `descent` how the picture is changed, `schedule` how large and how long,
`choice` and `networks` whose features are compared, `budget` and `measure` what it will take; `paint` is the engine.
`schedule`, `choice` and `budget` are plain, the others need torch.
"""
