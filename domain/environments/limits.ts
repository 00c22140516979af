import { z } from 'zod'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE
const MiB = 1024 * 1024

/** Some of what a sandbox may use: of an environment, or of the ceiling over all of them. */
export const ResourceValues = z.strictObject({
  memoryMiB: z.int().min(16).max(4_194_304).exactOptional(),
  cpus: z.number().min(0.05).max(1024).exactOptional(),
  pids: z.int().min(16).max(1_000_000).exactOptional(),
  diskMiB: z.int().min(16).max(16_777_216).exactOptional(),
})

/** What one sandbox may use. */
export type Resources = Required<z.infer<typeof ResourceValues>>

export const DEFAULT_RESOURCES: Resources = { memoryMiB: 4096, cpus: 2, pids: 1024, diskMiB: 10_240 }

/** What each service of an environment may use, beside its sandbox. */
export const SERVICE_RESOURCES: Resources = { memoryMiB: 1024, cpus: 1, pids: 512, diskMiB: 4096 }

/** As many as the network of a sandbox has room for. */
export const MAX_SERVICES = 3

const ms = z.int().min(SECOND).max(DAY).exactOptional()

/** Some of the limits, likewise. */
export const LimitValues = z.strictObject({
  queueMs: ms,
  sandboxMs: ms,
  checkoutMs: ms,
  setupMs: ms,
  agentMs: ms,
  collectMs: ms,
  publishMs: ms,
  noOutputMs: ms,
  totalMs: ms,
})

/** How long each phase may take, in milliseconds; `noOutputMs` bounds the silence of setup and agent. */
export type PhaseLimits = Required<z.infer<typeof LimitValues>>

export const DEFAULT_LIMITS: PhaseLimits = {
  queueMs: DAY,
  sandboxMs: 2 * MINUTE,
  checkoutMs: 10 * MINUTE,
  setupMs: 20 * MINUTE,
  agentMs: 60 * MINUTE,
  collectMs: 5 * MINUTE,
  publishMs: 5 * MINUTE,
  noOutputMs: 15 * MINUTE,
  totalMs: 90 * MINUTE,
}

/** Secrets of one environment; Linux takes about 2 MiB of arguments and variables for one program. */
export const MAX_SECRETS = 100
export const MAX_SECRET_BYTES = 512 * 1024

/** Caps on what crosses from a sandbox to the host. */
export const CAPS = {
  promptBytes: 256 * 1024,
  /** What fits into the body of a request beside a prompt. */
  startingDiffBytes: 3 * MiB,
  packBytes: 64 * MiB,
  patchBytes: 16 * MiB,
  logBytes: 16 * MiB,
  logLineBytes: 16 * 1024,
  answerBytes: 256 * 1024,
  treeEntries: 200_000,
  sessionBytes: 32 * MiB,
  images: 4,
  imageBytes: 5 * MiB,
} as const
