import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { containersOf, NEVER, sh, useEngine } from './harness.ts'

const DEPTH = 6000
const DIG = `chdir "/tmp"; for (1..${DEPTH}) { mkdir "a" or die; chdir "a" or die }`
const here = useEngine()
const blind = useEngine({ hostAccess: false })

function descriptorsOfEngine(): number {
  const ofEngine = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'dockerd\n' ? readdirSync(`/proc/${pid}/fd`).length : 0
    } catch {
      return 0
    }
  }
  return Math.max(
    ...readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(ofEngine),
  )
}

/** The most files that the engine had open while a sandbox with a deep tree was removed. */
async function mostOpenOnDestroy(world: ReturnType<typeof useEngine>): Promise<number> {
  const spec = world.specOf({ owner: { installation: world.installation, attempt: newId(), claim: 1 } })
  const sandbox = world.engine.createSandbox(spec)
  await sandbox.start(NEVER)
  expect((await sh(sandbox, '', { command: ['perl', '-e', DIG] })).code).toBe(0)
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, descriptorsOfEngine())), 5)
  await sandbox.destroy()
  clearInterval(timer)
  expect(await containersOf(spec)).toEqual([])
  return most
}

describe.skipIf(process.getuid?.() !== 0 || descriptorsOfEngine() === 0)(
  'destroy() of a tree of thousands of levels',
  () => {
    // The peak lasts milliseconds and can slip through between two looks, so the control looks at several removals.
    test(
      'takes an open file of the engine for each level where nobody helps (positive control)',
      { retry: 8 },
      async () => {
        expect(await mostOpenOnDestroy(blind)).toBeGreaterThan(DEPTH / 2)
      },
    )

    test('takes few open files of the engine', async () => {
      expect(await mostOpenOnDestroy(here)).toBeLessThan(DEPTH / 4)
    })
  },
)
