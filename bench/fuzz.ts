import { DrydockError } from '../domain/errors.ts'
import { gatewayTargets } from './fuzz/gateway.ts'
import { runFuzz } from './fuzz/run.ts'
import { numbers, type BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { progress, report, round } from './support/report.ts'

/** Feeds everything that reads hostile input with it, and has what comes out checked by another reading. */
export async function run(options: BenchOptions): Promise<number> {
  const [what = 'gateway', ...rest] = options.args[0]?.startsWith('-') ? ['gateway', ...options.args] : options.args
  if (what !== 'gateway')
    throw new DrydockError('config-invalid', `Cannot start: there is nothing called "${what}" to fuzz; it is: gateway`)
  const { inputs, seed } = numbers(rest, { inputs: 1_000_000, seed: Date.now() % 1_000_000 })
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

await runAsProgram(import.meta.url, run)
