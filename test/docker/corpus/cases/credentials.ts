import { expect } from 'vitest'
import type { Credential, ModelGrant } from '../../../../sandbox-policy/control.ts'
import { allow, deny, malformed, refused, type Story, like } from '../row.ts'
import type { Corpus } from '../world.ts'

const KEY = 'sk-corpus-canary-4f1c9a7be2d8'
const MODEL = 'http://model.drydock.internal'
const BODY = `'{"model":"m","input":"hi"}'`
const post = (path: string, more = '') =>
  `ask -X POST -H 'content-type: application/json' -H 'Authorization: Bearer mine' ${more} -d ${BODY} ${path}`

const grantOf = (host: string): ModelGrant => ({
  ...{ wire: 'responses', baseUrl: `https://${host}/v1`, key: KEY, internal: true, models: [], features: [] },
  ...{ budgetTokens: null, maxOutputTokens: 1000, concurrency: 4, idleMs: 5000, totalMs: 10_000 },
})
const credentials: Record<string, Credential> = { key: { header: 'Authorization', value: `Bearer ${KEY}` } }

/** Runs a script in a sandbox with a model and credential rules; `host` is the model's provider. */
async function ask({ main, upstream }: Corpus, script: string, { count = 1, host = 'model.test' } = {}) {
  await main.permit('KEYS', { credentials, model: grantOf(host) })
  upstream.seen.length = 0
  const { stdout, stderr, ledger } = await main.recorded({ script }, count)
  expect(stdout + stderr).not.toContain(KEY)
  return { output: stdout + stderr, ledger, seen: [...upstream.seen] }
}

const credited = ({ headers }: { headers: Record<string, string> }) => headers.authorization

