import { CAPS } from '../domain/environments/limits.ts'
import { DrydockError } from '../domain/errors.ts'
import { promptImages } from '../domain/tasks/images.ts'
import type { PromptImage } from '../domain/tasks/images.ts'

const KiB = 1024

/** Rejects with `prompt-too-large`; characters are counted as the bytes that they take. */
export function assertPromptSize(prompt: string, action: string): void {
  const bytes = Buffer.byteLength(prompt)
  if (bytes <= CAPS.promptBytes) return
  throw new DrydockError(
    'prompt-too-large',
    `Cannot ${action}: the prompt has ${Math.ceil(bytes / KiB)} KiB, and ${CAPS.promptBytes / KiB} KiB are the most`,
  )
}

/** The pictures of a request. Rejects with `image-refused`. */
export function picturesOf(images: readonly { data: string }[] = []): PromptImage[] {
  return promptImages(images.map(({ data }) => Buffer.from(data, 'base64')))
}

/** The bytes of a diff. Rejects with `request-too-large`. */
export function startingPatchOf(diff: string | undefined): Buffer | undefined {
  if (diff === undefined) return undefined
  const patch = Buffer.from(diff)
  if (patch.length <= CAPS.startingDiffBytes) return patch
  const [size, most] = [patch.length, CAPS.startingDiffBytes].map((bytes) => `${Math.ceil(bytes / KiB)} KiB`)
  throw new DrydockError(
    'request-too-large',
    `Cannot create task: the starting diff has ${size}, and ${most} are the most`,
  )
}
