import { openDataFolderDatabase } from './support/data-folder.ts'
import { follow } from './events/follower.ts'
import type { Seen } from './events/follower.ts'
import { printingScript } from './events/script.ts'
import { raiseCaps, startBenchServer } from './support/bench-server.ts'
import type { BenchServer } from './support/bench-server.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median, percentile } from './support/statistics.ts'

const NOTES = [
  'Real tasks: each line is printed by bash in a sandbox with the time of its writing (the host and its sandboxes share a clock),',
  'in bursts of 5, and goes through the runner, PostgreSQL and the api to its followers. Runner, api and followers are three processes.',
]

/** How far behind the sandbox the followers of a live log are, when many attempts print much at once. */
export async function run(options: BenchOptions): Promise<number> {
  const input = numbers(options.args, { attempts: 100, rate: 200, followers: 10, seconds: 10, warmup: 0 })
  const result = await measureEvents({ ...input, warmup: input.warmup || 20 + input.attempts })
  const { findings, ...figures } = result
  progress(`Load of this machine in the last minute: ${load()} (other work lengthens the lag)`)
  return report(options, { ...figures, notes: NOTES }, findings)
}

export type EventsInput = {
  attempts: number
  /** Lines per second of each attempt. */
  rate: number
  followers: number
  seconds: number
  /** Seconds from the first request to the first line: in this time every sandbox must have started. */
  warmup: number
}

export async function measureEvents({ attempts, rate, followers, seconds, warmup }: EventsInput) {
  const env = { DRYDOCK_CAPACITY: String(attempts) }
  progress('Starting servers …')
  await using server = await startBenchServer({ main: { 'README.md': 'hello\n' }, roles: ['api', 'runner'], env })
  await raiseCaps(server)
  const script = printingScript({ seconds, linesPerSecond: rate })
  await server.client.json('POST', '/environments', {
    ...{ name: 'events', repository: server.origin, image: 'base', agentScript: script, maxRunning: attempts },
    resources: { memoryMiB: 128, cpus: 1, pids: 64 },
  })
  const startAt = Date.now() + warmup * 1000
  const seen: Seen = { events: 0, lines: 0, faults: [], lagsMs: [] }
  const following: Promise<number>[] = []
  progress(`Starting ${attempts} sandboxes, each with ${followers} followers; the lines begin in ${warmup} s …`)
  for (let i = 0; i < attempts; i++) {
    const body = { environment: 'events', mode: 'ask', prompt: String(startAt * 1000) }
    const { id } = await server.client.json<{ id: string }>('POST', '/tasks', body)
    for (let n = 0; n < followers; n++) following.push(follow({ ...server, taskId: id }, seen))
  }
  const lasts = await Promise.all(following)
  return {
    ...resultOf(seen, { attempts, rate, followers, seconds }),
    ...(await checkAll(server, { seen, lasts, attempts, rate, seconds, followers })),
  }
}

type Shape = Pick<EventsInput, 'attempts' | 'rate' | 'followers' | 'seconds'>

function resultOf({ lines, lagsMs }: Seen, { attempts, rate, followers, seconds }: Shape) {
  return {
    linesPerSecond: attempts * rate,
    followers: attempts * followers,
    lagP99Ms: round(percentile(lagsMs, 0.99)),
    lagMedianMs: round(median(lagsMs)),
    ...{ attempts, seconds, linesReceived: lines },
  }
}

type Check = Shape & { seen: Seen; lasts: readonly number[] }

/** Every follower must have had every event that the database has, and every sandbox must have printed in time. */
async function checkAll(server: BenchServer, { seen, lasts, ...shape }: Check) {
  await using database = openDataFolderDatabase(server.dataDir)
  const [row] = await database.client<{ events: string; late: number; succeeded: number }[]>`
    select (select count(*) from events) as events,
      (select count(*)::int from attempts where state = 'succeeded') as succeeded,
      (select count(*)::int from events e join turns t on t.task_id = e.task_id
       where e.kind = 'phase' and e.phase = 'agent' and e.payload->>'status' = 'started'
         and e.at > to_timestamp(t.prompt::numeric / 1000000)) as late`
  const expected = shape.attempts * shape.rate * shape.seconds * shape.followers
  const findings = seen.faults.slice(0, 20)
  if (seen.events !== Number(row?.events) * shape.followers)
    findings.push(
      `the followers had ${seen.events} events, and the database has ${row?.events} for each of ${shape.followers}`,
    )
  if (seen.lines !== expected) findings.push(`the followers had ${seen.lines} lines, and ${expected} are right`)
  if (row?.succeeded !== shape.attempts) findings.push(`only ${row?.succeeded} of ${shape.attempts} tasks succeeded`)
  if ((row?.late ?? 0) > 0) findings.push(`${row?.late} sandboxes started too late: raise --warmup`)
  if (lasts.some((last) => last === 0)) findings.push('a follower had nothing at all')
  return { findings }
}

await runAsProgram(import.meta.url, run)
