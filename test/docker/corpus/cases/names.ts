import { allow, deny, malformed, refused, type Row } from '../row.ts'

const connect = (authority: string) =>
  `printf 'CONNECT %b HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' '${authority}' | probe 3128`
const get = (url: string, host = 'x') =>
  `printf 'GET %b HTTP/1.1\\r\\nHost: %b\\r\\n\\r\\n' '${url}' '${host}' | probe 3128`
const getAt80 = (host: string) => `printf 'GET / HTTP/1.1\\r\\nHost: %b\\r\\n\\r\\n' '${host}' | probe 80`

type Denied = { reason: 'malformed' | 'ip-literal' | 'private-address' | 'host' | 'port'; layer: 'connect' | 'http' }

/** One script that is refused once, and reaches nobody. */
const refusal = (row: Pick<Row, 'id' | 'what' | 'policy' | 'script'>, { reason, layer }: Denied): Row => ({
  ...row,
  sees: [refused(reason === 'malformed' ? 400 : 403, reason), /!CLOSED|\[exit/],
  ledger: [deny(reason, layer, reason === 'malformed' ? { status: 400 } : { status: 403 })],
})

const CONNECTS: readonly [string, Row['policy'], string, Denied['reason']][] = [
  ['B03', 'RO', 'allowed.test..:443', 'malformed'],
  ['B05', 'WILD', 'allowed.test:443', 'host'],
  ['B06', 'WILD', 'evilallowed.test:443', 'host'],
  ['B06', 'WILD', 'allowed.test.evil.test:443', 'host'],
  ['B08', 'WILD', '[::ffff:1.2.3.4%%x.allowed.test]:443', 'malformed'],
  ['B09', 'WILD', 'evil.test%%2e.allowed.test:443', 'malformed'],
  ['B09', 'WILD', 'evil.test#.allowed.test:443', 'malformed'],
  ['B12', 'RO', 'allowed.test:443@evil.test:443', 'malformed'],
  ['B14', 'RO', '\\xef\\xbd\\x81\\xef\\xbd\\x8c\\xef\\xbd\\x8cowed.test:443', 'malformed'],
  ['B14', 'RO', 'allow\\xc2\\xaded.test:443', 'malformed'],
  ['B14', 'RO', 'allowed\\xe3\\x80\\x82test:443', 'malformed'],
  ['B15', 'ALL', '127.0.0.\\xc2\\xb9:80', 'malformed'],
  ['B15', 'ALL', '\\xe2\\x91\\xa0\\xe2\\x91\\xa1\\xe2\\x91\\xa6.0.0.1:80', 'malformed'],
  ['B18', 'ALL', '010.0.0.1:80', 'ip-literal'],
  ['B20', 'ALL', '[64:ff9b::a9fe:a9fe]:80', 'private-address'],
  ['B20', 'ALL', '[2002:a9fe:a9fe::]:443', 'private-address'],
  ['B20', 'ALL', '[2001:0:a9fe:a9fe:0:1:5601:5601]:443', 'private-address'],
  ['B21', 'ALL', '140.82.114.4:443', 'ip-literal'],
  ['B23', 'RO', 'allowed.test:22', 'port'],
  ['B23', 'RO', 'allowed.test:25', 'port'],
  ['B23', 'RO', 'allowed.test:8443', 'port'],
  ['B23', 'RO', 'allowed.test:0', 'malformed'],
  ['B23', 'RO', 'allowed.test:65536', 'malformed'],
  ['B23', 'RO', 'allowed.test:+443', 'malformed'],
]

const URLS: readonly [string, Row['policy'], string, Denied['reason']][] = [
  ['B11', 'RO', 'http://allowed.test@evil.test/', 'malformed'],
  ['B14', 'RO', 'http://allow\\xc2\\xaded.test/', 'malformed'],
  ['B15', 'ALL', 'http://127.0.0.\\xc2\\xb9/', 'malformed'],
  ...['127.1', '2130706433', '0x7f.1', '0177.0.0.1', '0'].map(
    (host) => ['B17', 'ALL', `http://${host}/`, 'ip-literal'] as const,
  ),
  ['B18', 'ALL', 'http://017700000001/', 'ip-literal'],
  ['B18', 'ALL', 'http://010.0.0.1/', 'ip-literal'],
  ['B20', 'ALL', 'http://[64:ff9b::a9fe:a9fe]/', 'private-address'],
  ['B20', 'ALL', 'http://[2002:a9fe:a9fe::]/', 'private-address'],
  ['B21', 'ALL', 'http://1.1.1.1/', 'ip-literal'],
].map(([id = '', policy = '', url = '', reason = '']) => [id, policy as Row['policy'], url, reason as Denied['reason']])

const named = (text: string) =>
  text
    .replaceAll('%%', '%')
    .replace(/(?:\\x[0-9a-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString())

/** Names and addresses in all spellings. */
export const NAMES: readonly Row[] = [
  {
    id: 'B02',
    what: 'a name with a trailing dot is the name without it, everywhere',
    policy: 'RO',
    script: `raw 'GET /dot HTTP/1.1\\r\\nHost: allowed.test.\\r\\nConnection: close\\r\\n\\r\\n' 3128 connect=allowed.test.:443 sni=allowed.test`,
    sees: [/!LEAF allowed\.test\n/, /from upstream/],
    ledger: [allow('allowed.test', { port: 443, path: '/dot' })],
    upstream: ['GET https://allowed.test/dot'],
  },
  {
    id: 'B05',
    what: 'control: a name below the wildcard passes',
    policy: 'WILD',
    script: 'ask https://a.allowed.test/below',
    sees: [/from upstream/],
    ledger: [allow('a.allowed.test', { port: 443 })],
    upstream: ['GET https://a.allowed.test/below'],
  },
  ...CONNECTS.map(([id, policy, authority, reason]) =>
    refusal(
      { id, what: `CONNECT ${named(authority)} under ${policy}`, policy, script: connect(authority) },
      { reason, layer: 'connect' },
    ),
  ),
  ...URLS.map(([id, policy, url, reason]) =>
    refusal({ id, what: `GET ${named(url)} under ${policy}`, policy, script: get(url) }, { reason, layer: 'http' }),
  ),
  {
    id: 'B14',
    what: 'full-width letters in a Host field on port 80',
    policy: 'RO',
    script: getAt80('\\xef\\xbd\\x81llowed.test'),
    sees: malformed,
    ledger: [deny('malformed', 'http', { status: 400 })],
  },
  {
    id: 'B17',
    what: 'a short spelling of the loopback address in a Host field on port 80',
    policy: 'ALL',
    script: getAt80('127.1'),
    sees: [refused(403, 'ip-literal')],
    ledger: [deny('ip-literal', 'http', { status: 403, asked: '127.1' })],
  },
]
