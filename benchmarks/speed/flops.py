"""What a network has to compute for one token: the additions and multiplications of its matrix products."""

from attnclf.config import ModelConfig

TRAINING = 3  # forward; backward to the inputs; backward to the weights: each is as many products


def forward(config: ModelConfig) -> int:
    """Return the floating-point operations of one token, without padding, in one forward pass.

    A recurrent layer of width h reading width i multiplies gates × h × (i + h) weights a step and direction, four
    gates for an LSTM, three for a GRU; a product of a weight is two operations, one multiplication and one addition.
    Temporal attention adds one product of the states for the score and one for the weighted sum.

    Left out, so that the fraction of the limit is rather too low than too high: the gates' own functions, what is
    computed on padding, the output layer (once a text), and the n-gram tables, which are looked up and not multiplied.
    """
    gates = {"lstm": 4, "gru": 3}[config.encoder.cell]
    hidden, directions = config.encoder.hidden, 2 if config.encoder.bidirectional else 1
    operations, width = 0, config.embedding.dim
    for _ in range(config.encoder.layers):
        operations += 2 * directions * gates * hidden * (width + hidden)
        width = directions * hidden
    return operations + 2 * config.width + 2 * config.width
