import { createClient } from './client.ts'
import { parseUrl } from './config.ts'
import type { CliContext } from './context.ts'
import { CliError } from './errors.ts'
import type { Profile } from './profiles.ts'

/**
 * Has the server revoke the token of a profile, where `drydock login` had made it. Resolves to what kept it from that, if
 * anything did; that the token was nothing any more is as good.
 */
export async function revokeToken(
  { url, token, tokenId }: Profile,
  context: CliContext,
): Promise<CliError | undefined> {
  if (tokenId === undefined) return undefined
  try {
    const config = { url: parseUrl(url, 'the URL of the profile'), token, tokenFile: '' }
    await (await createClient({ ...context, config: () => config })).revokeToken(tokenId)
    return undefined
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    return ['unauthorized', 'token-not-found'].includes(error.code) ? undefined : error
  }
}
