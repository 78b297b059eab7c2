"""Values as people write them (`90s`, `5%`, `8001-8010`), as types for the config and for drivers' options.

In the models a duration is a number of seconds and a percentage a fraction (5% is 0.05). Each type also reads what it
was written out as, so that options that were stored can be validated again.
"""

from __future__ import annotations

import datetime
import ipaddress
import math
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from comporta.config.variables import has_variable
from comporta.model import queries, spec

MAX_SECONDS = 365 * 24 * 3600.0
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
DURATION = "".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in UNITS)
RATE = r"([0-9]+(?:\.[0-9]+)?)/([sm])"
MAX_RATE = 10_000.0
PERCENT = r"([0-9]+(?:\.[0-9]+)?) ?%"
SIZES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
SIZE = r"([0-9]+(?:\.[0-9]+)?) ?(B|KiB|MiB|GiB|TiB)"
PORTS = r"([0-9]{1,5})-([0-9]{1,5})"
PLAIN_PATH = r"/[A-Za-z0-9._~/-]*"
DATABASE_URL = r"(?:postgres(?:ql)?|sqlite)(?:\+[a-z0-9]+)?://|\$\{"
GIT_NAME = r"[A-Za-z0-9_][A-Za-z0-9._/-]*"
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOSTNAME = rf"{LABEL}(?:\.{LABEL})*"

