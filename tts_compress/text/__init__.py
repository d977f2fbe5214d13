"""English text to the symbols and phones that public checkpoints were trained with."""


class TextWarning(UserWarning):
    """Part of a text has no sound in English and is left out; the message names it."""
