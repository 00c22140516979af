import { addAbortSignal, type Readable } from 'node:stream'
import type Docker from 'dockerode'
import { AttemptFailure } from '../failure.ts'
import { SLOW_LIMIT_MS, stateOf, wordsOf, type DockerErrors } from './docker-errors.ts'
import { jsonLines } from './json-lines.ts'
import type { Engine, PullProgress } from './engine.ts'

const MAX_PORTS = 16

/** Images of the engine. Contracts: `Engine`. */
export function dockerImages(docker: Docker, errors: DockerErrors): Pick<Engine, 'imageInfo' | 'pull' | 'removeImage'> {
  return {
    async imageInfo(ref) {
      const info = await errors.unless([404], `look image "${ref}" up`, docker.getImage(ref).inspect())
      const tcpPorts = portsOf(Object.keys(info?.Config.ExposedPorts ?? {}))
      return info && { id: info.Id, sizeBytes: info.Size, ...(tcpPorts.length > 0 && { tcpPorts }) }
    },
    async pull(ref, signal, onProgress) {
      const pulling = docker.pull(ref, { abortSignal: signal }).catch((error: unknown) => {
        throw stateOf(error) === undefined ? error : unavailable(ref, wordsOf(error))
      })
      const progress = await errors.during(`pull image "${ref}"`, pulling, SLOW_LIMIT_MS)
      addAbortSignal(signal, progress as Readable)
      await follow(progress, signal, onProgress).catch((error: unknown) => {
        signal.throwIfAborted()
        throw unavailable(ref, wordsOf(error))
      })
    },
    async removeImage(ref) {
      const removing = docker.getImage(ref).remove() as Promise<unknown>
      const removed = await errors.unless([404, 409], `remove image "${ref}"`, removing, SLOW_LIMIT_MS)
      if (removed !== undefined) return true
      return (await errors.unless([404], `look image "${ref}" up`, docker.getImage(ref).inspect())) === undefined
    },
  }
}

/** As an image names them: `5432/tcp`. */
function portsOf(exposed: readonly string[]): number[] {
  const ports = exposed.flatMap((text) => (/^\d{1,5}(\/tcp)?$/.test(text) ? Number.parseInt(text, 10) : []))
  return ports.filter((port) => port > 0 && port < 65_536).slice(0, MAX_PORTS)
}

/** One JSON object a line; an `error` in it is the only sign of a failed pull. */
async function follow(progress: NodeJS.ReadableStream, signal: AbortSignal, onProgress?: PullProgress): Promise<void> {
  const told = new Set<string>()
  for await (const message of jsonLines(progress)) {
    signal.throwIfAborted()
    const step = message as { status?: string; id?: string; error?: string }
    if (step.error !== undefined) throw new Error(step.error)
    const line = [step.id, step.status].filter(Boolean).join(' ')
    // A layer that grows says so many times a second.
    if (told.has(line)) continue
    told.add(line)
    onProgress?.(line)
  }
}

function unavailable(ref: string, words: string): AttemptFailure {
  const advice = 'Check the name, and that this machine can reach the registry.'
  return new AttemptFailure('image-unavailable', `Cannot pull image "${ref}": ${words}. ${advice}`)
}
