import { createHash } from 'node:crypto'
import type Docker from 'dockerode'
import { pack } from 'tar-stream'
import { AttemptFailure } from '../failure.ts'
import type { DockerErrors } from './docker-errors.ts'
import { LABELS, PLAIN_REPOSITORY, type Engine } from './engine.ts'

const GONE = [404]
/** So often the engine hears that an image is used; it is kept for much longer after that. */
const TOUCH_EVERY_MS = 3_600_000

/** Resolves an image to one that declares no volumes; undefined when the engine does not have it. */
export type WithoutVolumes = (ref: string, wanted: Wanted) => Promise<string | undefined>

/** `program`: whether the image's own program is to run in it, as the user that it names. */
type Wanted = { installation: string; program: boolean }

/**
 * Resolves an image to one without `VOLUME`: a volume would escape the disk limit, and a snapshot would lose what is in
 * it (R7). The engine merges the image's volumes into every container, so the only way out is another image: the same
 * layers under another configuration, loaded without a byte of them since the engine has them.
 */
export function dockerPlainImages(docker: Docker, errors: DockerErrors, touch: Engine['touchImage']): WithoutVolumes {
  const touched = new Map<string, number>()
  const noteUse = async (tag: string) => {
    if (performance.now() - (touched.get(tag) ?? -Infinity) < TOUCH_EVERY_MS) return
    await touch(tag)
    touched.set(tag, performance.now())
  }
  const look = (ref: string) => errors.unless(GONE, `look image "${ref}" up`, docker.getImage(ref).inspect())
  return async (ref, wanted) => {
    const image = await look(ref)
    if (image === undefined) return undefined
    if (Object.keys(image.Config.Volumes ?? {}).length === 0) return ref

    const hash = createHash('sha256')
      .update(JSON.stringify([wanted, image.Id]))
      .digest('hex')
      .slice(0, 24)
    const tag = `${PLAIN_REPOSITORY}:${hash}`
    if ((await look(tag)) === undefined) {
      await load(docker, tag, plainConfig(image, wanted)).catch((cause: unknown) => {
        throw refused(ref, cause)
      })
      const made = await look(tag)
      if (made === undefined || Object.keys(made.Config.Volumes ?? {}).length > 0) throw refused(ref)
      touched.delete(tag)
    }
    await noteUse(tag)
    return tag
  }
}

function plainConfig(image: Docker.ImageInspectInfo, { installation, program }: Wanted): string {
  const { Env, Entrypoint, Cmd, User, WorkingDir } = image.Config
  return JSON.stringify({
    architecture: image.Architecture,
    os: image.Os,
    created: image.Created,
    config: {
      Env,
      ...(program ? { Entrypoint, Cmd, User, WorkingDir } : { WorkingDir: '/' }),
      // None of the image's own: with ours on it, a sweep would take it for what an ended attempt left.
      Labels: { [LABELS.installation]: installation, [LABELS.kind]: 'without-volumes' },
    },
    rootfs: { type: 'layers', diff_ids: image.RootFS.Layers ?? [] },
    history: [],
  })
}

/** An archive of `docker save` with the configuration only. */
async function load(docker: Docker, tag: string, config: string): Promise<void> {
  const name = `${createHash('sha256').update(config).digest('hex')}.json`
  const { rootfs } = JSON.parse(config) as { rootfs: { diff_ids: string[] } }
  const layers = rootfs.diff_ids.map((id) => `${id.replace('sha256:', '')}/layer.tar`)
  const archive = pack()
  archive.entry({ name }, config)
  archive.entry({ name: 'manifest.json' }, JSON.stringify([{ Config: name, RepoTags: [tag], Layers: layers }]))
  archive.finalize()
  const answer = await docker.loadImage(archive as unknown as NodeJS.ReadableStream)
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(answer, (error) => (error ? reject(error) : resolve()))
  })
}

function refused(ref: string, cause?: unknown): AttemptFailure {
  const text = `Cannot use image "${ref}": it declares VOLUME, and this engine cannot leave that out. Use an image without it.`
  return new AttemptFailure('sandbox-failed', text, { cause })
}
