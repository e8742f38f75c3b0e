"""Reference parcels: read from any of the usual formats into the scene's pixel frame, repaired, clipped, burnt."""
