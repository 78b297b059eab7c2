"""A site whose service keeps orders in PostgreSQL, with releases that bring migrations."""

from __future__ import annotations

from dataclasses import dataclass

from support.site import Site

SERVICE = '''\
"""POST writes an order, GET reads the last one. COLUMN is the one that this release knows beside the name."""
import itertools, json, os, signal, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import psycopg

VERSION, COLUMN, SICK = "{version}", "{column}", {sick}
URL = "{url}"
numbers = itertools.count()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            with psycopg.connect(URL, autocommit=True) as db:
                if self.command == "POST":
                    name = f"{{VERSION}}-{{os.getpid()}}-{{next(numbers)}}"
                    db.execute(f"INSERT INTO orders (name, {{COLUMN}}) VALUES (%s, %s)", (name, f"of {{name}}"))
                else:
                    db.execute(f"SELECT name, {{COLUMN}} FROM orders ORDER BY id DESC LIMIT 1").fetchall()
            status, body = (500, b"{{}}") if SICK else (200, json.dumps({{"status": "ok"}}).encode())
        except psycopg.Error as error:
            status, body = 500, json.dumps({{"status": str(error)}}).encode()
        self.send_response(status)
        self.send_header("X-App-Version", VERSION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args):
        pass

class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.02)
'''

DATABASE = """
database:
  url: "{url}"
  lock_timeout: 500ms
  backups: {{keep: {{last: 1, daily: 0, weekly: 0}}}}
  migrations:
    sql: {{directory: "releases/{{version}}/migrations"}}
watch: {{window: {window}}}
"""

ORDERS = (
    "0001_orders",
    "CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, legacy text);\n",
    "DROP TABLE orders;\n",
)
NOTE = (
    "0002_note",
    "ALTER TABLE orders ADD COLUMN note text;\n",
    "ALTER TABLE orders DROP COLUMN note;\n",
)
DROP_LEGACY = (
    "0003_drop_legacy",
    "-- comporta: contract\nALTER TABLE orders DROP COLUMN legacy;\n",
    "ALTER TABLE orders ADD COLUMN legacy text;\n",
)
DROP_LEGACY_FOR_GOOD = (*DROP_LEGACY[:2], "")
REQUIRE_NOTE = (
    "0002_note",
    "-- comporta: safe because nobody writes orders without a note (which is wrong)\n"
    "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT '';\n"
    "-- comporta: safe because it only looks so\n"
    "ALTER TABLE orders RENAME COLUMN legacy TO legacy_too;\n",
    "ALTER TABLE orders RENAME COLUMN legacy_too TO legacy;\nALTER TABLE orders DROP COLUMN note;\n",
)
UNSAFE = ("0002_note", "ALTER TABLE orders RENAME COLUMN legacy TO note;\n", "")

Migration = tuple[str, str, str]


@dataclass
class MigratingSite(Site):
    """1.0.0 knows the column `legacy`; 2.0.0 knows `note`, and brings the contract that drops `legacy`."""

    url: str = ""
    window: str = "0s"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bring("1.0.0", "legacy", ORDERS)
        self.bring("2.0.0", "note", ORDERS, NOTE, DROP_LEGACY)

    def write_config(self) -> None:
        super().write_config()
        place = self.folder / "comporta.yml"
        head, _, environments = place.read_text().partition("environments:\n")
        database = DATABASE.format(url=self.url, window=self.window)
        place.write_text(f"{head}{database}environments:\n{environments}")

    def bring(self, version: str, column: str, *migrations: Migration, sick: bool = False) -> None:
        place = self.folder / "releases" / version
        (place / "migrations").mkdir(parents=True, exist_ok=True)
        text = SERVICE.format(version=version, column=column, url=self.url, sick=sick)
        (place / "app.py").write_text(text)
        for name, up, down in migrations:
            (place / "migrations" / f"{name}.up.sql").write_text(up)
            if down:
                (place / "migrations" / f"{name}.down.sql").write_text(down)
