import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { HostGit } from './demo/host-git.ts'

const README = `# tally

Counts the words of a text.

    $ echo "to be or not to be" | ./tally
    6 words
`

const TALLY = `#!/bin/sh
# Counts the words of standard input.
set -eu

words=$(wc -w | tr -d ' ')
echo "$words words"
`

const TEST = `#!/bin/sh
# Runs every check; the first that fails ends it.
set -eu
cd "$(dirname "$0")/.."

check() {
  actual=$(printf '%s\\n' "$1" | ./tally)
  [ "$actual" = "$2" ] || { echo "not ok: $1: expected '$2', got '$actual'"; exit 1; }
  echo "ok: $2"
}

check 'to be or not to be' '6 words'
`

const FILES = [
  { path: 'README.md', mode: '100644', content: README },
  { path: 'tally', mode: '100755', content: TALLY },
  { path: 'test/run', mode: '100755', content: TEST },
]

/** What the demo's agent does with the sample: finds a fault, mends it, adds a test, and runs them all. */
export const SAMPLE_PROMPT = 'One word is counted as "1 words". Say "1 word", and add a test for it.'
export const SAMPLE_SCRIPT = `set -eu
echo "Task: $TASK_PROMPT"
echo "Before:"
echo hello | ./tally

sed -i 's/^echo .*/[ "$words" = 1 ] \\&\\& noun=word || noun=words\\necho "$words $noun"/' tally
echo "check 'hello' '1 word'" >>test/run

echo "After:"
test/run
`

// Fixed, so that the same sample is the same commit on every run and machine.
const DATE = '2026-01-01T12:00:00Z'
const WHO = {
  GIT_AUTHOR_NAME: 'Drydock',
  GIT_AUTHOR_EMAIL: 'drydock@localhost',
  GIT_AUTHOR_DATE: DATE,
  GIT_COMMITTER_NAME: 'Drydock',
  GIT_COMMITTER_EMAIL: 'drydock@localhost',
  GIT_COMMITTER_DATE: DATE,
}

/** Makes the demo's own bare repository, or brings it up to date; branches of earlier runs stay. */
export async function ensureSampleRepository(
  origin: string,
  git: HostGit,
): Promise<{ origin: string; branch: string }> {
  if (!(await stat(join(origin, 'HEAD')).catch(() => undefined))) {
    await mkdir(origin, { recursive: true })
    await git(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', origin])
  }
  const run: HostGit = async (args, options = {}) =>
    (
      await git([`--git-dir=${origin}`, ...args], {
        ...options,
        env: { ...WHO, GIT_INDEX_FILE: join(origin, 'sample-index') },
      })
    ).trim()
  const entries = await Promise.all(
    FILES.map(async ({ path, mode, content }) => {
      const blob = await run(['hash-object', '-w', '--stdin'], { stdin: content })
      return `${mode} ${blob}\t${path}\n`
    }),
  )
  await run(['read-tree', '--empty'])
  await run(['update-index', '--index-info'], { stdin: entries.join('') })
  const tree = await run(['write-tree'])
  const commit = await run(['commit-tree', tree, '-m', 'Count words'])
  await run(['update-ref', 'refs/heads/main', commit])
  return { origin, branch: 'main' }
}
