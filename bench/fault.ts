import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { packageRoot } from '../bin/config.ts'
import type { SqlClient } from '../domain/db.ts'
import { cleanupStack } from '../runner/cleanup.ts'
import { aim } from './fault/aim.ts'
import { removeRemainsOf } from './support/remains.ts'
import { Load } from './fault/load.ts'
import { TARGETS, look } from './fault/look.ts'
import type { Origins, Target } from './fault/look.ts'
import { GITHUB_REPOSITORY, createWorld } from './fault/world.ts'
import type { World } from './fault/world.ts'
import { LEFT_BEHIND } from './fault-verify.ts'
import type { Case, Verdict } from './fault-verify.ts'
import { openDataFolderDatabase } from './support/data-folder.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { progress, report } from './support/report.ts'
import { runAsProgram } from './support/program.ts'
import { seededRandom } from './support/random.ts'
import { startServerChild } from './support/server.ts'
import type { ServerChild } from './support/server.ts'

/** How many tasks the server works on at once. */
const CAPACITY = 5
/** How often each moment must be met before kills are left to chance. */
const WANTED_HITS = 3
const AIM_LIMIT_MS = 30_000
const SETTLE_LIMIT_MS = 240_000
const SWEEP_MS = 75_000

/** Kills a server with -9, at aimed and at random moments and under load, and has a program of its own look for damage. */
export async function run(options: BenchOptions): Promise<number> {
  const { kills, seed, shared } = numbers(options.args, { kills: 50, seed: Date.now() % 1_000_000, shared: 0 })
  progress(`${kills} kills, --seed ${seed}`)
  const before = (await verifier(['before'])) as Case['before']
  const result = await runFaults({ kills, random: seededRandom(seed), before, shared: shared !== 0 })
  const { findings, ...figures } = result
  return report(options, { kills, seed, ...figures }, findings)
}

export type FaultInput = { kills: number; random: () => number; before: Case['before']; shared: boolean }

export async function runFaults(input: FaultInput) {
  await using cleanup = cleanupStack()
  const world = await createWorld()
  cleanup.defer(() => world[Symbol.asyncDispose]())
  removeRemainsOf(world.dataDir, cleanup)
  const log: string[] = []
  const start = () =>
    startServerChild({
      dataDir: world.dataDir,
      repositoryRoots: [world.folder],
      env: { ...world.env, DRYDOCK_CAPACITY: String(CAPACITY) },
      onLine: (line) => void log.push(line),
    })
  let server = start()
  cleanup.defer(() => server.killHard())
  const first = await server.ready
  const database = openDataFolderDatabase(world.dataDir)
  cleanup.defer(() => database[Symbol.asyncDispose]())
  const { client } = database
  const load = new Load({ random: input.random, origin: world.origin, countOpen: () => countOpen(client) })
  load.use(first)
  const stop = new AbortController()
  const loading = load.run(stop.signal)
  loading.catch(() => undefined)

  const hits = new Map<Target, number>(TARGETS.map((target) => [target, 0]))
  const origins: Origins = {
    branch: world.origin,
    'pull-request': world.forgeOrigin,
    hasPullRequest: (branch) => world.hasPullRequest(branch),
  }
  for (let kill = 1; kill <= input.kills; kill++) {
    const target = nextTarget(hits)
    await moment(target, { client, world, origins, random: input.random, server })
    await server.killHard()
    load.use(undefined)
    const seen = new Set((await look(client, origins)).map(({ at }) => at))
    for (const at of seen) hits.set(at, (hits.get(at) ?? 0) + 1)
    progress(`kill ${kill}: aimed at ${target ?? 'chance'}, met ${[...seen].join(', ') || 'nothing'}`)
    server = start()
    if (kill < input.kills) void server.ready.then((address) => load.use(address)).catch(() => undefined)
  }
  const address = await server.ready
  load.use(address)
  stop.abort()
  await loading
  progress('Waiting until every task is at its end …')
  // Tasks after the last kill: what a killed process left in a mirror is swept when the mirror is opened again.
  for (const kind of ['branch', 'setup', 'pull-request'] as const) await load.order(kind)
  const unsettled = await untilSettled(client)
  const given = caseOf(world, { ...input, orders: load.orders })
  const up = await verdictAfterSweep({ ...given, server: 'up', snapshots: [] })
  const exitCode = await server.stop()
  const down = (await verifier(['after'], { ...given, server: 'down', snapshots: up.snapshots })) as Verdict
  const missed = [...hits].filter(([, count]) => input.kills >= 50 && count < WANTED_HITS)
  const findings = [
    ...(unsettled > 0 ? [`${unsettled} tasks never came to an end`] : []),
    ...(exitCode === 0 ? [] : [`the server ended with exit code ${exitCode} when asked to stop`]),
    ...missed.map(([at, count]) => `only ${count} kills met: ${at}`),
    ...up.findings,
    ...down.findings,
  ]
  if (findings.length > 0) for (const line of messages(log)) progress(`  | ${line}`)
  return { tasks: load.orders.length, states: up.states, hits: Object.fromEntries(hits), findings }
}

