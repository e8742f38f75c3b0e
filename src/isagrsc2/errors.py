"""The one kind of error a user can cause."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one line that names the file and the remedy.

    Entry points print the message without a traceback and exit with code 2. Everything else that is raised is a fault of
    the program and keeps its traceback.
    """
