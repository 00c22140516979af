import { CAPS } from '../../domain/environments/limits.ts'
import type { AgentAdapter } from '../agent/adapter.ts'
import { AttemptFailure } from '../failure.ts'
import type { ExecResult, ExecSpec, Sandbox, SandboxUser } from '../sandbox/sandbox.ts'
import { SHELL } from '../sandbox/shell.ts'
import { NOTHING_PRELOADED } from '../workspace/sandbox-shell.ts'
import { ENDS, PACK, UNPACK } from './scripts.ts'

const MAX_ENTRIES = 5000

export type SessionPlace = {
  sandbox: Pick<Sandbox, 'exec'>
  adapter: Pick<AgentAdapter, 'id' | 'keep'>
  /** As whom the agent runs, whose its files are. Default `agent`. */
  user?: SandboxUser
}

/**
 * Packs what a follow-up of the agent needs, inside the sandbox, into one archive that nothing on the host opens (R17).
 * Undefined when there is none: nothing to keep, too much of it, or no tar in the image.
 */
export async function saveSession(place: SessionPlace, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (place.adapter.keep.length === 0) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer) => {
    if (stream === 'stderr') return
    bytes += chunk.length
    // The sandbox counts before it sends, and is not believed.
    if (bytes > CAPS.sessionBytes) throw new TooMuch()
    chunks.push(Buffer.from(chunk))
  }
  try {
    const { code } = await inside(place, { script: PACK, onOutput }, signal)
    return code === 0 && bytes > 0 ? Buffer.concat(chunks) : undefined
  } catch (error) {
    if (error instanceof TooMuch) return undefined
    throw error
  }
}

/**
 * Unpacks a session of the same agent and version inside a sandbox, before the agent starts: checked there, below the
 * adapter's paths only. Rejects with AttemptFailure `session-lost`, and leaves nothing of it, when it is no such archive
 * or the image has no tar.
 */
export async function restoreSession(
  { archive, ...place }: SessionPlace & { archive: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const { code } = await inside(place, { script: UNPACK, stdin: archive }, signal)
  if (code === 0) return
  const why =
    code === ENDS.noTar
      ? 'the image has no tar. Install tar in the image.'
      : code === ENDS.refused
        ? 'it holds something else than a session.'
        : `unpacking it ended with code ${code ?? 'unknown'}.`
  throw new AttemptFailure('session-lost', `Cannot restore the session of agent "${place.adapter.id}": ${why}`)
}

class TooMuch extends Error {}

type Script = { script: string } & Pick<ExecSpec, 'stdin' | 'onOutput'>

function inside(
  { sandbox, adapter, user = 'agent' }: SessionPlace,
  { script, ...streams }: Script,
  signal: AbortSignal,
): Promise<ExecResult> {
  const caps = [String(MAX_ENTRIES), String(CAPS.sessionBytes / 1024)]
  const command = [SHELL, '-c', script, 'sh', ...caps, ...adapter.keep]
  return sandbox.exec({ command, user, env: NOTHING_PRELOADED, ...streams }, signal)
}
