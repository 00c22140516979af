import { expect, test } from 'vitest'
import { DrydockError } from '../../../domain/errors.ts'
import { createSubnetNetwork, NetworkPool, type PoolDeps } from '../../../runner/network/pool.ts'
import { deferred } from '../../support/deferred.ts'

const input = (kind: 'sandbox' | 'outer') => ({
  kind,
  labels: {},
  nameOf: ({ cidr }: { cidr: string }) => `net-${cidr}`,
})

/** An engine on which these are the outcomes of creating networks, one after the other. */
function engineWith(outcomes: ('created' | 'overlaps' | DrydockError)[]) {
  const asked: string[] = []
  const createNetwork = async ({ subnet }: { subnet: string }) => {
    asked.push(subnet)
    const outcome = outcomes.shift() ?? 'created'
    if (outcome instanceof DrydockError) throw outcome
    return outcome
  }
  const deps = { engine: { createNetwork }, installation: 'test', range: '10.213.0.0/16', avoid: () => [] }
  return { asked, deps: deps as unknown as Parameters<typeof createSubnetNetwork>[0] }
}
const taken = () => new DrydockError('name-taken', 'Cannot create network: there is one of that name')

test('createSubnetNetwork() goes on to the next subnet where one is taken, whatever the engine calls it', async () => {
  const { deps, asked } = engineWith(['overlaps', taken(), 'created'])
  const made = await createSubnetNetwork(deps, input('sandbox'))
  expect(asked).toHaveLength(3)
  expect(made.cidr).toBe(asked[2])
})

test('createSubnetNetwork() says that the name of the outer network is taken, as no other subnet helps', async () => {
  const { deps, asked } = engineWith([taken()])
  await expect(createSubnetNetwork(deps, input('outer'))).rejects.toMatchObject({ code: 'name-taken' })
  expect(asked).toHaveLength(1)
})

test('createSubnetNetwork() gives up when the engine has no room', async () => {
  const { deps } = engineWith(Array<'overlaps'>(1000).fill('overlaps'))
  await expect(createSubnetNetwork(deps, input('sandbox'))).rejects.toMatchObject({ reason: 'network-unavailable' })
})

/** A pool on an engine whose calls are written down; each waits for `hold` first. */
function poolOn({ hold }: { hold?: (call: string) => Promise<void> | undefined } = {}) {
  const calls: string[] = []
  const say = async (call: string) => {
    calls.push(call)
    await hold?.(call)
  }
  const engine = {
    createNetwork: async () => 'created' as const,
    connectNetwork: (name: string) => say(`connect ${name}`),
    disconnectNetwork: (name: string) => say(`disconnect ${name}`),
    removeNetwork: async (name: string) => say(`remove ${name}`).then(() => true),
    networkMembers: async () => [],
  }
  const deps = {
    ...{ engine, installation: 'i', ground: 'ground', range: '10.213.0.0/16', avoid: () => [] },
    ...{ ready: { least: 1, most: 4 }, log: { info() {}, warn() {}, error() {} } },
  }
  return { calls, pool: new NetworkPool(deps as unknown as PoolDeps) }
}

test('attachAll() attaches the networks of sandboxes before those that are only ready', async () => {
  const { calls, pool } = poolOn()
  await pool.prepare(3)
  const taken = [await pool.take(), await pool.take()]
  await pool.fill()
  calls.length = 0
  await pool.attachAll()
  expect(calls).toHaveLength(3)
  expect(calls.slice(0, 2)).toEqual(taken.map(({ name }) => `connect ${name}`))
})

test('attachAll() attaches also what is made meanwhile; a connection to the container before is made again', async () => {
  const slow = deferred()
  const connecting = deferred()
  let isFirst = true
  const { calls, pool } = poolOn({
    hold: (call) => {
      if (!isFirst || !call.startsWith('connect')) return undefined
      isFirst = false
      connecting.resolve()
      return slow.promise
    },
  })
  const taking = pool.take()
  await connecting.promise
  await pool.attachAll()
  slow.resolve()
  const { name } = await taking
  expect(calls.filter((call) => call === `connect ${name}`)).toHaveLength(2)
})

test('sweep() removes one network after the other', async () => {
  let [under, most] = [0, 0]
  const { pool, calls } = poolOn({
    async hold(call) {
      if (call.startsWith('connect')) return
      most = Math.max(most, ++under)
      await new Promise(setImmediate)
      under--
    },
  })
  await pool.prepare(4)
  await pool.close()
  expect(calls.filter((call) => call.startsWith('remove'))).toHaveLength(4)
  expect(most).toBe(1)
})
