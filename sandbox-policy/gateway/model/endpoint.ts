import type { ModelGrant, Wire } from '../../control.ts'
import type { Endpoint } from './body/checked-body.ts'
import { Refusal } from './refusal.ts'

/** What a request to the model route asks for. */
export type Asked = { kind: 'local'; body: string } | { kind: 'forward'; endpoint: Endpoint }

const PATHS: Readonly<Record<Wire, Readonly<Record<string, Endpoint>>>> = {
  responses: { '/v1/responses': 'responses' },
  chat: { '/v1/chat/completions': 'chat' },
  anthropic: {
    '/v1/messages': 'messages',
    '/v1/messages?beta=true': 'messages',
    '/v1/messages/count_tokens': 'count_tokens',
    '/v1/messages/count_tokens?beta=true': 'count_tokens',
  },
}

/** Method and target are compared byte for byte: a path that would have to be normalised is another path. */
export function askedOf(grant: ModelGrant, method: string, target: string): Asked {
  if (method === 'POST') {
    const paths = PATHS[grant.wire]
    const endpoint = Object.hasOwn(paths, target) ? paths[target] : undefined
    if (endpoint !== undefined) return { kind: 'forward', endpoint }
  } else if (method === 'GET' || method === 'HEAD') {
    const path = target.split('?', 1)[0]
    if (path === '/v1/models') return { kind: 'local', body: JSON.stringify(modelList(grant.models)) }
    // Some clients look whether anyone is there.
    if (target === '/') return { kind: 'local', body: '{"status":"ok"}' }
  }
  const allowed = Object.keys(PATHS[grant.wire]).filter((path) => !path.includes('?'))
  throw new Refusal(
    403,
    'path',
    `Drydock's model route answers POST ${allowed.join(', POST ')} and GET /v1/models for this task, nothing else.`,
  )
}

/** In the shapes of both makers at once. */
export function modelList(models: readonly string[]): object {
  const data = models.map((id) => ({
    id,
    object: 'model',
    type: 'model',
    display_name: id,
    created: 0,
    created_at: '1970-01-01T00:00:00Z',
    owned_by: 'drydock',
  }))
  return { object: 'list', data, has_more: false, first_id: models[0] ?? null, last_id: models.at(-1) ?? null }
}
