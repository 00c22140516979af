import { LABELS } from './engine.ts'
import type { Labels } from './engine.ts'
import type { SandboxOwner } from './sandbox.ts'

/** Whose a container is, as part of its name. */
export const ownerName = (owner: SandboxOwner): string =>
  'build' in owner ? owner.build : `${owner.attempt}-${owner.claim}`

/** Whose a container is. All labels are there, if empty: those that are not would be the image's. */
export function ownerLabels(owner: SandboxOwner): Labels {
  const { installation, attempt, claim, build, helper } = LABELS
  const own =
    'build' in owner
      ? { [attempt]: '', [claim]: '', [build]: owner.build }
      : { [attempt]: owner.attempt, [claim]: String(owner.claim), [build]: '' }
  return { [installation]: owner.installation, [helper]: '', ...own }
}
