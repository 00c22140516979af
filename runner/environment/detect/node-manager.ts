import type { Folder } from './folder.ts'
import type { Note } from './part.ts'
import { string } from './parse.ts'
import { OWN_IMAGE } from './unsupported.ts'
import type { Loose } from './parse.ts'

export type ManagerName = 'npm' | 'pnpm' | 'yarn' | 'berry'
export type Manager = {
  name: ManagerName
  /** The file that decided. */
  from: string
  lock: string | undefined
  /** An exact version to install beside the image's; absent where the image's will do. */
  pinned?: string
  notes: Note[]
}

const LOCKS = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
] as const
/** Majors of the managers in the image. */
const IMAGE = { npm: '11', pnpm: '10', yarn: '1', berry: undefined }
const EXACT = /^(npm|pnpm|yarn|bun)@(\d{1,3}\.\d{1,4}\.\d{1,4}(?:-[0-9A-Za-z.-]{1,40})?)(?:\+.*)?$/

/** The package manager of a project: the field `packageManager`, then the lock file. */
export function managerOf(folder: Folder, manifest: Loose): Manager {
  const locks = LOCKS.filter(([file]) => folder.has(file))
  const [, named, version] = EXACT.exec(string(manifest.packageManager) ?? '') ?? []
  const notes: Note[] = []
  if (named === 'bun' || folder.first('bun.lock', 'bun.lockb') !== undefined) {
    const from = folder.at(folder.first('bun.lock', 'bun.lockb') ?? 'package.json')
    notes.push({
      what: 'Bun is not supported',
      why: `the universal image has npm, pnpm and yarn: those install what package.json names, not what Bun has locked. Scripts that call bun fail; for those, ${OWN_IMAGE}`,
      from,
    })
  }
  const byField = named === 'npm' || named === 'pnpm' || named === 'yarn' ? named : undefined
  const found = byField ?? locks[0]?.[1] ?? (folder.has('pnpm-workspace.yaml') ? 'pnpm' : 'npm')
  const lock = locks.find(([, manager]) => manager === found)?.[0]
  for (const [file, manager] of locks) {
    if (manager === found) continue
    const why = byField ? `package.json names ${byField}` : `${lock} decides`
    notes.push({ what: `${file} is not used`, why, from: folder.at(file) })
  }
  const isBerry =
    found === 'yarn' && (folder.has('.yarnrc.yml') || (version !== undefined && !version.startsWith('1.')))
  const name = isBerry ? 'berry' : found
  return {
    name,
    from: folder.at(byField ? 'package.json' : (lock ?? 'package.json')),
    lock,
    ...pinOf(name, { folder, version: byField ? version : undefined }),
    notes,
  }
}

/** Yarn from version 2 on comes with the repository or has to be named; of the others, another major matters. */
function pinOf(name: ManagerName, { folder, version }: { folder: Folder; version: string | undefined }) {
  if (name === 'berry' && folder.below.some((path) => path.startsWith('.yarn/releases/'))) return {}
  if (name === 'berry') return { pinned: version ?? '4' }
  return version === undefined || version.split('.')[0] === IMAGE[name] ? {} : { pinned: version }
}

/** The packages of the managers at npm. */
export const MANAGER_PACKAGES: Record<ManagerName, string> = {
  npm: 'npm',
  pnpm: 'pnpm',
  yarn: 'yarn',
  berry: '@yarnpkg/cli-dist',
}

/** How each installs: exactly what the lock file says; without one, writing none; and again, keeping what is there. */
export const INSTALL: Record<ManagerName, { locked: string; unlocked: string; again: string }> = {
  npm: {
    locked: 'npm ci --no-audit --no-fund',
    unlocked: 'npm install --no-package-lock --no-audit --no-fund',
    again: 'npm install --no-audit --no-fund',
  },
  pnpm: {
    locked: 'pnpm install --frozen-lockfile',
    unlocked: 'pnpm install --no-lockfile',
    again: 'pnpm install --frozen-lockfile',
  },
  yarn: {
    locked: 'yarn install --frozen-lockfile --non-interactive',
    unlocked: 'yarn install --no-lockfile --non-interactive',
    again: 'yarn install --frozen-lockfile --non-interactive',
  },
  berry: { locked: 'yarn install --immutable', unlocked: 'yarn install', again: 'yarn install --immutable' },
}
