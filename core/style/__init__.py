"""Neural style transfer.

`networks` and `choice` say whose features are compared; `optimise` paints by optimisation: there `objective` says what
a good painting is, `descent` how the picture is changed, `schedule` how large and how long, `budget` and `measure`
what it will take; `paint` is the engine. `instant` paints at once: `transfer` moves features to a style's statistics,
`decoder` makes a picture of them; `paint` is the engine. `choice`, `schedule` and `budget` are plain, the others need
torch.
"""
