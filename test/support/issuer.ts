import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export const CLIENT = { clientId: 'drydock', clientSecret: 'a secret of the client of at least some length' }

export type Issuer = AsyncDisposable & {
  url: string
  /** What it says of whom, by the account's id. */
  people: Map<string, Record<string, unknown>>
  /** Signs somebody in at an address that it was called with, in a browser without cookies; gives where it sends them back to. */
  visit: (address: string, account: string) => Promise<URL>
}

type Koa = {
  oidc: { provider: { Grant: new (of: object) => Grant }; client: { clientId: string }; session: { accountId: string } }
}
type Grant = { addOIDCScope: (scope: string) => void; save: () => Promise<string> }

/** A real issuer on a port of this machine, which asks nobody for a password. */
export async function startIssuer(redirectUris: readonly string[]): Promise<Issuer> {
  const people = new Map<string, Record<string, unknown>>()
  let next = ''
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(url, {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        redirect_uris: redirectUris,
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    cookies: { keys: ['test'] },
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({ sub: id, ...people.get(id) }),
    }),
    loadExistingGrant: async ({ oidc }: Koa) => {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope('openid profile email groups')
      await grant.save()
      return grant
    },
  })
  const answer = provider.callback()
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void answer(request, response)
    void provider.interactionFinished(request, response, { login: { accountId: next } })
  })
  return {
    url,
    people,
    visit: async (address, account) => {
      next = account
      return follow(new URL(address), url)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Follows redirects with a jar of cookies until they leave the issuer. */
async function follow(start: URL, issuer: string): Promise<URL> {
  const jar = new Map<string, string>()
  let at = start
  for (let hops = 0; at.origin === issuer; hops++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(at, { redirect: 'manual', headers: { cookie } })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    const location = response.headers.get('location')
    if (location === null || hops > 10) throw new Error(`${at.href}: ${response.status} ${await response.text()}`)
    at = new URL(location, at)
  }
  return at
}
