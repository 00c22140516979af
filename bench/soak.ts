import { setTimeout as delay } from 'node:timers/promises'
import type { SqlClient } from '../domain/db.ts'
import { cleanupStack } from '../runner/cleanup.ts'
import { verdictAfterSweep, verifier } from './fault.ts'
import { wrongRows } from './fault/truth.ts'
import { createWorld } from './fault/world.ts'
import type { Case, Verdict } from './fault-verify.ts'
import { CHANGES, makeEnvironments } from './soak/environments.ts'
import { Samples } from './soak/samples.ts'
import { doSomething } from './soak/user.ts'
import type { UserDeps } from './soak/user.ts'
import { raiseCaps } from './support/bench-server.ts'
import { openDataFolderDatabase } from './support/data-folder.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { seededRandom } from './support/random.ts'
import { removeRemainsOf } from './support/remains.ts'
import { progress, report } from './support/report.ts'
import { startServerChild } from './support/server.ts'
import { stubbornClient } from './support/stubborn-client.ts'

const SECOND = 1000
const CAPACITY = 4
const SAMPLE_MS = 5 * SECOND
const SETTLE_LIMIT_MS = 300 * SECOND
/** The last part of a run is without kills, so that it can be seen whether a runner grows. */
const KILLS_UNTIL = 0.6

/** Lets people work for a while, with everything that they do, and looks for leaks and for wrong states. */
export async function run(options: BenchOptions): Promise<number> {
  const given = numbers(options.args, {
    ...{ minutes: 30, seconds: 0, users: 5, kills: 8, seed: Date.now() % 1_000_000, shared: 0 },
  })
  const forMs = given.seconds > 0 ? given.seconds * SECOND : given.minutes * 60 * SECOND
  progress(`${forMs / SECOND} s, ${given.kills} killed runners, --seed ${given.seed}`)
  const before = (await verifier(['before'])) as Case['before']
  const input = { ...given, forMs, before, shared: given.shared !== 0 }
  const { findings, ...figures } = await runSoak({ ...input, random: seededRandom(given.seed) })
  return report(options, { seconds: forMs / SECOND, seed: given.seed, ...figures }, findings)
}

export type SoakInput = {
  forMs: number
  users: number
  kills: number
  random: () => number
  before: Case['before']
  shared: boolean
}

export async function runSoak(input: SoakInput) {
  await using cleanup = cleanupStack()
  const world = await createWorld()
  cleanup.defer(() => world[Symbol.asyncDispose]())
  removeRemainsOf(world.dataDir, cleanup)
  const start = (role: 'api' | 'runner') => {
    const env = { ...world.env, DRYDOCK_CAPACITY: String(CAPACITY) }
    return startServerChild({ dataDir: world.dataDir, repositoryRoots: [world.folder], role, env })
  }
  const api = start('api')
  cleanup.defer(() => api.killHard())
  const client = stubbornClient()
  client.use(await api.ready)
  await raiseCaps(world)
  const runner = await keptRunner(() => start('runner'))
  cleanup.defer(() => runner.killHard())

  const counts: Record<string, number> = {}
  const findings: string[] = []
  const deps: UserDeps = {
    ...{ client, world, random: input.random },
    count: (what) => void (counts[what] = (counts[what] ?? 0) + 1),
    found: (finding) => void (findings.push(finding), progress(`FOUND ${finding}`)),
  }
  await makeEnvironments(client, world)
  const until = performance.now() + input.forMs
  const samples = { api: new Samples('api'), runner: new Samples('runner') }
  const over = new AbortController()
  const looking = sampling({ samples, api: api.pid, runner: () => runner.pid, counts }, over.signal)
  await Promise.all([
    ...Array.from({ length: input.users }, () => repeat(until, () => doSomething(deps))),
    changing(deps, until),
    killing({ ...input, until, counts }, () => (samples.runner.restart(), runner.replace())),
  ])
  over.abort()
  await looking

  await using database = openDataFolderDatabase(world.dataDir)
  findings.push(...(await faultsAtRest(database.client)))
  findings.push(...samples.api.findings(), ...samples.runner.findings())
  const { dataDir, folder, origin, forgeOrigin, token } = world
  const about = { before: input.before, shared: input.shared, dataDir, folder, origin, forgeOrigin, token }
  const given = { ...about, orders: [], pullsUrl: '', snapshots: [] }
  // The engine ends what a killed runner asked of it, also when that has been swept after already.
  const { findings: left } = await verdictAfterSweep({ ...given, server: 'up' }, 'left')
  findings.push(...left)
  findings.push(...(await wrongExit('runner', runner)))
  // Until its last moment a runner may make a snapshot that stays.
  const { snapshots } = (await verifier(['left'], { ...given, server: 'up' })) as Verdict
  findings.push(...(await wrongExit('api', api)))
  findings.push(...((await verifier(['after'], { ...given, server: 'down', snapshots })) as Verdict).findings)
  const held = { api: samples.api.summary(), runner: samples.runner.summary() }
  return { counts, held, findings: [...new Set(findings)] }
}

