import { createHash } from 'node:crypto'
import { plainWords } from '../../forge/plain-text.ts'
import { AttemptFailure } from '../failure.ts'
import type { SandboxUser } from '../sandbox/sandbox.ts'
import type { BaseTrees } from './base-trees.ts'
import { BEEN_THERE, CHECKOUT, GIVE_TO_AGENT, KEEP } from './checkout-script.ts'
import { SHELL } from '../sandbox/shell.ts'
import { NOTHING_PRELOADED } from './sandbox-shell.ts'
import { IN_SANDBOX } from './workspace.ts'
import type { CheckedOut, CheckoutInput, CheckOut, Settle } from './workspace.ts'

/** Well within what Linux and the keeper take, beside a script. */
const MAX_VARIABLE_BYTES = 64 * 1024
const MAX_OUTPUT_BYTES = 64 * 1024
/** Submodules, and files of Git LFS, that the log names. */
const MAX_NAMED = 20

/**
 * Checks the base commit out into its folder, owned by the agent, and makes the runner's own git directory. Objects come
 * from the mounted mirror through alternates. In a snapshot, what set-up left beside tracked files stays. Does nothing
 * where the checkout that was left comes to the same.
 */
export const checkouter =
  (trees: BaseTrees): CheckOut =>
  (input, signal) =>
    checkOut({ ...input, trees }, signal)

type Input = CheckoutInput & { trees: BaseTrees }

async function checkOut(input: Input, signal: AbortSignal): Promise<CheckedOut> {
  const refs = refsFile(input)
  const state = createHash('sha256')
    .update(JSON.stringify([input.base.commit, input.base.branch, input.view.defaultBranch, refs]))
    .digest('hex')
  const done = async (lines: readonly string[]) => {
    for (const line of lines) await input.onOutput('stdout', Buffer.from(`${line}\n`))
    return { state, lines }
  }
  if (input.left?.state === state) return done(input.left.lines)
  const given = { ...handed(refs), isPlain: await isPlain(input, signal) }
  const first = await run(input, { script: CHECKOUT, user: 'agent', ...given }, signal)
  const isForeign = first.code === BEEN_THERE
  const checked = isForeign ? await checkOutAgain(input, given, signal) : first
  if (checked.code !== 0) throw failed(input, checked)
  await keep(input, isForeign ? 'again' : howOf(checked), signal)
  return done(announcement(input, checked.stdout))
}

/**
 * Puts a checkout in order in which set-up has run, and where nothing runs any more, for the checkouts of the sandboxes
 * that begin with it: they touch only what differs then.
 */
export const settler =
  (trees: BaseTrees): Settle =>
  async (input, signal) => {
    const given = { ...handed(refsFile(input)), isPlain: await isPlain({ ...input, trees }, signal) }
    const checked = await checkOutAgain({ ...input, leave: true }, given, signal)
    if (checked.code !== 0) throw failed(input, checked)
    await keep(input, undefined, signal)
  }

/** One that the host cannot look at is looked through in the sandbox, which also has the words for one that is not there. */
const isPlain = async ({ trees, view, base }: Input, signal: AbortSignal): Promise<boolean> =>
  (await trees(view, base, signal).catch(() => undefined))?.isPlain ?? false

type Given = { stdin?: Buffer; env?: Readonly<Record<string, string>>; isPlain: boolean }

/** As a variable, which starts no program in the sandbox; a long list on standard input. */
const handed = (refs: string): Pick<Given, 'stdin' | 'env'> =>
  Buffer.byteLength(refs) <= MAX_VARIABLE_BYTES ? { env: { DRYDOCK_REFS: refs } } : { stdin: Buffer.from(refs) }

/** How the checkout came about: `same` and `moved` from one that was left for it, `again` where something else has been. */
type How = 'same' | 'moved' | 'again' | undefined

const howOf = ({ stdout }: Ran): How =>
  /^same\n/.test(stdout) ? 'same' : /^moved\n/.test(stdout) ? 'moved' : undefined

async function keep(input: CheckoutInput, how: How, signal: AbortSignal): Promise<void> {
  const kept = await run(input, { script: KEEP, user: 'root', ...(how && { env: { DRYDOCK_HOW: how } }) }, signal)
  if (kept.code !== 0) throw failed(input, kept)
}

