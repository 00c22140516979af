import { CAPS } from '../../domain/environments/limits.ts'
import type { GitLimits } from '../../forge/git.ts'

const MiB = 1024 * 1024

/** What one object of a change may be. The rest is in `CAPS`. */
export const OBJECT_CAPS = {
  fileBytes: 32 * MiB,
  /** All new files together, unpacked. */
  totalBytes: 512 * MiB,
  treeBytes: 128 * MiB,
  /** What Linux takes as a path, also as the target of a symlink. */
  pathBytes: 4096,
} as const

/** Host git where it reads a sandbox's bytes: a pack of 1 MB may unpack to any size. */
export const GIT_LIMITS: GitLimits = { addressSpaceBytes: 2048 * MiB, cpuSeconds: 60, fileBytes: 2 * CAPS.packBytes }

/** Keeps packs of large mirrors from counting against the address space. */
export const SMALL_WINDOWS = [
  'core.packedGitWindowSize=16m',
  'core.packedGitLimit=128m',
  'core.bigFileThreshold=16m',
  'core.deltaBaseCacheLimit=32m',
  'pack.threads=1',
] as const

export const PATCH_TOO_LARGE = `its patch is larger than ${CAPS.patchBytes / MiB} MiB`
