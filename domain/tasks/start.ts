/** What an attempt started from: with the reason why the cache was hit or missed. */
export type StartRecord = {
  /** `none`: the environment has nothing to set up. */
  cache: 'hit' | 'miss' | 'none'
  reason: string
  /** `warm`: a sandbox of the pool was taken. */
  sandbox: 'warm' | 'cold'
  /** The image of the snapshot that it was started from. */
  snapshot?: string
}
