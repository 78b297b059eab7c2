"""nginx's log of requests: nothing in it can stop the counting, and each line that nginx writes counts exactly once."""

from __future__ import annotations

import re

from comporta.drivers.routers.nginx_log import request_log
from fuzz.counting import check

LINE = re.compile(
    rb"\d{1,12}\.\d{3}\t\d{3}\t\d{1,6}\.\d{3}\t(?:blue|green)\t\d{1,9}\t(?:\d{3}|-)\t(?:\d{1,6}\.\d{3}|-)\t[\w.:\[\]-]+\t(?:\d+|-)"
)
FIRST = b"1700000000.000\t200\t0.010\tblue\t12\t200\t0.001\t127.0.0.1:8001\t99\n"


def run(data: bytes) -> None:
    check(request_log, FIRST, LINE, data)
