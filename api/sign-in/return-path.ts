import { DrydockError } from '../../domain/errors.ts'

const MAX_LENGTH = 2000
// A browser drops tabs and line ends from a URL, and reads "\" as "/".
const FORM = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/

/** Where somebody goes on after the sign-in: a path of this server. Rejects with `invalid-request` whatever else it may be. */
export function returnPath(text: string | undefined): string {
  if (text === undefined || text === '/') return '/'
  if (text.length <= MAX_LENGTH && FORM.test(text) && isLocal(text)) return text
  throw new DrydockError('invalid-request', 'Cannot sign in: return must be a path of this server')
}

/** "/.//host" is a path of its own that names another host once it is resolved and written down again. */
function isLocal(text: string): boolean {
  const here = 'http://here.invalid'
  if (!URL.canParse(text, here)) return false
  const { origin, pathname } = new URL(text, here)
  // Back to a sign-in would lead round and round.
  return origin === here && !pathname.startsWith('//') && !/^\/auth(\/|$)/.test(pathname)
}