async function checkOutAgain(input: CheckoutInput, given: Given, signal: AbortSignal): Promise<Ran> {
  const owned = await run(input, { script: GIVE_TO_AGENT, user: 'root' }, signal)
  if (owned.code !== 0) return owned
  const env = { ...given.env, DRYDOCK_AGAIN: '1' }
  return run(input, { script: CHECKOUT, user: 'agent', ...given, env }, signal)
}

type Script = Partial<Given> & { script: string; user: SandboxUser }
type Ran = { code: number | null; stdout: string; stderr: string }

async function run(
  { sandbox, base, view, leave, at = IN_SANDBOX }: CheckoutInput,
  { script, user, stdin, env, isPlain }: Script,
  signal: AbortSignal,
): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const { code } = await sandbox.exec(
    {
      command: [SHELL, '-c', script],
      user,
      byKeeper: 'next',
      closed: true,
      env: {
        ...NOTHING_PRELOADED,
        DRYDOCK_WORKSPACE: at.workspace,
        DRYDOCK_GIT_DIR: at.gitDir,
        DRYDOCK_OBJECTS: at.mirrorObjects,
        DRYDOCK_BASE: base.commit,
        DRYDOCK_BRANCH: base.branch,
        DRYDOCK_DEFAULT: view.defaultBranch,
        ...(view.shallow && { DRYDOCK_SHALLOW: '1' }),
        ...(leave && { DRYDOCK_LEAVE: '1' }),
        DRYDOCK_PLAIN: isPlain ? '1' : '',
        DRYDOCK_REFS: '',
        ...env,
      },
      ...(stdin ? { stdin } : {}),
      onOutput: (stream, chunk) => {
        if (said[stream].length < MAX_OUTPUT_BYTES) said[stream] += chunk.toString('utf8')
      },
    },
    signal,
  )
  return { code, ...said }
}

/** The origin's branches as `origin/*` and its tags, as git keeps them in one file; and where history was cut off. */
function refsFile({ view, base }: CheckoutInput): string {
  const named = view.refs.flatMap(({ name, commit }) => {
    const local = name.replace(/^refs\/heads\//, 'refs/remotes/origin/')
    return /^refs\/(remotes\/origin|tags)\/[^\0-\x20\x7f]+$/.test(local) ? [{ local, commit }] : []
  })
  const lines = [...named, { local: `refs/heads/${base.branch}`, commit: base.commit }]
    .filter(({ commit }) => /^[0-9a-f]{40}$/.test(commit))
    .sort((a, b) => Buffer.compare(Buffer.from(a.local), Buffer.from(b.local)))
    .map(({ local, commit }) => `${commit} ${local}\n`)
  const shallow = (view.shallow ?? []).map((id) => `shallow ${id}\n`)
  return ['# pack-refs with: peeled fully-peeled sorted \n', ...lines, ...shallow].join('')
}

/** Which commit of a branch; of several repositories, where, too. */
const placeOf = ({ base, at }: CheckoutInput, branch: string) =>
  `${branch} at ${base.commit.slice(0, 10)}${at?.name === undefined ? '' : ` into ${at.workspace}`}`

function announcement(input: CheckoutInput, stdout: string): string[] {
  const named = (kind: string) =>
    stdout
      .split('\n')
      .flatMap((line) => (line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : []))
      .slice(0, MAX_NAMED)
  const [submodules, pointers] = [named('submodule'), named('lfs')]
  const lines = [`Checked out ${placeOf(input, input.base.branch)}.`]
  if (submodules.length > 0)
    lines.push(`Notice: submodules are not fetched; these folders stay empty: ${submodules.join(', ')}`)
  if (pointers.length > 0)
    lines.push(
      `Notice: Git LFS content is not fetched; these files are pointers, and stay as they are unless they are changed: ${pointers.join(', ')}`,
    )
  return lines
}

function failed(input: CheckoutInput, { code, stderr }: Ran): AttemptFailure {
  const words = plainWords(stderr) || `it ended with code ${code ?? 'unknown'} without a word`
  return new AttemptFailure(
    'checkout-failed',
    `Cannot check out branch ${placeOf(input, `"${input.base.branch}"`)}: ${words}`,
  )
}
