import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '../bin/config.ts'
import { raiseCaps, startBenchServer } from './support/bench-server.ts'
import type { BenchServer } from './support/bench-server.ts'
import { leftOf } from './support/remains.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { git } from './support/repository.ts'
import { median } from './support/statistics.ts'
import { runAllTasks } from './throughput/tasks.ts'
import type { DoneTask } from './throughput/tasks.ts'

const run_ = promisify(execFile)
const SCRIPT = 'echo "$TASK_PROMPT" > result.txt\n'
const NOTES = [
  'A task checks out, changes a file, yields a diff and a pushed branch; a bare cycle is docker create, start, exec true, rm -f.',
  'Rounds alternate: some tasks, then as many bare cycles, both at the same concurrency. The ratio is that of the medians.',
]

/** How many short tasks go through beside how many bare containers, at the same concurrency. */
export async function run(options: BenchOptions): Promise<number> {
  const input = numbers(options.args, { tasks: 500, concurrency: 8, rounds: 5 })
  const { findings, ...figures } = await measureThroughput(input)
  progress(`Load of this machine in the last minute: ${load()} (other work slows both sides)`)
  return report(options, { ...figures, notes: NOTES }, findings)
}

export type ThroughputInput = { tasks: number; concurrency: number; rounds: number }

export async function measureThroughput({ tasks, concurrency, rounds }: ThroughputInput) {
  const image = (await run_(process.execPath, [join(packageRoot, 'scripts/image.mjs'), 'tag', 'base'])).stdout.trim()
  const env = { DRYDOCK_CAPACITY: String(concurrency) }
  await using server = await startBenchServer({ main: { 'README.md': 'hello\n' }, roles: ['all'], env })
  await raiseCaps(server)
  await server.client.json('POST', '/environments', {
    ...{ name: 'short', repository: server.origin, image: 'base', agentScript: SCRIPT },
    ...{ publish: 'branch', maxRunning: concurrency },
  })
  // The first tasks fetch the repository and fill what is kept ready; they are not what is measured.
  await runAllTasks(server, concurrency)
  const perRound = Math.ceil(tasks / rounds)
  const rates = { drydock: [] as number[], docker: [] as number[] }
  const done: DoneTask[] = []
  for (let i = 1; i <= rounds; i++) {
    rates.drydock.push(await rateOf(perRound, async () => void done.push(...(await runAllTasks(server, perRound)))))
    rates.docker.push(await rateOf(perRound, () => bareCycles(image, { count: perRound, concurrency })))
    progress(`round ${i} of ${rounds}: ${rates.drydock.at(-1)} tasks/s, ${rates.docker.at(-1)} bare cycles/s`)
  }
  await server.stop()
  const findings = [...wrongTasks(server, done), ...(await leftOf(server))]
  const [drydock, docker] = [median(rates.drydock), median(rates.docker)]
  return {
    ...{ tasks: done.length, concurrency, ratio: round(drydock / docker, 2) },
    ...{ tasksPerSecond: drydock, dockerPerSecond: docker, rounds: rates, findings },
  }
}

async function rateOf(count: number, work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return round((count / (performance.now() - started)) * 1000, 2)
}

async function bareCycles(image: string, { count, concurrency }: { count: number; concurrency: number }) {
  let left = count
  const worker = async () => {
    while (left-- > 0) await bareCycle(image)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

async function bareCycle(image: string): Promise<void> {
  const { stdout } = await run_('docker', ['create', '--network', 'none', '--init', image, 'sleep', '60'])
  const id = stdout.trim()
  try {
    await run_('docker', ['start', id])
    await run_('docker', ['exec', id, 'true'])
  } finally {
    await run_('docker', ['rm', '-f', id])
  }
}

/** Every task must have ended in a branch of the origin with its very change. */
function wrongTasks({ origin }: BenchServer, done: readonly DoneTask[]): string[] {
  return done.flatMap(({ id, prompt, state, branch, commit }) => {
    if (state !== 'succeeded' || branch === null || commit === null) return [`task ${id} ended as ${state}`]
    const isRight =
      git(origin, 'rev-parse', branch) === commit && git(origin, 'show', `${commit}:result.txt`) === prompt
    return isRight ? [] : [`branch ${branch} of task ${id} is not what its agent did`]
  })
}

await runAsProgram(import.meta.url, run)
