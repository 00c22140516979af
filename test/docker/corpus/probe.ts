/**
 * What sandboxes of the corpus have in /tmp/probe: sends standard input to a port of the gateway, prints what comes back.
 *
 *   probe PORT [connect=AUTHORITY] [sni=NAME] [alpn=PROTOCOL] [split=bytes|records] [idle=SECONDS] [half]
 *
 * `connect` and `sni` come first, in this order. It reads until the other side closes; `idle`: or is silent so long.
 * Prints `!CLOSED`, `!SILENT`, `!REFUSED …` or `!TLS …` at the end, and what the certificate is for with `sni`.
 */
export const PROBE = String.raw`#!/usr/bin/env python3
import os, socket, ssl, sys
port, options, gw = int(sys.argv[1]), dict((w.split('=', 1) + [''])[:2] for w in sys.argv[2:]), os.environ['DRYDOCK_GATEWAY']
out = lambda data: (sys.stdout.buffer.write(data), sys.stdout.flush())
say = lambda text: out(('\n!' + text + '\n').encode())
data = sys.stdin.buffer.read()
idle = float(options.get('idle', 8))
try:
    s = socket.create_connection((gw, port), 5)
except OSError as e:
    say('REFUSED %s' % e); sys.exit(0)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
s.settimeout(idle)
def read():
    try: return s.recv(65536)
    except ConnectionResetError: return b''
if 'connect' in options:
    s.sendall(b'CONNECT ' + os.fsencode(options['connect']) + b' HTTP/1.1\r\nHost: x\r\n\r\n')
    head = b''
    while b'\r\n\r\n' not in head:
        more = read()
        if not more: break
        head += more
    out(head)
    if b' 200 ' not in head[:20]:
        out(read()); say('CLOSED'); sys.exit(0)
def split_hello(hello):
    body, step = hello[5:], 40
    return b''.join(b'\x16\x03\x01' + len(body[i:i+step]).to_bytes(2, 'big') + body[i:i+step] for i in range(0, len(body), step))
class Wrapped:
    """TLS by hand, so that the first flight can be cut as it likes."""
    def __init__(self, context, name, split):
        self.i, self.o = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.t = context.wrap_bio(self.i, self.o, server_hostname=name)
        first = True
        while True:
            try: self.t.do_handshake(); done = True
            except ssl.SSLWantReadError: done = False
            flight = self.o.read()
            if first and split == 'records': flight = split_hello(flight)
            for part in ([flight[n:n+1] for n in range(len(flight))] if first and split == 'bytes' else [flight]): s.sendall(part)
            first = False
            if done: return
            more = s.recv(65536)
            if not more: raise ssl.SSLError('closed')
            self.i.write(more)
    def sendall(self, data): self.t.write(data); s.sendall(self.o.read())
    def recv(self, n):
        while True:
            try: return self.t.read(n)
            except ssl.SSLWantReadError: pass
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError): return b''
            more = s.recv(65536)
            if not more: return b''
            self.i.write(more)
    def shutdown(self, how): pass
try:
    if 'sni' in options:
        context = ssl.create_default_context(cafile='/etc/drydock/ca-bundle.pem')
        if 'alpn' in options: context.set_alpn_protocols(options['alpn'].split(','))
        wrapped = Wrapped(context, options['sni'], options.get('split'))
        say('LEAF ' + ','.join(v for k, v in wrapped.t.getpeercert()['subjectAltName']))
        if 'alpn' in options: say('ALPN %s' % wrapped.t.selected_alpn_protocol())
        connection = wrapped
    else: connection = s
    if data: connection.sendall(data)
    if 'half' in options: s.shutdown(socket.SHUT_WR)
    while True:
        more = connection.recv(65536)
        if not more: break
        out(more)
    say('CLOSED')
except socket.timeout: say('SILENT')
except ConnectionError as e: say('CLOSED')
except ssl.SSLError as e: say('TLS %s' % (getattr(e, 'reason', None) or e))
`

/** Shell functions for the scripts of the tables. */
export const PRELUDE = String.raw`
GW=$DRYDOCK_GATEWAY; PX=http://$GW:3128
probe() { /tmp/probe "$@"; }
raw() { printf "$1" | probe "${'$'}{@:2}"; }
ask() { curl -sk -m 8 -D- "$@"; echo "[exit $?]"; }
opens() { timeout 1 bash -c "</dev/tcp/$1/$2" 2>/dev/null && echo "open $1:$2" || echo "closed"; }
`

/** Queries a name of the test's own: its record says that all earlier ones are written. */
export const fence = (number: number) =>
  String.raw`
exec 9<>/dev/udp/$DRYDOCK_GATEWAY/53
printf '\0\1\1\0\0\1\0\0\0\0\0\0\011${fenceName(number).slice(0, 9)}\007drydock\010internal\0\0\1\0\1' >&9`

/** The gateway's own domain: no policy opens it. */
export const fenceName = (number: number) => `fence${String(number).padStart(4, '0')}.drydock.internal`
