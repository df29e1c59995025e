"""A web server to try get_url and uri with: files, an echo, redirects, a password, cookies, gzip, a Unix socket."""

import base64
import gzip
import http.server
import json
import os
import socketserver
import sys
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def date_time_string(self, timestamp=None):
        return super().date_time_string(timestamp if timestamp is not None else 1700000000)

    def version_string(self):
        return "lab"

    def address_string(self):
        return "somebody"

    def log_message(self, *_):
        pass

    def answer(self, code, body=b"", kind="application/json", **headers):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def special(self):
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if self.path.startswith("/echo"):
            shown = {
                k.lower(): v
                for k, v in self.headers.items()
                if k.lower() not in ("host", "if-modified-since")
            }
            if "boundary=" in shown.get("content-type", ""):
                boundary = shown["content-type"].split('"')[1]
                body = body.replace(boundary.encode(), b"BOUNDARY")
                shown["content-type"] = shown["content-type"].replace(boundary, "BOUNDARY")
            told = {
                "method": self.command,
                "path": self.path,
                "headers": shown,
                "body": body.decode("latin-1"),
            }
            self.answer(200, json.dumps(told, sort_keys=True).encode())
        elif self.path.startswith("/to/"):
            self.answer(int(self.path.split("/")[2]), Location="/echo/moved")
        elif self.path.startswith("/status/"):
            self.answer(int(self.path.split("/")[2]), b'{"said": "no"}')
        elif self.path == "/secret":
            wanted = "Basic " + base64.b64encode(b"me:pass word").decode()
            if self.headers.get("Authorization") == wanted:
                self.answer(200, b'{"in": true}')
            else:
                self.answer(401, b"who?", "text/plain", WWW_Authenticate='Basic realm="lab"')
        elif self.path == "/cookies":
            self.answer(200, b"ok", "text/plain", Set_Cookie="one=1; Path=/", X_Two_Words="a b")
        elif self.path == "/gzip":
            self.answer(200, gzip.compress(b"small\n", mtime=0), "text/plain", Content_Encoding="gzip")
        elif self.path == "/named":
            self.answer(
                200, b"by name\n", "text/plain", Content_Disposition='attachment; filename="told.txt"'
            )
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"too little")
        else:
            return False
        return True

    def do_GET(self):
        if not self.special():
            super().do_GET()

    def do_HEAD(self):
        if not self.special():
            super().do_HEAD()

    def do_POST(self):
        if not self.special():
            self.answer(405)

    do_PUT = do_PATCH = do_DELETE = do_POST


class Unix(socketserver.ThreadingUnixStreamServer):
    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)


os.chdir(sys.argv[1])
if os.path.exists(sys.argv[3]):
    os.unlink(sys.argv[3])
threading.Thread(target=Unix(sys.argv[3], Handler).serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
