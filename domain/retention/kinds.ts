// Vocabulary. content: what people and agents wrote, as opposed to the record that it happened: states, times, counts, costs
// and who did it, which stay. transcript: prompts, titles, log, answers. changes: diffs, session archives, pictures given with
// prompts. ledger: what sandboxes asked of the network, one by one; its sums stay.

import type { Settings } from '../settings/settings.ts'

export const CONTENT_KINDS = ['transcript', 'changes', 'ledger'] as const
export type ContentKind = (typeof CONTENT_KINDS)[number]

/** By age, by zero retention, or since its person was deleted. */
export const REMOVAL_CAUSES = ['retention', 'zero-retention', 'person-deleted'] as const
export type RemovalCause = (typeof REMOVAL_CAUSES)[number]

/** What is removed of tasks that ended so long ago. `after` is in days for `retention`, in minutes for `zero-retention`. */
export type RemovalRule = { kind: ContentKind; why: Exclude<RemovalCause, 'person-deleted'>; after: number }

/** By age; kinds that are kept for ever have no rule. */
export function retentionRules(settings: Settings): RemovalRule[] {
  const days = {
    transcript: settings.transcriptRetentionDays,
    changes: settings.changesRetentionDays,
    ledger: settings.ledgerRetentionDays,
  } satisfies Record<ContentKind, number | null>
  return CONTENT_KINDS.flatMap((kind) => {
    const after = days[kind]
    return after === null ? [] : [{ kind, why: 'retention' as const, after }]
  })
}

/** The ledger is a record of what happened, and goes by its own age alone. */
export function zeroRetentionRules({ zeroRetentionMinutes: after }: Settings): RemovalRule[] {
  if (after === null) return []
  return (['transcript', 'changes'] as const).map((kind) => ({ kind, why: 'zero-retention' as const, after }))
}

/** How a sentence about what was removed ends. */
export function removedBecause({ why, after }: { why: RemovalCause; after: number | null }): string {
  switch (why) {
    case 'retention':
      return `removed after ${counted(after ?? 0, 'day')}`
    case 'zero-retention':
      return `removed ${counted(after ?? 0, 'minute')} after its end, since this workspace keeps none`
    case 'person-deleted':
      return 'removed with the person whose it was'
    default:
      return why satisfies never
  }
}

const counted = (n: number, unit: string) => `${n} ${unit}${n === 1 ? '' : 's'}`
