/** Keeps images from being removed while somebody is about to make a container of them. Within this process. */
export type ImageHolds = {
  /** Gives the release; undefined when the image is being removed at this moment. */
  take: (image: string) => (() => void) | undefined
  /** Removes an image, unless it is held. */
  remove: (image: string, work: () => Promise<unknown>) => Promise<void>
  isHeld: (image: string) => boolean
}

export function imageHolds(): ImageHolds {
  const counts = new Map<string, number>()
  const removing = new Set<string>()
  const isHeld = (image: string) => counts.has(image)
  return {
    isHeld,
    take(image) {
      if (removing.has(image)) return undefined
      counts.set(image, (counts.get(image) ?? 0) + 1)
      let isReleased = false
      return () => {
        if (isReleased) return
        isReleased = true
        const left = (counts.get(image) ?? 1) - 1
        if (left === 0) counts.delete(image)
        else counts.set(image, left)
      }
    },
    async remove(image, work) {
      if (isHeld(image) || removing.has(image)) return
      removing.add(image)
      try {
        await work()
      } finally {
        removing.delete(image)
      }
    },
  }
}
