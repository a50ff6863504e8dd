"""Neural style transfer: `request` says what may be asked, `dispatch` which engine paints it.

`networks` and `choice` say whose features are compared, `pixels` turns pictures into tensors. Each engine has a room,
where `engine` is what `dispatch` knows of it and `paint` paints. `optimise` lets the picture descend: `objective` says
what a good painting is, `descent` how the picture is changed, `schedule` how large and how long, `budget` and `measure`
what it will take. `instant` paints at once: `transfer` moves features to a style's statistics, `decoder` makes a
picture of them. `choice`, `schedule`, `budget` and each `engine` are plain, the others need torch.
"""
