"""Text instead of training: CLIP compares chips with descriptions of land."""
