import { expect } from 'vitest'
import { allow, deny, refused, type Row, type Story, like } from '../row.ts'
import type { NameAnswer } from '../name-server.ts'
import { until, type Corpus } from '../world.ts'

const PRIVATE = [
  ...['10.0.0.1', '172.16.0.1', '172.31.255.254', '192.168.0.1', '100.64.0.1', '127.0.0.1', '127.8.8.8', '0.0.0.0'],
  ...['0.1.2.3', '192.0.0.1', '198.18.0.1', '198.19.255.254', '240.0.0.1', '255.255.255.255', '224.0.0.1', '239.1.1.1'],
  ...['169.254.169.254', '168.63.129.16', '::1', 'fe80::1', 'fd00::1', 'ff02::1'],
]
const WRAPPED = [
  ...['::ffff:10.0.0.1', '::ffff:127.0.0.1', '::10.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b::a9fe:a9fe'],
  ...['64:ff9b:1::10.0.0.1', '2002:a00:1::', '2002:7f00:1::1', '2001:0:a9fe:a9fe:0:1:5601:5601'],
]
/** What no rule opens, `internal` or not. */
const NEVER = ['127.0.0.1', '169.254.169.254', '224.0.0.1', '::1', '172.17.0.1', '10.213.0.6', '64:ff9b::10.0.0.1']

let names = 0

/** Asks for a fresh name that the gateway's resolver answers so, and gives what the sandbox saw and the ledger has. */
async function askFor(
  { main, upstream }: Corpus,
  answers: readonly NameAnswer[],
  policy: Row['policy'] = 'PUBLIC',
): Promise<{ output: string; ledger: readonly object[] }> {
  const list = answers.map((answer) => {
    const name = `n${++names}.cdn.test`
    upstream.nameServer.names.set(name, answer)
    return name
  })
  await main.permit(policy)
  const script = list.map((name) => `ask -m 4 http://${name}/`).join('\n')
  upstream.seen.length = 0
  const { stdout, ledger } = await main.recorded({ script }, answers.length)
  expect(upstream.seen).toEqual([])
  for (const name of list) expect(upstream.nameServer.asked).toContain(`A ${name}`)
  return { output: stdout, ledger }
}

const privately = (addresses: readonly unknown[]) =>
  addresses.map((address) => like(deny('private-address', 'http', { status: 403, address: address as string })))

/** A name that is allowed, and an address that is not. */
export const ADDRESSES: readonly Story[] = [
  {
    id: 'H02',
    what: 'no address that is not public, by DNS',
    run: async (corpus) => {
      const { output, ledger } = await askFor(
        corpus,
        PRIVATE.map((address) => [address]),
      )
      expect(ledger).toEqual(privately(PRIVATE.map((): unknown => expect.any(String))))
      expect(output.match(/x-drydock-denied: private-address/gi)).toHaveLength(PRIVATE.length)
    },
  },
  {
    id: 'H02',
    what: 'no address that is not public, by a static entry; nor the hosts’ own without `internal`',
    run: async (corpus) => {
      const { main, options, world, upstream } = corpus
      const before = options.staticHosts ?? {}
      const own = Object.fromEntries(PRIVATE.map((address, i) => [`static${i}.cdn.test`, [address]]))
      Object.assign(options, { staticHosts: { ...before, ...own } })
      await world.networks.refresh()
      await main.permit('PUBLIC')
      const script = [...Object.keys(own), 'allowed.test'].map((name) => `ask http://${name}/`).join('\n')
      upstream.seen.length = 0
      const { ledger } = await main.recorded({ script }, PRIVATE.length + 1)
      expect(ledger).toEqual(privately([...PRIVATE, upstream.address].map((): unknown => expect.any(String))))
      expect(upstream.seen).toEqual([])
      Object.assign(options, { staticHosts: before })
      await world.networks.refresh()
    },
  },
  {
    id: 'H02',
    what: 'what no rule opens, `internal` or not; control: the same rule opens an upstream server',
    run: async (corpus) => {
      const { ledger } = await askFor(
        corpus,
        NEVER.map((address) => [address]),
        'RO',
      )
      const reasons = (ledger as { reason: string }[]).map(({ reason }) => reason)
      expect(reasons.filter((reason) => reason !== 'private-address' && reason !== 'self')).toEqual([])
      expect(reasons).toHaveLength(NEVER.length)
      corpus.upstream.nameServer.names.set('control2.cdn.test', [corpus.upstream.address])
      const control = await corpus.main.recorded({ script: 'ask http://control2.cdn.test/' }, 1)
      expect(control.ledger).toEqual([like(allow('control2.cdn.test'))])
    },
  },
  {
    id: 'H03',
    what: 'one address that may not be reached refuses the whole answer, wherever it stands',
    run: async (corpus) => {
      const answers = [
        ['93.184.216.34', '127.0.0.1'],
        ['10.0.0.1', '93.184.216.34'],
        ['93.184.216.34', 'fd00::1'],
      ]
      const { ledger } = await askFor(corpus, answers)
      expect(ledger).toEqual(privately(['127.0.0.1', '10.0.0.1', 'fd00::1']))
    },
  },
  {
    id: 'H05',
    what: 'a look-up that fails first and is private then',
    run: async (corpus) => {
      const { main, upstream } = corpus
      const name = 'flaky.cdn.test'
      upstream.nameServer.names.set(name, 'servfail')
      await main.permit('PUBLIC')
      const first = await main.recorded({ script: `ask http://${name}/` }, 1)
      expect(first.stdout).toMatch(refused(502, 'upstream-dns'))
      expect(first.ledger).toEqual([like({ reason: 'upstream-dns', status: 502 })])
      upstream.nameServer.names.set(name, ['10.0.0.1'])
      const second = await main.recorded({ script: `ask http://${name}/` }, 1)
      expect(second.stdout).toMatch(refused(403, 'private-address'))
      expect(second.ledger).toEqual(privately(['10.0.0.1']))
    },
  },
  {
    id: 'H06',
    what: 'private addresses wrapped in IPv6',
    run: async (corpus) => {
      const { ledger } = await askFor(
        corpus,
        WRAPPED.map((address) => [address]),
      )
      expect(ledger).toEqual(privately(WRAPPED.map((): unknown => expect.any(String))))
    },
  },
  {
    id: 'H08',
    what: 'an answer that changes: what was vetted is used for a moment, and then looked at anew',
    run: async ({ main, upstream, place }) => {
      const name = 'rebinding.cdn.test'
      upstream.nameServer.names.set(name, [upstream.address])
      await main.permit('RO')
      await main.records()
      upstream.seen.length = 0
      const get = () => main.sh(`ask http://${name}/`)
      expect((await get()).stdout).toContain('from upstream')
      const other = await place('RO')
      expect((await other.sh(`ask http://${name}/`)).stdout).toContain('from upstream')
      // A kept connection is one sandbox's.
      expect(new Set(upstream.seen.map(({ peer }) => peer)).size).toBe(2)
      upstream.nameServer.names.set(name, ['127.0.0.1'])
      await until(async () => /x-drydock-denied: private-address/i.test((await get()).stdout), 20_000)
      const records = await main.records()
      expect(records.at(-1)).toMatchObject(deny('private-address', 'http', { address: '127.0.0.1' }))
      for (const { verdict, address } of records.slice(0, -1))
        expect([verdict, address]).toEqual(['allow', upstream.address])
    },
  },
]
