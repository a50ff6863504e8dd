"""From somebody's pictures to the one array that training reads. Plain: no torch, but for the sets that
torchvision downloads. Knows no network and no training.
"""
