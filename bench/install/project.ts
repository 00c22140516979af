import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../bin/config.ts'

type Lock = { packages: Record<string, { version?: string; resolved?: string; name?: string }> }

/** npm replaces this by the registry that is configured. */
const DEFAULT_REGISTRY = 'https://registry.npmjs.org'
const FOLDER = 'node_modules/'

/** Copies the project; its lock file then says where each package lies, as npm's lock files do. Returns how many. */
export function copyProject(folder: string): number {
  cpSync(join(packageRoot, 'bench', 'install', 'project'), folder, { recursive: true })
  const file = join(folder, 'package-lock.json')
  const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock
  const entries = Object.entries(lock.packages).filter(([path]) => path.includes(FOLDER))
  for (const [path, entry] of entries) {
    const name = entry.name ?? path.slice(path.lastIndexOf(FOLDER) + FOLDER.length)
    entry.resolved = `${DEFAULT_REGISTRY}/${name}/-/${name.replace(/^.*\//, '')}-${entry.version ?? ''}.tgz`
  }
  writeFileSync(file, JSON.stringify(lock))
  return entries.length
}
