import { engineBytes, footprintOf } from './density/memory.ts'
import { firstByte, pausedContainers, untilPaused, warmStart } from './start/first-byte.ts'
import { textFiles } from './start/text-files.ts'
import { startBenchServer } from './support/bench-server.ts'
import type { BenchServer } from './support/bench-server.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median } from './support/statistics.ts'

const MIB = 1024 ** 2
/** What waits may take, and how much slower a start may be for it. */
const BOUNDS = { perSandboxMiB: 12, ratio: 1.2 }

/** What sandboxes that wait take of the machine, and whether a start is slower beside many of them. */
export async function run(options: BenchOptions): Promise<number> {
  const { sandboxes, rounds, files } = numbers(options.args, { sandboxes: 100, rounds: 20, files: 1000 })
  progress(`Starting two servers, one of which keeps ${sandboxes} sandboxes waiting …`)
  await using few = await serverWith({ files, most: 2 })
  await using many = await serverWith({ files, most: sandboxes })
  await firstByte(few, { environment: 'idle' })
  const before = engineBytes()
  await firstByte(many, { environment: 'idle' })
  await untilPaused(many, sandboxes)
  const engine = (engineBytes() - before) / sandboxes
  const each = (await pausedContainers(many)).map(footprintOf)
  const container = median(each.map((footprint) => footprint.container))
  const shim = median(each.map((footprint) => footprint.shim))

  const times = { few: [] as number[], many: [] as number[] }
  for (let i = 0; i < rounds; i++) {
    times.few.push(await warmStart(few, { environment: 'idle' }))
    times.many.push(await warmStart(many, { environment: 'idle' }))
    progress(`round ${i + 1} of ${rounds}`)
  }
  progress(`Load of this machine in the last minute: ${load()} (other work lengthens the times)`)
  const perSandboxMiB = round((container + shim + Math.max(0, engine)) / MIB)
  const ratio = round(median(times.many) / median(times.few), 2)
  const result = {
    sandboxes: each.length,
    perSandboxMiB,
    parts: {
      containerMiB: round(container / MIB, 2),
      shimMiB: round(shim / MIB, 2),
      engineMiB: round(engine / MIB, 2),
    },
    ms: { few: round(median(times.few)), many: round(median(times.many)) },
    ratio,
    rounds,
  }
  return report(options, result, findings({ perSandboxMiB, ratio }))
}

function findings({ perSandboxMiB, ratio }: typeof BOUNDS): string[] {
  return [
    ...(perSandboxMiB > BOUNDS.perSandboxMiB ? [`A sandbox takes ${perSandboxMiB} MiB`] : []),
    ...(ratio > BOUNDS.ratio ? [`A start takes ${ratio} times as long beside many`] : []),
  ]
}

async function serverWith({ files, most }: { files: number; most: number }): Promise<BenchServer> {
  const env = {
    DRYDOCK_WARM_POOL: String(most),
    DRYDOCK_WARM_EACH: String(most),
    DRYDOCK_WARM_MEMORY_MIB: String(most * 100),
  }
  const server = await startBenchServer({ main: textFiles(files, 'the first text'), env, roles: ['all'] })
  const environment = { name: 'idle', repository: server.origin, image: 'base', agentScript: 'echo ready' }
  await server.client.json('POST', '/environments', environment)
  return server
}

await runAsProgram(import.meta.url, run)
