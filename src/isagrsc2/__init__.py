"""ISAgrSC2: parcels of cultivated land from any aerial or satellite image, without labels."""

__version__ = "0.1.0"
