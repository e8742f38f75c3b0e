"""Chips to learn from: one data module per source, all on one base."""
