"""Fine-tuning of SAM's mask decoder: the image encoder stays as it is, and looks at every tile only once."""
