import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, expect, inject } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { createDockerEngine, type DockerEngineOptions } from '../../../runner/sandbox/docker.ts'
import type { Breach, ExecSpec, Sandbox, SandboxOwner, SandboxSpec } from '../../../runner/sandbox/sandbox.ts'

const run = promisify(execFile)

export const NEVER = new AbortController().signal

/** Runs the `docker` client: a second opinion on what the engine did. */
export async function docker(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('docker', args, { maxBuffer: 64 * 1024 * 1024 })
  return (stdout + stderr).trim()
}

/** The sandbox of an attempt. */
export type AttemptSpec = SandboxSpec & { owner: Extract<SandboxOwner, { attempt: string }> }

/** An engine with an installation of its own; after the tests of the file nothing of it may be left. */
export function useEngine(options: DockerEngineOptions = {}) {
  const installation = `test-${newId()}`
  const engine = createDockerEngine(options)
  afterAll(async () => {
    const left = await engine.listOwned(installation)
    for (const owned of left) await engine.removeOwned(owned)
    await engine[Symbol.asyncDispose]()
    expect(left.map(({ type, name }) => `${type} ${name}`)).toEqual([])
  })
  const specOf = (changes: Partial<AttemptSpec> = {}): AttemptSpec => ({
    image: inject('baseImage'),
    owner: { installation, attempt: newId(), claim: 1 },
    resources: { memoryMiB: 256, cpus: 2, pids: 128, diskMiB: 512 },
    mounts: [],
    lifetimeMs: 300_000,
    ...changes,
  })
  return {
    engine,
    installation,
    specOf,
    async started(changes: Partial<SandboxSpec> = {}): Promise<Sandbox> {
      const sandbox = engine.createSandbox({ ...specOf(), ...changes })
      await sandbox.start(NEVER)
      return sandbox
    },
  }
}

export type Output = { code: number | null; stdout: string; stderr: string }

/** Runs a shell script in a sandbox and gathers what it says. */
export async function sh(sandbox: Sandbox, script: string, changes: Partial<ExecSpec> = {}): Promise<Output> {
  const out = { stdout: '', stderr: '' }
  const { code } = await sandbox.exec(
    {
      command: ['sh', '-c', script],
      user: 'agent',
      onOutput: (stream, chunk) => {
        out[stream] += chunk.toString()
      },
      ...changes,
    },
    NEVER,
  )
  return { code, ...out }
}

/** The breach of a sandbox, or a rejection when there is none in time. */
export async function breachOf(sandbox: Sandbox, withinMs = 20_000): Promise<Breach> {
  const late = AbortSignal.timeout(withinMs)
  return Promise.race([
    sandbox.breached,
    new Promise<never>((_, reject) => late.addEventListener('abort', () => reject(new Error('no breach in time')))),
  ])
}

/** Ids of containers that carry an attempt's label, running or not. */
export async function containersOf(spec: AttemptSpec): Promise<string[]> {
  const ids = await docker('ps', '-aq', '--no-trunc', '--filter', `label=drydock.attempt=${spec.owner.attempt}`)
  return ids.split('\n').filter(Boolean)
}

/** How many processes of a sandbox sleep for at most a minute: the keeper, which is none of theirs, sleeps for longer. */
export async function sleepersIn(sandbox: Sandbox): Promise<number> {
  const list = 'for each in /proc/[0-9]*/cmdline; do tr "\\0" " " < "$each"; echo; done 2>/dev/null'
  const { stdout } = await sh(sandbox, `${list} | grep -c -E "^sleep (1|60) "`, { user: 'root' })
  return Number(stdout)
}
