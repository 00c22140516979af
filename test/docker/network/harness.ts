import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, inject } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { createNetworks, type ManagedNetworks, type NetworksDeps } from '../../../runner/network/networks.ts'
import type { SandboxNetwork } from '../../../runner/network/network.ts'
import { createDockerEngine, type DockerEngineOptions } from '../../../runner/sandbox/docker.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import type { LedgerRecord } from '../../../sandbox-policy/ledger.ts'
import { Policy } from '../../../sandbox-policy/policy.ts'

const run = promisify(execFile)
export const NEVER = new AbortController().signal
const QUIET = { info: () => {}, warn: () => {}, error: () => {} }

export type World = {
  installation: string
  engine: ReturnType<typeof createDockerEngine>
  networks: ManagedNetworks
  ledger: LedgerRecord[]
  /** Another process's networks on the same data and engine. */
  again: (changes?: Partial<NetworksDeps>) => ManagedNetworks
  /** What such networks are made of. */
  deps: (changes?: Partial<NetworksDeps>) => NetworksDeps
}

/** Networks of an installation of their own; at the end of the file nothing of it may be left at the engine. */
export function useNetworks(changes: Partial<NetworksDeps> = {}, engineOptions: DockerEngineOptions = {}): World {
  const installation = `test-${newId()}`
  const engine = createDockerEngine(engineOptions)
  const ledger: LedgerRecord[] = []
  const made: ManagedNetworks[] = []
  let dataDir = ''
  let image = ''
  const deps = (more: Partial<NetworksDeps> = {}): NetworksDeps => ({
    ...{ engine, installation, path: process.env.PATH ?? '', log: QUIET, options: () => ({}) },
    get dataDir() {
      return dataDir
    },
    gatewayImage: async () => image,
    store: async (records) => void ledger.push(...records),
    ...changes,
    ...more,
  })
  const again = (more: Partial<NetworksDeps> = {}) => {
    const networks = createNetworks(deps(more))
    made.push(networks)
    return networks
  }
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'drydock-networks-'))
    const { stdout } = await run(process.execPath, ['scripts/image.mjs', 'tag', 'gateway'])
    await run(process.execPath, ['scripts/image.mjs', 'build', 'gateway'])
    image = stdout.trim()
  }, 300_000)
  afterAll(async () => {
    for (const networks of made.reverse()) await networks[Symbol.asyncDispose]()
    const left = await engine.listOwned(installation)
    for (const type of ['container', 'network'] as const)
      for (const owned of left) if (owned.type === type) await engine.removeOwned(owned)
    await engine[Symbol.asyncDispose]()
    await rm(dataDir, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`left behind: ${left.map(({ type, name }) => `${type} ${name}`).join(', ')}`)
  }, 60_000)
  return { installation, engine, networks: again(), ledger, again, deps }
}

export const owner = { attempt: null, claim: 1 }

export function grant(rules: readonly string[]) {
  const policy = Policy.parse({ methods: 'all', allow: rules.map((host) => ({ host, internal: true })) })
  return { phase: 'agent', policy: { policy } } as const
}

/** A started sandbox on a network. */
export async function sandboxOn(world: World, network: SandboxNetwork, image = inject('baseImage')): Promise<Sandbox> {
  const sandbox = world.engine.createSandbox({
    image,
    owner: { installation: world.installation, attempt: newId(), claim: 1 },
    resources: { memoryMiB: 1024, cpus: 2, pids: 256, diskMiB: 2048 },
    mounts: network.mounts,
    network: network.attachment,
    env: network.env,
    lifetimeMs: 300_000,
  })
  await sandbox.start(NEVER)
  return sandbox
}

/** Waits until something is so; asks again and again, for a minute at most. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await delay(5))
    if (Date.now() > deadline) throw new Error('it did not come about in time')
}
