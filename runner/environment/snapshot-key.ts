import { createHash } from 'node:crypto'
import type { Service } from '../../domain/environments/parts.ts'

/** Raised when snapshots are made in another way: those of an older program are not what this one begins with. */
const FORM = 2

/** All that decides what set-up yields. The commit does not: a snapshot serves later commits of its branch, too. */
export type KeyInput = {
  /** The digest of the environment's image. */
  image: string
  script: string
  variables: Readonly<Record<string, string>>
  /** Of what set-up may know; values are no part of it. */
  secrets: readonly { name: string; version: number }[]
  /** The main one's address; then name and address of each of the others. */
  repositories: readonly string[]
  versions: Readonly<Record<string, string>>
  /** What set-up finds beside its sandbox. */
  services: readonly Service[]
  /** Raised when somebody resets the cache. */
  epoch: number
}

/** A part of the key by the name under which its hash is kept. */
export type KeyPart = keyof KeyInput
export type KeyParts = Record<KeyPart, string>

/** A hash for each part: what differs between two snapshots can be told without their contents. */
export function keyParts(input: KeyInput): KeyParts {
  const byName = <T>(values: Readonly<Record<string, T>>) => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
  const secrets = Object.fromEntries(input.secrets.map(({ name, version }) => [name, version]))
  return {
    image: hash(input.image),
    script: hash(input.script),
    variables: hash(byName(input.variables)),
    secrets: hash(byName(secrets)),
    repositories: hash(input.repositories),
    versions: hash(byName(input.versions)),
    services: hash(input.services),
    epoch: hash(input.epoch),
  }
}

/** The key under which a snapshot is found. */
export const snapshotKey = (parts: KeyParts): string =>
  hash([FORM, ...Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))])

const hash = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')
