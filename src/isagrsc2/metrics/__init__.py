"""How good parcels are: counts that add over tiles and scenes, and the scores that follow from the counts."""
