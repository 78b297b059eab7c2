"""HAProxy's log of requests, into which others write as well: see `nginx_log`."""

from __future__ import annotations

import re
from functools import partial

from comporta.drivers.routers.haproxy_log import request_log
from fuzz.counting import check

LINE = re.compile(
    rb"comporta\.shop\.test\t\d{4,15}\t\d{3}\t\d{1,9}\t(?:blue|green)\t\d{1,9}\t[A-Za-z-]{2}\t[\w.:\[\]-]+\t\d+"
)
FIRST = b"comporta.shop.test\t1700000000123\t200\t5\tblue\t12\t--\t127.0.0.1:8001\t99\n"


def run(data: bytes) -> None:
    check(partial(request_log, frontend="comporta.shop.test"), FIRST, LINE, data)
