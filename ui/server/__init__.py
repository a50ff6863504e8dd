"""What is served and how: the door, visitors' cookies, starting and stopping. Knows no page and no widget."""
