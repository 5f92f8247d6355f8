"""An S3 server for tests: one folder as its only bucket, read alone, with no check of signatures.

It speaks what Arrow's file system asks for: HEAD and GET of objects, with ranges, and
ListObjectsV2. Source: Amazon S3 API Reference, API version 2006-03-01.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

WHEN = "2026-01-01T00:00:00.000Z"


def handler(folder: Path, bucket: str, seen: list[str]) -> Any:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, format: str, *arguments: Any) -> None:
            seen.append(format % arguments)

        def do_HEAD(self) -> None:
            self.reply()

        def do_GET(self) -> None:
            self.reply()

        def reply(self) -> None:
            url = urlsplit(self.path)
            name, _, key = unquote(url.path).lstrip("/").partition("/")
            path = folder / key
            if name != bucket:
                self.send(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            elif not key:
                self.send(200, self.listed(parse_qs(url.query)), type="application/xml")
            elif not path.is_file():
                self.send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self.file(path.read_bytes())

        def file(self, data: bytes) -> None:
            given = self.headers.get("Range", "").removeprefix("bytes=")
            if not given:
                return self.send(200, data)
            first, _, last = given.partition("-")
            start, stop = int(first), min(int(last) + 1, len(data))
            where = f"bytes {start}-{stop - 1}/{len(data)}"
            return self.send(206, data[start:stop], **{"Content-Range": where})

        def listed(self, query: dict[str, list[str]]) -> bytes:
            prefix, delimiter = (query.get(n, [""])[0] for n in ("prefix", "delimiter"))
            keys, folders = [], set()
            for path in sorted(folder.rglob("*")):
                key = path.relative_to(folder).as_posix()
                if not key.startswith(prefix) or path.is_dir():
                    continue
                rest = key[len(prefix) :]
                if delimiter and delimiter in rest:
                    folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                else:
                    keys.append((key, path.stat().st_size))
            parts = [
                f"<Contents><Key>{escape(k)}</Key><LastModified>{WHEN}</LastModified>"
                f"<Size>{size}</Size></Contents>"
                for k, size in keys
            ]
            parts += [
                f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>"
                for f in sorted(folders)
            ]
            count = len(keys) + len(folders)
            text = (
                '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{count}"
                f"</KeyCount><IsTruncated>false</IsTruncated>{''.join(parts)}</ListBucketResult>"
            )
            return text.encode()

        def send(self, code: int, body: bytes, type: str = "", **headers: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", type or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Last-Modified", formatdate(0, usegmt=True))
            self.send_header("ETag", '"x"')
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    return Handler


@contextmanager
def serving(folder: Path, bucket: str) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder as a bucket; yields host:port and the list that requests are noted in."""
    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(folder, bucket, seen))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
