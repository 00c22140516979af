import { expect } from 'vitest'
import { allow, CLOSED, deny, refused, type Row, type Story, like } from '../row.ts'

const GET = (path: string, host = 'allowed.test') =>
  `'GET ${path} HTTP/1.1\\r\\nHost: ${host}\\r\\nConnection: close\\r\\n\\r\\n'`
const client = 'timeout 8 openssl s_client -brief'
const badUpstream = ['other-name', 'self-signed', 'expired', 'demanding'].map((kind) => `${kind}.cdn.test`)

/** A handshake by Python that keeps its session, then one with another name that offers it. */
const RESUME = (name: string) => `python3 - ${name} <<'END'
import os, socket, ssl, sys
context = ssl.create_default_context(cafile='/etc/drydock/ca-bundle.pem')
def go(name, session):
    raw = socket.create_connection((os.environ['DRYDOCK_GATEWAY'], 443), 5)
    with context.wrap_socket(raw, server_hostname=name, session=session) as tls:
        tls.sendall(b'GET /resumed HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' % name.encode())
        answer = b''
        while more := tls.recv(65536): answer += more
        print('SERVED', name, answer.split()[1], [v for k, v in tls.getpeercert()['subjectAltName']], tls.session_reused)
        return tls.session
session = go('allowed.test', None)
print('HAS SESSION', session is not None)
try: go(sys.argv[1], session)
except (ssl.SSLError, OSError) as e: print('REFUSED', e)
END`

