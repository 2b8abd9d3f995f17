"""How the learning rate moves: up over the warm-up, then straight down to zero."""


def factor(progress: float, warmup: float) -> float:
    """Return the factor on the learning rate at `progress`, the share of training that is done (0 to 1)."""
    if progress < warmup:
        return progress / warmup
    return max(0.0, (1 - progress) / (1 - warmup)) if warmup < 1 else 1.0
