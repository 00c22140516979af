// Compiles the sources to dist/ when they are newer than the last build. Says so on stderr; stdout stays clean.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const SOURCES = [
  'domain',
  'sandbox-policy',
  'forge',
  'runner',
  'api',
  'cli',
  'bin',
  'bench',
  'client',
  'examples',
  'test/support/fake-github',
]
const STAMP = join(ROOT, 'dist', '.stamp')

/** A fingerprint of every input: names, sizes and times, so that an unchanged tree is told in a few milliseconds. */
export function sourceStamp() {
  const hash = createHash('sha256')
  for (const folder of SOURCES) addFolder(hash, join(ROOT, folder))
  for (const file of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']) addFile(hash, join(ROOT, file))
  return hash.digest('hex')
}

export function build() {
  const stamp = sourceStamp()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp) return
  process.stderr.write('drydock: building …\n')
  mkdirSync(join(ROOT, 'dist'), { recursive: true })
  rmSync(STAMP, { force: true })
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json')], { stdio: ['ignore', 2, 2] })
  writeFileSync(`${STAMP}.new`, stamp)
  renameSync(`${STAMP}.new`, STAMP)
}

function addFolder(hash, folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) addFolder(hash, path)
    else if (entry.name.endsWith('.ts')) addFile(hash, path)
  }
}

function addFile(hash, path) {
  const { size, mtimeMs } = statSync(path)
  hash.update(`${path}\0${size}\0${mtimeMs}\0`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build()
