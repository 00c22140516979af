import { z } from 'zod'

const days = z.int().min(1).max(36_500).nullable().default(null)

/** For how long what tasks leave is kept, in days from their end; null: for ever. */
export const retentionSettings = {
  /** Prompts, logs, transcripts and answers. */
  transcriptRetentionDays: days,
  /** Diffs, session archives, and pictures given with prompts. */
  changesRetentionDays: days,
  /** What sandboxes and builds asked of the network. */
  ledgerRetentionDays: days,
  /** So many minutes after a task has ended and published, transcript and changes go; null: they are kept as the days say. */
  zeroRetentionMinutes: z
    .int()
    .min(0)
    .max(7 * 24 * 60)
    .nullable()
    .default(null),
}
