"""What training minimizes: losses of labels, and losses of attention that are added to them."""
