import type { ExecResult, ExecSpec, Sandbox } from './sandbox.ts'

/** A file that is there when the command starts. */
export type ScriptFile = { path: string; content: string | Uint8Array; mode?: number }

export type Launch = Omit<ExecSpec, 'command' | 'stdin'> & { argv: readonly string[]; files: readonly ScriptFile[] }

/** One environment string may hold 128 KiB on Linux; what is larger crosses by standard input, in an exec of its own. */
const MAX_ENV_BYTES = 100_000

/**
 * Puts files in place and runs a command, in one exec where the files are small. Nothing of their content or names is
 * ever part of a shell's text: they travel as environment variables, which the command does not see.
 */
export async function launch(
  sandbox: Sandbox,
  { argv, files, ...exec }: Launch,
  signal: AbortSignal,
): Promise<ExecResult> {
  const small = files.filter(fitsEnvironment)
  for (const file of files) if (!fitsEnvironment(file)) await send(sandbox, { file, exec }, signal)
  const env: Record<string, string> = { ...exec.env }
  const lines = small.map((file, i) => {
    env[`DRYDOCK_P${i}`] = file.path
    env[`DRYDOCK_F${i}`] = String(file.content)
    const path = `"$DRYDOCK_P${i}"`
    return `printf %s "$DRYDOCK_F${i}" > ${path} && chmod ${octal(file)} ${path} || exit 126; unset DRYDOCK_P${i} DRYDOCK_F${i}`
  })
  const command = ['sh', '-c', [...lines, 'exec "$@"'].join('\n'), 'sh', ...argv]
  return sandbox.exec({ ...exec, env, command }, signal)
}

/** Prefers bash, which scripts of people are written for, and makes do with sh. */
export const shellFor = (path: string): string[] => [
  'sh',
  '-c',
  'if command -v bash >/dev/null 2>&1; then exec bash "$1"; else exec sh "$1"; fi',
  'sh',
  path,
]

async function send(
  sandbox: Sandbox,
  { file, exec }: { file: ScriptFile; exec: Pick<ExecSpec, 'user' | 'byKeeper'> },
  signal: AbortSignal,
) {
  const content = typeof file.content === 'string' ? Buffer.from(file.content) : file.content
  const command = ['sh', '-c', `cat > "$1" && chmod ${octal(file)} "$1"`, 'sh', file.path]
  await sandbox.exec({ command, user: exec.user, stdin: content, ...(exec.byKeeper && { byKeeper: 'next' }) }, signal)
}

function fitsEnvironment({ content }: ScriptFile): boolean {
  return typeof content === 'string' && Buffer.byteLength(content) <= MAX_ENV_BYTES && !content.includes('\0')
}

const octal = ({ mode }: ScriptFile) => (mode ?? 0o644).toString(8)
