// The second half of `npm run fault`: a program of its own that asks nobody but the database, the origins, the forge,
// the engine and the kernel.
//
//   node dist/bench/fault-verify.js before          prints what is there
//   node dist/bench/fault-verify.js after < CASE    reads a case and prints its findings
//   node dist/bench/fault-verify.js left < CASE     the same, but only of what is left behind

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SqlClient } from '../domain/db.ts'
import { gatewayName, groundName } from '../runner/network/gateway-containers.ts'
import { LABELS } from '../runner/sandbox/engine.ts'
import { hasOnly, inventory, mountsOf, processesOf, temporaryFiles } from './fault/inventory.ts'
import type { Thing } from './fault/inventory.ts'
import type { Order } from './fault/load.ts'
import { openDataFolderDatabase } from './support/data-folder.ts'
import { readAttempts, strays, wrongAttempts, wrongRows, wrongStates, wrongTasks } from './fault/truth.ts'
import type { Pull } from './fault/truth.ts'

export type Case = {
  before: Thing[]
  dataDir: string
  folder: string
  origin: string
  forgeOrigin: string
  pullsUrl: string
  token: string
  orders: Order[]
  /** While the server is up its database can be asked; when it is down nothing of it may run. */
  server: 'up' | 'down'
  /** Images that may stay: snapshots that rows name. */
  snapshots: string[]
  /** Others use this machine, too: what cannot be told to be ours is not counted. */
  shared: boolean
}

/** How the finding of a thing at the engine ends. */
export const LEFT_BEHIND = 'was left behind'

export type Verdict = { findings: string[]; states: Record<string, number>; snapshots: string[] }

async function verify(given: Case, question: string): Promise<Verdict> {
  if (given.server === 'down') return { findings: leftBehind(given), states: {}, snapshots: [] }
  await using database = openDataFolderDatabase(given.dataDir)
  const truth = question === 'left' ? { findings: [], states: {} } : await verifyTruth(given, database.client)
  const snapshots = await namedSnapshots(database.client)
  return { ...truth, findings: [...truth.findings, ...leftBehind({ ...given, snapshots })], snapshots }
}

type Truth = Pick<Verdict, 'findings' | 'states'>

async function verifyTruth({ orders, pullsUrl, token, ...origins }: Case, client: SqlClient): Promise<Truth> {
  const attempts = await readAttempts(client)
  const outside = { ...origins, pulls: await readPulls(pullsUrl, token) }
  const findings = [
    ...wrongTasks(orders, attempts),
    ...wrongAttempts(attempts, outside),
    ...strays(attempts, outside),
    ...(await wrongStates(client)),
    ...(await wrongRows(client)),
  ]
  const states: Record<string, number> = {}
  for (const { state, reason } of attempts) {
    const name = reason === null ? state : `${state}: ${reason}`
    states[name] = (states[name] ?? 0) + 1
  }
  return { findings, states }
}

/** The images of snapshots that may stay. */
async function namedSnapshots(client: SqlClient): Promise<string[]> {
  const named = await client<{ image: string }[]>`select image from snapshots where removed_at is null`
  return named.map(({ image }) => image)
}

async function readPulls(url: string, token: string): Promise<Pull[]> {
  const pulls: Pull[] = []
  for (let page = 1; ; page++) {
    const response = await fetch(`${url}?state=all&per_page=100&page=${page}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const found = (await response.json()) as Pull[]
    const known = new Set(pulls.map(({ number }) => number))
    const fresh = found.filter(({ number }) => !known.has(number))
    if (fresh.length === 0) return pulls
    pulls.push(...fresh)
  }
}

function leftBehind({ before, dataDir, folder, server, snapshots, shared }: Case): string[] {
  const installation = readFileSync(join(dataDir, 'installation'), 'utf8').trim()
  const known = new Set(before.map(({ type, name }) => `${type} ${name}`))
  const services = new Set(
    server === 'up' ? [`drydock-postgres-${installation}`, groundName(installation), gatewayName(installation)] : [],
  )
  const found = inventory()
  // What waits for a task may be there, and goes when the server stops.
  const isWaiting = (thing: Thing) => server === 'up' && isWarm(thing, installation)
  for (const thing of found) if (thing.type === 'container' && isWaiting(thing)) services.add(thing.name)
  // A container that may run has a root file system and a network namespace mounted.
  const running = found.flatMap(({ type, name }) => (type === 'container' && services.has(name) ? mountsOf(name) : []))
  const allowed = (thing: Thing) => {
    if (thing.name === folder) return true
    if (thing.type === 'volume') return thing.name === `drydock-postgres-${installation}`
    if (thing.type === 'container') return services.has(thing.name)
    if (thing.type === 'network') return server === 'up' && isReady(thing, installation, services)
    if (thing.type === 'mount') return running.some((end) => thing.name.endsWith(end))
    return thing.type === 'image' && snapshots.some((ref) => thing.name.startsWith(`${ref} `))
  }
  const isOurs = ({ name, labels }: Thing) => `${name} ${labels}`.includes(installation) || name.startsWith(folder)
  const isOthers = (thing: Thing) => /drydock\.(installation|kind)=/.test(thing.labels) || shared
  const things = found
    .filter((thing) => !known.has(`${thing.type} ${thing.name}`) && !allowed(thing))
    .filter((thing) => isOurs(thing) || !isOthers(thing))
    .map(({ type, name }) => `${type} ${name} ${LEFT_BEHIND}`)
  const files = temporaryFiles(dataDir).map((path) => `file ${path} was left in the data folder`)
  const processes = server === 'up' ? [] : processesOf(folder, [process.pid, process.ppid])
  return [...things, ...files, ...processes.map((line) => `process ${line} still runs`)]
}

/** A sandbox that was made beforehand. */
const isWarm = ({ name, labels }: Thing, installation: string) =>
  name.startsWith('drydock-warm-') && labels.includes(`${LABELS.installation}=${installation}`)

/** A network that a server keeps: the gateway's way out, and those of the next sandboxes. */
function isReady({ name, labels }: Thing, installation: string, services: ReadonlySet<string>): boolean {
  if (!labels.includes(`${LABELS.installation}=${installation}`)) return false
  return name === `drydock-egress-${installation}` || hasOnly(name, services)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const question = process.argv[2] ?? 'after'
  const answer =
    question === 'before' ? inventory() : await verify(JSON.parse(readFileSync(0, 'utf8')) as Case, question)
  process.stdout.write(JSON.stringify(answer))
}
