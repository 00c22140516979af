import { measureMemory } from './gateway/memory.ts'
import { REQUESTS_OF_RESUMES, resumes } from './gateway/load.ts'
import { measureRounds } from './gateway/rounds.ts'
import { summarize } from './gateway/result.ts'
import { openWorld } from './gateway/world.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report } from './support/report.ts'

const NOTES = [
  'Each proxy has one processor, the same one; client, far side and the reader of the ledger have the others.',
  'New connections are full handshakes: their client, hey, resumes no session, whoever would (resumed names those).',
  'squid is reached by a route, since a client that sends it CONNECT could not be the same as for the others.',
  'Processor time is of the whole container; for squid with its helpers, for drydock with the spool.',
]

/** How fast the gateway is beside nginx, squid and mitmproxy, and whether its ledger has every request. */
export async function run(options: BenchOptions): Promise<number> {
  const { runs, seconds, connections, sandboxes, requests } = numbers(options.args, {
    ...{ runs: 3, seconds: 3, connections: 32 },
    // For memory: the bound is about 100 sandboxes and 1,000,000 requests, which take some minutes more.
    ...{ sandboxes: 5, requests: 50_000 },
  })
  await using world = await openWorld()
  const resumed: string[] = []
  for (const { name, client } of world.targets) if (await resumes(client)) resumed.push(name)
  const measured = await measureRounds(world, { runs, seconds, connections })
  const { faults: memoryFaults, ...memory } = await measureMemory(world, { sandboxes, requests })
  await world.gateway.settle()
  progress(`Load of this machine in the last minute: ${load()} (other work lowers the rates)`)

  const { missed, ...figures } = summarize(measured.figures)
  const { tally } = world
  const asked = world.asked + REQUESTS_OF_RESUMES + measured.asked + memory.requests
  const findings = [...measured.faults, ...memoryFaults]
  if (tally.finished !== asked) findings.push(`${asked} requests, ${tally.finished} of them on the ledger`)
  const result = {
    ...figures,
    requests: asked,
    ledgerRecords: tally.finished,
    otherRecords: Object.fromEntries(tally.others),
    memory,
    ...{ runs, seconds, connections, load: load(), processors: world.processors, resumed, missed },
    notes: NOTES,
  }
  return report(options, result, findings)
}

await runAsProgram(import.meta.url, run)
