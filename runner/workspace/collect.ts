import { CAPS } from '../../domain/environments/limits.ts'
import { AttemptFailure } from '../failure.ts'
import { CLEAN_GIT } from './checkout.ts'
import { verifyPack } from './verify.ts'
import { IN_SANDBOX } from './workspace.ts'
import type { Collect, CollectInput } from './workspace.ts'

const FLAGS =
  '-c core.bare=false -c core.fsmonitor=false -c core.untrackedCache=false -c core.hooksPath=/dev/null -c core.attributesFile=/dev/null -c core.excludesFile=/dev/null'

const ADD = `
find /workspace -name .git -prune -o \\( -type p -o -type s \\) -exec rm -f {} + 2>/dev/null
git ${FLAGS} add -A --ignore-errors
git ${FLAGS} write-tree > "$GIT_DIR/drydock-tree" || exit 9
cat "$GIT_DIR/drydock-tree" >&3
`
const PACK = `
t=$(cat "$GIT_DIR/drydock-tree")
(echo "$t"; git ${FLAGS} diff-tree -r -t --no-renames --raw "$BASE" "$t" | while read -r a b c id rest; do case $id in *[!0]*) echo "$id";; esac; done) | git ${FLAGS} pack-objects --stdout --window=0 -q
`

export function collector({ path }: { path: string }): Collect {
  return async (input, signal) => {
    const { sandbox, base } = input
    await sandbox.killAll(signal)
    const env = {
      ...CLEAN_GIT,
      GIT_DIR: IN_SANDBOX.gitDir,
      GIT_WORK_TREE: IN_SANDBOX.workspace,
      GIT_INDEX_FILE: `${IN_SANDBOX.gitDir}/index`,
      BASE: base.commit,
    }
    const tree = await addAll(input, env, signal)
    const pack = await readPack(input, env, signal)
    return { ...(await verifyPack({ view: input.view, base, tree, pack, path }, signal)), skipped: [] }
  }
}

type Env = Readonly<Record<string, string>>

async function addAll({ sandbox }: CollectInput, env: Env, signal: AbortSignal): Promise<string> {
  let out = ''
  const { code } = await sandbox.exec(
    {
      command: ['sh', '-c', `exec 3>&1 1>&2\n${ADD}`],
      user: 'root',
      env,
      cwd: '/workspace',
      onOutput: (stream, chunk) => {
        if (stream === 'stdout' && out.length < 100) out += chunk.toString('latin1')
      },
    },
    signal,
  )
  const tree = out.trim()
  if (code !== 0 || !/^[0-9a-f]{40}$/.test(tree))
    throw new AttemptFailure(
      'collect-failed',
      `Cannot collect the change: git ended with exit code ${code ?? 'unknown'}`,
    )
  return tree
}

async function readPack({ sandbox }: CollectInput, env: Env, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  const { code } = await sandbox.exec(
    {
      command: ['sh', '-c', PACK],
      user: 'root',
      env,
      cwd: '/workspace',
      onOutput: (stream, chunk) => {
        if (stream !== 'stdout') return
        bytes += chunk.length
        if (bytes > CAPS.packBytes)
          throw new AttemptFailure(
            'diff-too-large',
            `Cannot collect the change: it has more than ${CAPS.packBytes} bytes`,
          )
        chunks.push(chunk)
      },
    },
    signal,
  )
  if (code !== 0) throw new AttemptFailure('collect-failed', 'Cannot collect the change: git could not pack it')
  return Buffer.concat(chunks)
}
