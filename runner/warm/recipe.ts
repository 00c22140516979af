import { createHash } from 'node:crypto'
import type { SandboxSpec } from '../sandbox/sandbox.ts'
import type { Base, CheckoutView } from '../workspace/workspace.ts'

// recipe: all that a sandbox is made from, beside what belongs to one attempt. ready: made by a recipe, checked out,
// frozen, and never used. demand: how often a recipe was wanted of late.

/** All of it but the checkout is part of the key: whoever wants a sandbox takes none that differs in anything. */
export type Recipe = {
  environmentId: string
  /** Another one whenever the environment was changed, its policy and variables included, or its cache was reset. */
  version: string
  /** The digest of the image, or the name of the snapshot. */
  imageId: string
  /** Without what the network brings along. */
  spec: Omit<SandboxSpec, 'owner' | 'network' | 'env'>
  isNetworked: boolean
  /** Where the next one most likely begins. Another branch is checked out when it is taken. */
  checkout: { view: CheckoutView; base: Base }
}

export const keyOf = (recipe: Recipe): string =>
  createHash('sha256')
    .update(JSON.stringify({ ...recipe, checkout: undefined }))
    .digest('hex')
