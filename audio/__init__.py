"""Signal code on PCM16 mono: knows nothing of calls."""
