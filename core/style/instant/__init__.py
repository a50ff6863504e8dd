"""A painting at once: any photo in any style, in one way through two small networks."""
