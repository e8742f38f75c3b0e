"""The compact segmenter: a small network draws borders, a hierarchy of the regions between them answers prompts."""
