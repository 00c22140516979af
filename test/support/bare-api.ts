import { expect } from 'vitest'
import { createApp } from '../../api/app.ts'
import type { ApiDeps } from '../../api/context.ts'
import { createMetrics } from '../../api/metrics.ts'
import { PERMISSIONS } from '../../domain/access/permissions.ts'
import { aForge } from './forge.ts'
import { SCOPES } from '../../domain/access/principal.ts'
import type { Principal } from '../../domain/access/principal.ts'

const admin: Principal = {
  ...{ userId: 'u', name: 'Ada', email: 'ada@example.test', role: 'admin', scopes: SCOPES, tokenId: 't' },
  permissions: new Set(PERMISSIONS),
  groupIds: [],
}

export const bearer = { authorization: 'Bearer good' }

/** What an api without a database is made of, and the administrator who asks it. */
export function deps(errors: unknown[] = []): ApiDeps & { principal: Principal } {
  return {
    principal: admin,
    db: {} as ApiDeps['db'],
    events: { follow: () => expect.unreachable() },
    access: { watch: () => ({ signal: new AbortController().signal, [Symbol.dispose]: () => undefined }) },
    authenticate: async (token) => (token === 'good' ? { principal: admin } : undefined),
    callGateway: async () => Promise.reject(new Error('there is no gateway')),
    checkAddress: async () => {},
    forge: aForge(),
    metrics: createMetrics({ ofProcess: false }),
    logger: { debug: () => undefined, info: () => undefined, error: (fields) => void errors.push(fields.err) },
    version: '1.2.3',
  }
}

/** The api without a database: for requests that are refused before one is asked. */
export function appWith(overrides: Partial<ApiDeps> = {}) {
  const errors: unknown[] = []
  return { app: createApp({ ...deps(errors), ...overrides }), errors }
}

export const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  appWith().app.request(path, {
    method: 'POST',
    body,
    headers: { ...bearer, 'content-type': 'application/json', ...headers },
  })

/** The problem document of an answer, once its form is checked. */
export async function problem(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const json = (await response.json()) as Record<string, unknown>
  expect(json).toEqual({
    type: `urn:drydock:problem:${String(json.code)}`,
    title: expect.any(String),
    status: response.status,
    code: expect.any(String),
    detail: expect.stringMatching(/^Cannot /),
  })
  return json
}
