import { Agent, request } from 'node:http'
import { Random } from '../fuzz/random.ts'
import { RequestMaker } from './requests.ts'
import type { ApiRequest } from './requests.ts'
import { ABSENT } from './world.ts'
import type { FuzzWorld } from './world.ts'

const CONNECTIONS = 8
const HANG_MS = 15_000
const MAX_FINDINGS = 20
const MAX_KNOWN = 50
/** An id of a thing that was made is used for requests about such things. */
const MADE = /^\/api\/v1\/([a-z-]+)$/

export type ApiFuzzResult = {
  requests: number
  valid: number
  byStatus: Record<string, number>
  operations: number
  /** Operations that never answered with a success: the generator does not reach them. */
  neverSucceeded: string[]
  findings: string[]
}

/** Sends requests made from the server's own description of itself, and looks for its faults. */
export async function fuzzApi(world: FuzzWorld, { requests, seed }: { requests: number; seed: number }) {
  const random = new Random(seed)
  const known = new KnownThings(random)
  const maker = new RequestMaker(world.document, (kind) => known.one(kind))
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const result: ApiFuzzResult = {
    ...{ requests: 0, valid: 0, byStatus: {}, operations: world.operations.length, neverSucceeded: [], findings: [] },
  }
  const succeeded = new Set<string>()
  const work = async () => {
    while (result.requests < requests && result.findings.length < MAX_FINDINGS) {
      const number = result.requests++
      const made = maker.make(world.operations[number % world.operations.length] ?? never(), random)
      const token = random.oneIn(10) ? random.pick(world.tokens) : (world.tokens[0] ?? '')
      if (made.isValid) result.valid++
      const answer = await ask(world.url, { made, token, agent }).catch((error: Error) => ({ error }))
      const fault = 'error' in answer ? answer.error.message : faultOf(answer)
      const said = [...(fault === undefined ? [] : [fault]), ...world.takeErrors()]
      result.findings.push(...said.map((what) => `#${number} ${show(made)}: ${what}`))
      if ('error' in answer) continue
      result.byStatus[answer.status] = (result.byStatus[answer.status] ?? 0) + 1
      if (answer.status < 400) succeeded.add(nameOf(made))
      if (answer.status === 201) known.learn(made, answer.text)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, work))
  agent.destroy()
  const names = world.operations.map((operation) => `${operation.method} ${operation.path}`)
  result.neverSucceeded = names.filter((name) => !succeeded.has(name))
  return result
}

/** Ids and names that answers told, by the part of the path that they belong to. */
class KnownThings {
  readonly #random: Random
  readonly #of = new Map<string, string[]>([
    ['environments', ['fuzz']],
    ['environment', ['fuzz']],
  ])

  constructor(random: Random) {
    this.#random = random
  }

  one(kind: string): string | undefined {
    const all = this.#of.get(kind)
    return all === undefined ? undefined : this.#random.pick(all)
  }

  learn({ path }: ApiRequest, text: string): void {
    const kind = MADE.exec(path)?.[1]
    const { id, name, turns } = JSON.parse(text) as {
      id?: unknown
      name?: unknown
      turns?: { attempts?: { id: string }[] }[]
    }
    if (kind !== undefined && typeof id === 'string') this.#add(kind, id)
    if (kind !== undefined && typeof id !== 'string' && typeof name === 'string') this.#add(kind, name)
    if (kind === 'environments' && typeof id === 'string') this.#add('environment', id)
    for (const attempt of turns?.[0]?.attempts ?? []) this.#add('attempts', attempt.id)
  }

  #add(kind: string, id: string): void {
    const all = this.#of.get(kind) ?? []
    if (all.push(id) > MAX_KNOWN) all.shift()
    this.#of.set(kind, all)
  }
}

type Answer = { status: number; type: string; text: string }

function faultOf({ status, type, text }: Answer): string | undefined {
  if (status === 503 && ABSENT.some((code) => text.includes(`"code":"${code}"`))) return undefined
  if (status >= 500) return `answered ${status}: ${text.slice(0, 300)}`
  if (status >= 400 && !/^application\/(problem\+)?json/.test(type)) return `a refusal of the type ${type}`
  return undefined
}

type Asked = { made: ApiRequest; token: string; agent: Agent }

/** Of a stream that does not end, its head. */
function ask(url: string, { made, token, agent }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = made.body === undefined ? {} : { 'content-length': Buffer.byteLength(made.body) }
    const headers = { authorization: `Bearer ${token}`, ...length, ...made.headers }
    const sent = request(url, { method: made.method, path: made.path, headers, agent }, (response) => {
      const chunks: Buffer[] = []
      const type = response.headers['content-type'] ?? ''
      const end = () =>
        resolve({ status: response.statusCode ?? 0, type, text: Buffer.concat(chunks).toString('utf8') })
      response.on('error', end)
      response.on('end', end)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('close', end)
      if (type.startsWith('text/event-stream')) response.destroy()
    })
    sent.setTimeout(HANG_MS, () => sent.destroy(new Error(`no answer within ${HANG_MS / 1000} s`)))
    sent.on('error', reject)
    sent.end(made.body)
  })
}

const nameOf = ({ operation }: ApiRequest) => `${operation.method} ${operation.path}`
const show = ({ method, path, body }: ApiRequest) => `${method} ${path.slice(0, 200)} ${(body ?? '').slice(0, 400)}`

function never(): never {
  throw new Error('Cannot start: the document names nothing to ask')
}
