import { CliError, usageError } from './errors.ts'
import { runGit } from './git.ts'
import { neutraliseLine } from './terminal.ts'

const SAFE = ['-c', 'core.protectHFS=true', '-c', 'core.protectNTFS=true', '-c', 'apply.whitespace=nowarn']
const SHOWN = 5

/**
 * Applies a patch to the git work tree around a folder. All of it or nothing: it is tried first, and rejects with
 * `patch-does-not-apply` before anything is written. Returns the top of the work tree.
 */
export async function applyPatch(
  patch: Uint8Array,
  { cwd, threeWay }: { cwd: string; threeWay: boolean },
): Promise<string> {
  const top = await workTreeOf(cwd)
  const args = [...SAFE, 'apply', '--binary', '--whitespace=nowarn', ...(threeWay ? ['--3way'] : [])]
  const tried = await runGit([...args, '--check'], { cwd: top, stdin: patch })
  if (tried.code !== 0 || tried.stderr.includes('with conflicts')) throw doesNotApply(top, { threeWay, ...tried })
  const applied = await runGit(args, { cwd: top, stdin: patch })
  if (applied.code !== 0) throw doesNotApply(top, { threeWay, ...applied })
  return top
}

async function workTreeOf(cwd: string): Promise<string> {
  const { code, stdout } = await runGit(['rev-parse', '--show-toplevel'], { cwd })
  // The name of a folder may end with a newline; git adds one more.
  if (code === 0 && stdout.length > 1) return stdout.replace(/\n$/, '')
  throw usageError(`Cannot apply: ${cwd} is not in the work tree of a git repository`, 'not-a-work-tree')
}

function doesNotApply(top: string, { stderr, threeWay }: { stderr: string; threeWay: boolean }): CliError {
  const reasons = stderr
    .split('\n')
    .filter((line) => line.startsWith('error: ') || line.includes('with conflicts'))
    .map((line) =>
      neutraliseLine(
        line.replace('error: ', '').replace(/^Applied patch to '(.*)' with conflicts\.$/, '$1: conflicts'),
      ),
    )
  const shown = reasons.slice(0, SHOWN).join('; ') || neutraliseLine(stderr.trim())
  const more = reasons.length > SHOWN ? `; and ${reasons.length - SHOWN} more` : ''
  const hint = threeWay
    ? 'Check out the commit that the task started from'
    : 'Check out the commit that the task started from, or try --3way'
  return new CliError('patch-does-not-apply', `Cannot apply to ${top}: ${shown}${more}. Nothing was changed. ${hint}`)
}
