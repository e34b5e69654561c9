"""A Plotly figure with what belongs to it and is not sent to the browser: its sentence and its numbers."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go


class Picture(go.Figure):
    """A figure, `alt` for people who do not see it, and `table`, its numbers as columns of equal length."""

    alt: str = ""
    table: Mapping[str, list] = {}
    _sent: dict[str, Any] | None = None

    def freeze(self) -> "Picture":
        """Make what is sent once: Plotly copies and encodes every array again whenever it is asked for it.

        A frozen picture must not be changed any more.
        """
        self._sent = super().to_dict()
        return self

    def to_dict(self) -> dict[str, Any]:
        """Traces and layout as a dictionary; of a frozen picture always the same one."""
        return super().to_dict() if self._sent is None else self._sent
