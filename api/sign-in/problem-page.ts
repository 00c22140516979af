import type { Context } from 'hono'
import { html } from 'hono/html'
import type { Problem } from '../errors.ts'
import { pageOf } from './page.ts'

/** What people open in a browser; programs that ask these paths do not say that they read pages. */
const PAGES = /^\/(device|auth)(\/|$)/

export const wantsPage = (c: Context): boolean =>
  PAGES.test(c.req.path) && (c.req.header('accept') ?? '').includes('text/html')

/** The same sentence as the problem document has, for a person. */
export function respondWithPage(c: Context, { title, status, detail }: Problem): Response | Promise<Response> {
  const again = c.req.path.startsWith('/device') ? html`<p><a href="/device">Begin again</a></p>` : ''
  return c.html(
    pageOf(
      title,
      html`<p class="wrong">${detail}</p>
        ${again}`,
    ),
    status,
  )
}
