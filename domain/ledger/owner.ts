// Whose a record is: an attempt's, or that of a build of a snapshot that no attempt waits for. The gateway carries it as one
// text, in the place of the attempt, and understands nothing of it.

/** A build in the background, of which the environment has the ledger. */
export type LedgerBuild = { environmentId: string; build: string }

const BUILD = /^build:([^/]+)\/([^/]+)$/

export const buildOwner = ({ environmentId, build }: LedgerBuild): string => `build:${environmentId}/${build}`

/** The build that an owner names; undefined for an attempt. */
export function buildOf(owner: string): LedgerBuild | undefined {
  const [, environmentId, build] = BUILD.exec(owner) ?? []
  return environmentId === undefined || build === undefined ? undefined : { environmentId, build }
}
