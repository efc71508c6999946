"""Text classification: an encoder (or one vector a token), mean pooling, a linear head."""
