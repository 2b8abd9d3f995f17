"""What training can ask of attention beside the right label: each a loss of its own, added with a weight."""
