"""Where maps over independent items are computed."""
