import { expect, test } from 'vitest'
import { execFileSync, spawnSync } from 'node:child_process'
import { IS_LONG } from '../support/long.ts'

type Outcome = { counts: Record<string, number>; findings?: string[] }

test.runIf(IS_LONG)(
  'soak: people work for a minute, a runner is killed, and nothing leaks or is in a wrong state',
  { timeout: 400_000 },
  () => {
    execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'ignore' })
    const args = ['dist/bench/soak.js', '--seconds', '60', '--kills', '1', '--users', '3', '--shared', '1', '--json']
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    const { findings, counts } = JSON.parse(stdout) as Outcome
    expect(findings).toBeUndefined()
    expect(counts).toMatchObject({ kills: 1 })
    expect(counts['tasks']).toBeGreaterThan(0)
  },
)
