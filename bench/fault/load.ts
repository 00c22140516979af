import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, JsonClient } from '../support/json-client.ts'
import { stubbornClient } from '../support/stubborn-client.ts'
import type { Address } from '../support/stubborn-client.ts'
import { GITHUB_REPOSITORY } from './world.ts'

export const KINDS = ['branch', 'setup', 'pull-request'] as const
export type Kind = (typeof KINDS)[number]

/** A task that was asked for: its key was sent again and again until an answer came. */
export type Order = { key: string; prompt: string; kind: Kind; taskId: string | undefined }

/** How many tasks are open at a time: more than the server works on at once, so that some always wait. */
const OPEN = 7
const SCRIPT = `set -eu
echo "working on $TASK_PROMPT"
sleep "\${TASK_PROMPT##* }"
echo "$TASK_PROMPT" > "result.txt"
echo "done"
`
/** Long enough to be met, short enough to be done between two kills. */
const SETUP = (nonce: string) => `echo ${nonce} > /opt/ready; sleep 0.6\n`

export type LoadDeps = {
  /** A number from 0 to 1. */
  random: () => number
  /** The address of the repository that is reached by its path. */
  origin: string
  /** How many tasks are not at their end. */
  countOpen: () => Promise<number>
}

/** Keeps a server busy through all its deaths. */
export class Load {
  readonly orders: Order[] = []
  readonly #deps: LoadDeps
  readonly #client = stubbornClient()
  #setups = 0

  constructor(deps: LoadDeps) {
    this.#deps = deps
  }

  /** The server to talk to; undefined while there is none. */
  use(server: Address | undefined): void {
    this.#client.use(server)
  }

  /** Keeps tasks open until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if ((await this.#deps.countOpen()) < OPEN) await this.order(KINDS[this.orders.length % KINDS.length] ?? 'branch')
      else await delay(30)
    }
  }

  /** Asks for one task until the server has it. A request whose answer was lost is sent again under the same key. */
  async order(kind: Kind): Promise<Order> {
    const key = randomBytes(8).toString('hex')
    const seconds = (0.2 + 1.8 * this.#deps.random()).toFixed(2)
    const order: Order = { key, kind, prompt: `${kind} ${key} ${seconds}`, taskId: undefined }
    this.orders.push(order)
    const environment = this.#environmentOf(kind)
    await this.#client.ask((client) => this.#ensureEnvironment(client, { name: environment, kind }))
    const body = { environment, mode: 'code', prompt: order.prompt }
    const task = await this.#client.ask((client) => client.send('POST', '/tasks', body, { 'idempotency-key': key }))
    order.taskId = (JSON.parse(task) as { id: string }).id
    return order
  }

  /** Every second task with set-up gets an environment of its own: set-up is run as often as it is found done. */
  #environmentOf(kind: Kind): string {
    return kind === 'setup' ? `setup-${Math.floor(this.#setups++ / 2)}` : kind
  }

  async #ensureEnvironment(client: JsonClient, { name, kind }: { name: string; kind: Kind }): Promise<Answer> {
    const found = await client.send('GET', `/environments/${name}`)
    if (found.status === 200) return found
    const made = await client.send('POST', '/environments', {
      name,
      repository: kind === 'pull-request' ? GITHUB_REPOSITORY : this.#deps.origin,
      image: 'base',
      publish: kind === 'pull-request' ? 'pull-request' : 'branch',
      agentScript: SCRIPT,
      maxRunning: 100,
      ...(kind === 'setup' && { setupScript: SETUP(name) }),
    })
    return made.status === 409 ? { ...made, status: 200 } : made
  }
}
