import { usageError } from './errors.ts'

/** An identifier as one segment of a path; dots alone would leave the folder. */
export function segment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw usageError(`Cannot use ${JSON.stringify(id)} as a name or id`)
  return encodeURIComponent(id)
}