export const CREDENTIALS: readonly Story[] = [
  {
    id: 'I01',
    what: 'the key reaches the provider and is nowhere in the sandbox',
    run: async (corpus) => {
      const { main } = corpus
      const { output, seen } = await ask(corpus, post(`${MODEL}/v1/responses`))
      expect(output).toContain('resp_1')
      expect(seen.map(credited)).toEqual([`Bearer ${KEY}`])
      const script = `env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; mount
k=sk; grep -rlF "$k-corpus" /etc /run /var /tmp /home /root /agent-home /workspace /drydock /opt /dev/shm 2>/dev/null | sed 's/^/FOUND /'`
      const searched = await main.sh(script, 'root')
      expect(searched.stdout).toContain('DRYDOCK_GATEWAY')
      expect(searched.stdout).not.toMatch(/sk-corpus|FOUND/)
      // Control: what is there is found.
      const planted = await main.sh(`echo sk-corpus > /tmp/planted; grep -rl sk-corpus /tmp; rm /tmp/planted`, 'root')
      expect(planted.stdout).toBe('/tmp/planted\n')
    },
  },
  {
    id: 'I02',
    what: "the client's own header is replaced, on the model route and by a credential rule",
    run: async (corpus) => {
      const both = `${post(`${MODEL}/v1/responses`)}; ${post('https://model.test/v1/x', "-H 'authorization: Bearer second'")}`
      const { seen } = await ask(corpus, both, { count: 2 })
      expect(seen.map(credited)).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`])
      for (const { raw } of seen) expect(raw.filter((word) => /^authorization$/i.test(word))).toHaveLength(1)
    },
  },
  {
    id: 'I04',
    what: 'a connection to one name and a Host field of another: refused, nothing is added',
    run: async (corpus) => {
      const script = `raw 'GET /v1/x HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n' 443 sni=model.test; raw 'GET /v1/x HTTP/1.1\\r\\nHost: model.test\\r\\n\\r\\n' 443 sni=evil.test; raw 'POST /v1/responses HTTP/1.1\\r\\nHost: evil.test\\r\\nConnection: close\\r\\nContent-Length: 2\\r\\n\\r\\n{}' 80`
      const { output, ledger, seen } = await ask(corpus, script, { count: 3 })
      expect(output.match(/x-drydock-denied: host-mismatch/gi)).toHaveLength(2)
      expect(ledger.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual([
        'deny host-mismatch',
        'deny host-mismatch',
        'allow null',
      ])
      // The last one is a request to evil.test as it is: without anything of ours.
      expect(seen.map(credited)).toEqual([undefined])
    },
  },
  {
    id: 'I05',
    what: 'a provider whose certificate is for another name gets no key',
    run: async (corpus) => {
      const script = `${post(`${MODEL}/v1/responses`)}; ask https://other-name.model.test/v1/x`
      const { output, ledger, seen } = await ask(corpus, script, { count: 2, host: 'other-name.model.test' })
      expect(output.match(/x-drydock-denied: upstream-tls|upstream-tls/gi)?.length).toBeGreaterThanOrEqual(1)
      expect(ledger.map(({ reason, status }) => [reason, status])).toEqual([
        ['upstream-tls', 502],
        ['upstream-tls', 502],
      ])
      expect(seen).toEqual([])
    },
  },
  {
    id: 'I07',
    what: 'a server that sends the key back, in a body or in a header; TRACE',
    run: async (corpus) => {
      const script = `ask https://model.test/echo; ask https://model.test/echo-header; ask -X TRACE https://model.test/v1/x`
      const { output, ledger, seen } = await ask(corpus, script, { count: 3 })
      expect(ledger.map(({ reason }) => reason)).toEqual(['secret', 'secret', 'method'])
      expect(output).toMatch(refused(403, 'method'))
      // Control: both servers had it.
      expect(seen.map(credited)).toEqual([`Bearer ${KEY}`, `Bearer ${KEY}`])
    },
  },
  {
    id: 'I08',
    what: 'other endpoints of the provider',
    run: async (corpus) => {
      const paths = ['/v1/files', '/v1/organization/usage', '/v1/responses/../files', '/v1/responses?x=1', '/files']
      const script = [
        ...paths.map((path) => `ask --path-as-is ${MODEL}${path}`),
        ...['DELETE', 'PUT', 'GET'].map((method) => `ask -X ${method} ${MODEL}/v1/responses`),
        `ask https://model.test/other`,
        `ask --path-as-is https://model.test/v1/../other`,
      ].join('; ')
      const { output, ledger, seen } = await ask(corpus, script, { count: 10 })
      expect(ledger.map(({ reason }) => reason)).toEqual([...Array(9).fill('path'), 'malformed'])
      expect(output.match(/HTTP\/1\.1 40[03] /g)).toHaveLength(10)
      expect(seen).toEqual([])
    },
  },
  {
    id: 'I10',
    what: 'a line end in a header’s value, and fields that speak for a proxy',
    run: async (corpus) => {
      const fields = [
        'Proxy-Authorization: Basic eA==',
        'X-Forwarded-For: 10.0.0.1',
        'X-Forwarded-Host: a',
        'Forwarded: for=a',
        'Via: 1.1 a',
      ]
      const headers = fields.map((field) => `-H '${field}'`).join(' ')
      const { output, seen } = await ask(
        corpus,
        `ask ${headers} https://model.test/v1/x; ask ${headers} http://evil.test/`,
        { count: 2 },
      )
      expect(output).toMatch(/from upstream[^]*from upstream/)
      expect(seen).toHaveLength(2)
      for (const { headers: got } of seen)
        for (const name of ['proxy-authorization', 'x-forwarded-for', 'x-forwarded-host', 'forwarded', 'via'])
          expect(got).not.toHaveProperty(name)
      const split = await ask(
        corpus,
        ['\\n', '\\r', '\\000']
          .map(
            (end) =>
              `raw 'GET /v1/x HTTP/1.1\\r\\nHost: model.test\\r\\nX-A: b${end}Authorization: mine\\r\\n\\r\\n' 443 sni=model.test`,
          )
          .join('; '),
        { count: 3 },
      )
      for (const pattern of malformed) expect(split.output).toMatch(pattern)
      expect(split.ledger).toEqual(Array(3).fill(like(deny('malformed', 'http', { status: 400 }))))
      expect(split.seen).toEqual([])
    },
  },
  {
    id: 'G10',
    what: 'a Connection field takes away what is of this hop, never the host or a credential',
    run: async (corpus) => {
      const script = `raw 'GET /v1/x HTTP/1.1\\r\\nHost: model.test\\r\\nAuthorization: mine\\r\\nX-Proxy: a\\r\\nConnection: close, authorization, host, X-Proxy\\r\\n\\r\\n' 443 sni=model.test; raw 'GET / HTTP/1.1\\r\\nHost: evil.test\\r\\nCookie: c\\r\\nAuthorization: mine\\r\\nX-Proxy: a\\r\\nConnection: authorization, cookie, host, X-Proxy, close\\r\\n\\r\\n' 80`
      const { ledger, seen } = await ask(corpus, script, { count: 2 })
      expect(ledger).toEqual([like(allow('model.test')), like(allow('evil.test'))])
      expect(seen.map(({ headers }) => headers)).toEqual([
        expect.objectContaining({ host: 'model.test', authorization: `Bearer ${KEY}` }),
        expect.objectContaining({ host: 'evil.test', authorization: 'mine', cookie: 'c' }),
      ])
      for (const { headers } of seen) expect(headers).not.toHaveProperty('x-proxy')
    },
  },
]
