// Profiles: named servers with the token of each, in one file that nobody else may read.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { usageError } from './errors.ts'

/** `tokenId`: of a token that `drydock login` had made, and may revoke. */
export type Profile = { url: string; token: string; tokenId?: string }
export type Profiles = { current: string | undefined; all: Readonly<Record<string, Profile>> }

const FOR_OTHERS = 0o077
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const NONE: Profiles = { current: undefined, all: {} }

/** Rejects with exit code 2 a file that others may read, and one that cannot be understood. */
export function readProfiles(file: string): Profiles {
  const text = textOf(file)
  if (text === undefined) return NONE
  if ((statSync(file).mode & FOR_OTHERS) !== 0) {
    throw unusable(file, `other people of this machine may read it. Say: chmod 600 ${file}`)
  }
  const found = parse(text)
  if (found === undefined) throw unusable(file, 'it does not hold profiles. Remove it, and sign in again')
  return found
}

/** Replaces the file as a whole: whoever reads meanwhile finds the old one or the new one. */
export function writeProfiles(file: string, profiles: Profiles): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const next = `${file}.${randomUUID()}`
  try {
    writeFileSync(next, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    // A umask takes away, and never what its owner needs.
    chmodSync(next, 0o600)
    renameSync(next, file)
  } catch (error) {
    rmSync(next, { force: true })
    throw unusable(file, error instanceof Error ? error.message : String(error))
  }
}

/** The profile of a name, or else the one in use. Rejects with exit code 2 for a name that there is not. */
export function chooseProfile(
  profiles: Profiles,
  wanted: string | undefined,
): (Profile & { name: string }) | undefined {
  const name = wanted ?? profiles.current
  const found = name !== undefined && Object.hasOwn(profiles.all, name) ? profiles.all[name] : undefined
  if (name !== undefined && found !== undefined) return { ...found, name }
  if (wanted === undefined) return undefined
  const names = Object.keys(profiles.all).join(', ') || 'none'
  throw usageError(
    `Cannot use profile ${JSON.stringify(wanted)}: there is ${names}. Make it with: drydock login URL --profile NAME`,
    'profile-not-found',
  )
}

export function assertProfileName(name: string): void {
  if (NAME.test(name) && name !== '__proto__') return
  throw usageError(`Cannot use profile ${JSON.stringify(name)}: a name has letters, digits, ".", "_" and "-"`)
}

/** With this profile in it, and in use. */
export function withProfile({ all }: Profiles, name: string, profile: Profile): Profiles {
  return { current: name, all: { ...all, [name]: profile } }
}

/** Without it. Nothing is in use in its place: a command must not go to another server by itself. */
export function withoutProfile({ current, all }: Profiles, name: string): Profiles {
  const left = Object.fromEntries(Object.entries(all).filter(([each]) => each !== name))
  return { current: current === name ? undefined : current, all: left }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code)))
      return undefined
    throw unusable(file, error instanceof Error ? error.message : String(error))
  }
}

function parse(text: string): Profiles | undefined {
  try {
    const { current, all } = JSON.parse(text) as Partial<Profiles>
    const isWell = Object.values(all ?? {}).every(isProfile)
    return isWell && all && (current === undefined || typeof current === 'string') ? { current, all } : undefined
  } catch {
    return undefined
  }
}

const isProfile = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ['url', 'token'].every((key) => typeof (value as Record<string, unknown>)[key] === 'string')

const unusable = (file: string, state: string) => usageError(`Cannot use ${file}: ${state}`, 'config-invalid')
