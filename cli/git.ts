import { spawn } from 'node:child_process'
import { usageError } from './errors.ts'

export type GitResult = { code: number | null; stdout: string; stderr: string }

// A person's own repository, but nothing in it should start programs because a patch is applied.
const QUIET = ['-c', 'core.hooksPath=/dev/null', '-c', 'core.fsmonitor=false']

/** Runs git in a folder of the person who typed the command. A non-zero exit is a result. */
export async function runGit(
  args: readonly string[],
  { cwd, stdin = new Uint8Array() }: { cwd: string; stdin?: Uint8Array },
): Promise<GitResult> {
  const child = spawn('git', [...QUIET, ...args], { cwd, stdio: ['pipe', 'pipe', 'pipe'] })
  const collected = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (collected.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (collected.stderr += text))
  // git may end before it has read everything; its exit code says why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', () => reject(usageError('Cannot run git: it is not installed', 'git-missing')))
    child.on('close', resolve)
  })
  return { code, ...collected }
}
