"""What validation rows decide once a network is trained: the weights of logits, a temperature, thresholds."""
