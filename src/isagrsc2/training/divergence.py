"""The error of a training that cannot go on."""

from isagrsc2.errors import InputError


class DivergedError(InputError):
    """The loss is no number any more: the learning rate is too high, or the weights to start from are bad."""
