import { SERVER } from '../domain/audit/actions.ts'
import { startApi } from '../api/main.ts'
import { SCOPES } from '../domain/access/principal.ts'
import { createToken, ensureAdminToken } from '../domain/access/tokens.ts'
import { openDatabase } from '../domain/db.ts'
import type { DatabaseAddress } from '../domain/db.ts'
import { ENVIRONMENT, MEMBER, STATE, fillTasks } from './lists/fill.ts'
import { startDatabase } from './support/database.ts'
import { jsonClient } from './support/json-client.ts'
import type { JsonClient } from './support/json-client.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'
import { median, percentile } from './support/statistics.ts'

const BOUND_MS = 20
const LIMIT = 50
const DEEP_PAGE = 1000
const FILTERS = {
  none: '',
  environment: `&environment=${ENVIRONMENT}`,
  state: `&state=${STATE}`,
  both: `&environment=${ENVIRONMENT}&state=${STATE}`,
}
/** Served before anything is counted: connections are open and plans made by then. */
const WARM_UP = 20

/** How long GET /tasks takes over HTTP, as a member who sees one in a hundred of very many tasks. */
export async function run(options: BenchOptions): Promise<number> {
  const { tasks, requests } = numbers(options.args, { tasks: 1_000_000, requests: 200 })
  progress('Starting PostgreSQL …')
  await using postgres = await startDatabase()
  const result = await measureLists(postgres.address, { tasks, requests })
  progress(`Load of this machine in the last minute: ${load()} (other work lengthens the times)`)
  return report(options, result, result.p99Ms > BOUND_MS ? [`p99 over ${BOUND_MS} ms`] : [])
}

type Case = { who: string; client: JsonClient; filter: string; path: string; page: number; tasks: number; ms: number[] }

/** Fills an empty database and asks for each filter's first and 1,000th (or else last) page, in turns. */
export async function measureLists(address: DatabaseAddress, { tasks, requests }: { tasks: number; requests: number }) {
  await using database = openDatabase(address)
  progress(`Inserting ${tasks} tasks …`)
  await fillTasks(database.client, tasks)
  const { token } = await createToken(database.db, { by: SERVER, userId: MEMBER, name: 'bench', scopes: SCOPES })
  const stop = new AbortController()
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    error: (fields: unknown) => progress(JSON.stringify(fields)),
  }
  const options = { database, host: '127.0.0.1', port: 0, checkAddress: async () => {}, logger, version: 'bench' }
  const api = await startApi(options, stop.signal)
  const member = jsonClient(api.url, token)
  const admin = jsonClient(api.url, await ensureAdminToken(database.db))
  try {
    progress('Walking to the pages …')
    const cases = [...(await casesOf('member', member)), ...(await casesOf('admin', admin))]
    progress(`Asking ${cases.length * requests} times …`)
    for (let i = 0; i < requests + WARM_UP; i++) for (const each of cases) await ask(each, i >= WARM_UP)
    const own = cases.filter(({ who }) => who === 'member')
    const seen = await database.client<{ n: number }[]>`select count(*)::int n from tasks where creator_id = ${MEMBER}`
    return {
      tasks,
      p99Ms: round(
        percentile(
          own.flatMap(({ ms }) => ms),
          0.99,
        ),
      ),
      medianMs: round(median(own.flatMap(({ ms }) => ms))),
      visible: seen[0]?.n ?? 0,
      requests: own.length * requests,
      cases: cases.map(({ who, filter, page, ms, tasks: found }) => ({
        ...{ who, filter, page, tasks: found },
        ...{ medianMs: round(median(ms)), p99Ms: round(percentile(ms, 0.99)) },
      })),
    }
  } finally {
    member.close()
    admin.close()
    stop.abort()
    await api.close()
  }
}

type Page = { data: unknown[]; nextCursor: string | null }

/** For each filter the first page, and the 1,000th or, where there are fewer, the last. */
async function casesOf(who: string, client: JsonClient): Promise<Case[]> {
  const cases: Case[] = []
  for (const [filter, query] of Object.entries(FILTERS)) {
    const path = `/tasks?limit=${LIMIT}${query}`
    const first = await client.json<Page>('GET', path)
    cases.push({ who, client, filter, path, page: 1, tasks: first.data.length, ms: [] })
    const deep = await walk(client, path, first)
    if (deep.page > 1) cases.push({ who, client, filter, ...deep, ms: [] })
  }
  return cases
}

async function walk(client: JsonClient, path: string, first: Page) {
  let at = { path, page: 1, tasks: first.data.length }
  for (let current = first; current.nextCursor !== null && at.page < DEEP_PAGE;) {
    const next = `${path}&cursor=${current.nextCursor}`
    current = await client.json<Page>('GET', next)
    at = { path: next, page: at.page + 1, tasks: current.data.length }
  }
  return at
}

async function ask({ client, path, tasks, ms }: Case, counts: boolean): Promise<void> {
  const answer = await client.send('GET', path)
  const page = JSON.parse(answer.text) as Page
  if (answer.status !== 200 || page.data.length !== tasks) throw new Error(`${path} answered ${answer.status}`)
  if (counts) ms.push(answer.ms)
}

await runAsProgram(import.meta.url, run)
