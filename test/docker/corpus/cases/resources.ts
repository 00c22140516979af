import { expect } from 'vitest'
import { controlClient } from '../../../../runner/network/control-client.ts'
import { gatewayName } from '../../../../runner/network/gateway-containers.ts'
import { socketPath } from '../../../../runner/network/socket-path.ts'
import { DEFAULT_SANDBOX_LIMITS, type SandboxConfig } from '../../../../sandbox-policy/control.ts'
import { docker } from '../../sandbox/harness.ts'
import { BOMB } from '../answers.ts'
import { policyOf } from '../policies.ts'
import { allow, CLOSED, deny, refused, type Row, type Story, like } from '../row.ts'
import { until, type Corpus } from '../world.ts'

const head = (fields: string) => `GET http://allowed.test/ HTTP/1.1\\r\\nHost: allowed.test\\r\\n${fields}\\r\\n`
const repeat = (what: string, count: number) => `$(printf '${what}%.0s' $(seq ${count}))`

/** Something open through the gateway, begun by a script that says `up` when it is, and `down` when it is no more. */
const OPEN: readonly [string, string][] = [
  [
    'a WebSocket',
    `exec 3<>/dev/tcp/$GW/80; printf 'GET /ws HTTP/1.1\\r\\nHost: allowed.test\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n' >&3; head -c 12 <&3; echo up; cat <&3; echo down`,
  ],
  ['server-sent events', `curl -skN https://allowed.test/stream | { head -c 5; echo up; cat; }; echo down`],
  ['a tunnel by a tcp rule', `exec 3<>/dev/tcp/$GW/2222; head -c 8 <&3; echo up; cat <&3; echo down`],
  [
    'a CONNECT tunnel',
    `exec 3<>/dev/tcp/$GW/3128; printf 'CONNECT raw.test:2222 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; head -c 50 <&3; echo up; cat <&3; echo down`,
  ],
  [
    'a sealed tunnel',
    `openssl s_client -quiet -proxy $GW:3128 -connect sealed.test:443 -servername sealed.test 2>&1 < <(sleep 30) & sleep 0.4; echo up; wait $!; echo down`,
  ],
]

/** What the sandbox has open is closed within a second of the policy being off, and its record says so. */
async function revoked({ place }: Corpus, script: string): Promise<void> {
  const its = await place('TUNNELS')
  const heard: string[] = []
  const running = its.sandbox.exec(
    {
      command: ['bash', '-c', `GW=$DRYDOCK_GATEWAY; ${script}`],
      user: 'agent',
      onOutput: (_stream, chunk) => void heard.push(chunk.toString()),
    },
    new AbortController().signal,
  )
  await until(() => heard.join('').includes('up'), 10_000)
  expect(heard.join('')).not.toContain('down')
  const began = performance.now()
  await its.permit('OFF')
  await until(() => heard.join('').includes('down'), 5_000)
  expect(performance.now() - began).toBeLessThan(1000)
  await running
  const records = await its.records(1)
  expect(records).toEqual([like({ verdict: 'allow', reason: 'revoked' })])
}

