"""Ask whether a port accepts a connection."""

from __future__ import annotations

import time

from comporta.drivers.causes import root_cause
from comporta.model.checks import CheckResult, Target, TcpCheck


class TcpProbe:
    """Implements the Probe port for `TcpCheck`."""

    async def ask(self, check: TcpCheck, target: Target) -> CheckResult:
        import anyio

        host, _, port = target.address.rpartition(":")
        began = time.perf_counter()
        try:
            with anyio.fail_after(check.timeout):
                await (await anyio.connect_tcp(host, int(port))).aclose()
            passed, answer = True, "accepted"
        except TimeoutError:
            passed, answer = False, f"no connection within {check.timeout:g} s"
        except OSError as error:
            passed, answer = False, f"no connection: {root_cause(error)}"
        asked = f"connect to {target.address}"
        return CheckResult(passed=passed, asked=asked, answer=answer, seconds=time.perf_counter() - began)
