"""Results out: one class per format, all with ``write(result, folder)``."""
