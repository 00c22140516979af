import { execFile, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { AttemptFailure } from '../runner/failure.ts'
import { packageRoot } from './config.ts'

const OWN = ['base', 'universal', 'postgres', 'gateway'] as const
const SCRIPT = join(packageRoot, 'scripts', 'image.mjs')

export type OwnImages = {
  /** The tags of all of them. */
  tags: () => Promise<string[]>
  /** The tag of an image of ours; undefined for other names. Does not say that it is there. */
  tag: (name: string) => Promise<string | undefined>
  /** The same, built first when the engine lacks it. */
  ensure: (name: string, signal: AbortSignal, onProgress: (line: string) => void) => Promise<string | undefined>
}

/** Our images, by the tags that are configured or else by the hash of their inputs in this folder. */
export function ownImages(configured: ReadonlyMap<string, string>, has: (ref: string) => Promise<boolean>): OwnImages {
  const tags = new Map<string, Promise<string>>()
  const tag = async (name: string) => {
    if (configured.has(name)) return configured.get(name)
    if (!OWN.some((own) => own === name)) return undefined
    const known = tags.get(name)
    if (known !== undefined) return known
    const reading = readTag(name)
    tags.set(name, reading)
    // A moment without memory or descriptors must not last until the next start.
    reading.catch(() => tags.delete(name))
    return reading
  }
  return {
    tag,
    tags: async () => (await Promise.all(OWN.map(tag))).filter((ref) => ref !== undefined),
    async ensure(name, signal, onProgress) {
      const ref = await tag(name)
      if (ref === undefined || configured.has(name) || (await has(ref))) return ref
      onProgress(`Building image "${name}", which is needed for the first time`)
      await build(name, signal, onProgress)
      return ref
    },
  }
}

async function readTag(name: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, 'tag', name])
  return stdout.trim()
}

async function build(name: string, signal: AbortSignal, onProgress: (line: string) => void): Promise<void> {
  // The build goes on when the attempt that wanted it ends: the next one needs it, too.
  const child = spawn(process.execPath, [SCRIPT, 'build', name], { stdio: ['ignore', 'ignore', 'pipe'] })
  const last: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line)
    if (last.length > 10) last.shift()
    onProgress(line)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  if (code !== 0) throw new AttemptFailure('image-unavailable', `Cannot build image "${name}": ${last.join('\n')}`)
}
