import { expect, test } from 'vitest'
import { DrydockError } from '../../../domain/errors.ts'
import { createSubnetNetwork } from '../../../runner/network/pool.ts'

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