export const TLS: readonly (Row | Story)[] = [
  {
    id: 'E01',
    what: 'a CONNECT for one name and a handshake for another',
    policy: 'RO',
    script: `${client} -proxy $GW:3128 -connect allowed.test:443 -servername evil.test </dev/null; ${client} -proxy $GW:3128 -connect allowed.test:443 -servername x.cdn.test </dev/null`,
    sees: [/alert/i],
    not: [/CONNECTION ESTABLISHED/],
    ledger: [
      deny('sni-mismatch', 'tls', { host: 'evil.test', status: null }),
      deny('sni-mismatch', 'tls', { host: 'x.cdn.test' }),
    ],
  },
  {
    id: 'E03',
    what: 'a handshake for a name that is not allowed gets an alert, and no certificate',
    policy: 'RO',
    script: 'timeout 8 openssl s_client -connect $GW:443 -servername evil.test </dev/null',
    sees: [/alert/i, /no peer certificate available/],
    ledger: [deny('host', 'tls', { host: 'evil.test', port: 443 })],
  },
  {
    id: 'E03',
    what: 'control: a name that is allowed gets a certificate of that name',
    policy: 'RO',
    script: `raw ${GET('/transparent')} 443 sni=allowed.test`,
    sees: [/!LEAF allowed\.test\n/, /from upstream/],
    ledger: [allow('allowed.test', { port: 443 })],
    upstream: ['GET https://allowed.test/transparent'],
  },
  {
    id: 'E04',
    what: 'handshakes without a name',
    policy: 'RO',
    script: `ask --noproxy '*' https://$GW/; ${client} -proxy $GW:3128 -connect allowed.test:443 -noservername </dev/null`,
    sees: [/\[exit 35\]/],
    not: [/CONNECTION ESTABLISHED/],
    ledger: [deny('no-sni', 'tls'), deny('no-sni', 'tls')],
  },
  ...['bytes', 'records'].flatMap((split): Row[] => [
    {
      id: 'E06',
      what: `a ClientHello cut into ${split} is read whole`,
      policy: 'RO',
      script: `raw ${GET('/cut')} 443 sni=allowed.test split=${split}; raw ${GET('/cut')} 3128 connect=allowed.test:443 sni=allowed.test split=${split}`,
      sees: [/from upstream[^]*from upstream/],
      ledger: [allow('allowed.test'), allow('allowed.test')],
      upstream: ['GET https://allowed.test/cut', 'GET https://allowed.test/cut'],
    },
    {
      id: 'E06',
      what: `a ClientHello cut into ${split} hides no name`,
      policy: 'RO',
      script: `raw x 443 sni=evil.test split=${split}; raw x 3128 connect=allowed.test:443 sni=evil.test split=${split}`,
      not: [/!LEAF/],
      ledger: [deny('host', 'tls', { host: 'evil.test' }), deny('sni-mismatch', 'tls', { host: 'evil.test' })],
    },
  ]),
  {
    id: 'E07',
    what: 'something else than TLS through a tunnel to port 443',
    policy: 'RO',
    script: `raw 'SSH-2.0-x\\r\\n' 3128 connect=allowed.test:443`,
    sees: [CLOSED],
    ledger: [deny('not-tls', 'connect', { host: 'allowed.test', port: 443 })],
  },
  {
    id: 'E09',
    what: 'ssh to a name that is allowed for HTTP only',
    policy: 'TUNNELS',
    script: `raw 'SSH-2.0-x\\r\\n' 3128 connect=allowed.test:22`,
    sees: [refused(403, 'port')],
    ledger: [deny('port', 'connect', { host: 'allowed.test', port: 22 })],
  },
  {
    id: 'E09',
    what: 'control: ssh by a tcp rule, over the proxy and on the port of the rule',
    policy: 'TUNNELS',
    script: `raw 'SSH-2.0-x\\r\\n' 3128 connect=ssh.test:22 idle=0.5; raw 'SSH-2.0-y\\r\\n' 22 idle=0.5`,
    sees: [/ 200 [^]*SSH-2\.0-corpus[^]*SSH-2\.0-corpus/],
    ledger: [
      { verdict: 'allow', layer: 'connect', host: 'ssh.test', port: 22, bytesUp: 11 },
      { verdict: 'allow', layer: 'tcp', host: 'ssh.test', port: 22, bytesUp: 11 },
    ],
    bytes: ['SSH-2.0-x\r\n', 'SSH-2.0-y\r\n'],
  },
  ...badUpstream.map((host): Row => ({
    id: host.startsWith('demanding') ? 'E13' : 'E10',
    what: `nothing is sent to ${host}, ${host.startsWith('demanding') ? 'which wants a client certificate' : 'whose certificate is bad'}`,
    policy: 'RO',
    script: `ask -H 'X-Private: yes' https://${host}/`,
    sees: [refused(502, 'upstream-tls')],
    ledger: [{ layer: 'http', host, reason: 'upstream-tls', status: 502 }],
  })),
  {
    id: 'E12',
    what: 'a session of one name opens no other',
    policy: 'RO',
    script: `${RESUME('evil.test')}\n${RESUME('x.cdn.test')}`,
    sees: [/HAS SESSION True\nREFUSED/, /SERVED x\.cdn\.test b'200' \['x\.cdn\.test'\] False/],
    ledger: [
      allow('allowed.test'),
      deny('host', 'tls', { host: 'evil.test' }),
      allow('allowed.test'),
      allow('x.cdn.test'),
    ],
    upstream: [
      'GET https://allowed.test/resumed',
      'GET https://allowed.test/resumed',
      'GET https://x.cdn.test/resumed',
    ],
  },
  {
    id: 'E15',
    what: 'the key of the CA is not in the sandbox, and nothing of the gateway’s is mounted',
    policy: 'RO',
    user: 'root',
    script: `cat /proc/self/mountinfo | grep -c 'drydock-gateway\\|/run/drydock\\|/state'
grep -rlE 'PRIVATE KEY' /etc/drydock /usr/local/share/ca-certificates /etc/ssl /run /var/lib/drydock* /drydock /agent-home /workspace 2>/dev/null
find / -xdev -type f \\( -name '*.key' -o -name 'ca.json' -o -name 'spool*' \\) -newer /bin/bash -size -64k 2>/dev/null | grep -v ^/proc; ls /etc/drydock`,
    sees: [/^0\n(?!\/)[^]*gateway-ca\.pem/],
    not: [/\.key/, /ca\.json/],
    ledger: [],
  },
  {
    id: 'E16',
    what: 'two names with one certificate on one address share no connection',
    run: async ({ main, upstream }) => {
      await main.permit('RO')
      await main.records()
      upstream.seen.length = 0
      await main.sh(
        'ask https://x.cdn.test/1 https://y.cdn.test/2 https://x.cdn.test/3; ask https://x.cdn.test/4 -H "Host: denied.test"',
      )
      expect(await main.records(4)).toEqual([
        ...['x', 'y', 'x'].map((label) => like(allow(`${label}.cdn.test`))),
        like(deny('host-mismatch', 'http', { asked: 'denied.test' })),
      ])
      const peerOf = (path: string) => upstream.seen.find(({ what }) => what.endsWith(path))?.peer
      expect(upstream.seen).toHaveLength(3)
      expect(peerOf('/1')).toBe(peerOf('/3'))
      expect(peerOf('/1')).not.toBe(peerOf('/2'))
    },
  },
]
