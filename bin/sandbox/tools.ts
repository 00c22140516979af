import type { CliContext } from '../../cli/context.ts'
import { say } from '../../cli/context.ts'
import { CliError } from '../../cli/errors.ts'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import type { Engine } from '../../runner/sandbox/engine.ts'
import { readServerConfig } from '../config.ts'
import { ownImages } from '../own-images.ts'
import { prepareMachine } from '../prepare-machine.ts'

const PING_MS = 5000

export type Tools = AsyncDisposable & {
  engine: Engine
  /** Finds an image, builds one of ours that is missing, pulls another. */
  image: (name: string) => Promise<string>
  path: string
}

/** The engine of this machine, started if need be, and its images. */
export async function openTools(root: string, context: CliContext): Promise<Tools> {
  const config = readServerConfig(context.env)
  const engine = createDockerEngine({ socketPath: config.dockerSocket })
  const answers = await engine.ping(AbortSignal.timeout(PING_MS)).then(
    () => true,
    () => false,
  )
  if (!answers) await prepareMachine(root, context.env)
  const images = ownImages(config.images, async (ref) => (await engine.imageInfo(ref)) !== undefined)
  const onProgress = (line: string) => say(context, line)
  const found = new Map<string, Promise<string>>()
  const find = async (name: string) => {
    const own = await images.ensure(name, context.signal, onProgress)
    const ref = own ?? name
    if ((await engine.imageInfo(ref)) !== undefined) return ref
    if (own !== undefined) throw new CliError('image-unavailable', `Cannot run: the engine has no image "${ref}"`)
    await engine.pull(ref, context.signal, onProgress)
    return ref
  }
  return {
    engine,
    path: config.path,
    image: (name) => {
      const known = found.get(name) ?? find(name)
      found.set(name, known)
      return known
    },
    [Symbol.asyncDispose]: async () => engine[Symbol.asyncDispose](),
  }
}