async function wrongExit(name: string, server: { stop: () => Promise<number | null> }): Promise<string[]> {
  const code = await server.stop()
  return code === 0 ? [] : [`the ${name} ended with exit code ${code} when asked to stop`]
}

/** A runner that can be killed and started anew. */
async function keptRunner(start: () => ReturnType<typeof startServerChild>) {
  let child = start()
  await child.ready
  return {
    get pid() {
      return child.pid
    },
    async replace() {
      await child.killHard()
      child = start()
      await child.ready
    },
    killHard: () => child.killHard(),
    stop: () => child.stop(),
  }
}

async function repeat(until: number, work: () => Promise<void>): Promise<void> {
  while (performance.now() < until) await work()
}

/** Something changes every few seconds. */
async function changing(deps: UserDeps, until: number): Promise<void> {
  for (let n = 1; performance.now() < until; n++) {
    await CHANGES[n % CHANGES.length]?.(deps.client, n)
    deps.count('changes')
    await delay(Math.min(8 * SECOND * deps.random(), Math.max(0, until - performance.now())))
  }
}

type Killing = Pick<SoakInput, 'kills' | 'forMs' | 'random'> & { until: number; counts: Record<string, number> }

async function killing({ kills, forMs, random, until, counts }: Killing, kill: () => Promise<void>): Promise<void> {
  const last = until - forMs * (1 - KILLS_UNTIL)
  for (let left = kills; left > 0; left--) {
    const room = Math.max(0, last - performance.now()) / left
    await delay(room * (0.5 + 0.5 * random()))
    await kill()
    counts['kills'] = (counts['kills'] ?? 0) + 1
  }
}

type Sampled = {
  samples: Record<'api' | 'runner', Samples>
  api: number
  runner: () => number
  counts: Record<string, number>
}

async function sampling({ samples, api, runner, counts }: Sampled, signal: AbortSignal): Promise<void> {
  for (let n = 1; !signal.aborted; n++) {
    samples.api.take(api)
    samples.runner.take(runner())
    if (n % 12 === 0) progress(JSON.stringify(counts))
    await delay(SAMPLE_MS, undefined, { signal }).catch(() => undefined)
  }
}

/** What is wrong when nobody asks for anything any more. */
async function faultsAtRest(client: SqlClient): Promise<string[]> {
  const until = performance.now() + SETTLE_LIMIT_MS
  for (;;) {
    const [row] = await client<{ n: number }[]>`select (select count(*) from attempts
      where state in ('queued', 'preparing', 'running', 'collecting') or publish_state = 'pending')::int
      + (select count(*) from snapshot_builds where state = 'running')::int as n`
    const open = row?.n ?? 0
    if (open === 0) return wrongRows(client)
    if (performance.now() > until) return [`${open} attempts and builds never came to an end`]
    await delay(SECOND)
  }
}

await runAsProgram(import.meta.url, run)
