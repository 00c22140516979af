import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ENV = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Bench',
  GIT_AUTHOR_EMAIL: 'bench@example.com',
  GIT_COMMITTER_NAME: 'Bench',
  GIT_COMMITTER_EMAIL: 'bench@example.com',
}

/** Plain git on a repository of a benchmark. Returns trimmed output. */
export function git(cwd: string, ...args: string[]): string {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  return execFileSync('git', args, { cwd, env: ENV, encoding: 'utf8', stdio, maxBuffer: 2 ** 28 }).trim()
}

export type Files = Readonly<Record<string, string>>

export type Content = {
  main: Files
  /** Each starts from `main`. */
  branches?: Readonly<Record<string, Files>>
  /** So many commits of one small file each come on top of the first on `main`. */
  history?: number
}

/** Commits files on `main` of a bare repository, and on more branches. */
export function fillRepository(bare: string, { main, branches = {}, history = 0 }: Content): void {
  const work = `${bare}.work`
  git(dirname(bare), 'init', '-q', '-b', 'main', work)
  const commit = (files: Files) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(work, path)), { recursive: true })
      writeFileSync(join(work, path), text)
    }
    git(work, 'add', '-A')
    git(work, 'commit', '-q', '-m', 'Files')
  }
  commit(main)
  if (history > 0) addHistory(work, history)
  for (const [branch, files] of Object.entries(branches)) {
    git(work, 'checkout', '-q', '-b', branch, 'main')
    commit(files)
  }
  git(work, 'push', '-q', bare, '--all')
}

function addHistory(work: string, commits: number): void {
  const stream = Array.from({ length: commits }, (_, i) => {
    const text = `step ${i}\n`
    return [
      'commit refs/heads/main',
      `committer Bench <bench@example.com> ${1_700_000_000 + i} +0000`,
      'data 5\nStep\n',
      ...(i === 0 ? ['from refs/heads/main^0'] : []),
      `M 100644 inline history/step-${i % 100}.txt`,
      `data ${text.length}\n${text}`,
    ].join('\n')
  })
  execFileSync('git', ['fast-import', '--quiet'], { cwd: work, env: ENV, input: `${stream.join('\n')}\n` })
  git(work, 'reset', '-q', '--hard')
}
