"""HTTP headers as they may be written in the file: nothing that could end one and begin another."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

HeaderName = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, StringConstraints(pattern="^[^\\x00-\\x08\\x0a-\\x1f\\x7f]*$")]
