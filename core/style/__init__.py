"""Neural style transfer: `objective` (what a good painting is), `schedule` (how large, how long), `descent` (how the
picture is changed), `paint` (the engine). `schedule` is plain; the others need torch."""
