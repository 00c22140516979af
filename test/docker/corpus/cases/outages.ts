import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:net'
import { expect } from 'vitest'
import { gatewayName } from '../../../../runner/network/gateway-containers.ts'
import { docker } from '../../sandbox/harness.ts'
import { allow, deny, refused, type Story, like } from '../row.ts'
import { until, type Corpus } from '../world.ts'

/** What a test may do to a gateway of its own. */
export type Outage = { corpus: Corpus; hold: (isHeld: boolean) => void; dataDir: string }

export type OutageStory = Omit<Story, 'run'> & { run: (outage: Outage) => Promise<void> }

const MiB = 1024 * 1024

/** A proxy as companies have it: it is told names, and resolves them itself. */
async function corporateProxy(address: string) {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket
      .on('error', () => {})
      .once('data', (head: Buffer) => {
        const line = head.toString('latin1').split('\r\n')[0] ?? ''
        asked.push(line)
        const up = connect({ host: address, port: Number(/:(\d+) /.exec(line)?.[1]) })
        up.on('error', () => socket.destroy())
        up.once('connect', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n')
          socket.pipe(up).pipe(socket)
        })
      })
  })
  server.listen(8118, address)
  await once(server, 'listening')
  return {
    asked,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

export const OUTAGES: readonly OutageStory[] = [
  {
    id: 'A19',
    what: 'without the gateway nothing goes out; with a new one the same sandbox works on',
    run: async ({ corpus: { main, upstream, world }, hold }) => {
      await main.permit('RO')
      expect((await main.sh('ask https://allowed.test/before')).stdout).toContain('from upstream')
      await main.records(1)
      upstream.seen.length = 0
      hold(true)
      await docker('kill', gatewayName(world.installation))
      const tries = await main.sh(
        `ask -m 2 http://allowed.test/1; ask -m 2 --noproxy '*' http://allowed.test/2
ask -m 2 --noproxy '*' http://${upstream.address}/3; ask -m 2 --noproxy '*' --resolve allowed.test:443:$GW https://allowed.test/4; dig +tries=1 +time=1 allowed.test | grep -c NOERROR`,
      )
      expect(tries.stdout).not.toMatch(/\[exit 0\]|HTTP\/1/)
      expect(tries.stdout.match(/\[exit \d+\]/g)).toHaveLength(4)
      expect(tries.stdout.trim().endsWith('\n0')).toBe(true)
      expect(upstream.seen).toEqual([])
      hold(false)
      await until(
        async () => (await main.sh('ask -m 2 https://allowed.test/again')).stdout.includes('from upstream'),
        20_000,
      )
      expect((await main.records(1)).at(-1)).toMatchObject(allow('allowed.test', { path: '/again' }))
    },
  },
  {
    id: 'J10',
    what: 'when the disk of the ledger is full nothing passes, and it says so; with room again it does',
    run: async ({ corpus: { main, upstream }, dataDir }) => {
      await main.permit('RO')
      await main.records()
      const filler = join(dataDir, 'filler')
      await writeFile(filler, Buffer.alloc(110 * MiB))
      const get = async () => (await main.sh('ask https://allowed.test/full; ask http://allowed.test/full')).stdout
      await until(async () => refused(503, 'ledger-failed').test(await get()), 10_000)
      upstream.seen.length = 0
      expect(await get()).toMatch(/503 [^]*ledger-failed[^]*503 [^]*ledger-failed/)
      expect(upstream.seen).toEqual([])
      await rm(filler)
      await until(async () => (await get()).includes('from upstream'), 10_000)
      const { ledger } = await main.recorded({ script: 'ask https://allowed.test/room' }, 1)
      expect(ledger).toEqual([like(allow('allowed.test', { path: '/room' }))])
    },
  },
  {
    id: 'H09',
    what: 'with an upstream proxy it is given names only, the rules hold as before, and the ledger says who resolved',
    run: async ({ corpus: { main, options, upstream, world } }) => {
      await using proxy = await corporateProxy(upstream.address)
      Object.assign(options, { upstreamProxy: `http://${upstream.address}:8118` })
      await world.networks.refresh()
      await main.permit('PUBLIC')
      upstream.seen.length = 0
      upstream.nameServer.asked.length = 0
      const script =
        'ask https://allowed.test/by-proxy; ask http://evil.test/; ask http://10.0.0.1/; ask https://expired.cdn.test/'
      const { stdout, ledger } = await main.recorded({ script }, 4)
      expect(stdout).toMatch(/from upstream/)
      expect(ledger).toEqual([
        like(allow('allowed.test', { address: 'proxy' })),
        like(deny('host', 'http')),
        like(deny('ip-literal', 'http')),
        like({ host: 'expired.cdn.test', reason: 'upstream-tls' }),
      ])
      expect(proxy.asked).toEqual(['CONNECT allowed.test:443 HTTP/1.1', 'CONNECT expired.cdn.test:443 HTTP/1.1'])
      expect(upstream.nameServer.asked).toEqual([])
      expect(upstream.seen.map(({ what }) => what)).toEqual(['GET https://allowed.test/by-proxy'])
      Object.assign(options, { upstreamProxy: undefined })
      await world.networks.refresh()
    },
  },
]
