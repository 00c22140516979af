import { AttemptFailure } from '../failure.ts'
import { IN_SANDBOX } from './workspace.ts'
import type { CheckOut, CheckoutInput } from './workspace.ts'

// git of the sandbox, owing nothing to what the image or an agent configured.
export const CLEAN_GIT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
} as const

/** As the agent's user: a repository in /workspace whose objects are the mirror's, at the base commit. */
const AGENT_SCRIPT = `
set -e
cd /workspace
rm -rf .git
git init -q --template= .
echo "$MIRROR" > .git/objects/info/alternates
git symbolic-ref HEAD "refs/heads/$BRANCH"
cat > .git/packed-refs
git read-tree "$BASE"
git -c core.hooksPath=/dev/null checkout-index -q -f -a
git -c core.hooksPath=/dev/null -c core.fsmonitor=false update-index -q --refresh || true
`

/** As root: the runner's own git directory, out of the agent's reach, with the index of the checkout. */
const RUNNER_SCRIPT = `
set -e
rm -rf "$G"
git init -q --bare --template= "$G"
echo "$MIRROR" > "$G/objects/info/alternates"
cp /workspace/.git/index "$G/index"
`

/** Checks the base commit out into /workspace, objects shared with the mounted mirror. */
export const checkOut: CheckOut = async (input, signal) => {
  const { base } = input
  const env = {
    ...CLEAN_GIT,
    MIRROR: IN_SANDBOX.mirrorObjects,
    BASE: base.commit,
    BRANCH: base.branch,
    G: IN_SANDBOX.gitDir,
  }
  await run(input, { script: AGENT_SCRIPT, user: 'agent', env, stdin: packedRefs(input) }, signal)
  await run(input, { script: RUNNER_SCRIPT, user: 'root', env }, signal)
}

type Step = { script: string; user: 'agent' | 'root'; env: Record<string, string>; stdin?: Buffer }

async function run(
  { sandbox, onOutput }: CheckoutInput,
  { script, ...step }: Step,
  signal: AbortSignal,
): Promise<void> {
  const { code } = await sandbox.exec({ command: ['sh', '-c', script], ...step, onOutput }, signal)
  if (code === 0) return
  throw new AttemptFailure(
    'checkout-failed',
    `Cannot check the repository out: git ended with exit code ${code ?? 'unknown'}. Its words are in the log.`,
  )
}

/** The refs that the agent may name: the branch it is on, the remote's branches, tags. */
function packedRefs({ view, base }: CheckoutInput): Buffer {
  const lines = view.refs.flatMap(({ name, commit }) => {
    if (name.startsWith('refs/heads/')) return [`${commit} refs/remotes/origin/${name.slice('refs/heads/'.length)}`]
    return name.startsWith('refs/tags/') ? [`${commit} ${name}`] : []
  })
  lines.push(`${base.commit} refs/heads/${base.branch}`)
  return Buffer.from(`# pack-refs with: \n${lines.sort((a, b) => (a.slice(41) < b.slice(41) ? -1 : 1)).join('\n')}\n`)
}
