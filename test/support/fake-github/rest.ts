import { Hono } from 'hono'
import type { Context } from 'hono'
import { git } from '../git-fixture.ts'
import { faultsOf } from '../openapi/validate.ts'
import { ownUserShape, permissionShape, pullListShape, pullShape, repositoryShape } from './shapes.ts'
import { branchHead, visible } from './state.ts'
import type { FakePull, FakeRepository, FakeState, FakeUser } from './state.ts'

type Env = { Variables: { user: FakeUser; operation: string } }
type RestDeps = { state: FakeState; webUrl: () => string; onViolation: (fault: string) => void }

const DOCS = 'https://docs.github.com/rest'
const NOT_FOUND = { message: 'Not Found', documentation_url: DOCS, status: '404' }

/** The part of GitHub's REST API that Drydock uses. Each answer is held against GitHub's own description. */
export function restApi({ state, webUrl, onViolation }: RestDeps) {
  const app = new Hono<Env>()
  app.use(async (c, next) => {
    const user = state.tokens.get(/^(?:token|bearer) (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? '')
    if (user === undefined) return c.json({ message: 'Bad credentials', documentation_url: DOCS, status: '401' }, 401)
    c.set('user', user)
    await next()
    const operation = c.get('operation')
    const faults = operation && faultsOf(operation, c.res.status, await c.res.clone().json())
    if (!faults || faults.length === 0) return
    faults.forEach(onViolation)
    c.res = Response.json({ message: `The fake is wrong: ${faults.join('; ')}` }, { status: 500 })
  })

  const find = (c: Context<Env>) => visible(state, `${c.req.param('owner')}/${c.req.param('repo')}`, c.get('user'))

  app.get('/user', (c) => {
    c.set('operation', 'get /user')
    return c.json(ownUserShape(c.get('user'), webUrl()))
  })
  app.get('/repos/:owner/:repo', (c) => {
    c.set('operation', 'get /repos/{owner}/{repo}')
    const repository = find(c)
    return repository ? c.json(repositoryShape(repository, c.get('user'), webUrl())) : c.json(NOT_FOUND, 404)
  })
  app.get('/repos/:owner/:repo/collaborators/:username/permission', (c) => {
    c.set('operation', 'get /repos/{owner}/{repo}/collaborators/{username}/permission')
    const repository = find(c)
    const login = c.req.param('username').toLowerCase()
    const user = [...state.tokens.values()].find((each) => each.login.toLowerCase() === login)
    if (!repository || !user) return c.json(NOT_FOUND, 404)
    return c.json(permissionShape(repository, user, webUrl()))
  })
  app.get('/repos/:owner/:repo/pulls', (c) => {
    const repository = find(c)
    if (!repository) return c.json(NOT_FOUND, 404)
    c.set('operation', 'get /repos/{owner}/{repo}/pulls')
    const found = listPulls(state, repository, c.req.query())
    return c.json(found.map((pull) => pullListShape(pull, repository, webUrl())))
  })
  app.get('/repos/:owner/:repo/pulls/:number', (c) => {
    c.set('operation', 'get /repos/{owner}/{repo}/pulls/{pull_number}')
    const repository = find(c)
    const pull = repository && pullsOf(state, repository).find(({ number }) => number === Number(c.req.param('number')))
    return repository && pull ? c.json(pullShape(pull, repository, webUrl())) : c.json(NOT_FOUND, 404)
  })
  app.post('/repos/:owner/:repo/pulls', async (c) => {
    const repository = find(c)
    if (!repository) return c.json(NOT_FOUND, 404)
    c.set('operation', 'post /repos/{owner}/{repo}/pulls')
    if (!repository.writers.has(c.get('user').login)) {
      return c.json(
        { message: 'Resource not accessible by personal access token', documentation_url: DOCS, status: '403' },
        403,
      )
    }
    const made = createPull(state, { repository, author: c.get('user'), input: await c.req.json<PullInput>() })
    if (Array.isArray(made)) return c.json({ message: 'Validation Failed', errors: made, documentation_url: DOCS }, 422)
    return c.json(pullShape(made, repository, webUrl()), 201)
  })
  return app
}

type PullInput = { title?: string; body?: string; head?: string; base?: string }

function pullsOf(state: FakeState, { owner, name }: FakeRepository): FakePull[] {
  return state.pulls.filter((pull) => pull.repository === `${owner}/${name}`)
}

function listPulls(state: FakeState, repository: FakeRepository, query: Record<string, string>): FakePull[] {
  const { state: wanted = 'open', head, base, per_page: size = '30', page = '1' } = query
  // GitHub ignores a head without an owner.
  const branch = head?.includes(':') ? head.slice(head.indexOf(':') + 1) : undefined
  const found = pullsOf(state, repository)
    .filter((pull) => wanted === 'all' || pull.state === wanted)
    .filter((pull) => branch === undefined || (pull.head === branch && head?.startsWith(`${repository.owner}:`)))
    .filter((pull) => base === undefined || pull.base === base)
  return found.slice((Number(page) - 1) * Number(size), Number(page) * Number(size))
}

type CreateInput = { repository: FakeRepository; author: FakeUser; input: PullInput }
type Refusal = { resource: string; field?: string; code: string; message?: string }

function createPull(state: FakeState, { repository, author, input }: CreateInput): FakePull | Refusal[] {
  const { head = '', base = '', title = '', body = '' } = input
  const refuse = (refusal: Omit<Refusal, 'resource'>) => [{ resource: 'PullRequest', ...refusal }]
  const headSha = branchHead(repository, head)
  if (title === '') return refuse({ field: 'title', code: 'missing_field' })
  if (headSha === undefined) return refuse({ field: 'head', code: 'invalid' })
  if (branchHead(repository, base) === undefined) return refuse({ field: 'base', code: 'invalid' })
  if (body.length > 65_536) return refuse({ code: 'custom', message: 'body is too long (maximum is 65536 characters)' })
  if (pullsOf(state, repository).some((pull) => pull.state === 'open' && pull.head === head && pull.base === base)) {
    return refuse({ code: 'custom', message: `A pull request already exists for ${repository.owner}:${head}.` })
  }
  if (git(repository.path, 'rev-list', '--count', `refs/heads/${base}..${headSha}`) === '0') {
    return refuse({ code: 'custom', message: `No commits between ${base} and ${head}` })
  }
  const number = pullsOf(state, repository).length + 1
  const full = `${repository.owner}/${repository.name}`
  const pull: FakePull = { number, repository: full, head, base, title, body, author, state: 'open', headSha }
  state.pulls.push(pull)
  return pull
}
