"""sinks.py DIR [CERT KEY] - a webhook's and a mail server's end, for tests.

Writes DIR/ports (http, smtp and, with a certificate, https, starttls, smtps) once
all listen, and each request or mail as a JSON line to DIR/http.jsonl,
DIR/smtp.jsonl before it answers. DIR/mode, read for each, says what it does:
  ok       takes it (HTTP 204, SMTP 250)
  500      refuses for now (HTTP 500, SMTP 451)
  400      refuses (HTTP 400, SMTP 550)
  slow     says nothing
  deaf     takes it, and breaks off before it says so
The mail server lets nobody in but user `mailer` with password `pass word`, when
the connection is encrypted; on loopback in the clear it asks for nothing.
"""
import base64
import email
import json
import os
import socket
import socketserver
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder = sys.argv[1]
lock = threading.Lock()


def mode():
    try:
        with open(os.path.join(folder, "mode"), encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return "ok"


def note(name, what):
    with lock, open(os.path.join(folder, name), "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def say_nothing():
    while mode() == "slow":
        time.sleep(0.1)


class Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        how = mode()
        note("http.jsonl", {
            "mode": how, "path": self.path, "body": json.loads(body),
            "type": self.headers["Content-Type"],
            "key": self.headers["Idempotency-Key"],
            "authorization": self.headers["Authorization"]})
        if how == "slow":
            say_nothing()
        if how in ("slow", "deaf"):
            self.close_connection = True
            return
        self.send_response({"500": 500, "400": 400}.get(how, 204))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Mail(socketserver.StreamRequestHandler):
    def setup(self):
        if self.server.tls == "smtps":
            self.request = self.server.context.wrap_socket(
                self.request, server_side=True)
        super().setup()

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.safe, self.known = self.server.tls == "smtps", False
        self.sender, self.to = None, []
        if mode() == "slow":
            say_nothing()
            return
        self.say("220 sink")
        while True:
            line = self.rfile.readline()  # another one after STARTTLS
            if not line:
                return
            words = line.decode().split()
            verb = words[0].upper() if words else ""
            step = getattr(self, "on_" + verb.lower(), None)
            if verb == "QUIT" or step is None:
                self.say("221 bye" if verb == "QUIT" else "502 what?")
                if verb == "QUIT":
                    return
            elif step(line.decode().rstrip("\r\n"), words) is False:
                return

    def on_ehlo(self, line, words):
        if self.server.tls == "starttls" and not self.safe:
            self.say("250-sink")
            self.say("250 STARTTLS")
        elif self.safe:
            self.say("250-sink")
            self.say("250 AUTH PLAIN")
        else:
            self.say("250 sink")

    def on_starttls(self, line, words):
        self.say("220 go ahead")
        self.request = self.server.context.wrap_socket(
            self.request, server_side=True)
        self.rfile = self.request.makefile("rb")
        self.wfile = self.request.makefile("wb", buffering=0)
        self.safe = True

    def on_auth(self, line, words):
        if len(words) < 3:
            self.say("334 ")
            words = words[:2] + [self.rfile.readline().decode().strip()]
        secret = base64.b64decode(words[2]).split(b"\0")
        self.known = secret[1:] == [b"mailer", b"pass word"]
        self.say("235 welcome" if self.known else "535 who are you?")

    def on_mail(self, line, words):
        if self.server.tls != "plain" and not (self.safe and self.known):
            self.say("530 log in")
            return
        self.sender, self.to = line.split("<")[1].split(">")[0], []
        self.say("250 ok")

    def on_rcpt(self, line, words):
        if mode() == "400":
            self.say("550 no such user")
            return
        self.to.append(line.split("<")[1].split(">")[0])
        self.say("250 ok")

    def on_data(self, line, words):
        self.say("354 go on")
        text = b""
        for line in self.rfile:
            if line == b".\r\n":
                break
            text += line[1:] if line.startswith(b".") else line
        how = mode()
        mail = email.message_from_bytes(text)
        note("smtp.jsonl", {
            "mode": how, "tls": self.server.tls if self.safe else "",
            "from": self.sender, "to": self.to,
            "headers": dict(mail.items()),
            "text": mail.get_payload(decode=True).decode()})
        if how == "deaf":
            return False
        self.say("451 later" if how == "500" else "250 taken")
        return True


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def mail_server(tls, context):
    server = MailServer(("127.0.0.1", 0), Mail)
    server.tls, server.context = tls, context
    return serve(server)


def main():
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    ports = {"http": serve(hook), "smtp": mail_server("plain", None)}
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        safe = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        safe.socket = context.wrap_socket(
            safe.socket, server_side=True, do_handshake_on_connect=False)
        ports["https"] = serve(safe)
        for tls in ("starttls", "smtps"):
            ports[tls] = mail_server(tls, context)
    part = os.path.join(folder, "ports.part")
    with open(part, "w", encoding="utf-8") as file:
        for name, port in ports.items():
            file.write("%s %d\n" % (name, port))
    os.rename(part, os.path.join(folder, "ports"))
    threading.Event().wait()


main()
