import { DrydockError } from '../domain/errors.ts'
import { fuzzApi } from './fuzz-api/run.ts'
import { startFuzzWorld } from './fuzz-api/world.ts'
import { gatewayTargets } from './fuzz/gateway.ts'
import { runFuzz } from './fuzz/run.ts'
import { startDatabase } from './support/database.ts'
import { numbers, type BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { progress, report, round } from './support/report.ts'

const LEAST_VALID = 0.5

/** Feeds everything that reads hostile input with it, and has what comes out checked by another reading. */
export async function run(options: BenchOptions): Promise<number> {
  const [what = 'gateway', ...rest] = options.args[0]?.startsWith('-') ? ['gateway', ...options.args] : options.args
  if (what === 'gateway') return fuzzGateway(options, rest)
  if (what === 'api') return fuzzTheApi(options, rest)
  throw new DrydockError(
    'config-invalid',
    `Cannot start: there is nothing called "${what}" to fuzz; it is one of gateway, api`,
  )
}

async function fuzzGateway(options: BenchOptions, args: readonly string[]): Promise<number> {
  const { inputs, seed } = numbers(args, { inputs: 1_000_000, seed: Date.now() % 1_000_000 })
  progress(`${inputs} inputs, --seed ${seed}`)
  const began = performance.now()
  const { findings, ...result } = await runFuzz(await gatewayTargets(), {
    ...{ inputs, seed },
    onTarget: (name, { inputs: count, accepted, perSecond }) =>
      progress(`${name}: ${count} inputs, ${accepted} accepted, ${perSecond}/s`),
  })
  const seconds = round((performance.now() - began) / 1000)
  const texts = findings.map(({ target, number, input, what: why }) => `${target} #${number}: ${why} — ${input}`)
  return report(options, { seed, ...result, seconds }, texts)
}

/** Requests from the server's own OpenAPI document: at least half of them are what it describes. */
async function fuzzTheApi(options: BenchOptions, args: readonly string[]): Promise<number> {
  const { requests, seed } = numbers(args, { requests: 20_000, seed: Date.now() % 1_000_000 })
  progress(`${requests} requests, --seed ${seed}`)
  await using postgres = await startDatabase()
  await using world = await startFuzzWorld(postgres.address)
  const began = performance.now()
  const { findings, ...result } = await fuzzApi(world, { requests, seed })
  if (result.valid < result.requests * LEAST_VALID) findings.push(`only ${result.valid} requests were valid`)
  return report(options, { seed, ...result, seconds: round((performance.now() - began) / 1000) }, findings)
}

await runAsProgram(import.meta.url, run)
