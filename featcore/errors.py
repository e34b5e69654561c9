"""Every deliberate error; its text names the value, the rule and the way out, so a page may show it as it is.

FeatcoreError
├── UnknownName      a name that no registry knows
├── InputError       a file or text that cannot be read
│   └── LimitError   an input larger than the settings allow
├── CutError         an input that cannot be cut into these units
├── LoadError        a checkpoint that cannot be loaded
├── NotDefined       a question that this model has no answer to
└── Cancelled        work that the user stopped
"""


class FeatcoreError(Exception):
    """A deliberate error: what was given, which rule it breaks, what to do about it."""


class UnknownName(FeatcoreError):
    """A name that no registry knows; the text lists the known ones."""


class InputError(FeatcoreError):
    """A file or a text that cannot be read."""


class LimitError(InputError):
    """An input larger than the settings allow, refused before it is decoded."""


class CutError(FeatcoreError):
    """An input that cannot be cut into the units asked for."""


class LoadError(FeatcoreError):
    """A checkpoint that cannot be loaded; nothing of it stays in memory."""


class NotDefined(FeatcoreError):
    """A question that this model has no answer to, with the reason."""


class Cancelled(FeatcoreError):
    """Work that the user stopped between two steps."""
