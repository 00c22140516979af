import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const ENV = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Origin',
  GIT_AUTHOR_EMAIL: 'origin@example.com',
  GIT_COMMITTER_NAME: 'Origin',
  GIT_COMMITTER_EMAIL: 'origin@example.com',
}

/** Plain git of a person, not the hardened one. Returns trimmed stdout. */
export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, {
    cwd,
    env: ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  }).trim()
}

export type Origin = {
  /** The bare repository that remotes name. */
  bare: string
  /** A clone with a work tree, for making commits. */
  work: string
  /** Commits files on the current branch, pushes, gives the commit id. `null` removes a file. */
  commit: (files: Record<string, string | null>, message?: string) => string
}

export type Folder = Disposable & { path: string }

/** A folder that is gone afterwards. */
export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'drydock-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A repository with one commit on `main`, below `folder`. */
export function makeOrigin(folder: string, name = 'origin'): Origin {
  const bare = join(folder, `${name}.git`)
  const work = join(folder, `${name}-work`)
  git(folder, 'init', '-q', '--bare', '-b', 'main', bare)
  git(folder, 'init', '-q', '-b', 'main', work)
  git(work, 'remote', 'add', 'origin', bare)
  const commit: Origin['commit'] = (files, message = 'Change') => {
    for (const [path, text] of Object.entries(files)) {
      const file = join(work, path)
      mkdirSync(dirname(file), { recursive: true })
      if (text === null) rmSync(file)
      else writeFileSync(file, text)
    }
    git(work, 'add', '-A')
    git(work, 'commit', '-q', '--allow-empty', '-m', message)
    git(work, 'push', '-q', '-f', 'origin', 'HEAD')
    return git(work, 'rev-parse', 'HEAD')
  }
  commit({ 'README.md': 'hello\n' }, 'Start')
  return { bare, work, commit }
}
