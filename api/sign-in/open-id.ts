// The one place that speaks to issuers: authorization code with PKCE, state and nonce; signatures of ID tokens are checked.

import { createHmac, timingSafeEqual } from 'node:crypto'
import * as client from 'openid-client'
import { DrydockError } from '../../domain/errors.ts'
import type { SignInProviderView } from '../../domain/sign-in/providers.ts'
import { boundedFetch, isLoopback } from './bounded-fetch.ts'

const TIMEOUT_SECONDS = 10
/** Keys and addresses of an issuer are looked up anew after this. */
const KEPT_MS = 10 * 60_000

type Provider = Pick<SignInProviderView, 'id' | 'name' | 'issuer' | 'clientId' | 'scopes' | 'updatedAt'>
export type OpenId = {
  /** Where the browser goes. Rejects with `sign-in-unavailable`. */
  begin: (provider: Provider, request: { secret: string; redirectUri: string }) => Promise<URL>
  /**
   * What the issuer says of who came back with the code in `callback`. Rejects with `sign-in-refused`, or with
   * `sign-in-unavailable` when the issuer cannot be asked.
   */
  finish: (provider: Provider, answer: { secret: string; callback: URL }) => Promise<Record<string, unknown>>
}
type Options = { secretOf: (providerId: string) => Promise<string | undefined>; loopbackIssuers: boolean }

export function createOpenId({ secretOf, loopbackIssuers }: Options): OpenId {
  const kept = new Map<string, { version: number; until: number; config: client.Configuration }>()
  const configOf = async (provider: Provider) => {
    const version = provider.updatedAt.getTime()
    const found = kept.get(provider.id)
    if (found !== undefined && found.version === version && found.until > performance.now()) return found.config
    const config = await discover(provider, { secret: await secretOf(provider.id), loopbackIssuers })
    kept.set(provider.id, { version, until: performance.now() + KEPT_MS, config })
    return config
  }
  return {
    begin: async (provider, { secret, redirectUri }) => {
      const config = await configOf(provider).catch((error: unknown) => fail(provider, error))
      const { state, nonce, verifier } = partsOf(secret)
      return client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: provider.scopes.join(' '),
        state,
        nonce,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
    },
    finish: async (provider, answer) => {
      try {
        return await readAnswer(await configOf(provider), answer)
      } catch (error) {
        return fail(provider, error)
      }
    },
  }
}

async function readAnswer(config: client.Configuration, { secret, callback }: { secret: string; callback: URL }) {
  const { state, nonce, verifier } = partsOf(secret)
  if (!isSame(callback.searchParams.get('state') ?? '', state)) {
    throw new DrydockError('sign-in-expired', 'Cannot sign in: this answer belongs to another sign-in. Begin again')
  }
  const tokens = await client.authorizationCodeGrant(config, callback, {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
  })
  const signed = tokens.claims()
  if (signed === undefined) throw new DrydockError('sign-in-refused', 'Cannot sign in: the issuer names nobody')
  if (config.serverMetadata().userinfo_endpoint === undefined) return signed
  // What is signed is the last word.
  return { ...(await client.fetchUserInfo(config, tokens.access_token, signed.sub)), ...signed }
}

type Discovery = { secret: string | undefined; loopbackIssuers: boolean }

async function discover({ issuer, clientId }: Provider, { secret, loopbackIssuers }: Discovery) {
  const url = new URL(issuer)
  const isPlain = url.protocol === 'http:' && isLoopback(url) && loopbackIssuers
  return client.discovery(url, clientId, {}, clientAuth(secret), {
    [client.customFetch]: boundedFetch,
    timeout: TIMEOUT_SECONDS,
    // Without it, the library trusts the connection and leaves signatures alone.
    execute: [client.enableNonRepudiationChecks, ...(isPlain ? [client.allowInsecureRequests] : [])],
  })
}

/** In the body where the issuer takes it there: of the header there are two readings. */
function clientAuth(secret: string | undefined): client.ClientAuth {
  if (secret === undefined) return client.None()
  const [post, basic] = [client.ClientSecretPost(secret), client.ClientSecretBasic(secret)]
  return (as, ...rest) => {
    const takesPost = as.token_endpoint_auth_methods_supported?.includes('client_secret_post') === true
    return (takesPost ? post : basic)(as, ...rest)
  }
}

/** State, nonce and verifier, of what only the browser keeps: none of them says anything of the others. */
function partsOf(secret: string) {
  const part = (name: string) => createHmac('sha256', secret).update(`drydock sign-in ${name}`).digest('base64url')
  return { state: part('state'), nonce: part('nonce'), verifier: part('verifier') }
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The issuer's own words stay in the log, as the cause. */
function fail({ name }: Provider, error: unknown): never {
  if (error instanceof DrydockError) throw error
  const refuses =
    error instanceof client.AuthorizationResponseError ||
    error instanceof client.ResponseBodyError ||
    (error instanceof client.ClientError && /_(CLAIM|JWT|INVALID_RESPONSE|PARSE|KEY|ALG)/.test(error.code ?? ''))
  const [code, state] = refuses
    ? (['sign-in-refused', 'the issuer says no, or its answer is not for us'] as const)
    : (['sign-in-unavailable', 'its issuer does not answer as one'] as const)
  throw new DrydockError(code, `Cannot sign in with "${name}": ${state}`, { cause: error })
}