_STRING = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`""")
_LONE_WORD = re.compile(r"\{([A-Za-z_]\w*)\}")


def refusal(text: str, next: str) -> PydanticCustomError:
    """An error for a validator to raise, with the next step for the person who wrote the value."""
    return PydanticCustomError("refused", "{text}", {"text": text, "next": next})


def parse_duration(written: Any) -> float:
    """Seconds, from `90s`, `1h30m`, `250ms` or a number of seconds."""
    advice = "write it like 90s, 1h30m or 250ms"
    if isinstance(written, str) and written and (match := re.fullmatch(DURATION, written)):
        seconds = math.fsum(
            float(part) * unit for part, unit in zip(match.groups(), UNITS.values(), strict=True) if part
        )
    elif isinstance(written, int | float) and not isinstance(written, bool):
        seconds = float(written)
    else:
        raise refusal(f"{quoted(written)} is not a duration", advice)
    if not 0 <= seconds <= MAX_SECONDS:
        raise refusal(f"{written} is not between 0 and a year", advice)
    return seconds


def duration_text(seconds: float) -> str:
    """How people write it, to the millisecond: 5400 → "1h30m"."""
    left = round(seconds * 1000)
    text = ""
    for unit, size in UNITS.items():
        count, left = divmod(left, round(size * 1000))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _positive_duration(written: Any) -> float:
    if seconds := parse_duration(written):
        return seconds
    raise refusal("it must be longer than 0", "write it like 90s, 1h30m or 250ms")


def parse_percent(written: Any) -> float:
    """A fraction, from `5%` or from a fraction (0.05). A bare 5 or 1 could mean either, and is refused."""
    advice = "write it like 5% (or as the fraction 0.05)"
    if isinstance(written, str) and (match := re.fullmatch(PERCENT, written)):
        fraction = float(match[1]) / 100
    elif isinstance(written, float) or (written == 0 and not isinstance(written, bool)):
        fraction = float(written)
    else:
        raise refusal(f"{quoted(written)} is not a percentage", advice)
    if not 0 <= fraction <= 1:
        raise refusal(f"{written} is not between 0% and 100%", advice)
    return fraction


def parse_rate(written: Any) -> float:
    """Requests a second, from `20/s`, `90/m` or a number of them a second."""
    advice = "write it like 20/s or 90/m"
    if isinstance(written, str) and (match := re.fullmatch(RATE, written)):
        rate = float(match[1]) / UNITS[match[2]]
    elif isinstance(written, int | float) and not isinstance(written, bool):
        rate = float(written)
    else:
        raise refusal(f"{quoted(written)} is not a rate", advice)
    if not 0 < rate <= MAX_RATE:
        raise refusal(f"{written} is not between 0 and {MAX_RATE:g} a second", advice)
    return rate


def parse_stage(written: Any) -> int:
    """A share of the requests in whole percent, from `5%` or 5."""
    text = str(written) if isinstance(written, int) and not isinstance(written, bool) else written
    match = re.fullmatch(r"([0-9]{1,3}) ?%?", text) if isinstance(text, str) else None
    if match is None:
        raise refusal(f"{quoted(written)} is not a whole percentage", "write it like 5%")
    if not 1 <= int(match[1]) <= 100:
        raise refusal(f"{written} is not between 1% and 100%", "write it like 5%")
    return int(match[1])


def parse_ports(written: Any) -> spec.PortRange:
    """Ports `first-last`, both included; a single number is a range of one."""
    advice = "write it like 8001-8010"
    if isinstance(written, spec.PortRange):
        return written
    text = f"{written}-{written}" if isinstance(written, int) and not isinstance(written, bool) else written
    match = re.fullmatch(PORTS, text) if isinstance(text, str) else None
    if match is None:
        raise refusal(f"{quoted(written)} is not a range of ports", advice)
    first, last = int(match[1]), int(match[2])
    if not 1 <= first <= last <= 65535:
        raise refusal(f"{written} does not go up from 1 to 65535", advice)
    return spec.PortRange(first=first, last=last)


def _domain(written: str) -> str:
    """A host name, perhaps with a port. Nothing else may get into a proxy's file from here."""
    host, colon, port = written.lower().partition(":")
    if not re.fullmatch(HOSTNAME, host) or len(host) > 253:
        raise refusal(f"{quoted(written)} is not a host name", "write it like shop.example.com or localhost:3000")
    if colon and not _is_port(port):
        raise refusal(f"{quoted(port)} is not a port", "write it like localhost:3000")
    return host + colon + port


def _listen(written: str) -> str:
    host, _, port = written.rpartition(":")
    if not (_is_address(host) and _is_port(port)):
        raise refusal(f"{quoted(written)} is not ADDRESS:PORT", "write it like 127.0.0.1:8080, 0.0.0.0:80 or [::]:80")
    return written


def _is_address(host: str) -> bool:
    kind = ipaddress.IPv6Address if host.startswith("[") and host.endswith("]") else ipaddress.IPv4Address
    try:
        kind(host.strip("[]"))
    except ValueError:
        return False
    return "%" not in host


def _is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{0,4}", text)) and int(text) <= 65535


def _name(written: str) -> str:
    if not re.fullmatch(LABEL, written):
        raise refusal(f"{quoted(written)} is not a name", "write it with a-z, 0-9 and -, as in my-shop")
    return written


def _path(written: str) -> str:
    if not written or has_variable(written):
        raise refusal(f"{quoted(written)} is not a path", "write the path itself, relative to the folder of the config")
    return written


def _url_path(written: str) -> str:
    if not re.fullmatch(r"/[!-~]*", written):
        raise refusal(f"{quoted(written)} is not a path", "begin with /, and write other characters as %XX")
    return written


def _plain_path(written: str) -> str:
    """A path that means the same in every proxy's file."""
    if not re.fullmatch(PLAIN_PATH, written):
        raise refusal(f"{quoted(written)} is not a plain path", "begin with /, and use a-z, A-Z, 0-9 and . _ ~ / -")
    return written


def _http_url(written: str) -> str:
    """An address to which paths are added. Only its name and password may be variables."""
    advice = "write it like http://127.0.0.1:9090 or https://name:${PASSWORD}@metrics.example.com"
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise refusal(f"{quoted(written)} is not an address", advice) from None
    outside = written.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1)
    right = parts.scheme in ("http", "https") and host and port != 0 and re.fullmatch(r"[!-~]+", written)
    if not right or parts.query or parts.fragment or has_variable(outside):
        raise refusal(f"{quoted(written)} is not an address", advice)
    return written.rstrip("/")


def _database_url(written: str) -> str:
    """Of an engine that is known, or wholly a variable. A password is never written down."""
    advice = "write it like ${DATABASE_URL}, postgresql://shop:${PASSWORD}@db.example.com/shop or sqlite:///shop.db"
    if not re.fullmatch(r"[!-~]+", written) or not re.match(DATABASE_URL, written):
        raise refusal("it is not the address of a database", advice)
    password = written.rpartition("@")[0].partition("://")[2].partition(":")[2]
    if password and not has_variable(password):
        raise refusal("there is a password in it", advice)
    return written


def _receiver_url(written: str) -> str:
    """An address to which something is sent. Any part of it may be a variable: only with none can it be judged."""
    advice = "write it like https://hooks.example.com/comporta or ${HOOK_URL}"
    try:
        parts = urlsplit(written)
        right = has_variable(written) or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        right = False
    if not right or not re.fullmatch(r"[!-~]+", written):
        raise refusal(f"{quoted(written)} is not an address", advice)
    return written


def _key(written: str) -> str:
    """A credential, which is never written down."""
    if not re.fullmatch(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}", written):
        raise refusal("there is a key in it", "name a variable, such as ${S3_SECRET_KEY}")
    return written


def _recipient(written: str) -> str:
    if not re.fullmatch(r"age1[a-z0-9]+", written):
        raise refusal(f"{quoted(written)} is not a recipient of age", "write it like age1…, as age-keygen prints it")
    return written


def parse_size(written: Any) -> int:
    """Bytes, from `1GiB` or a number of bytes."""
    match = re.fullmatch(SIZE, written) if isinstance(written, str) else None
    if match is not None:
        return round(float(match[1]) * SIZES[match[2]])
    if isinstance(written, int) and not isinstance(written, bool) and written >= 0:
        return written
    raise refusal(f"{quoted(written)} is not a size", "write it like 500MiB or 1GiB")


def size_text(count: int) -> str:
    """How people write it: 209715200 → "200MiB"."""
    unit = next(unit for unit, size in reversed(SIZES.items()) if count % size == 0)
    return f"{count // SIZES[unit]}{unit}"


def _moment(written: Any) -> float:
    """Seconds since the epoch, from a date and time with its offset from UTC."""
    if isinstance(written, float):
        return written
    try:
        found = datetime.datetime.fromisoformat(written)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise refusal(f"{quoted(written)} is not a point in time", "write it like 2026-12-24T18:00+01:00")
    return found.timestamp()


def _git_name(written: str) -> str:
    """A branch, remote or tag, as git allows them: never what git could take for an option."""
    if not re.fullmatch(GIT_NAME, written) or re.search(r"\.\.|//|\.lock(/|$)|[./]$|/\.", written):
        raise refusal(f"{quoted(written)} is not a name in git", "use a-z, A-Z, 0-9 and . _ / -, as in release/2.x")
    return written


def _tag(written: str) -> str:
    advice = "write it like v{version}"
    if written.count("{version}") != 1:
        raise refusal(f"{quoted(written)} does not hold {{version}} once", advice)
    _git_name(written.replace("{version}", "1.0.0"))
    return written


def _one_line(written: str) -> str:
    if not written.strip() or not written.isprintable():
        raise refusal(f"{quoted(written)} is not a line of text", "write a few words")
    return written


def _query(written: str) -> str:
    """PromQL, whose own braces are left alone. A word in braces that is a whole string is meant as a placeholder."""
    words = [match[1] for text in _STRING.findall(_one_line(written)) if (match := _LONE_WORD.fullmatch(text[1:-1]))]
    if unknown := [word for word in words if word not in queries.NAMES]:
        advice = f"write one of {', '.join(f'{{{name}}}' for name in queries.NAMES)}, or the value itself"
        raise refusal(f"there is no placeholder {{{unknown[0]}}}", advice)
    if "version" in queries.placeholders(_STRING.sub("", written)):
        raise refusal("{version} stands outside quotes", 'write it as the value of a label: version="{version}"')
    return written


def quoted(value: Any, limit: int = 60) -> str:
    """A value for a message: text in quotes, on one line, and not too long of it."""
    if not isinstance(value, str):
        names = {dict: "a mapping", list: "a list", type(None): "nothing", bool: str(value).lower()}
        return names.get(type(value), str(value))
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in value)
    return f'"{line[:limit]}…"' if len(line) > limit else f'"{line}"'


def _written(kind: str, pattern: str, **number: Any) -> WithJsonSchema:
    """Schema of a value written as text or as a number; `x-kind` is its name in the reference."""
    text = {"type": "string", "pattern": f"^{pattern}$"}
    return WithJsonSchema({"anyOf": [text, number], "x-kind": kind} if number else {**text, "x-kind": kind})


_DURATION_SCHEMA = _written("duration", rf"(?=.){DURATION}", type="number", minimum=0, maximum=MAX_SECONDS)

Duration = Annotated[float, BeforeValidator(parse_duration), _DURATION_SCHEMA]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration), _DURATION_SCHEMA]
Percent = Annotated[
    float, BeforeValidator(parse_percent), _written("percentage", PERCENT, type="number", minimum=0, maximum=1)
]
Rate = Annotated[
    float, BeforeValidator(parse_rate), _written("rate", RATE, type="number", exclusiveMinimum=0, maximum=MAX_RATE)
]
Stage = Annotated[
    int,
    BeforeValidator(parse_stage),
    _written("whole percentage", "[0-9]{1,3} ?%?", type="integer", minimum=1, maximum=100),
]
PortRange = Annotated[
    spec.PortRange,
    PlainValidator(parse_ports),
    PlainSerializer(str),
    _written("port range", PORTS, type="integer", minimum=1, maximum=65535),
]
Domain = Annotated[str, AfterValidator(_domain), _written("host name", rf"{HOSTNAME}(?::[0-9]{{1,5}})?")]
Listen = Annotated[str, AfterValidator(_listen), _written("address:port", r"[0-9a-fA-F:.\[\]]+:[0-9]{1,5}")]
Name = Annotated[str, AfterValidator(_name), _written("name", LABEL)]
FilePath = Annotated[str, AfterValidator(_path)]
UrlPath = Annotated[str, AfterValidator(_url_path), _written("path", "/[!-~]*")]
PlainPath = Annotated[str, AfterValidator(_plain_path), _written("path", PLAIN_PATH)]
HttpUrl = Annotated[str, AfterValidator(_http_url), _written("URL", "https?://[!-~]+")]
DatabaseUrl = Annotated[str, AfterValidator(_database_url), _written("URL", f"(?:{DATABASE_URL})[!-~]*")]
ReceiverUrl = Annotated[str, AfterValidator(_receiver_url), _written("URL", "[!-~]+")]
Key = Annotated[str, AfterValidator(_key), _written("variable", r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")]
Recipient = Annotated[str, AfterValidator(_recipient), _written("recipient", "age1[a-z0-9]+")]
Size = Annotated[int, BeforeValidator(parse_size), _written("size", SIZE, type="integer", minimum=0)]
Moment = Annotated[
    float,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "x-kind": "date and time"}),
]
GitName = Annotated[str, AfterValidator(_git_name), _written("name in git", GIT_NAME)]
Tag = Annotated[str, AfterValidator(_tag)]
Line = Annotated[str, AfterValidator(_one_line)]
Query = Annotated[str, AfterValidator(_query)]
