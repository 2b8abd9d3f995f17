"""The networks: embedding, encoder, classifier."""
