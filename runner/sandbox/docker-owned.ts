import type Docker from 'dockerode'
import { untilAborted } from './aborted.ts'
import type { DockerErrors } from './docker-errors.ts'
import { THIS_PROCESS } from './docker-one-shot.ts'
import { endWhenStuck } from './end-when-stuck.ts'
import { LABELS, type Engine, type Labels, type Owned } from './engine.ts'

const GONE = [404]
/** What older engines call an image whose tag went to a newer one. It names nothing. */
const UNTAGGED = '<none>:<none>'
const REMOVE_LIMIT_MS = 60_000

type OwnedCalls = Pick<Engine, 'listOwned' | 'listLabelled' | 'removeOwned'>

/** What carries our label, and its removal. Contracts: `Engine`. */
export function dockerOwned(docker: Docker, errors: DockerErrors): OwnedCalls {
  const list = async (label: string) => {
    const filters = { label: [label] }
    const [containers, networks, volumes, images] = await errors.during(
      'list what Drydock made',
      Promise.all([
        docker.listContainers({ all: true, filters }),
        docker.listNetworks({ filters }),
        docker.listVolumes({ filters }),
        docker.listImages({ filters: JSON.stringify(filters) }),
      ]),
    )
    return [
      ...containers.map((it) => owned('container', it.Id, it.Names[0]?.slice(1) ?? it.Id, it.Labels)),
      ...networks.map((it) => owned('network', it.Id, it.Name, it.Labels)),
      ...volumes.Volumes.map((it) => owned('volume', it.Name, it.Name, it.Labels)),
      ...images.map((it) => owned('image', it.Id, it.RepoTags?.find((tag) => tag !== UNTAGGED) ?? it.Id, it.Labels)),
    ]
  }
  return {
    listOwned: (installation) => list(`${LABELS.installation}=${installation}`),
    listLabelled: list,
    async removeOwned({ type, id }) {
      const removal = {
        container: () => endWhenStuck(id, docker.getContainer(id).remove({ force: true, v: true })),
        network: () => docker.getNetwork(id).remove(),
        volume: () => docker.getVolume(id).remove({ force: true }),
        image: () => docker.getImage(id).remove({ force: true }),
      }[type]
      // What the engine hangs over must not keep a sweep from everything else.
      const limited = untilAborted(removal() as Promise<unknown>, AbortSignal.timeout(REMOVE_LIMIT_MS))
      await errors.unless(GONE, `remove ${type} ${id}`, limited)
    },
  }
}

function owned(type: Owned['type'], id: string, name: string, labels: Labels | undefined): Owned & { labels: Labels } {
  const attempt = labels?.[LABELS.attempt]
  const claim = labels?.[LABELS.claim]
  const build = labels?.[LABELS.build]
  const helper = labels?.[LABELS.helper]
  return {
    type,
    id,
    name,
    kind: labels?.[LABELS.kind] ?? '',
    labels: labels ?? {},
    ...(attempt ? { attempt } : {}),
    ...(claim ? { claim: Number(claim) } : {}),
    ...(build ? { build } : {}),
    ...(helper && helper !== THIS_PROCESS ? { isOrphan: true } : {}),
  }
}