export const RESOURCES: readonly (Row | Story)[] = [
  {
    id: 'J01',
    what: 'heads that are too long',
    policy: 'RO',
    script: `printf "${head(`X: ${repeat('x', 20_000)}\\r\\n`)}" | probe 3128; printf "${head(repeat('X: y\\r\\n', 200))}" | probe 3128; printf "GET http://allowed.test/${repeat('x', 65_536)} HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n" | probe 3128`,
    sees: [/HTTP\/1\.1 431 [^]*!CLOSED[^]*HTTP\/1\.1 431 [^]*!CLOSED[^]*HTTP\/1\.1 414 [^]*!CLOSED/],
    ledger: [431, 431, 414].map((status) => deny('malformed', 'http', { status })),
  },
  {
    id: 'J03',
    what: 'five thousand connections are cut off at the limit, and others do not feel them',
    run: async ({ main, place }) => {
      const greedy = await place('RO')
      await main.permit('RO')
      await main.records()
      const script = `ulimit -n 8192; python3 - <<'END'
import os, select, socket, time
held, refused = [], 0
for i in range(5000):
    s = socket.socket(); s.setblocking(False); s.connect_ex((os.environ['DRYDOCK_GATEWAY'], 3128)); held.append(s)
    if i % 200 == 0: time.sleep(0.01)
time.sleep(1.5)
alive = 0
for s in held:
    try: s.send(b'G'); time.sleep(0); s.recv(1); refused += 1
    except BlockingIOError: alive += 1
    except OSError: refused += 1
print('ALIVE', alive, 'REFUSED', refused, flush=True); time.sleep(1)
END`
      const running = greedy.sh(script)
      const began = performance.now()
      const during = await main.sh('for i in 1 2 3 4 5 6 7 8; do ask https://allowed.test/during; sleep 0.2; done')
      expect(performance.now() - began).toBeLessThan(8000)
      expect(during.stdout.match(/from upstream/g)).toHaveLength(8)
      const { stdout, stderr } = await running
      const [, alive, gone] = /ALIVE (\d+) REFUSED (\d+)/.exec(stdout) ?? [stderr]
      expect(Number(alive)).toBeLessThanOrEqual(DEFAULT_SANDBOX_LIMITS.connections)
      expect(Number(alive) + Number(gone)).toBe(5000)
      expect((await greedy.sh('ask https://allowed.test/after')).stdout).toContain('from upstream')
      const records = await greedy.records(1)
      expect(records.some(({ reason }) => reason === 'rate')).toBe(true)
      expect(records.at(-1)).toMatchObject(allow('allowed.test'))
      expect(await main.records(8)).toHaveLength(8)
    },
  },
  {
    id: 'J04',
    what: 'what is compressed stays so',
    policy: 'RO',
    script: `curl -sk https://allowed.test/bomb | wc -c; ask -o /dev/null https://allowed.test/chain`,
    sees: [new RegExp(`^${BOMB.length}\\n`), /content-encoding: gzip(, gzip){999}/i],
    ledger: [allow('allowed.test', { path: '/bomb' }), allow('allowed.test', { path: '/chain' })],
    upstream: ['GET https://allowed.test/bomb', 'GET https://allowed.test/chain'],
  },
  ...OPEN.map(([what, script]): Story => ({
    id: 'J06',
    what: `${what} ends when the network is switched off`,
    run: (corpus) => revoked(corpus, script),
  })),
  {
    id: 'J07',
    what: 'a policy that makes no sense changes nothing',
    run: async ({ main, world }) => {
      await main.permit('RO')
      const folder = JSON.parse(
        await docker('inspect', '--format', '{{json .Mounts}}', gatewayName(world.installation)),
      ) as {
        Source: string
        Destination: string
      }[]
      const control = folder.find(({ Destination }) => Destination === '/run/drydock')?.Source ?? ''
      const socket = await socketPath(`${control}/control.sock`)
      const client = controlClient(socket.path)
      const { id, attachment } = main.network
      const broken = { ...policyOf('ALL'), allow: [{ host: '*.com' }] }
      const config: SandboxConfig = {
        ...{ id, attempt: null, phase: 'agent', gatewayAddress: attachment.dns, sandboxAddress: attachment.address },
        ...{ policyVersion: 1000, policy: { policy: broken }, credentials: {}, repositories: [], seqAfter: 0 },
        limits: DEFAULT_SANDBOX_LIMITS,
      }
      await expect(client.putSandbox(config)).rejects.toThrow(/policy|allow/)
      client.close()
      await socket[Symbol.asyncDispose]()
      const { stdout, ledger } = await main.recorded({ script: 'ask http://allowed.test/; ask http://evil.test/' }, 2)
      expect(stdout).toMatch(/from upstream/)
      expect(stdout).toMatch(refused(403, 'host'))
      expect(ledger).toEqual([
        like(allow('allowed.test', { policyVersion: expect.any(Number) as number })),
        like(deny('host', 'http')),
      ])
      for (const { policyVersion } of ledger) expect(policyVersion).toBeLessThan(1000)
    },
  },
  {
    id: 'J09',
    what: 'what a sandbox writes into fields and paths stays text on the ledger',
    policy: 'RO',
    script: `ask -g -A '"},{"action":"allow"' 'https://allowed.test/%22%7D,%7B%22verdict%22:%22allow%22?a="},{"verdict":"deny'
ask -g 'http://evil.test/"},{"verdict":"allow"' ; raw 'GET http://allowed.test/\\033[2J HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n' 3128; raw 'GET http://allowed.test/a\\nb HTTP/1.1\\r\\nHost: allowed.test\\r\\n\\r\\n' 3128; raw 'CONNECT "},{"x":" HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' 3128`,
    sees: [refused(400, 'malformed'), CLOSED],
    ledger: [
      allow('allowed.test', { path: '/%22%7D,%7B%22verdict%22:%22allow%22?a="},{"verdict":"deny' }),
      deny('host', 'http', { path: '/"},{"verdict":"allow"' }),
      deny('malformed', 'http'),
      deny('malformed', 'http'),
      deny('malformed', 'connect', { asked: '"},{"x":"' }),
    ],
    upstream: ['GET https://allowed.test/%22%7D,%7B%22verdict%22:%22allow%22?a="},{"verdict":"deny'],
  },
  {
    id: 'J12',
    what: 'tricks with variables and addresses',
    run: async ({ main, upstream }) => {
      await main.permit('RO')
      upstream.seen.length = 0
      const script = `NO_PROXY='*' no_proxy='*' ask -m 3 http://evil.test/
ALL_PROXY= HTTPS_PROXY= https_proxy= ask -m 3 https://evil.test/
ask -m 3 --noproxy '*' --connect-to ::allowed.test: https://evil.test/
ask -m 3 --noproxy '*' --resolve evil.test:443:$GW https://evil.test/
ask -m 3 --noproxy '*' --resolve evil.test:80:$GW http://evil.test/`
      const { stdout, ledger } = await main.recorded({ script }, 5)
      expect(stdout.match(/\[exit \d+\]/g)).toEqual(['[exit 6]', '[exit 6]', '[exit 35]', '[exit 35]', '[exit 0]'])
      expect(stdout).toMatch(refused(403, 'host'))
      // The first two end at the name. A look-up is one refusal, though a client asks for both families.
      for (const record of ledger) expect(record).toMatchObject({ verdict: 'deny', reason: 'host', host: 'evil.test' })
      expect(ledger.map(({ layer }) => layer)).toEqual(['dns', 'dns', 'tls', 'tls', 'http'])
      expect(upstream.seen).toEqual([])
    },
  },
  {
    id: 'J13',
    what: 'a relay inside of the sandbox changes no verdict',
    policy: 'RO',
    script: `node -e "
const net = require('node:net')
net.createServer((c) => { const up = net.connect(3128, process.env.DRYDOCK_GATEWAY); c.pipe(up).pipe(c); for (const s of [c, up]) s.on('error', () => {}) }).listen(8888, '127.0.0.1')
setTimeout(() => process.exit(), 5000)" & until opens 127.0.0.1 8888 | grep -q open; do sleep 0.05; done
ask -x http://127.0.0.1:8888 https://evil.test/; ask -x http://127.0.0.1:8888 https://allowed.test/relayed; kill %1`,
    sees: [refused(403, 'host'), /from upstream/],
    ledger: [deny('host', 'connect', { host: 'evil.test', port: 443 }), allow('allowed.test')],
    upstream: ['GET https://allowed.test/relayed'],
  },
]
