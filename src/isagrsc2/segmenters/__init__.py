"""Promptable models behind one protocol: an image is embedded once, then asked for masks at points."""
