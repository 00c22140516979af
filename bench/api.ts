import { RawClient } from './api/raw-client.ts'
import type { RawRequest } from './api/raw-client.ts'
import { SERVER } from '../domain/audit/actions.ts'
import { createToken } from '../domain/access/tokens.ts'
import { raiseCaps, startBenchServer } from './support/bench-server.ts'
import type { BenchServer } from './support/bench-server.ts'
import { openDataFolderDatabase } from './support/data-folder.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median, percentile } from './support/statistics.ts'

const BOUNDS = { post: 500, get: 2000 }
const MEMBER = 'bench-member'
const NOTES = [
  'A server of its own (role api) on its own PostgreSQL container, fsync on; the client shares the machine.',
  'A member with a token of their own asks: tokens, rights and visibility are looked up at every request.',
  'After the warm-up the tables are analyzed and the connections opened anew, as happens by itself within minutes.',
]

type Input = { seconds: number; connections: number; rounds: number }
type Side = { perSecond: number[]; ms: number[] }

/** How many tasks a second the api takes, and how many it shows, with sign-in and rights looked up each time. */
export async function run(options: BenchOptions): Promise<number> {
  const input = numbers(options.args, { seconds: 10, connections: 16, rounds: 3 })
  const result = await measureApi(input)
  progress(`Load of this machine in the last minute: ${load()} (other work lowers the rates)`)
  const findings: string[] = []
  if (result.post.perSecond < BOUNDS.post) findings.push(`fewer than ${BOUNDS.post} POST /tasks per second`)
  if (result.get.perSecond < BOUNDS.get) findings.push(`fewer than ${BOUNDS.get} GET /tasks/:id per second`)
  return report(options, { ...result, notes: NOTES }, findings)
}

export async function measureApi({ seconds, connections, rounds }: Input) {
  await using server = await startBenchServer({ main: { 'README.md': 'hello\n' }, roles: ['api'] })
  const token = await memberOf(server)
  const { id: environment } = await server.client.json<{ id: string }>('POST', '/environments', {
    ...{ name: 'bench', repository: server.origin, image: 'base', visibility: 'workspace' },
  })
  const clients = Array.from({ length: connections }, () => new RawClient(server.url))
  const ids: string[] = []
  const body = JSON.stringify({ environment, mode: 'code', prompt: 'Make the tests pass again.', agent: 'command' })
  const post = { perSecond: [], ms: [] } as Side
  const get = { perSecond: [], ms: [] } as Side
  try {
    for (let i = 0; i <= rounds; i++) {
      // The first round is for plans, pools and compilers.
      const counts = i > 0
      const taken = await rateOf(clients, seconds, {
        request: () => ({ method: 'POST', path: '/tasks', token, body }),
        status: 201,
        onBody: (text) => void ids.push((JSON.parse(text) as { id: string }).id),
      })
      const shown = await rateOf(clients, seconds, {
        request: () => ({ method: 'GET', path: `/tasks/${ids[Math.floor(Math.random() * ids.length)]}`, token }),
        status: 200,
      })
      progress(`${counts ? `round ${i} of ${rounds}` : 'warm-up'}: ${taken.perSecond} POST/s, ${shown.perSecond} GET/s`)
      if (i === 0) await settle(server)
      if (counts)
        for (const [side, one] of [
          [post, taken],
          [get, shown],
        ] as const)
          keep(side, one)
    }
  } finally {
    for (const client of clients) client.close()
  }
  return { post: figuresOf(post), get: figuresOf(get), tasks: ids.length, connections, rounds }
}

/** A member who may use the workspace's environments, without a cap on what waits. */
async function memberOf(server: BenchServer): Promise<string> {
  await raiseCaps(server)
  await using database = openDataFolderDatabase(server.dataDir)
  await database.client`insert into users (id, name, email, role) values (${MEMBER}, 'bench', 'bench@example.test', 'member')`
  return (await createToken(database.db, { by: SERVER, userId: MEMBER, name: 'bench', scopes: ['read', 'write'] }))
    .token
}

/** Takes the server to where it is by itself some minutes after the first tasks. */
async function settle(server: BenchServer): Promise<void> {
  await using database = openDataFolderDatabase(server.dataDir)
  await database.client`analyze`
  await database.client`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity
    where datname = current_database() and usename = current_user and pid <> pg_backend_pid()`
  // It is told of every connection in turn; until then it answers that the database does not.
  let status = 0
  while (status !== 200) ({ status } = await server.client.send('GET', '/readyz'))
}

type Load = { request: () => RawRequest; status: number; onBody?: (text: string) => void }

async function rateOf(clients: readonly RawClient[], seconds: number, { request, status, onBody }: Load) {
  const started = performance.now()
  const deadline = started + seconds * 1000
  const ms: number[] = []
  const askUntilEnd = async (client: RawClient) => {
    for (let asked = performance.now(); asked < deadline; asked = performance.now()) {
      const answer = await client.ask(request())
      if (answer.status !== status) throw new Error(`answered ${answer.status}: ${answer.body.slice(0, 300)}`)
      ms.push(performance.now() - asked)
      onBody?.(answer.body)
    }
  }
  await Promise.all(clients.map(askUntilEnd))
  return { perSecond: round((ms.length * 1000) / (performance.now() - started)), ms }
}

function keep(side: Side, one: { perSecond: number; ms: number[] }): void {
  side.perSecond.push(one.perSecond)
  for (const each of one.ms) side.ms.push(each)
}

const figuresOf = ({ perSecond, ms }: Side) => ({
  perSecond: median(perSecond),
  p50Ms: round(percentile(ms, 0.5)),
  p99Ms: round(percentile(ms, 0.99)),
  all: perSecond,
})

await runAsProgram(import.meta.url, run)
