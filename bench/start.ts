import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { join } from 'node:path'
import { packageRoot } from '../bin/config.ts'
import { startBenchServer } from './support/bench-server.ts'
import type { BenchServer } from './support/bench-server.ts'
import { followEvents } from './support/event-stream.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median, percentile } from './support/statistics.ts'

const run_ = promisify(execFile)
const FILES = 5000
const CHANGED = 100

const NOTES = [
  'There is no warm pool yet: warmSame and warmOther are cold starts, on the default branch and on one that differs.',
  'coldNetwork is null: there is no gateway network yet.',
]

/** How long a task takes from its request to the agent's first byte, beside a bare `docker run`. */
export async function run(options: BenchOptions): Promise<number> {
  const { rounds, files } = numbers(options.args, { rounds: 20, files: FILES })
  const image = (await run_(process.execPath, [join(packageRoot, 'scripts/image.mjs'), 'tag', 'base'])).stdout.trim()
  progress(`Making a repository of ${files} files and starting a server …`)
  const main = textFiles(files, 'the first text')
  const branches = { other: textFiles(Math.min(CHANGED, files), 'another text') }
  await using server = await startBenchServer({ main, branches, roles: ['all'] })
  await server.client.json('POST', '/environments', {
    name: 'start',
    repository: server.origin,
    image: 'base',
    agentScript: 'echo ready',
  })
  const times = { dockerRun: [] as number[], same: [] as number[], other: [] as number[] }
  const measured = async (counts: boolean) => {
    const docker = await dockerRun(image)
    const same = await firstByte(server, undefined)
    const other = await firstByte(server, 'other')
    if (!counts) return
    times.dockerRun.push(docker)
    times.same.push(same)
    times.other.push(other)
  }
  // The first round fetches the repository and is not what is measured.
  for (let i = 0; i <= rounds; i++) {
    await measured(i > 0)
    progress(`round ${i} of ${rounds}`)
  }
  progress(`Load of this machine in the last minute: ${load()} (other work lengthens the times)`)
  return report(options, resultOf(times, { files, rounds, image }), [])
}

type Times = { dockerRun: number[]; same: number[]; other: number[] }

function resultOf(times: Times, about: { files: number; rounds: number; image: string }) {
  const docker = median(times.dockerRun)
  const [same, other] = [median(times.same), median(times.other)]
  const ratio = (ms: number) => round(ms / docker, 2)
  const spread = (values: number[]) => [round(percentile(values, 0.1)), round(percentile(values, 0.9))]
  return {
    dockerRunMs: round(docker),
    ms: { warmSame: round(same), warmOther: round(other), coldNone: round(same), coldNetwork: null },
    ratio: { warmSame: ratio(same), warmOther: ratio(other), coldNone: ratio(same), coldNetwork: null },
    p10p90: { dockerRun: spread(times.dockerRun), same: spread(times.same), other: spread(times.other) },
    ...about,
    notes: NOTES,
  }
}

async function dockerRun(image: string): Promise<number> {
  const started = performance.now()
  await run_('docker', ['run', '--rm', '--network', 'none', image, 'true'])
  return performance.now() - started
}

/** From sending the request until a follower has the agent's first line. Resolves when the task is at its end. */
async function firstByte(server: BenchServer, branch: string | undefined): Promise<number> {
  const started = performance.timeOrigin + performance.now()
  const body = { environment: 'start', mode: 'code', prompt: 'say something', ...(branch && { branch }) }
  const { id } = await server.client.json<{ id: string }>('POST', '/tasks', body)
  let first: number | undefined
  await followEvents({ ...server, taskId: id }, ({ json, at }) => {
    if (first === undefined && isAgentOutput(json)) first = at
  })
  if (first !== undefined) return first - started
  const task = await server.client.send('GET', `/tasks/${id}`)
  throw new Error(`The agent said nothing: ${task.text}`)
}

function isAgentOutput(json: string): boolean {
  const { phase, kind } = JSON.parse(json) as { phase: string; kind: string }
  return phase === 'agent' && kind === 'output'
}

function textFiles(count: number, text: string): Record<string, string> {
  const entries = Array.from({ length: count }, (_, i) => {
    const lines = `${text} of file ${i}\n`.repeat(10 + (i % 40))
    return [`src/part-${i % 50}/group-${i % 7}/file-${i}.txt`, lines] as const
  })
  return Object.fromEntries(entries)
}

await runAsProgram(import.meta.url, run)
