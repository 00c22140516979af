import { allow, CLOSED, deny, refused, type Row, type Story } from '../row.ts'

const PREFACE = 'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n'
const SETTINGS = '\\x00\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00'
/** HEADERS of a GET whose `:authority` is evil.test, and of one with a `host` field beside it. */
const AUTHORITY = '\\x00\\x00\\x0e\\x01\\x05\\x00\\x00\\x00\\x01\\x82\\x84\\x87\\x41\\x09evil.test'
const HOST =
  '\\x00\\x00\\x1c\\x01\\x05\\x00\\x00\\x00\\x01\\x82\\x84\\x87\\x41\\x0callowed.test\\x0f\\x17\\x09evil.test'
const CONTINUATIONS =
  '\\x00\\x00\\x01\\x01\\x00\\x00\\x00\\x00\\x01\\x82' + '\\x00\\x00\\x01\\x09\\x00\\x00\\x00\\x00\\x01\\x82'.repeat(50)
const RESETS =
  '\\x00\\x00\\x03\\x01\\x05\\x00\\x00\\x00\\x01\\x82\\x84\\x87\\x00\\x00\\x04\\x03\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x08'.repeat(
    20,
  )
const DATA_FIRST = '\\x00\\x00\\x04\\x00\\x00\\x00\\x00\\x00\\x01abcd'

// HTTP/2 is not offered: whoever speaks it unasked is refused at its first line, so nothing of a stream is ever read.
const spoken: readonly [string, string, string][] = [
  ['F02', 'a stream for another authority', AUTHORITY],
  ['F03', 'an authority and a host field that differ', HOST],
  ['F05', 'DATA before HEADERS', DATA_FIRST],
  ['F05', 'a flood of CONTINUATION', CONTINUATIONS],
  ['F05', 'rapid resets', RESETS],
]

const KEY = 'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n'
const websocket = (path: string) =>
  `GET ${path} HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n${KEY}\\r\\n`

export const UPGRADES: readonly (Row | Story)[] = [
  ...spoken.map(([id, what, frames]): Row => ({
    id,
    what: `HTTP/2 inside of TLS, ${what}`,
    policy: 'RO',
    script: `raw '${PREFACE}${SETTINGS}${frames}' 443 sni=allowed.test`,
    sees: [refused(403, 'upgrade'), CLOSED],
    ledger: [deny('upgrade', 'http', { status: 403 })],
  })),
  {
    id: 'F02',
    what: 'HTTP/2 is not to be had by ALPN; a client that can do both speaks HTTP/1.1',
    policy: 'RO',
    script: `raw 'GET /alpn HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: close\\r\\n\\r\\n' 443 sni=allowed.test alpn=h2,http/1.1
ask --http2 https://allowed.test/curl`,
    sees: [/!ALPN http\/1\.1/, /HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /],
    not: [/HTTP\/2/],
    ledger: [allow('allowed.test', { path: '/alpn' }), allow('allowed.test', { path: '/curl' })],
    upstream: ['GET https://allowed.test/alpn', 'GET https://allowed.test/curl'],
  },
  {
    id: 'F05',
    what: 'a client that can do nothing but HTTP/2 gets no connection',
    policy: 'RO',
    script: `raw '${PREFACE}${SETTINGS}' 443 sni=allowed.test alpn=h2`,
    sees: [/!TLS .*ALERT|!CLOSED/i],
    not: [/!ALPN h2/],
    ledger: [{ host: 'allowed.test' }],
  },
  {
    id: 'F06',
    what: 'an upgrade to HTTP/2, with its bytes behind',
    policy: 'RO',
    script: `raw 'GET / HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: Upgrade, HTTP2-Settings\\r\\nUpgrade: h2c\\r\\nHTTP2-Settings: AAMAAABkAAQAAP__\\r\\n\\r\\n${PREFACE}' 80`,
    sees: [refused(403, 'upgrade'), CLOSED],
    ledger: [deny('upgrade', 'http', { host: 'allowed.test', status: 403 })],
  },
  {
    id: 'F06',
    what: 'HTTP/2 by prior knowledge, on port 80 and to the proxy',
    policy: 'RO',
    script: `raw '${PREFACE}' 80; raw '${PREFACE}' 3128`,
    sees: [refused(403, 'upgrade')],
    ledger: [deny('upgrade', 'http'), deny('upgrade', 'http')],
  },
  {
    id: 'F06',
    what: 'a WebSocket where only reading is allowed',
    policy: 'RO',
    script: `raw '${websocket('/ws')}' 80`,
    sees: [refused(403, 'upgrade')],
    ledger: [deny('upgrade', 'http', { host: 'allowed.test' })],
  },
  {
    id: 'F08',
    what: 'control: the bytes of a WebSocket go both ways behind the 101',
    policy: 'RW',
    script: `exec 3<>/dev/tcp/$GW/80; printf '${websocket('/ws')}' >&3
while IFS= read -r line <&3 && [ "$line" != $'\\r' ]; do echo "$line"; done; printf LATER >&3; head -c 5 <&3; exec 3>&-`,
    sees: [/^HTTP\/1\.1 101 [^]*LATER$/],
    ledger: [allow('allowed.test', { status: 101 })],
    upstream: ['GET http://allowed.test/ws'],
    bytes: ['LATER'],
  },
  {
    id: 'F08',
    what: 'bytes of a WebSocket before the 101 go nowhere, and the connection ends',
    policy: 'RW',
    script: `exec 3<>/dev/tcp/$GW/80; printf '${websocket('/ws')}' >&3; sleep 0.05
printf 'GET http://evil.test/smuggled HTTP/1.1\\r\\n\\r\\n' >&3; timeout 5 cat <&3; echo "[exit $?]"`,
    sees: [/\[exit [01]\]/],
    not: [/ 101 /],
    ledger: [{ verdict: 'allow', layer: 'http', host: 'allowed.test' }],
    upstream: ['GET http://allowed.test/ws'],
  },
  {
    id: 'F08',
    what: 'bytes that come along with a WebSocket handshake go nowhere',
    policy: 'RW',
    script: `raw '${websocket('/ws-refused')}GET http://evil.test/smuggled HTTP/1.1\\r\\n\\r\\n' 80`,
    sees: [CLOSED],
    ledger: [{ verdict: 'allow', layer: 'http', host: 'allowed.test' }],
  },
]
