import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { join } from 'node:path'
import { packageRoot } from '../bin/config.ts'
import { firstByte, warmStart } from './start/first-byte.ts'
import { textFiles } from './start/text-files.ts'
import { startBenchServer } from './support/bench-server.ts'
import type { BenchServer } from './support/bench-server.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median, percentile } from './support/statistics.ts'

const run_ = promisify(execFile)
const IMAGE = 'universal'
const FILES = 5000
const CHANGED = 100

const SETUP = 'mkdir -p /opt/tools && date > /opt/tools/made'
/** Something must be open for there to be a gateway. */
const NETWORK_POLICY = { agent: { preset: 'none', allow: [{ host: 'allowed.example' }] } }

const CASES = ['warmSame', 'warmOther', 'coldNone', 'coldNetwork'] as const
type Case = (typeof CASES)[number]

/** How long a task takes from its request to the agent's first byte, beside a bare `docker run`. */
export async function run(options: BenchOptions): Promise<number> {
  const { rounds, files, history } = numbers(options.args, { rounds: 20, files: FILES, history: 0 })
  const image = (await run_(process.execPath, [join(packageRoot, 'scripts/image.mjs'), 'tag', IMAGE])).stdout.trim()
  progress(`Making a repository of ${files} files and ${history + 1} commits and starting two servers …`)
  await using warm = await serverWith({ files, history, env: { DRYDOCK_WARM_POOL: '2' } })
  await using cold = await serverWith({ files, history, env: { DRYDOCK_WARM_POOL: '0' } })
  const measure: Record<Case, () => Promise<number>> = {
    warmSame: () => warmStart(warm, { environment: 'none' }),
    warmOther: () => warmStart(warm, { environment: 'none', branch: 'other' }),
    coldNone: () => firstByte(cold, { environment: 'none' }),
    coldNetwork: () => firstByte(cold, { environment: 'network' }),
  }
  progress('Setting up …')
  await firstByte(warm, { environment: 'none' })
  const docker: number[] = []
  const times: Record<Case, number[]> = { warmSame: [], warmOther: [], coldNone: [], coldNetwork: [] }
  // The first round sets up what is cached afterwards, and is not what is measured.
  for (let i = 0; i <= rounds; i++) {
    const bare = await dockerRun(image)
    if (i > 0) docker.push(bare)
    for (const name of CASES) {
      const ms = await measure[name]()
      if (i > 0) times[name].push(ms)
    }
    progress(`round ${i} of ${rounds}`)
  }
  progress(`Load of this machine in the last minute: ${load()} (other work lengthens the times)`)
  return report(options, resultOf({ docker, times }, { files, history, rounds, image }), [])
}

type Given = { files: number; history: number; env: Record<string, string> }

/** A server with two environments that have a snapshot, one of which has a gateway network. */
async function serverWith({ files, history, env }: Given): Promise<BenchServer> {
  const main = textFiles(files, 'the first text')
  const branches = { other: textFiles(Math.min(CHANGED, files), 'another text') }
  const server = await startBenchServer({ main, branches, history, env, roles: ['all'] })
  const environment = { repository: server.origin, image: IMAGE, setupScript: SETUP, agentScript: 'echo ready' }
  await server.client.json('POST', '/environments', { ...environment, name: 'none' })
  await server.client.json('POST', '/environments', { ...environment, name: 'network', policy: NETWORK_POLICY })
  return server
}

type Times = { docker: number[]; times: Record<Case, number[]> }

function resultOf({ docker, times }: Times, about: { files: number; history: number; rounds: number; image: string }) {
  const bare = median(docker)
  const each = <T>(of: (values: number[]) => T) =>
    Object.fromEntries(CASES.map((name) => [name, of(times[name])])) as Record<Case, T>
  const spread = (values: number[]) => [round(percentile(values, 0.1)), round(percentile(values, 0.9))]
  return {
    dockerRunMs: round(bare),
    ms: each((values) => round(median(values))),
    ratio: each((values) => round(median(values) / bare, 2)),
    p10p90: { dockerRun: spread(docker), ...each(spread) },
    ...about,
  }
}

async function dockerRun(image: string): Promise<number> {
  const started = performance.now()
  await run_('docker', ['run', '--rm', '--network', 'none', image, 'true'])
  return performance.now() - started
}

await runAsProgram(import.meta.url, run)
