import { execFile } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NEVER, owner, useNetworks } from '../network/harness.ts'
import { OUTAGES } from './cases/outages.ts'
import { titled } from './row.ts'
import { CAN_RUN, useCorpus } from './world.ts'

const run = promisify(execFile)

describe.skipIf(!CAN_RUN)('when parts of it fail', () => {
  const dataDir = CAN_RUN ? mkdtempSync(join(tmpdir(), 'drydock-corpus-data-')) : ''
  let isHeld = false
  const hold = (now: boolean) => {
    isHeld = now
  }
  // A small disk of its own, which a test may fill. Unmounted when the gateway is gone: such hooks run last first.
  afterAll(async () => {
    await run('umount', [dataDir])
    await rm(dataDir, { recursive: true })
  })
  beforeAll(async () => void (await run('mount', ['-t', 'tmpfs', '-o', 'size=160m', 'tmpfs', dataDir])))
  const held = async () => {
    if (isHeld) throw new Error('held down by the test')
  }
  const corpus = useCorpus({
    dataDir: () => dataDir,
    engine: (engine) => ({
      ...engine,
      runService: async (...input) => (await held(), engine.runService(...input)),
      startService: async (...input) => (await held(), engine.startService(...input)),
      restartService: async (...input) => (await held(), engine.restartService(...input)),
    }),
  })

  test.each(titled(OUTAGES))('%s', async (_, story) => story.run({ corpus, hold, dataDir }))
})

describe('on an engine that leaves addresses on its bridges', () => {
  const world = useNetworks({}, { bareBridges: false })

  test('A20 the self-test fails, and no sandbox gets a network', async () => {
    await expect(world.networks.take(owner, NEVER)).rejects.toMatchObject({ reason: 'network-unavailable' })
  })
})
