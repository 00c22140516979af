// Pages that the server makes itself, without a script: what they show is escaped by `html`.

import { createHash } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import { html, raw } from 'hono/html'

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
input, button { font: inherit; padding: .4rem .8rem; } .wrong { color: #b00020; }
`
// As one piece: the policy below knows it by its hash, to the last space.
const STYLE_TAG = raw(`<style>${STYLE}</style>`)
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const POLICY = [
  ...["default-src 'none'", `style-src 'sha256-${STYLE_HASH}'`, "form-action 'self'"],
  ...["base-uri 'none'", "frame-ancestors 'none'"],
].join('; ')

export type Markup = ReturnType<typeof html>

/** What a page needs beyond the headers of the API; to be used around those. */
export const pageHeaders: MiddlewareHandler = async (c, next) => {
  await next()
  if (!c.res.headers.get('content-type')?.startsWith('text/html')) return
  c.res.headers.set('content-security-policy', POLICY)
  // Without a referrer, browsers send "Origin: null" with a form, and nobody could tell whose it is.
  c.res.headers.set('referrer-policy', 'same-origin')
}

export function pageOf(title: string, content: Markup): Markup {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title} · Drydock</title>
        ${STYLE_TAG}
      </head>
      <body>
        <h1>${title}</h1>
        ${content}
      </body>
    </html>`
}
