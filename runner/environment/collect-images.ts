import type { Logger } from 'pino'
import type { Engine, TaggedImage } from '../sandbox/engine.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** One without volumes is made again in a moment, of layers that the engine has. */
const PLAIN_UNUSED_MS = DAY
/** One of ours takes minutes and a network to make again, and other checkouts at this engine have others. */
const OWN_UNUSED_MS = 7 * DAY
/** As `scripts/image.mjs` makes them: never `latest`, never what people tag themselves. */
const OWN_TAG = /^drydock\/[a-z]+:[0-9a-f]{12}$/

export type CollectImagesDeps = {
  engine: Pick<Engine, 'touchImage' | 'taggedImages' | 'removeImage'>
  /** The tags of our images that this process works with. */
  ownTags: () => Promise<readonly string[]>
  hostId: string
  logger: Logger
}

/**
 * Removes images that nobody has used for long: our own under tags of earlier versions, and those that were made without
 * volumes. The engine itself knows when one was used last, so that a process does not take what another one needs: each
 * says so of its own, here and at each use. What a container is made of stays, whatever its age.
 */
export async function collectImages({ engine, ownTags, hostId, logger }: CollectImagesDeps, now: Date): Promise<void> {
  const current = await ownTags()
  for (const ref of current) await engine.touchImage(ref)
  const repositories = [...new Set(current.filter((ref) => OWN_TAG.test(ref)).map((ref) => ref.split(':')[0] ?? ''))]
  const earlier = (await engine.taggedImages({ repositories })).filter(
    ({ ref }) => OWN_TAG.test(ref) && !current.includes(ref),
  )
  const plain = await engine.taggedImages({ plainOf: hostId })
  const useless = [...unused(earlier, OWN_UNUSED_MS, now), ...unused(plain, PLAIN_UNUSED_MS, now)]
  for (const { ref } of useless) {
    try {
      if (await engine.removeImage(ref)) logger.info({ image: ref }, 'Removed an image that nobody used')
    } catch (error) {
      logger.error({ err: error, image: ref }, 'Cannot remove an image; it is tried again')
    }
  }
}

const unused = (images: readonly TaggedImage[], afterMs: number, now: Date) =>
  images.filter(({ usedAt }) => now.getTime() - usedAt.getTime() > afterMs)
