"""What a person wrote about a statement: `comporta: safe because REASON`, `comporta: contract`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

_NOTE = re.compile(r"comporta:\s*(?P<word>\w+)(?:\s+because\s+(?P<reason>\S.*))?(?P<rest>.*)", re.DOTALL)


class Notes(Struct, frozen=True):
    """Attributes: `reason`: why the statement is safe, empty where nobody says so; `wrong`: notes that mean nothing."""

    reason: str = ""
    contract: bool = False
    wrong: tuple[str, ...] = ()


def read(comments: Iterable[str]) -> Notes:
    reason, contract, wrong = "", False, []
    for comment in comments:
        if not comment.strip().startswith("comporta:"):
            continue
        match = _NOTE.fullmatch(comment.strip())
        if match and match["word"] == "safe" and match["reason"]:
            reason = match["reason"].strip()
        elif match and match["word"] == "contract" and not match["rest"].strip():
            contract = True
        else:
            wrong.append(comment.strip())
    return Notes(reason, contract, tuple(wrong))
