import { CAPS } from '../environments/limits.ts'
import { DrydockError } from '../errors.ts'

export type ImageType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'
export type PromptImage = { mediaType: ImageType; bytes: Buffer }

const MiB = 1024 * 1024

/** Tells a picture's type by its first bytes; nobody's word counts for it. */
export function imageType(bytes: Uint8Array): ImageType | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 12)).toString('latin1')
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'image/gif'
  if (head.startsWith('RIFF') && head.slice(8) === 'WEBP') return 'image/webp'
  return undefined
}

/** The pictures of a prompt. Rejects with `image-refused` what is too much, too large or of another type. */
export function promptImages(pictures: readonly Buffer[]): PromptImage[] {
  if (pictures.length > CAPS.images) throw refused(`${CAPS.images} images are the most`)
  return pictures.map((bytes, i) => {
    if (bytes.length > CAPS.imageBytes) throw refused(`image ${i + 1} is larger than ${CAPS.imageBytes / MiB} MiB`)
    const mediaType = imageType(bytes)
    if (mediaType === undefined) throw refused(`image ${i + 1} is no PNG, JPEG, GIF or WebP`)
    return { mediaType, bytes }
  })
}

const refused = (why: string) => new DrydockError('image-refused', `Cannot use these images: ${why}`)
