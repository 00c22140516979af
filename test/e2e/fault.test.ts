import { expect, test } from 'vitest'
import { execFileSync, spawnSync } from 'node:child_process'
import { IS_LONG } from '../support/long.ts'

const KILLS = IS_LONG ? 6 : 2

type Outcome = {
  kills: number
  tasks: number
  states: Record<string, number>
  hits: Record<string, number>
  findings?: string[]
}

test(
  'fault: a server that is killed while it works ends every task truly and leaves nothing',
  { timeout: 400_000 },
  () => {
    // The built program, as `npm run fault` runs it; other tests use this machine, too.
    execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'ignore' })
    const args = ['dist/bench/fault.js', '--kills', String(KILLS), '--shared', '1', '--json']
    // A finding is exit code 1 and a report all the same; the report says more than the code.
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    const outcome = JSON.parse(stdout) as Outcome
    expect(outcome.findings).toBeUndefined()
    expect(outcome.kills).toBe(KILLS)
    expect(Object.values(outcome.states).reduce((sum, count) => sum + count, 0)).toBe(outcome.tasks)
    expect(outcome.states['succeeded']).toBeGreaterThan(0)
  },
)
