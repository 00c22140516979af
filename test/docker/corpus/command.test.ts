import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerRecord } from '../../../sandbox-policy/ledger.ts'
import { run } from '../../e2e/program.ts'
import { policyOf, SERVED } from './policies.ts'
import { allow, deny, refused, like } from './row.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { CAN_RUN } from './world.ts'

type Document = {
  exitCode: number | null
  stdout: string
  stderr: string
  timedOut: boolean
  gateway: string | null
  ledger: LedgerRecord[]
}

const BAD_HOSTS = ['*', '*.com', '*.co.uk', '*.github.io', 'a..b', 'x\nhttp_access allow all', 'https://x/']

/** What people and scripts run: `drydock sandbox`. */
describe.skipIf(!CAN_RUN)('drydock sandbox', () => {
  let folder = ''
  let upstream: Upstream
  const file = async (name: string, content: string) => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }
  const sandbox = async (policy: object, { script, more = [] }: { script: string; more?: string[] }) => {
    const path = await file(`policy-${Math.random()}.json`, JSON.stringify(policy))
    const ended = await run(['sandbox', '--policy', path, ...more, '--json', '--', 'bash', '-c', script])
    return { ...ended, document: JSON.parse(ended.stdout) as Document }
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drydock-command-'))
    upstream = await startUpstream(SERVED)
  })
  afterAll(async () => {
    await upstream[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  test.each(BAD_HOSTS)('B24 a policy with the host %j is wrong use, and says where', async (host) => {
    const path = await file('bad.json', JSON.stringify({ allow: [{ host }] }))
    const { code, stdout, stderr } = await run(['sandbox', '--policy', path, '--', 'true'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('allow[0].host')
  })

  test('A01 A02 with the network off there is no gateway, no interface, and nothing on the ledger', async () => {
    const script = 'curl -sk -m 3 https://1.1.1.1; echo $?; ls /sys/class/net; env | grep -c DRYDOCK_GATEWAY'
    const { code, document } = await sandbox({ preset: 'none' }, { script })
    expect(document).toMatchObject({ gateway: null, ledger: [], timedOut: false, stdout: '7\nlo\n0\n' })
    expect(code).toBe(1)
  })

  test('the cases of the tables by the command: names, methods, TLS, DNS, each with its record', async () => {
    const ca = await file('ca.pem', upstream.ca)
    const names = ['allowed.test', 'evil.test', 'expired.cdn.test'].flatMap((name) => [
      '--resolve',
      `${name}=${upstream.address}`,
    ])
    const script = `ask() { curl -sk -m 8 -D- "$@"; echo "[exit $?]"; }
ask https://allowed.test/by-command; ask http://evil.test/; ask -d x http://allowed.test/; ask https://expired.cdn.test/
dig +tries=1 secret.evil.test | grep -o NXDOMAIN
timeout 8 openssl s_client -connect $DRYDOCK_GATEWAY:443 -servername evil.test </dev/null 2>&1 | grep -o 'no peer certificate'`
    const { code, stderr, document } = await sandbox(policyOf('RO'), {
      script,
      more: ['--upstream-ca', ca, ...names],
    })
    expect({ code, exitCode: document.exitCode, stderr: code === 0 ? '' : stderr }).toEqual({
      ...{ code: 0, exitCode: 0, stderr: '' },
    })
    for (const reason of ['host', 'method'] as const) expect(document.stdout).toMatch(refused(403, reason))
    expect(document.stdout).toMatch(refused(502, 'upstream-tls'))
    expect(document.stdout).toMatch(/from upstream[^]*NXDOMAIN\nno peer certificate\n$/)
    expect(document.gateway).toMatch(/^10\./)
    expect(document.ledger).toEqual(
      [
        allow('allowed.test', { path: '/by-command', port: 443 }),
        deny('host', 'http', { host: 'evil.test' }),
        deny('method', 'http', { host: 'allowed.test', method: 'POST' }),
        { host: 'expired.cdn.test', reason: 'upstream-tls' as const, status: 502 },
        deny('host', 'dns', { asked: 'secret.evil.test' }),
        deny('host', 'tls', { host: 'evil.test' }),
      ].map(like),
    )
    expect(upstream.seen.map(({ what }) => what)).toEqual(['GET https://allowed.test/by-command'])
  })
})
