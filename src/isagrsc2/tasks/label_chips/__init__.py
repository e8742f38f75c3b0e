"""``python -m isagrsc2.tasks.label_chips``: chips of labelled scenes in class folders, to look through and to learn from."""
