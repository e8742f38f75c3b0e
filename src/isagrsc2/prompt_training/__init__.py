"""Training of promptable segmenters: labelled scenes, crops and prompts in, weights out."""
