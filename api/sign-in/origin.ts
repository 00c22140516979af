import type { Context } from 'hono'
import { DrydockError } from '../../domain/errors.ts'
import type { ApiDeps } from '../context.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS']

/** Where browsers know this server: the address that is set, or else the one that this request came to. */
export function ownUrl({ publicUrl }: Pick<ApiDeps, 'publicUrl'>, c: Context): string {
  const known = publicUrl?.()
  return known === undefined ? new URL(c.req.url).origin : known.replace(/\/+$/, '')
}

/**
 * A browser sends its cookies with what other pages ask for, too, and says which page it was. Rejects with `foreign-origin`
 * what changes something and comes from another page, or from who does not say.
 */
export function assertOwnOrigin(deps: Pick<ApiDeps, 'publicUrl'>, c: Context): void {
  if (SAFE.includes(c.req.method)) return
  const site = c.req.header('sec-fetch-site') ?? 'same-origin'
  const isOwn = c.req.header('origin') === new URL(ownUrl(deps, c)).origin
  if (isOwn && ['same-origin', 'none'].includes(site)) return
  throw new DrydockError(
    'foreign-origin',
    'Cannot accept the request: it comes from a page of another origin. Where people reach this server is the setting publicUrl',
  )
}
