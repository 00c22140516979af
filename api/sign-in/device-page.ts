import { html } from 'hono/html'
import type { Principal, Scope } from '../../domain/access/principal.ts'
import type { DeviceOffer } from '../../domain/sign-in/device-codes.ts'
import { pageOf } from './page.ts'
import type { Markup } from './page.ts'

const MAY: Readonly<Record<Scope, string>> = {
  read: 'see what you may see',
  write: 'start and change tasks as you',
  admin: 'administer everything that you may administer',
}

type Person = Pick<Principal, 'name' | 'email'>
type Link = { href: string; text: string }

/** For who is not signed in, or has been for long. */
export function signInPage(links: readonly Link[]): Markup {
  const list = links.map(({ href, text }) => html`<li><a href="${href}">${text}</a></li>`)
  const none = html`<p>
    Nobody can sign in here: an administrator has to set up a sign-in provider. With a token, use
    <code>drydock login --token-stdin</code>.
  </p>`
  const some = html`<p>
      To give a program access, sign in. It needs to be just now, since the access outlives this session.
    </p>
    <ul>
      ${list}
    </ul>`
  return pageOf('Sign in', links.length === 0 ? none : some)
}

export function codePage(person: Person, wrong = false): Markup {
  return pageOf(
    'Connect a program',
    html`<p>You are ${nameOf(person)}. Type the code that the program shows.</p>
      ${wrong ? html`<p class="wrong">No program waits for this code. It may have been used, or is over.</p>` : ''}
      <form method="post" action="/device">
        <input name="user_code" aria-label="Code" autocomplete="off" autocapitalize="characters" required autofocus />
        <button>Go on</button>
      </form>`,
  )
}

/** Says who asks, from where, and what they would get, before anybody says yes. */
export function confirmPage(person: Person, { userCode, offer }: { userCode: string; offer: DeviceOffer }): Markup {
  const { client, address, createdAt, token } = offer
  const limit = token.permissions === null ? '' : `, of your permissions only ${token.permissions.join(', ') || 'none'}`
  const rows = {
    Code: userCode.toUpperCase(),
    'Calls itself': client,
    'Asks from the address': address ?? 'unknown',
    'Asked at': minuteOf(createdAt),
    'Gets a token of': nameOf(person),
    'It may': token.scopes.map((scope) => MAY[scope]).join('; ') + limit,
    'It ends at': minuteOf(token.expiresAt),
  }
  const list = Object.entries(rows).map(
    ([name, value]) =>
      html`<dt>${name}</dt>
        <dd>${value}</dd>`,
  )
  return pageOf(
    'Give this program access?',
    html`<p>
        Go on only if you started it yourself just now. If somebody sent you this code, they would act in your name.
      </p>
      <dl>${list}</dl>
      <form method="post" action="/device/confirm">
        <input type="hidden" name="user_code" value="${userCode}" />
        <button>Give access</button>
        <button formaction="/device/deny">No</button>
      </form>`,
  )
}

export const endPage = (isConfirmed: boolean): Markup =>
  isConfirmed
    ? pageOf('Connected', html`<p>The program has its access. You can close this page.</p>`)
    : pageOf('Refused', html`<p>The program gets no access. You can close this page.</p>`)

const nameOf = ({ name, email }: Person) => (email === '' ? name : `${name} <${email}>`)
const minuteOf = (moment: Date) => `${moment.toISOString().slice(0, 16).replace('T', ' ')} UTC`