/** What the servers complained of, each complaint once. */
function messages(log: readonly string[]): string[] {
  const texts = log.flatMap((line) => {
    if (!line.startsWith('{')) return []
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } }
    return [`${msg ?? ''} ${err?.message ?? ''}`.slice(0, 400)]
  })
  return [...new Set(texts)].slice(-40)
}

/** The moment that was met least often; chance once each was met often enough. */
function nextTarget(hits: ReadonlyMap<Target, number>): Target | undefined {
  const [target, count] = [...hits].sort(([, a], [, b]) => a - b)[0] ?? []
  return count !== undefined && count < WANTED_HITS ? target : undefined
}

type MomentDeps = { client: SqlClient; world: World; origins: Origins; random: () => number; server: ServerChild }

/** Waits for the moment of the next kill. One in four kills of chance meets a server that is still starting. */
async function moment(target: Target | undefined, deps: MomentDeps): Promise<void> {
  const { random, server } = deps
  if (target === undefined && random() < 0.25) return delay(random() * 3000)
  await server.ready
  if (target === undefined) return delay(random() * 6000)
  await aim(target, deps, AbortSignal.timeout(AIM_LIMIT_MS))
}

async function countOpen(client: SqlClient): Promise<number> {
  const [row] = await client<{ n: number }[]>`select count(*)::int as n from attempts
    where state in ('queued', 'preparing', 'running', 'collecting') or publish_state = 'pending'`
  return row?.n ?? 0
}

/** Resolves to how many tasks are still open when waiting is given up. */
async function untilSettled(client: SqlClient): Promise<number> {
  const until = performance.now() + SETTLE_LIMIT_MS
  for (;;) {
    const open = await countOpen(client)
    if (open === 0 || performance.now() > until) return open
    await delay(200)
  }
}

/**
 * A server sweeps once a minute; what it has not taken away by its next sweep stays. The truth has no such delay.
 *
 * @param question `after`: all of it; `left`: what is left behind only.
 */
export async function verdictAfterSweep(given: Case, question: 'after' | 'left' = 'after'): Promise<Verdict> {
  const until = performance.now() + SWEEP_MS
  for (;;) {
    const verdict = (await verifier([question], given)) as Verdict
    const isClean = verdict.findings.every((finding) => !finding.endsWith(LEFT_BEHIND))
    if (isClean || performance.now() > until) return verdict
    await delay(5000)
  }
}

function caseOf(world: World, { before, shared, orders }: Pick<Case, 'before' | 'shared' | 'orders'>) {
  const { dataDir, folder, origin, forgeOrigin, token, apiUrl } = world
  const pullsUrl = `${apiUrl}/repos/${GITHUB_REPOSITORY}/pulls`
  return { before, shared, orders, dataDir, folder, origin, forgeOrigin, token, pullsUrl }
}

/** Runs the verifier as a process of its own. */
export async function verifier(args: string[], input?: Case): Promise<unknown> {
  const program = join(packageRoot, 'dist', 'bench', 'fault-verify.js')
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(input === undefined ? '' : JSON.stringify(input))
  return JSON.parse(await text(child.stdout))
}

await runAsProgram(import.meta.url, run)
