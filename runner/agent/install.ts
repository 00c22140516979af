import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { AttemptFailure } from '../failure.ts'
import { untilAborted } from '../sandbox/aborted.ts'
import { fetchPackages } from './npm.ts'
import { preparePackages, programsOf } from './packages.ts'
import type { ProgramFacts, Programs } from './packages.ts'

const RECORD = 'programs.json'
const MANIFEST = ['package.json', 'package-lock.json']
const MAKING = '.making-'
const HASH_CHARS = 16

export type InstallerDeps = {
  /** `DATA/agents`: made when it is missing. */
  folder: string
  /** Where the pinned `package.json` and `package-lock.json` are. */
  manifest: string
  /** `process.platform` and `process.arch` of the machine whose engine runs the sandboxes. */
  platform: { os: string; cpu: string }
  /** Runs npm in a folder; by default the machine's. */
  fetch?: typeof fetchPackages
}

export type AgentInstaller = {
  /**
   * Gives the agents' programs, fetched on first use: about 1 GB, verified by the lock file's hashes, no script of a
   * package is run. Calls at once share one fetch, which goes on when a caller stops waiting. Rejects with
   * AttemptFailure `agent-unavailable`; a later call tries again.
   */
  programs: (onProgress: (line: string) => void, signal: AbortSignal) => Promise<Programs>
}

/** Installs agents into the data folder, once per lock file. */
export function agentInstaller(deps: InstallerDeps): AgentInstaller {
  let running: Promise<Programs> | undefined
  const listeners = new Set<(line: string) => void>()
  const tell = (line: string) => listeners.forEach((listener) => listener(line))
  return {
    async programs(onProgress, signal) {
      signal.throwIfAborted()
      listeners.add(onProgress)
      running ??= install(deps, tell)
      const mine = running
      // A failure is forgotten, so that the next attempt may do better.
      mine.catch(() => (running = running === mine ? undefined : running))
      try {
        return await untilAborted(mine, signal)
      } finally {
        listeners.delete(onProgress)
      }
    },
  }
}

async function install(deps: InstallerDeps, tell: (line: string) => void): Promise<Programs> {
  const { folder, manifest, platform } = deps
  if (platform.os !== 'linux' || !['x64', 'arm64'].includes(platform.cpu))
    throw new AttemptFailure(
      'agent-unavailable',
      `Cannot install agents: there are none for ${platform.os} on ${platform.cpu}`,
    )
  const target = join(folder, await hashOf(manifest))
  return (await recorded(target, platform.cpu)) ?? fetchInto(target, { deps, tell })
}

type Making = { deps: InstallerDeps; tell: (line: string) => void }

/** Fetches beside the target and renames: it is there whole or not at all. */
async function fetchInto(target: string, { deps, tell }: Making): Promise<Programs> {
  const { folder, manifest, platform, fetch = fetchPackages } = deps
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeOthers(folder, basename(target))
  const making = join(folder, `${MAKING}${process.pid}`)
  await mkdir(making)
  try {
    const started = performance.now()
    tell('Installing codex, claude and opencode: about 1 GB, once')
    for (const name of MANIFEST) await writeFile(join(making, name), await readFile(join(manifest, name)))
    await fetch(making, tell)
    await rm(join(making, '.npm-cache'), { recursive: true, force: true })
    const facts = await preparePackages(making, platform.cpu)
    await writeFile(join(making, RECORD), JSON.stringify(facts, null, 2))
    await rename(making, target).catch(async (error: unknown) => {
      // Another process was faster; its result is the same.
      if ((await recorded(target, platform.cpu)) === undefined) throw error
    })
    tell(`Installed the agents in ${Math.round((performance.now() - started) / 1000)} s`)
    return programsOf(facts, { folder: target, cpu: platform.cpu })
  } finally {
    await rm(making, { recursive: true, force: true })
  }
}

async function recorded(target: string, cpu: string): Promise<Programs | undefined> {
  try {
    const facts = JSON.parse(await readFile(join(target, RECORD), 'utf8')) as ProgramFacts
    return programsOf(facts, { folder: target, cpu })
  } catch {
    return undefined
  }
}

/** What broke off, and the programs of an earlier version: nothing runs them, since they were of an earlier process. */
async function removeOthers(folder: string, target: string): Promise<void> {
  for (const name of await readdir(folder)) {
    // Another process may have put it there by now.
    if (name === target) continue
    if (name.startsWith(MAKING) && isAlive(Number(name.slice(MAKING.length)))) continue
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function hashOf(manifest: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of MANIFEST) hash.update(await readFile(join(manifest, name)))
  return hash.digest('hex').slice(0, HASH_CHARS)
}
