import { AttemptFailure } from '../failure.ts'
import type { Engine } from '../sandbox/engine.ts'

export type ImageDeps = {
  engine: Pick<Engine, 'imageInfo' | 'pull'>
  /** The tag of an image of ours ("base", "universal"), built first when it is missing; undefined for other names. */
  ownImage: (name: string, signal: AbortSignal, onProgress: (line: string) => void) => Promise<string | undefined>
  /** Registries that people may pull from, as in `registry.example.com`; Docker Hub is `docker.io` (R10). */
  allowedRegistries: () => Promise<readonly string[]>
  /** Keeps a record of a pull that the engine made on a user's word. */
  onPull: (image: { ref: string; digest: string }) => void
}

export type ResolvedImage = { ref: string; digest: string }

/** Finds the image of an environment at the engine; builds one of ours, pulls another where its registry is allowed. */
export async function resolveImage(
  name: string,
  { deps, onProgress }: { deps: ImageDeps; onProgress: (line: string) => void },
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const ref = (await deps.ownImage(name, signal, onProgress)) ?? name
  const present = await deps.engine.imageInfo(ref)
  if (present) return { ref, digest: present.id }

  const registry = registryOf(ref)
  if (!(await deps.allowedRegistries()).includes(registry)) {
    throw new AttemptFailure(
      'image-unavailable',
      `Cannot use image "${ref}": the engine does not have it, and the registry "${registry}" is not among the allowed ones. Load the image on the runner's machine, or let an administrator add the registry to the setting allowedRegistries.`,
    )
  }
  await deps.engine.pull(ref, signal, onProgress)
  const pulled = await deps.engine.imageInfo(ref)
  if (!pulled)
    throw new AttemptFailure('image-unavailable', `Cannot use image "${ref}": it is not there after the pull`)
  deps.onPull({ ref, digest: pulled.id })
  return { ref, digest: pulled.id }
}

/** The registry that an engine would ask for a reference: its first part when that looks like a host. */
export function registryOf(ref: string): string {
  const first = ref.split('/')[0] ?? ''
  // A first part with capitals is a host, too: names at Docker Hub have none.
  const looksLikeHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  const isHost = ref.includes('/') && looksLikeHost
  return isHost ? first.toLowerCase() : 'docker.io'
}
