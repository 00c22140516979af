import type { createApp } from '../../api/app.ts'
import type { Issuer } from './issuer.ts'

type App = Pick<ReturnType<typeof createApp>, 'request'>
type Sent = { body?: unknown; form?: Record<string, string>; headers?: Record<string, string> }

/** A browser on an app: it keeps cookies, and says which page asks. */
export class Browser {
  readonly cookies = new Map<string, string>()
  readonly #app: App

  constructor(app: App) {
    this.#app = app
  }

  async send(method: string, path: string, { body, form, headers = {} }: Sent = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await this.#app.request(path, {
      method,
      headers: {
        ...(cookie !== '' && { cookie }),
        ...(method !== 'GET' && { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(form !== undefined && { body: new URLSearchParams(form) }),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }

  /** Goes to an issuer and comes back to where that sends them; `change` tampers with the way there. */
  async visit(issuer: Issuer, account: string, { provider = 'main', change = (url: URL) => url } = {}): Promise<URL> {
    const begun = await this.send('GET', `/auth/sign-in/${provider}?return=/tasks/1%3Fa=b`)
    return issuer.visit(change(new URL(begun.headers.get('location') ?? '')).href, account)
  }

  async signIn(issuer: Issuer, account: string, provider = 'main'): Promise<Response> {
    const back = await this.visit(issuer, account, { provider })
    return this.send('GET', back.pathname + back.search)
  }

  async me(): Promise<{ status: number; json: Record<string, unknown> }> {
    const response = await this.send('GET', '/api/v1/me')
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }
}
