import { DrydockError } from '../domain/errors.ts'
import { shown } from './parse-address.ts'
import { plainWords } from './plain-text.ts'

const AUTH =
  /Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]|Invalid username or (password|token)|access denied/i
const MISSING =
  /returned error: 404|repository '.*' not found|Repository not found|does not appear to be a git repository/i
const REDIRECT = /returned error: 30[12378]/
const FORMAT = /mismatched algorithms|unsupported object format|unknown repository extension/i
const FSCK = /fsck error|error in object|index-pack failed.*fsck|bad (object|tree) .* in/i
const HOST_KEY = /Host key verification failed|No .* host key is known/i

/** What git's words on a remote mean. The words themselves are kept, without credentials (there are none) and cut. */
export function remoteError(stderr: string, url: string): DrydockError {
  const words = plainWords(stderr)
  const make = (code: DrydockError['code'], text: string) =>
    new DrydockError(code, `Cannot use the repository ${shown(url)}: ${text} (git: ${words})`)
  if (HOST_KEY.test(stderr))
    return make('repository-refused', 'the host key is unknown. Add it to the file that the setting knownHosts names.')
  if (AUTH.test(stderr))
    return make(
      'repository-auth',
      'it asks for a credential, or refuses the one it got. Store a credential that may read it.',
    )
  if (MISSING.test(stderr)) return make('repository-not-found', 'it does not exist, or is hidden from this credential.')
  if (REDIRECT.test(stderr))
    return make('repository-refused', 'its server redirects, which is not followed. Use the final address.')
  if (FORMAT.test(stderr))
    return make('repository-refused', 'it uses SHA-256 object ids or another format that is not supported.')
  if (FSCK.test(stderr)) return make('repository-refused', 'it holds objects that git judges unsafe.')
  return make('forge-unavailable', 'its server did not answer as it should. Try again later.')
}
