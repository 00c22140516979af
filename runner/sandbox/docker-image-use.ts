import type Docker from 'dockerode'
import type { DockerErrors } from './docker-errors.ts'
import { LABELS, PLAIN_REPOSITORY, type Engine, type TaggedImage } from './engine.ts'

const GONE = [404]

/** When images were used last: the engine keeps the time of a tag, also when it is set anew. Contracts: `Engine`. */
export function dockerImageUse(docker: Docker, errors: DockerErrors): Pick<Engine, 'touchImage' | 'taggedImages'> {
  async function touchImage(ref: string): Promise<void> {
    const [, repo = ref, tag = 'latest'] = /^(.*):([^:/]+)$/.exec(ref) ?? []
    await errors.unless(GONE, `tag image "${ref}"`, docker.getImage(ref).tag({ repo, tag }) as Promise<unknown>)
  }

  async function look(ref: string): Promise<TaggedImage[]> {
    const info = await errors.unless(GONE, `look image "${ref}" up`, docker.getImage(ref).inspect())
    const tagged = (info as { Metadata?: { LastTagTime?: string } } | undefined)?.Metadata?.LastTagTime
    if (info === undefined) return []
    const usedAt = new Date(tagged ?? 0)
    if (usedAt.getTime() > 0) return [{ ref, usedAt }]
    // The engine does not know: it counts from here.
    await touchImage(ref)
    return []
  }

  return {
    touchImage,
    async taggedImages(of) {
      const reference = 'plainOf' in of ? [PLAIN_REPOSITORY] : [...of.repositories]
      if (reference.length === 0) return []
      const label = 'plainOf' in of ? [`${LABELS.installation}=${of.plainOf}`] : []
      const filters = JSON.stringify({ reference, label })
      const found = await errors.during('list images', docker.listImages({ filters }))
      // An image has all its tags here, of whatever name.
      const refs = found
        .flatMap(({ RepoTags }) => RepoTags ?? [])
        .filter((ref) => reference.some((name) => ref.startsWith(`${name}:`)))
      return (await Promise.all(refs.map(look))).flat()
    },
  }
}
