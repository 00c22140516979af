import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LABELS } from '../../runner/sandbox/engine.ts'
import { docker } from '../gateway/containers.ts'
import type { InsideInput } from './inside.ts'
import type { GivenNetwork } from './runner.ts'

const INSIDE = fileURLToPath(new URL('./inside.js', import.meta.url))
/** Starting containers all at once makes an engine slower than one after the other. */
const AT_ONCE = 4

export type LoadInput = {
  installation: string
  image: string
  inside: Omit<InsideInput, 'label' | 'gateway' | 'foreign'> & { foreign: readonly string[]; ports: readonly number[] }
}
/** A request that was answered, from its beginning to its end. */
export type Success = { from: number; to: number }

/** One sandbox under load. */
export type LoadedSandbox = {
  name: string
  id: string
  given: GivenNetwork
  successes: Success[]
  failures: number
  tried: number
}

/** The sandboxes of one runner, and what they report. */
export class Sandboxes {
  readonly all: LoadedSandbox[] = []
  /** Ways out that were found. */
  readonly out: string[] = []
  readonly #input: LoadInput

  constructor(input: LoadInput) {
    this.#input = input
  }

  async start(networks: readonly GivenNetwork[]): Promise<void> {
    const left = [...networks]
    const work = async () => {
      for (let given = left.shift(); given !== undefined; given = left.shift()) await this.#startOne(given, networks)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  /** Removes them, as a runner does with those of a dead one. */
  async remove(): Promise<void> {
    const names = this.all.map(({ name }) => name)
    if (names.length > 0) await docker('rm', '-f', '-v', ...names)
  }

  async #startOne(given: GivenNetwork, networks: readonly GivenNetwork[]): Promise<void> {
    const { installation, image, inside } = this.#input
    const name = `${installation}-${given.id}`
    const other = networks.find(({ id }) => id !== given.id)
    const neighbours = other === undefined ? [] : [other.address, other.dns]
    const foreign = { addresses: [...inside.foreign, ...neighbours], ports: inside.ports }
    const input: InsideInput = { ...inside, foreign, label: given.id, gateway: given.dns }
    const child = spawn(
      'docker',
      [
        ...['run', '--rm', '--name', name, '--label', `${LABELS.installation}=${installation}`, '--cap-drop=ALL'],
        ...[
          '--network',
          given.network,
          '--ip',
          given.address,
          '--dns',
          given.dns,
          '--memory=256m',
          '--entrypoint=node',
        ],
        ...given.mounts.flatMap(({ host, target }) => ['--volume', `${host}:${target}:ro`]),
        ...['--volume', `${INSIDE}:/inside.mjs:ro`, '--env', `NODE_EXTRA_CA_CERTS=${given.ca}`],
        ...[image, '/inside.mjs', JSON.stringify(input)],
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    const sandbox: LoadedSandbox = { name, id: given.id, given, successes: [], failures: 0, tried: 0 }
    this.all.push(sandbox)
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => this.#hear(sandbox, line))
    await Promise.race([
      once(lines, 'line'),
      once(child, 'close').then(() => Promise.reject(new Error(`Cannot start the sandbox ${name}`))),
    ])
  }

  #hear(sandbox: LoadedSandbox, line: string): void {
    const [what, first = '', second = ''] = line.split(' ')
    if (what === 'ok') sandbox.successes.push({ from: Number(first), to: Number(second) })
    else if (what === 'bad') sandbox.failures++
    else if (what === 'tried') sandbox.tried = Number(first)
    else if (what === 'out') this.out.push(`${first} led out of a sandbox`)
  }
}

/**
 * How long after a moment a sandbox was without service: until the end of the longest pause in its successes that ends
 * after it. Undefined: it has had none since.
 */
export function backAfter(successes: readonly Success[], moment: number): number | undefined {
  let [longest, back]: [number, number | undefined] = [-1, undefined]
  let last = moment
  for (const { to } of [...successes].sort((a, b) => a.to - b.to)) {
    if (to >= moment && to - last > longest) [longest, back] = [to - last, to - moment]
    last = Math.max(last, to)
  }
  return back
}
