"""What a connection knows about itself before it is used again."""

import asyncio
import socket

from comporta.load.requests import Request
from comporta.load.wire import Connection

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_close_that_has_arrived_but_was_not_read_yet_forbids_reuse() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, *server.getsockname())
            accepted, _ = server.accept()
            answered = connection.send(Request("get").head("site"), b"")
            accepted.recv(65536)
            accepted.sendall(RESPONSE)
            assert (await answered).body == b"ok"
            assert connection.reusable()
            accepted.close()
            assert not connection.reusable()  # the event loop has had no chance to notice
            connection.close()

    asyncio.run(main())
